"""Steps of ladders that fall due at once: how long planning them takes, and looking when there is nothing to plan.

    DATABASE_URL=… REDIS_URL=… python benchmarks/ladders.py [--steps 100000] [--ledger 500000]

Makes a database of its own beside the one in DATABASE_URL and drops it at the end. So many patients, each with ten
visits, a consent and one open ladder whose first e-mail falls due at the same moment; `--ledger` messages were sent
before. Measured: the round that plans, a round with nothing due, the round in which the goal of everybody is met, a
round with all of them held back, and the last look at a batch of 500 right before sending.
"""

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
NAME = "bench_ladders"
BATCH = 500
_BASE = """
INSERT INTO patients_patient (source_id, external_id, last_name, first_name, email, phone, branch_id, language, stub,
    created_at, updated_at)
SELECT (SELECT min(id) FROM patients_integration), 'b' || n, 'И', 'А', 'p' || n || '@example.org', '',
    (SELECT min(id) FROM patients_branch), 'ru', false, now(), now()
FROM generate_series(1, %(steps)s) n;
INSERT INTO patients_consent (patient_id, channel, purpose, granted, at)
SELECT id, 'email', 'marketing', true, %(now)s::timestamptz - interval '2 years' FROM patients_patient;
INSERT INTO patients_visit (source_id, external_id, patient_id, branch_id, starts_at, starts_on, status, created_at,
    updated_at)
SELECT source_id, id || '-' || k, id, branch_id, at, at::date, 'completed', now(), now()
FROM patients_patient, generate_series(1, 10) k,
    LATERAL (SELECT %(now)s::timestamptz - (40 * k + id %% 30) * interval '1 day' AS at);
INSERT INTO campaigns_message (dedupe_key, patient_id, channel, purpose, state, address_key, planned_at, due_at,
    sent_at)
SELECT 'x' || n, (SELECT min(id) FROM patients_patient) + n %% %(steps)s, 'email', 'marketing', 'sent',
    hashtextextended('p' || (n %% %(steps)s + 1) || '@example.org', 0), at, at, at
FROM generate_series(1, %(ledger)s) n,
    LATERAL (SELECT %(now)s::timestamptz - interval '10 days' - n * interval '4 seconds' AS at);
"""
_LADDERS = """
INSERT INTO triggers_firing (rule_id, patient_id, occasion, state, anchor_at, since, first_due, branch_id, found_at)
SELECT %(rule)s, id, 'once', 'open', %(now)s, %(now)s::timestamptz - interval '30 days', %(now)s, branch_id, %(now)s
FROM patients_patient;
INSERT INTO triggers_firingstep (firing_id, step_id, due_at, useful_until, state)
SELECT f.id, s.id, due, due + interval '48 hours', 'waiting' FROM triggers_firing f
JOIN triggers_triggerstep s ON s.rule_id = f.rule_id,
    LATERAL (SELECT %(now)s::timestamptz + s.offset * interval '1 day' AS due) falls;
"""
_BOOKED = """
INSERT INTO patients_visit (source_id, external_id, patient_id, branch_id, starts_at, starts_on, status, created_at,
    updated_at)
SELECT source_id, 'booked-' || id, id, branch_id, %(now)s::timestamptz + interval '9 days',
    (%(now)s::timestamptz + interval '9 days')::date, 'booked', now(), now() FROM patients_patient
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--ledger", type=int, default=500_000)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.update(DJANGO_SETTINGS_MODULE="clinic_crm.settings", LOG_LEVEL="ERROR")
    admin = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = urlunsplit(urlsplit(admin)._replace(path=f"/{NAME}"))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {NAME}")
    try:
        measure(options.steps, options.ledger)
    finally:
        from django.db import connections

        connections.close_all()
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


def measure(steps: int, ledger: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from campaigns.models import Message
    from tests.campaigns.making import NOW, make_branch
    from tests.triggers.making import make_rule, make_step
    from tests.triggers.tiny import TINY
    from triggers import rule_types
    from triggers.services import closer_look, ladders

    call_command("migrate", verbosity=0)
    rule_types.TYPES.update(TINY)
    make_branch()
    rule = make_rule("tiny_day", steps=[make_step(), make_step(3)], goal="visit")
    params = {"steps": steps, "ledger": ledger, "now": NOW, "rule": rule.pk}

    def prepare(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            cursor.execute("ANALYZE")

    prepare(_BASE)
    prepare(_LADDERS)
    print(f"{steps} ladders, {Message.objects.count()} messages sent before; load {os.getloadavg()[0]:.1f}")
    timed("planned", lambda: ladders.plan_due(NOW))
    timed("nothing due", lambda: ladders.plan_due(NOW))
    batch = list(Message.objects.filter(campaign=None, state="planned").values_list("pk", flat=True)[:BATCH])
    timed(f"last look at {len(batch)}", lambda: len(closer_look.verdicts(batch, NOW)))
    prepare(_BOOKED)
    later = NOW + datetime.timedelta(days=3)
    timed("goal met, held back", lambda: ladders.plan_due(later))
    timed("all of them held back", lambda: ladders.plan_due(later))


def timed(name: str, work: Callable[[], int]) -> None:
    began = time.monotonic()
    number = work()
    print(f"{name:>22}: {number:>7} in {time.monotonic() - began:6.2f} s; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
