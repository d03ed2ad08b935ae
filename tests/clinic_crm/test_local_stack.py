"""`manage.py up` as a person starts it: a process, signals, ports, what is left behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from clinic_crm.local import account, leftovers, ports, state
from tests.conftest import eventually

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]
MANAGE = [sys.executable, str(state.BASE_DIR / "manage.py")]
NOBODY = 65_534


class Up:
    """One `manage.py up` in a process group of its own."""

    def __init__(self, directory: Path, *options: str, uid: int | None = None) -> None:
        self.directory = directory
        self.log = Path(tempfile.mkstemp(suffix=".log")[1])
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "REDIS_URL", "CLINIC_CRM_DATA", "DJANGO_SETTINGS_MODULE"}
        }
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*MANAGE, "up", "--no-demo", "--data", str(directory), *options],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **({} if uid is None else {"user": uid, "group": uid, "extra_groups": []}),
            )

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def ready(self) -> "Up":
        eventually(
            lambda: "The portal is ready" in self.said or self.process.poll() is not None,
            timeout=180,
            message=lambda: self.said,
        )
        assert self.process.poll() is None, self.said
        return self

    @property
    def stack(self) -> dict[str, str]:
        return json.loads((self.directory / "stack.json").read_text())

    def everybody(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(alive(one) for one in processes)


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return False


def status(address: str) -> int:
    with urllib.request.urlopen(address, timeout=5) as response:
        return response.status


@pytest.fixture
def directory() -> Iterator[Path]:
    """A path nobody tested with, which a database server under another account can reach."""
    with tempfile.TemporaryDirectory(prefix="клиника у моря ") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "данные портала"


def test_a_life_of_the_stack(directory: Path) -> None:
    """Start, refuse a second, survive a kill -9, stop: one story, because every start takes seconds."""
    with socket.socket() as busy:
        busy.bind((ports.HOST, 0))
        busy.listen()
        wanted = busy.getsockname()[1]
        first = Up(directory, "--port", str(wanted)).ready()
    address = first.stack["web_url"]
    assert f"port {wanted} is busy" in first.said
    assert status(f"{address}health/") == 200
    assert "admin " in first.said  # the first login is printed
    for secret in ("stack.json", "postgres.password", "secret_key"):
        assert (directory / secret).stat().st_mode & 0o077 == 0

    second = Up(directory)
    assert second.process.wait(30) == 1
    assert "already runs" in second.said and address in second.said

    with psycopg.connect(first.stack["database_url"], autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (name text)")
        connection.execute("INSERT INTO kept VALUES ('ИВАНОВ')")
    everybody = first.everybody()
    for process in everybody:
        with contextlib.suppress(psutil.NoSuchProcess):  # a child of one that was killed before it
            process.kill()
    first.process.wait(10)
    eventually(lambda: gone(everybody))

    again = Up(directory, "--port", str(ports.any_free())).ready()
    with psycopg.connect(again.stack["database_url"]) as connection:
        assert connection.execute("SELECT 1 FROM kept WHERE name ILIKE 'иванов'").fetchone()

    # Only `up` itself is killed: its children live on, and the next start ends them.
    orphans = again.everybody()[1:]
    again.process.kill()
    again.process.wait(10)
    last = Up(directory, "--port", str(ports.any_free())).ready()
    assert "an earlier run left behind" in last.said
    assert gone(orphans)

    everybody = last.everybody()
    assert len(everybody) > 6
    assert last.stop() == 0, last.said
    assert gone(everybody)
    assert not (directory / "stack.json").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_an_ordinary_user_needs_no_more(directory: Path) -> None:
    if not account.Account(NOBODY).can_reach(Path(sys.executable).resolve()):
        pytest.skip("this Python lies where only root can run it")
    directory.mkdir()
    os.chown(directory, NOBODY, NOBODY)
    portal = Up(directory, "--port", str(ports.any_free()), uid=NOBODY).ready()
    everybody = portal.everybody()
    assert {process.uids().real for process in everybody} == {NOBODY}
    assert portal.stop(signal.SIGTERM) == 0
    assert gone(everybody)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another place for its database")
def test_data_in_a_closed_folder_stays_closed(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    there = account.reachable_directory(directory / "postgres", account.Account(NOBODY))
    try:
        assert account.Account(NOBODY).can_reach(there)
        assert directory.stat().st_mode & 0o077 == 0
        assert account.reachable_directory(directory / "postgres", account.Account(NOBODY)) == there
    finally:
        there.rmdir()


def test_a_command_without_servers_says_what_to_do(directory: Path) -> None:
    environment = {**os.environ, "CLINIC_CRM_DATA": str(directory)}
    environment.pop("DATABASE_URL")
    environment.pop("REDIS_URL")
    result = subprocess.run([*MANAGE, "migrate"], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "make run" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_number_given_to_somebody_else_is_not_killed(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        created = psutil.Process(stranger.pid).create_time()
        (tmp_path / leftovers.NOTE).write_text(json.dumps([{"pid": stranger.pid, "created": created - 1000}]))
        assert leftovers.stop_leftovers(tmp_path) == 0
        assert stranger.poll() is None
        leftovers.note(tmp_path, stranger.pid)
        assert leftovers.stop_leftovers(tmp_path) == 1
    finally:
        stranger.kill()
        stranger.wait()


def test_processes_starting_at_once_agree_on_the_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: state.secret_key(tmp_path / "new"), range(32)))
    assert len(keys) == 1 and keys != {""}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret_key"]
    assert (tmp_path / "new" / "secret_key").stat().st_mode & 0o077 == 0
