"""The night over bases of growing size: seconds and memory per step, as multiples of PostgreSQL's own aggregate.

    DATABASE_URL=… python benchmarks/nightly.py [--patients 100000 1000000] [--keep]

Makes a database of its own per size beside the one in DATABASE_URL, fills it with `seed_demo`, and drops it at the end
(`--keep` leaves it, and the next run with `--keep` uses it again). For each size:

- baseline: visits, first and last day and three sums per patient from the covering index, the faster of two plans
  (sorted and hashed groups), before and after the night; its mean is the unit of the ratios, so that a busy machine
  slows both;
- first night: every row is written;
- full rebuild: everybody is recomputed, few rows differ;
- next night: the following date after 1 % of the patients have got a new paid visit.

Memory is the peak of this process while the step ran; the database's own is set by its configuration.
"""

import argparse
import datetime
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
AS_OF = datetime.date(2026, 11, 22)
BASELINE = """
EXPLAIN (ANALYZE, TIMING OFF)
SELECT patient_id, count(*), min(starts_on), max(starts_on), sum(amount), sum(discount), sum(cost)
FROM patients_visit WHERE deleted_at IS NULL GROUP BY patient_id
"""
ONE_PERCENT = """
WITH chosen AS (
    SELECT DISTINCT ON (patient_id) * FROM patients_visit
    WHERE patient_id % 100 = 7 AND status = 'completed' AND deleted_at IS NULL
    ORDER BY patient_id, starts_on DESC
), came AS (
    INSERT INTO patients_visit (source_id, external_id, patient_id, branch_id, doctor_id, starts_at, starts_on, status,
        amount, discount, cost)
    SELECT source_id, 'next ' || patient_id || %(day)s, patient_id, branch_id, doctor_id, %(day)s::date + time '09:00',
        %(day)s, 'completed', amount, discount, cost FROM chosen
    RETURNING id, source_id, patient_id, amount
), used AS (
    INSERT INTO patients_visititem (visit_id, service_id, quantity, price, discount, cost)
    SELECT came.id, item.service_id, item.quantity, item.price, item.discount, item.cost
    FROM came JOIN chosen USING (patient_id) JOIN patients_visititem item ON item.visit_id = chosen.id
)
INSERT INTO patients_payment (source_id, external_id, patient_id, visit_id, paid_at, paid_on, amount, kind)
SELECT source_id, 'next ' || id, patient_id, id, %(day)s::date + time '10:00', %(day)s, amount, 'single' FROM came
"""
Figures = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--keep", action="store_true", help="leave the databases for the next run")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic_crm.settings"
    admin = admin_address()
    found = {size: measured(admin, size, keep=options.keep) for size in sorted(options.patients)}
    if len(found) > 1:
        print_growth(found)


def admin_address() -> str:
    from clinic_crm.local import state

    return os.environ.get("DATABASE_URL") or state.database_url(state.data_dir())


def measured(admin: str, patients: int, *, keep: bool) -> Figures:
    """One size in a process of its own: its memory must not be that of the size before."""
    name = f"bench_nightly_{patients}"
    address = urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
    environment = {**os.environ, "DATABASE_URL": address, "LOG_LEVEL": "WARNING"}
    with psycopg.connect(admin, autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if exists and not keep:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        if not (exists and keep):
            connection.execute(f"CREATE DATABASE {name}")
    try:
        program = f"from benchmarks import nightly; nightly.measure({patients})"
        run = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        figures: Figures = {}
        for line in run.stdout or ():
            text = line.decode().rstrip()
            if text.startswith("="):
                label, value = text[1:].rsplit(" ", 1)
                figures[label] = float(value)
            else:
                print(text, flush=True)
        if run.wait():
            raise SystemExit(f"measuring {patients} patients failed")
        return figures
    finally:
        if not keep:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def measure(patients: int) -> None:
    """Runs in the child: prints lines to read, and lines `=label seconds` for the parent."""
    import django

    django.setup()
    from django.core.management import call_command

    from patients.models import Patient, Visit
    from segmentation.models import NightlyRun

    call_command("migrate", verbosity=0)
    if not Patient.objects.exists():
        began = time.monotonic()
        call_command("seed_demo", patients=patients, years=4, seed=7, as_of=AS_OF, verbosity=0)
        print(f"seeded in {time.monotonic() - began:.0f} s")
    vacuum()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{Patient.objects.count()} patients, {Visit.objects.count()} visits; load of the machine {load}")
    last = NightlyRun.objects.order_by("-as_of").first()
    as_of = last.as_of if last else AS_OF
    if not last:
        live("first night", as_of, full=True)
        vacuum()
    live("full rebuild", as_of, full=True)
    vacuum()
    morrow = as_of + datetime.timedelta(1)
    print(f"\n{change_one_percent(morrow)} patients get a new visit")
    live("next night", morrow, full=False)


def vacuum() -> None:
    """As autovacuum does sooner or later: without it no index answers alone."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def baseline() -> float:
    from django.db import connection

    seconds = []
    with connection.cursor() as cursor:
        for hashed in ("off", "on"):
            cursor.execute(f"SET enable_hashagg = {hashed}")
            began = time.monotonic()
            cursor.execute(BASELINE)
            seconds.append(time.monotonic() - began)
        cursor.execute("RESET enable_hashagg")
    return min(seconds)


def change_one_percent(day: datetime.date) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(ONE_PERCENT.replace("% 100", "%% 100"), {"day": day})
        return cursor.rowcount


def live(label: str, as_of: datetime.date, *, full: bool) -> None:
    from clinic_crm.nightly import run_night

    before = baseline()
    peaks: list[float] = []
    reset_peak()

    def at_line(_line: str) -> None:
        peaks.append(peak_mb())
        reset_peak()

    began = time.monotonic()
    run = run_night(as_of, full=full, report=at_line)
    seconds = time.monotonic() - began
    peaks.append(peak_mb())
    unit = (before + baseline()) / 2
    print(f"\n{label}: {seconds:.1f} s = {seconds / unit:.1f} × the baseline of {unit:.2f} s; peak {max(peaks):.0f} MB")
    print(f"={label} {seconds}")
    for step, peak in zip(run.steps.order_by("id"), peaks[1:], strict=False):
        print(
            f"  {step.name:12} {step.seconds:7.1f} s {step.seconds / unit:6.1f} × {step.rows:>10} rows {peak:6.0f} MB"
        )
        print(f"={label}, {step.name} {step.seconds}")


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def print_growth(found: dict[int, Figures]) -> None:
    sizes = sorted(found)
    for small, large in itertools.pairwise(sizes):
        print(f"\nfrom {small} to {large} patients ({large / small:.0f} ×):")
        for label, seconds in found[large].items():
            if found[small].get(label):
                print(f"  {label:28} {seconds / found[small][label]:5.1f} ×")


if __name__ == "__main__":
    main()
