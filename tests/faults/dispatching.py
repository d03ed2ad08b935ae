"""A campaign ready to be sent, and real processes that send it."""

import datetime
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Model

from campaigns.models import Campaign, ChannelAccount, Message, TemplateText, Variant, VariantTemplate
from campaigns.services.sending import dispatch
from patients.models import Consent, Patient
from tests.campaigns.making import make_campaign, make_patients
from tests.faults.smtp_server import Peer

# Noon in Moscow: nobody sleeps.
NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
TEXT = "Здравствуйте, {{ patient.first_name }}! Приходите на осмотр."


def email_account(peer: Peer | None = None, **fields: Any) -> ChannelAccount:
    """The channel e-mail, pointing at this server."""
    params = {"host": "127.0.0.1", "port": peer.port if peer else 1, "timeout": 10}
    defaults = {
        "sender": "Клиника <news@clinic.example>", "per_second": 100_000.0, "price": "0.10", "params": params,
        "active": True, "reply_to": "", "per_day": None, "warm_up_from": None,
    }  # fmt: skip
    return ChannelAccount.objects.update_or_create(channel="email", defaults={**defaults, **fields})[0]


def running_campaign(text: str = TEXT, **fields: Any) -> Campaign:
    """Launched; its ledger is filled by `plan`."""
    campaign = make_campaign(state=Campaign.State.RUNNING, skip_booked=False, **fields)
    TemplateText.objects.filter(template__in=VariantTemplate.objects.values("template")).update(plain=text, body=text)
    return campaign


def plan(campaign: Campaign, count: int, due_at: datetime.datetime = NOW, **fields: Any) -> list[Message]:
    """Messages to so many new patients, as planning writes them."""
    fill(campaign, count, due_at, **fields)
    return list(Message.objects.filter(campaign=campaign).select_related("patient").order_by("pk"))


def fill(campaign: Campaign, count: int, due_at: datetime.datetime = NOW, **fields: Any) -> None:
    """In SQL: a story has twenty thousand, a benchmark a million."""
    (model,) = make_patients(1)
    variant = Variant.objects.get(campaign=campaign)
    chosen = VariantTemplate.objects.get(variant=variant, channel="email")
    message = Message(
        dedupe_key=f"c{campaign.pk}:p{model.pk}", campaign=campaign, variant=variant, patient=model, channel="email",
        purpose="marketing", state="planned", planned_at=NOW, due_at=due_at,
        text=TemplateText.objects.get(template=chosen.template, language="ru"), **fields,
    )  # fmt: skip
    message.save()
    name = f"'c{campaign.pk}n' || n"
    _clones(
        Patient,
        model.pk,
        count - 1,
        external_id=name,
        email=f"{name} || '@example.org'",
        phone="'+7' || 9160000000 + n",
    )
    theirs = f"id > {model.pk} AND external_id LIKE 'c{campaign.pk}n%'"
    for word in Consent.objects.filter(patient=model):
        _copies(Consent, word.pk, theirs, patient_id="other.id")
    _copies(Message, message.pk, theirs, patient_id="other.id", dedupe_key=f"'c{campaign.pk}:p' || other.id")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE campaigns_message m SET address_key = hashtextextended(lower(p.email), 0) FROM patients_patient p "
            "WHERE p.id = m.patient_id AND m.campaign_id = %s",
            [campaign.pk],
        )
        cursor.execute("ANALYZE campaigns_message, patients_patient, patients_consent")


def _clones(model: type[Model], pk: int, count: int, **changed: str) -> None:
    _insert(model, f"{model._meta.db_table} own, generate_series(1, {count}) n WHERE own.id = {pk}", changed)


def _copies(model: type[Model], pk: int, patients: str, **changed: str) -> None:
    others = f"(SELECT id FROM patients_patient WHERE {patients}) other"
    _insert(model, f"{model._meta.db_table} own, {others} WHERE own.id = {pk}", changed)


def _insert(model: type[Model], source: str, changed: dict[str, str]) -> None:
    columns = [
        field.column for field in model._meta.concrete_fields if not field.primary_key and not field.generated
    ]  # fmt: skip
    values = [changed.get(column, f"own.{column}") for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {source}"
        )


def send(now: datetime.datetime = NOW, **how: Any) -> dispatch.Report:
    return dispatch.run("email", lambda: now, **how)


def states(campaign: Campaign) -> Counter[tuple[str, str]]:
    rows = Message.objects.filter(campaign=campaign).values_list("state", "reason")
    return Counter((state, reason) for state, reason in rows)


def explained(campaign: Campaign, count: int, peer: Peer) -> Counter[str]:
    """The story every fault must end in: nobody written to twice, every row in a state that is true, none missing."""
    received = peer.received()
    assert not [address for address, times in received.items() if times > 1], "somebody was written to twice"
    by_state: Counter[str] = Counter()
    for message in Message.objects.filter(campaign=campaign).select_related("patient").iterator():
        by_state[message.state] += 1
        got_it = message.patient.email in received
        if message.state == "sent":
            assert got_it, "noted as sent, and the server never saw it"
            assert message.sent_at
        elif message.state == "unknown":
            assert message.reason in ("interrupted", "no_answer")
        else:
            assert not got_it, f"the server took it, and the row says {message.state}"
    assert by_state.total() == count
    return by_state


@contextmanager
def dispatchers(now: datetime.datetime = NOW, **environ: str) -> Iterator[Callable[[], int]]:
    """Starts real processes that send until nothing is due; returns the pid of a new one each time.

    They are forked from one that has loaded Django: the twentieth is there as soon as it is wanted.
    """
    parts = connection.settings_dict
    login = parts["USER"] + (f":{parts['PASSWORD']}" if parts["PASSWORD"] else "")
    address = f"postgres://{login}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, now.isoformat()], cwd=Path(settings.BASE_DIR),
        env={**os.environ, "DATABASE_URL": address, "LOG_LEVEL": "ERROR", **environ},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert parent.stdin and parent.stdout
    started: list[int] = []

    def start() -> int:
        parent.stdin.write("\n")
        parent.stdin.flush()
        started.append(int(parent.stdout.readline()))
        return started[-1]

    try:
        yield start
    finally:
        for pid in started:
            kill(pid)
        parent.stdin.close()
        parent.wait(30)
        parent.stdout.close()


_PARENT = """
import datetime, os, signal, sys
import django
django.setup()
from django.urls import get_resolver
from campaigns.services.sending import dispatch
get_resolver().url_patterns  # links are made from them, and reading them takes most of a second
now = datetime.datetime.fromisoformat(sys.argv[1])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children: they are gone when they are dead
for _line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            dispatch.run("email", lambda: now)
        finally:
            os._exit(0)
    print(child, flush=True)
"""


def kill(pid: int) -> None:
    """As the system kills a process that takes too much memory: it gets no say."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_until(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(true: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def locks_held() -> int:
    """Dispatchers the database takes for alive: it notices a death a moment later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [0x64697370],
        )
        return int(cursor.fetchone()[0])
