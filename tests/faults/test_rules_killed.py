"""Rules under faults: killed in the middle of a look, two workers at once, facts committed late."""

import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from campaigns.models import Message
from tests.campaigns.making import NOW, make_patients, make_visit
from tests.triggers.making import make_rule, make_step
from tests.triggers.tiny import TINY
from triggers import rule_types
from triggers.models import Firing, FiringStep, TriggerRule
from triggers.services import ladders, looking

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
# A type of the installation: the process that is killed knows no types of the tests.
REAL = "review"


@pytest.fixture(autouse=True)
def _tiny_types() -> Iterator[None]:
    with mock.patch.dict(rule_types.TYPES, TINY):
        yield


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    """Another client of the database."""
    params = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{name: params[name] for name in names if params.get(name)}) as held:
        yield held


def post_a_visit(client: psycopg.Connection, patient_id: int, like: int, at: datetime.datetime) -> None:
    """A row as another process writes it, in a transaction that is left open."""
    with client.cursor() as cursor:
        cursor.execute(
            """SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
            WHERE attrelid = 'patients_visit'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
            AND attname NOT IN ('id', 'external_id', 'patient_id', 'starts_at', 'starts_on')"""
        )
        columns = cursor.fetchone()[0]  # type: ignore[index]
        cursor.execute(
            f"""INSERT INTO patients_visit (external_id, patient_id, starts_at, starts_on, {columns})
            SELECT 'late' || %s, %s, %s, %s, {columns} FROM patients_visit WHERE id = %s""",  # type: ignore[arg-type]
            [patient_id, patient_id, at, at.date(), like],
        )


def test_a_transaction_opened_before_the_look_and_committed_after_it_is_seen(other: psycopg.Connection) -> None:
    anna, boris = make_patients(2)
    first = make_visit(anna, NOW - 2 * HOUR)
    rule = make_rule("tiny_moment", on=NOW - DAY)
    post_a_visit(other, boris.pk, first.pk, NOW - HOUR)
    assert looking.look(rule.pk, NOW) == 1
    assert looking.look(rule.pk, NOW + HOUR) == 0
    other.commit()
    assert looking.look(rule.pk, NOW + HOUR + DAY / 24) == 1
    assert Firing.objects.get(patient=boris).first_due == NOW - HOUR
    # From here on it is old: only time brings anything up.
    assert looking.changed_since(TriggerRule.objects.get().horizon) == []


def test_a_long_transaction_keeps_no_other_facts_waiting(other: psycopg.Connection) -> None:
    anna, boris = make_patients(2)
    first = make_visit(anna, NOW - 3 * HOUR)
    rule = make_rule("tiny_moment", on=NOW - DAY)
    post_a_visit(other, boris.pk, first.pk, NOW - 2 * HOUR)  # a large file is being read, for an hour
    looking.look(rule.pk, NOW)
    make_visit(anna, NOW - HOUR)  # younger than the transaction that is still open
    assert looking.look(rule.pk, NOW) == 1
    assert looking.changed_since(TriggerRule.objects.get().horizon) == []
    other.commit()
    assert looking.look(rule.pk, NOW) == 1
    assert Firing.objects.count() == 3


def test_what_is_rolled_back_was_never_there(other: psycopg.Connection) -> None:
    anna, boris = make_patients(2)
    first = make_visit(anna, NOW - 3 * HOUR)
    rule = make_rule("tiny_moment", on=NOW - DAY)
    post_a_visit(other, boris.pk, first.pk, NOW - 2 * HOUR)
    looking.look(rule.pk, NOW)
    other.rollback()
    assert looking.look(rule.pk, NOW) == 0


def test_beat_running_twice_and_two_workers_find_and_plan_everything_once() -> None:
    for patient in make_patients(150):
        make_visit(patient, NOW - HOUR)
    rules = [make_rule("tiny_moment", [make_step(0, "hour"), make_step(30, "minute")]) for _ in range(2)]
    errors: list[BaseException] = []
    start = threading.Barrier(4)

    def worker() -> None:
        try:
            start.wait()
            for _ in range(3):
                looking.look_all(NOW)
                ladders.plan_due(NOW)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    # Whoever found a rule in other hands leaves it to them; the next tick finds nothing left.
    looking.look_all(NOW)
    ladders.plan_due(NOW)
    assert Firing.objects.count() == 150 * len(rules)
    assert FiringStep.objects.count() == 300 * len(rules)
    assert not FiringStep.objects.filter(state="waiting").exists()
    keys = list(Message.objects.values_list("dedupe_key", flat=True))
    assert len(keys) == len(set(keys)) > 0
    assert set(TriggerRule.objects.values_list("error", flat=True)) == {""}


# The last one is asked for at the commit, by the foreign keys of everything that was written.
@pytest.mark.parametrize("table", ["triggers_firing", "triggers_firingstep", "patients_patient"])
def test_killed_in_the_middle_of_a_look_all_or_nothing_has_happened(table: str, other: psycopg.Connection) -> None:
    """The process waits for a table at its first write there, and is killed with SIGKILL."""
    for patient in make_patients(20):
        make_visit(patient, NOW - 3 * HOUR)
    rule = make_rule(REAL, on=NOW - DAY)
    looked, horizon = rule.looked_until, rule.horizon
    until = NOW + 3 * DAY
    other.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")  # type: ignore[arg-type]  # reading is let through
    process = start_fire(until)
    try:
        wait_until(waits_for_a_lock, process)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    other.rollback()
    with transaction.atomic():  # once the row can be had, the server has ended what the dead left behind
        rule = TriggerRule.objects.select_for_update().get(pk=rule.pk)
    committed = table == "patients_patient"  # the server had been told to commit, and did
    assert (rule.looked_until, rule.horizon == horizon) == ((until, False) if committed else (looked, True))
    assert Firing.objects.count() == FiringStep.objects.count() == (20 if committed else 0)
    looking.look_all(until)
    rule.refresh_from_db()
    assert rule.looked_until == until
    assert Firing.objects.count() == FiringStep.objects.count() == 20


def start_fire(now: datetime.datetime) -> subprocess.Popen[bytes]:
    parts = connection.settings_dict
    login = parts["USER"] + (f":{parts['PASSWORD']}" if parts["PASSWORD"] else "")
    address = f"postgres://{login}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"
    return subprocess.Popen(
        [sys.executable, "manage.py", "fire", "--now", now.isoformat()],
        cwd=Path(settings.BASE_DIR), env={**os.environ, "DATABASE_URL": address},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_until(true: Callable[[], bool], process: "subprocess.Popen[bytes] | None" = None, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert process is None or process.poll() is None, "it ended by itself"
        assert time.monotonic() < end, "it did not get so far"
        time.sleep(0.02)


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock' AND pid <> pg_backend_pid())"
        )
        return bool(cursor.fetchone()[0])
