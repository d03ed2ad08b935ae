"""A campaign at growing size: planning against PostgreSQL's own `INSERT … SELECT`, dispatch against a bare loop.

    DATABASE_URL=… python benchmarks/campaign.py [--patients 100000 1000000] [--keep] [--no-dispatch]

Makes a database of its own per size beside the one in DATABASE_URL, fills it by set-based SQL, and drops it at the end
(`--keep` leaves it, and the next run with `--keep` uses it again). For each size, in turn, twice:

- planned: a campaign to everybody on two channels, two variants, hold-out, branches, with consents, suppressions,
  guardians, appointments, messages of the last weeks, caps and a warm-up; from the call of `planning.plan` to its end;
- bare: the very rows it wrote, kept in a table, inserted by one `INSERT … SELECT` into the same ledger with the same
  history, indexes and constraints, to the commit, which is when foreign keys are checked.

The ledger is emptied and its history written anew before each. `check` is the count shown before a launch.

Then benchmarks/dispatching.py, with a ledger of the same sizes (`--no-dispatch` leaves it out).
"""

import argparse
import datetime
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
COLUMNS = (
    "dedupe_key, campaign_id, variant_id, patient_id, recipient_id, branch_id, channel, purpose, state, reason, "
    "text_id, offer_id, address_key, planned_at, due_at, useful_until, sent_at"
)
SEED = """
INSERT INTO patients_integration (code, name, token_hash, scopes, active, requests_per_minute, implied_payments,
    created_at) VALUES ('bench', '', '', '{}', true, 600, false, now());
INSERT INTO patients_branch (source_id, external_id, name, city, timezone)
SELECT i.id, 'b' || n, 'Branch ' || n, '', (ARRAY['Europe/Moscow', 'Asia/Novosibirsk', 'Asia/Vladivostok'])[1 + n % 3]
FROM patients_integration i, generate_series(1, 12) n;
INSERT INTO patients_patient (source_id, external_id, last_name, first_name, middle_name, sex, birth_date, phone, email,
    language, branch_id)
SELECT i.id, 'p' || n, 'Иванова' || n % 5000, 'Анна', 'Петровна', 'female',
    date '1945-01-01' + (n * 7919 % 29200)::int,
    CASE WHEN n % 20 = 0 THEN '' ELSE '+7916' || lpad((n - n % 7 / 6)::text, 7, '0') END,
    CASE WHEN n % 3 = 0 THEN '' ELSE 'p' || n || '@example.org' END,
    CASE WHEN n % 50 = 0 THEN 'en' ELSE 'ru' END,
    CASE WHEN n % 10 = 0 THEN NULL ELSE (SELECT min(id) FROM patients_branch) + n % 12 END
FROM patients_integration i, generate_series(1, %(patients)s::bigint) n WHERE i.code = 'bench';
UPDATE patients_patient p SET guardian_id = g.id FROM patients_patient g
WHERE g.id = p.id - 1 AND p.birth_date > date '2008-11-23' AND p.id % 4 > 0;
INSERT INTO segmentation_metrics (patient_id, as_of, last_visit_on, last_branch_id, visits, visit_days, visits_365,
    cancelled, no_shows, cancelled_365, money, money_365, refunds, cost, margin, margin_365, discount, answers,
    complaints, complaints_365)
SELECT id, date '2026-11-22', date '2026-11-22' - (id * 31 % 1500)::int, branch_id, 3, 3, 1, 0, 0, 0, 9000, 3000, 0, 0,
    9000, 3000, 0, 0, 0, 0
FROM patients_patient WHERE id % 15 > 0;
INSERT INTO patients_consent (patient_id, channel, purpose, granted, at)
SELECT p.id, c, 'marketing', p.id % 11 > 0, timestamptz '2025-01-01' + make_interval(hours => p.id::int % 5000)
FROM patients_patient p, unnest(ARRAY['email', 'sms', 'call']) c WHERE p.id % 5 < 4;
INSERT INTO patients_visit (source_id, external_id, patient_id, branch_id, starts_at, starts_on, status)
SELECT p.source_id, 'v' || p.id || ':' || n, p.id, coalesce(p.branch_id, (SELECT min(id) FROM patients_branch)),
    timestamptz '2026-12-01' - make_interval(days => n * 150 + (p.id % 200)::int),
    (timestamptz '2026-12-01' - make_interval(days => n * 150 + (p.id % 200)::int))::date,
    CASE WHEN n * 150 + p.id % 200 < 8 THEN 'booked' ELSE 'completed' END
FROM patients_patient p, generate_series(0, 2) n WHERE n > 0 OR p.id % 200 < 8;
INSERT INTO patients_visit (source_id, external_id, patient_id, starts_at, starts_on, status)
SELECT source_id, 'f' || id, id, timestamptz '2026-11-28 10:00+03', '2026-11-28', 'booked'
FROM patients_patient WHERE id % 20 = 3;
CREATE TABLE bench_history AS
SELECT 'old' || p.id || ':' || n AS dedupe_key, NULL::bigint AS campaign_id, NULL::bigint AS variant_id,
    p.id AS patient_id, NULL::bigint AS recipient_id, p.branch_id, 'email' AS channel, 'marketing' AS purpose,
    'sent' AS state, '' AS reason, NULL::bigint AS text_id, NULL::bigint AS offer_id,
    hashtextextended(lower(p.email), 0) AS address_key, at AS planned_at, at AS due_at,
    NULL::timestamptz AS useful_until, at AS sent_at
FROM patients_patient p, generate_series(0, 3) n,
    LATERAL (SELECT timestamptz '2026-11-22 12:00+03' - make_interval(days => (p.id % 13 + n * 3)::int) AS at) moment
WHERE p.email <> '' AND p.id % 3 = 1;
CREATE TABLE bench_suppression AS
SELECT 'email' AS channel, hashtextextended(lower(email), 0) AS address_key FROM patients_patient
WHERE email <> '' AND id % 70 = 5;
"""
RESET = f"""
TRUNCATE campaigns_message CASCADE;
INSERT INTO campaigns_message ({COLUMNS}) SELECT {COLUMNS} FROM bench_history;
INSERT INTO campaigns_suppression (channel, address_key, reason, marketing_only)
SELECT channel, address_key, 'unsubscribe', true FROM bench_suppression;
"""
Figures = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--keep", action="store_true", help="leave the databases for the next run")
    parser.add_argument("--no-dispatch", action="store_true", help="only the planning")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic_crm.settings"
    from clinic_crm.local import state

    admin = os.environ.get("DATABASE_URL") or state.database_url(state.data_dir())
    for size in sorted(options.patients):
        measured(admin, size, keep=options.keep)
    if not options.no_dispatch:
        sizes = [str(size) for size in sorted(options.patients)]
        environment = {**os.environ, "DATABASE_URL": admin}
        program = [sys.executable, str(ROOT / "benchmarks" / "dispatching.py"), "--rows", *sizes]
        subprocess.run(program, cwd=ROOT, env=environment, check=True)


def measured(admin: str, patients: int, *, keep: bool) -> None:
    """One size, in a process of its own that knows only its database."""
    name = f"bench_campaign_{patients}"
    address = urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
    with psycopg.connect(admin, autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if exists and not keep:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        if not (exists and keep):
            connection.execute(f"CREATE DATABASE {name}")
    try:
        program = f"from benchmarks import campaign; campaign.measure({patients})"
        environment = {**os.environ, "DATABASE_URL": address, "LOG_LEVEL": "WARNING"}
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
    finally:
        if not keep:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def measure(patients: int) -> None:
    """Runs in the child."""
    import django

    django.setup()
    from django.core.management import call_command

    from campaigns.services.deciding import planning
    from patients.models import Patient

    call_command("migrate", verbosity=0)
    if not Patient.objects.exists():
        began = time.monotonic()
        seed(patients)
        print(f"seeded in {time.monotonic() - began:.0f} s")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{patients} patients; load of the machine {load}", flush=True)
    campaign = make_campaign()
    reset()
    checked = timed("check", lambda: planning.check(campaign, NOW))
    ours, bare = [], []
    for _ in range(2):
        ours.append(plan(campaign))
        bare.append(insert_bare(campaign.pk))
    print(f"planned {min(ours):.1f}–{max(ours):.1f} s, bare {min(bare):.1f}–{max(bare):.1f} s", end=": ")
    print(f"{sum(ours) / sum(bare):.2f} × the bare INSERT")
    print(f"check {checked:.1f} s")


def seed(patients: int) -> None:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        # Nothing listens here: the triggers that note changed patients only cost time.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in SEED.split(";\n"):
            if statement.strip():
                cursor.execute(statement.replace("%(patients)s", str(patients)))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def make_campaign() -> Any:
    from campaigns.models import Campaign, ChannelAccount, Offer, Template, TemplateText, Variant, VariantTemplate
    from patients.models import Branch

    ChannelAccount.objects.update_or_create(
        channel="email", defaults={"warm_up_from": NOW.date(), "warm_up_start": 5_000, "per_day": 200_000}
    )
    campaign = Campaign.objects.create(name="bench", channels=["email", "sms"], salt="bench", holdout_percent=10)
    campaign.branches.set(Branch.objects.order_by("pk")[:10])
    offer = Offer.objects.create(name="bench")
    for letter in "AB":
        variant = Variant.objects.create(campaign=campaign, letter=letter, offer=offer)
        for channel in campaign.channels:
            template = Template.objects.create(name="bench", channel=channel)
            VariantTemplate.objects.create(variant=variant, channel=channel, template=template)
            for language in ("ru", "en"):
                TemplateText.objects.create(
                    template=template, language=language, version=1, body="Ждём вас", plain="Ждём вас"
                )
    return campaign


def reset() -> None:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        for statement in RESET.split(";\n"):
            if statement.strip():
                cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) campaigns_message, campaigns_suppression")
        cursor.execute("CHECKPOINT")


def plan(campaign: Any) -> float:
    from django.db import connection

    from campaigns.models import Campaign
    from campaigns.services.deciding import planning
    from campaigns.services.running import lifecycle

    reset()
    lifecycle.freeze(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.PLANNING, launched_at=NOW)
    seconds = timed("planned", lambda: planning.plan(campaign.pk, NOW))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_planned")
        cursor.execute(
            f"CREATE TABLE bench_planned AS SELECT {COLUMNS} FROM campaigns_message WHERE campaign_id = %s ORDER BY id",
            [campaign.pk],
        )
        cursor.execute("SELECT state, reason, count(*) FROM bench_planned GROUP BY 1, 2 ORDER BY 3 DESC")
        print("  " + ", ".join(f"{reason or state} {number}" for state, reason, number in cursor.fetchall()))
    return seconds


def insert_bare(campaign_id: int) -> float:
    from django.db import connection, transaction

    reset()

    def insert() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO campaigns_message ({COLUMNS}) SELECT {COLUMNS} FROM bench_planned")

    return timed("bare", insert)


def timed(label: str, work: Any) -> float:
    began = time.monotonic()
    work()
    seconds = time.monotonic() - began
    print(f"  {label:8} {seconds:7.1f} s", flush=True)
    return seconds


if __name__ == "__main__":
    main()
