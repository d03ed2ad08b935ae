"""A night killed at any line and started again ends in the rows of a night that was never disturbed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from clinic_crm import nightly
from segmentation.models import NightlyRun, NightlyStep
from tests.segmentation.clinic import Clinic
from tests.segmentation.nights import DAY, D, everything, night

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]
FIRST, SECOND = D(2026, 3, 1), D(2026, 5, 1)


@pytest.fixture
def clinic() -> None:
    """Patients of whom many move between the two nights."""
    clinic = Clinic()
    services = [clinic.service(recall_days=days) for days in (30, 60, 180, None)]
    for number in range(40):
        patient = clinic.patient()
        for visit in range(number % 7):
            day = FIRST - (visit * (20 + number) + number) * DAY
            clinic.visit(patient, day, [(services[number % 4], 500 * (number + 1))])
            clinic.payment(patient, day, 500 * (number + 1))
        if number % 5 == 0:
            clinic.visit(patient, FIRST + number * DAY, [(services[0], 2000)])
            clinic.feedback(patient, FIRST + number * DAY, number % 11)
    night(FIRST)


def start() -> subprocess.Popen[bytes]:
    """A real process on the database of the tests."""
    parts = connection.settings_dict
    login = parts["USER"] + (f":{parts['PASSWORD']}" if parts["PASSWORD"] else "")
    address = f"postgres://{login}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"
    return subprocess.Popen(
        [sys.executable, "manage.py", "nightly", "--as-of", str(SECOND)],
        cwd=Path(settings.BASE_DIR), env={**os.environ, "DATABASE_URL": address},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def gate() -> Iterator[psycopg.Connection]:
    """A connection that can hold a table, so that a step stops where it first writes to it."""
    params = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{name: params[name] for name in names if params.get(name)}) as held:
        yield held


def wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, f"the night ended by itself with code {process.returncode}"
        assert time.monotonic() < end, "the night did not get so far"
        time.sleep(0.02)


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock' AND pid <> pg_backend_pid())"
        )
        return bool(cursor.fetchone()[0])


def backends_of_the_night() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND (application_name = 'clinic_crm night' OR wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


# The table whose lock stops the night, and the steps that must be done by then. Each is inside a step: everything the
# step has written is uncommitted, so killing there also covers the boundary before it.
STOPS = [
    ("segmentation_metrics", ["cycles"]),
    ("segmentation_score", ["cycles", "metrics", "forecasts"]),
    ("segmentation_membership", ["cycles", "metrics", "forecasts", "scores"]),
    ("segmentation_segmenttotal", ["cycles", "metrics", "forecasts", "scores", "memberships"]),
]


@pytest.mark.parametrize(("table", "done"), STOPS)
def test_killed_inside_a_step(clinic: None, gate: psycopg.Connection, table: str, done: list[str]) -> None:
    gate.execute(f"LOCK TABLE {table} IN SHARE MODE")
    process = start()
    try:
        wait_until(waits_for_a_lock, process)
        steps = NightlyStep.objects.filter(run__as_of=SECOND, done=True).order_by("id")
        assert list(steps.values_list("name", flat=True)) == done
        with pytest.raises(nightly.NightIsRunning):
            night(SECOND)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        gate.rollback()
    end = time.monotonic() + 20
    while backends_of_the_night() and time.monotonic() < end:
        time.sleep(0.05)
    assert NightlyRun.objects.get(as_of=SECOND).state == NightlyRun.State.RUNNING

    lines: list[str] = []
    nightly.run_night(SECOND, report=lines.append)
    assert [line.split(":")[0].strip() for line in lines if line.endswith("done before")] == done
    resumed = everything()
    assert resumed == undisturbed()


def undisturbed() -> dict[str, list[tuple[object, ...]]]:
    """The same night lived through from its beginning, without interruption."""
    nightly.run_nights([FIRST, SECOND], allow_rewind=True, report=lambda _line: None)
    return everything()


def test_killed_at_whatever_moment(clinic: None) -> None:
    """Not at a chosen place: shortly after each step was committed, wherever the next one may be."""
    expected = undisturbed()
    for number in range(1, len(nightly.STEPS)):
        nightly.run_nights([FIRST], allow_rewind=True, report=lambda _line: None)
        process = start()
        try:
            wait_until(lambda n=number: NightlyStep.objects.filter(run__as_of=SECOND).count() >= n, process)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        end = time.monotonic() + 20
        while nightly.lock_is_held() and time.monotonic() < end:
            time.sleep(0.05)
        night(SECOND)
        assert everything() == expected
