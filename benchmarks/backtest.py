"""The back-test of a year over a large clinic: seconds of each of several rules, and of each part.

    DATABASE_URL=… python benchmarks/backtest.py [--patients 1000000] [--keep]

Makes a database of its own beside the one in DATABASE_URL, fills it with `seed_demo`, lives through one night (branches
of patients without a home come from its figures), and asks each rule about the last year. `--keep` leaves the database,
and the next run with `--keep` uses it again. The limit is 60 s for a rule on two cores.
"""

import argparse
import datetime
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
AS_OF = datetime.date(2026, 11, 22)
NOW = datetime.datetime(2026, 11, 22, 9, tzinfo=datetime.UTC)
YEAR = datetime.timedelta(days=364)
LADDER = ((-7, ["email"]), (-3, ["email", "sms"]), (0, ["sms", "call"]))
# Name, type, settings (`HALF_YEARLY`: of one service due again after half a year), ladder, further fields.
HALF_YEARLY = "half-yearly"
RULES = (
    ("recall, one service", "recall", {"services": HALF_YEARLY}, LADDER, {"goal": "service", "holdout_percent": 10}),
    ("recall, every service", "recall", {}, LADDER, {"goal": "service", "holdout_percent": 10}),
    ("recall, cooldown, two a day", "recall", {}, LADDER, {"goal": "visit", "cooldown_days": 60, "per_day": 200}),
    ("no-show", "no_show", {}, ((1, ["email", "sms"]), (3, ["call"])), {"goal": "visit"}),
    ("birthday", "birthday", {}, ((0, ["email", "sms"]),), {"goal": "none"}),
    ("appointment reminder", "appointment_reminder", {}, ((-2, ["email"]), (-1, ["sms"])), {"goal": "none"}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--keep", action="store_true", help="leave the database for the next run")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from clinic_crm.local import state

    admin = os.environ.get("DATABASE_URL") or state.database_url(state.data_dir())
    name = f"bench_backtest_{options.patients}"
    with psycopg.connect(admin, autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if exists and not options.keep:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        if not (exists and options.keep):
            connection.execute(f"CREATE DATABASE {name}")
    os.environ.update(
        DATABASE_URL=urlunsplit(urlsplit(admin)._replace(path=f"/{name}")), LOG_LEVEL="WARNING",
        DJANGO_SETTINGS_MODULE="clinic_crm.settings",
    )  # fmt: skip
    try:
        measure(options.patients)
    finally:
        if not options.keep:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def measure(patients: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from clinic_crm.nightly import run_night
    from patients.models import Patient, Visit
    from segmentation.models import NightlyRun

    call_command("migrate", verbosity=0)
    if not Patient.objects.exists():
        began = time.monotonic()
        call_command("seed_demo", patients=patients, years=4, seed=7, as_of=AS_OF, verbosity=0)
        print(f"seeded in {time.monotonic() - began:.0f} s", flush=True)
    if not NightlyRun.objects.filter(state="done").exists():
        began = time.monotonic()
        run_night(AS_OF, full=True, report=lambda _line: None)
        print(f"night in {time.monotonic() - began:.0f} s", flush=True)
        vacuum()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{Patient.objects.count()} patients, {Visit.objects.count()} visits; load of the machine {load}", flush=True)
    for name, code, params, ladder, fields in RULES:
        measure_rule(name, code, params, ladder, fields)


def vacuum() -> None:
    """As autovacuum does sooner or later."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def measure_rule(name: str, code: str, params: dict, ladder: tuple, fields: dict) -> None:  # type: ignore[type-arg]
    """The rule is made for the moment and rolled away; its templates are one text per channel."""
    from django.db import transaction

    from patients.models import Service
    from tests.triggers.making import make_rule, make_step
    from triggers.services.backtest import run

    if params.get("services") == HALF_YEARLY:
        service = Service.objects.filter(recall_days=180).order_by("pk")[0]
        params = {**params, "services": [service.pk]}
    marks: list[tuple[int, float]] = []
    with transaction.atomic():
        steps = [make_step(offset, channels=channels) for offset, channels in ladder]
        rule = make_rule(code, steps, params, on=None, **fields)
        began = time.monotonic()
        found = run(
            rule, AS_OF - YEAR, AS_OF - datetime.timedelta(1),
            lambda percent: marks.append((percent, time.monotonic() - began)), now=NOW,
        )  # fmt: skip
        seconds = time.monotonic() - began
        transaction.set_rollback(True)
    parts = " ".join(f"{percent}%:{at:.1f}" for percent, at in marks)
    print(
        f"{name:30} {seconds:6.1f} s  {found['occasions']:>8} occasions {found['due']:>8} messages due "
        f"{found['messages']:>8} written  ({parts})",
        flush=True,
    )


if __name__ == "__main__":
    main()
