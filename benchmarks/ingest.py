"""Bulk ingest over HTTP against bare COPY + upsert of the same visits, in the same run and on the same server.

    DATABASE_URL=… python benchmarks/ingest.py [--visits 100000] [--rounds 2]

Makes a database of its own beside the one in DATABASE_URL and drops it at the end. Ours: gunicorn with one worker, one
client, requests of 10 000 visits with two items each; JSON, validation, look-ups by external id, counting and the
journal included. Bare, as one would write it by hand with everything already known: internal ids, days, totals and
fingerprints are given; COPY from a ready buffer into temporary tables, one upsert, items of written visits by
INSERT … SELECT; same tables, indexes, foreign keys and triggers. The two take turns batch by batch, so that a busy
machine slows both. Then both again with the same visits, of which nothing has changed, and once more with every visit
moved by an hour.
"""

import argparse
import csv
import gc
import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import orjson
import psycopg

ROOT = Path(__file__).resolve().parent.parent
BATCH = 10_000
PATIENTS, DOCTORS, SERVICES = 20_000, 40, 300
Rows = list[dict]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--visits", type=int, default=100_000)
    arguments.add_argument("--memory", type=int, default=30, help="requests of the memory run")
    options = arguments.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic_crm.settings"
    address, admin, name = own_database()
    os.environ["DATABASE_URL"] = address
    try:
        run(options.visits, options.memory)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def own_database() -> tuple[str, str, str]:
    from clinic_crm.local import state

    admin = os.environ.get("DATABASE_URL") or state.database_url(state.data_dir())
    name = f"bench_ingest_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return urlunsplit(urlsplit(admin)._replace(path=f"/{name}")), admin, name


def run(visits: int, memory_requests: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection as django_connection

    from patients.models import Integration
    from patients.services.integrations import create_integration

    call_command("migrate", verbosity=0)
    ours, token = create_integration("ours", ["ingest"])
    bare, _token = create_integration("bare", ["ingest"])
    Integration.objects.update(requests_per_minute=1_000_000)
    for source in (ours, bare):
        seed(source)
    django_connection.close()
    with Server() as server, psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        hand = Bare(connection, bare.pk)
        batches = [make_visits(start) for start in range(0, visits, BATCH)]
        bodies = [orjson.dumps({"items": batch}) for batch in batches]
        buffers = [hand.buffers(batch) for batch in batches]
        server.post(token, b'{"items": []}')
        hand.take(hand.buffers([]))
        gc.collect()
        for title in ("new", "unchanged"):
            measure(title, server, token, bodies, hand, buffers)
        for batch in batches:
            move(batch)
        bodies = [orjson.dumps({"items": batch}) for batch in batches]
        measure("updated", server, token, bodies, hand, [hand.buffers(batch) for batch in batches])
        memory(server, token, memory_requests, visits)


def seed(source: object) -> None:
    """Patients, doctors, services and branches are known before, as in a clinic that has been posting for a while."""
    from patients.services.ingest import ingest

    ingest(source, "branches", [{"external_id": f"b{n}", "name": f"Branch {n}"} for n in range(3)])
    ingest(source, "doctors", [{"external_id": f"d{n}", "name": f"Doctor {n}"} for n in range(DOCTORS)])
    ingest(source, "services", [{"external_id": f"s{n}", "name": f"Service {n}"} for n in range(SERVICES)])
    for start in range(0, PATIENTS, BATCH):
        ingest(source, "patients", [{"external_id": f"p{n}"} for n in range(start, start + BATCH)])


def make_visits(start: int) -> Rows:
    return [
        {
            "external_id": f"v{n:08}",
            "patient": f"p{n * 7919 % PATIENTS}",
            "branch": f"b{n % 3}",
            "doctor": f"d{n % DOCTORS}",
            "starts_at": f"202{n % 6}-{n % 12 + 1:02}-{n % 28 + 1:02}T{9 + n % 10:02}:30:00+03:00",
            "status": "completed",
            "return_due_on": None,
            "promo_code": "",
            "updated_at": "2026-01-05T10:00:00+03:00",
            "items": [
                {"service": f"s{n % SERVICES}", "quantity": 1, "price": 1500.5, "discount": 100, "cost": 333.33},
                {"service": f"s{n * 7 % SERVICES}", "quantity": 2, "price": 500, "discount": 0, "cost": 120},
            ],
        }
        for n in range(start, start + BATCH)
    ]


def move(batch: Rows) -> None:
    """Every visit an hour later, said two months after it was first posted."""
    for visit in batch:
        hour = int(visit["starts_at"][11:13]) + 1
        visit["starts_at"] = f"{visit['starts_at'][:11]}{hour:02}{visit['starts_at'][13:]}"
        visit["updated_at"] = "2026-03-05T10:00:00+03:00"


def measure(title: str, server: "Server", token: str, bodies: list[bytes], hand: "Bare", buffers: list) -> None:
    times = {"ours": 0.0, "bare": 0.0}
    before = cpu_seconds(server, hand)
    for body, buffer in zip(bodies, buffers, strict=True):
        started = time.perf_counter()
        report = server.post(token, body)
        times["ours"] += time.perf_counter() - started
        assert report["created" if title == "new" else title] == BATCH, report
        started = time.perf_counter()
        assert hand.take(buffer) == (0 if title == "unchanged" else BATCH)
        times["bare"] += time.perf_counter() - started
    visits = len(bodies) * BATCH
    rates = {name: visits / seconds for name, seconds in times.items()}
    print(
        f"{title:>10}: ours {rates['ours']:>8,.0f} visits/s, bare COPY + upsert {rates['bare']:>8,.0f} visits/s, "
        f"ratio {rates['ours'] / rates['bare']:.0%} (goal 50%)",
        flush=True,
    )
    after = cpu_seconds(server, hand)
    if before and after:
        ours, bare = (1000 * (after[name] - before[name]) / len(bodies) for name in ("ours", "bare"))
        print(f"{'':>12}processor time per 10 000: ours {ours:.0f} ms, bare {bare:.0f} ms, ratio {bare / ours:.0%}")


def cpu_seconds(server: "Server", hand: "Bare") -> dict[str, float] | None:
    """Processor time so far of web worker and its database process, and of the bare database process.

    A second opinion for a machine that is busy with other things; None when the database runs elsewhere.
    """
    rows = hand.connection.execute(
        "SELECT pid, pid = pg_backend_pid() FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend'"
    ).fetchall()
    hand.connection.commit()
    try:
        ours = _process_seconds(server.worker()) + sum(_process_seconds(pid) for pid, bare in rows if not bare)
        return {"ours": ours, "bare": sum(_process_seconds(pid) for pid, bare in rows if bare)}
    except FileNotFoundError:
        return None


def _process_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(server: "Server", token: str, requests: int, start: int) -> None:
    """Peak memory of a fresh server process after 1, 10 and 30 requests of 10 000 new visits."""
    server.restart()
    server.post(token, b'{"items": []}')
    before, peaks = server.peak(), {}
    for number in range(1, requests + 1):
        server.post(token, orjson.dumps({"items": make_visits(start + number * BATCH)}))
        if number in (1, 10, requests):
            peaks[number] = server.peak()
    shown = ", ".join(f"{number} requests {peak:.0f} MB" for number, peak in peaks.items())
    print(f"    memory: idle {before:.0f} MB; peak after {shown}", flush=True)


class Server:
    """gunicorn with one worker in a process of its own."""

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [
            sys.executable, "-m", "gunicorn", "clinic_crm.wsgi", "--bind", f"127.0.0.1:{self.port}", "--workers", "1",
            "--timeout", "300", "--log-level", "warning", "--no-control-socket",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "DEBUG": "0", "ALLOWED_HOSTS": "127.0.0.1"}
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server did not start")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def restart(self) -> None:
        self.stop()
        self.start()

    def post(self, token: str, body: bytes) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/visits/bulk", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {text[:500]!r}")
        return orjson.loads(text)

    def worker(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def peak(self) -> float:
        """Peak resident memory of the worker, in MB."""
        status = Path(f"/proc/{self.worker()}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Bare:
    """The same rows by hand: COPY of ready text, one upsert, items by INSERT … SELECT."""

    VISIT = (
        "external_id", "source_updated_at", "patient_id", "branch_id", "doctor_id", "starts_at", "starts_on", "status",
        "return_due_on", "promo_code", "amount", "discount", "cost", "fingerprint",
    )  # fmt: skip
    ITEM = ("external_id", "service_id", "quantity", "price", "discount", "cost")

    def __init__(self, connection: psycopg.Connection, source: int) -> None:
        self.connection, self.source = connection, source
        self.ids = {table: self._ids(table) for table in ("patient", "branch", "doctor", "service")}
        connection.commit()

    def _ids(self, table: str) -> dict[str, int]:
        rows = self.connection.execute(
            f"SELECT external_id, id FROM patients_{table} WHERE source_id = %s", [self.source]
        )
        return dict(rows.fetchall())

    def buffers(self, batch: Rows) -> tuple[bytes, bytes]:
        ids = self.ids
        visits = [
            (
                v["external_id"], v["updated_at"], ids["patient"][v["patient"]], ids["branch"][v["branch"]],
                ids["doctor"][v["doctor"]], v["starts_at"], v["starts_at"][:10], v["status"], None, '""',
                sum(i["quantity"] * i["price"] - i["discount"] for i in v["items"]),
                sum(i["discount"] for i in v["items"]), round(sum(i["cost"] for i in v["items"]), 2),
                hash(v["external_id"]),
            )
            for v in batch
        ]  # fmt: skip
        items = [
            (v["external_id"], ids["service"][i["service"]], i["quantity"], i["price"], i["discount"], i["cost"])
            for v in batch
            for i in v["items"]
        ]
        return self._csv(visits).replace(b'""""""', b'""'), self._csv(items)

    @staticmethod
    def _csv(rows: list[tuple]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        return text.getvalue().encode()

    def take(self, buffers: tuple[bytes, bytes]) -> int:
        """One transaction; returns the number of written visits."""
        columns = [name for name in self.VISIT if name != "external_id"]
        content = [name for name in columns if name != "source_updated_at"]
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
        mine, theirs = (", ".join(f"{side}.{name}" for name in content) for side in ("t", "excluded"))
        with self.connection.cursor() as cursor:
            for table, names, buffer in (("visit", self.VISIT, buffers[0]), ("visititem", self.ITEM, buffers[1])):
                chosen = ", ".join(name for name in names if table == "visit" or name != "external_id")
                extra = ", NULL::varchar AS external_id" if table == "visititem" else ""
                cursor.execute(
                    f"CREATE TEMP TABLE bare_{table} ON COMMIT DROP AS "
                    f"SELECT {chosen}{extra} FROM patients_{table} WITH NO DATA"
                )
                with cursor.copy(f"COPY bare_{table} ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy:
                    copy.write(buffer)
            cursor.execute(
                f"""
                CREATE TEMP TABLE bare_written (id bigint, external_id varchar) ON COMMIT DROP;
                WITH written AS (
                    INSERT INTO patients_visit AS t (source_id, {", ".join(self.VISIT)})
                    SELECT {self.source}, {", ".join(self.VISIT)} FROM bare_visit
                    ON CONFLICT (source_id, external_id) DO UPDATE SET {updates}, updated_at = now()
                    WHERE (t.source_updated_at IS NULL OR t.source_updated_at <= excluded.source_updated_at)
                        AND ({mine}) IS DISTINCT FROM ({theirs})
                    RETURNING t.id, t.external_id
                )
                INSERT INTO bare_written SELECT id, external_id FROM written;
                DELETE FROM patients_visititem WHERE visit_id IN (SELECT id FROM bare_written);
                INSERT INTO patients_visititem (visit_id, service_id, quantity, price, discount, cost)
                SELECT w.id, i.service_id, i.quantity, i.price, i.discount, i.cost
                FROM bare_visititem i JOIN bare_written w USING (external_id);
                """
            )
            written = cursor.execute("SELECT count(*) FROM bare_written").fetchone()[0]
        self.connection.commit()
        return written


if __name__ == "__main__":
    main()
