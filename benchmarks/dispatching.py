"""Dispatch against a bare loop: mails a second that a real SMTP server has received.

    DATABASE_URL=… REDIS_URL=… python benchmarks/dispatching.py [--rows 100000 1000000] [--messages 20000]

Makes a database of its own beside the one in DATABASE_URL and drops it at the end. For each size of the ledger so many
messages are due, the rest lies in the future. The SMTP server (aiosmtpd) is a process of its own and writes down every
mail it accepts; the figures are those of its book.

- bare loop: smtplib, one open connection, mails built beforehand, of the size of ours; nothing is claimed or noted;
- ours: `campaigns.services.sending.dispatch.run` in one process and in two: claim, gate, contexts, text, mail, limits,
  note.

A worker is a process with two connections, as in production. On a busy machine several processes get a larger share of
it than one does: only figures of an idle one compare.
"""

import argparse
import os
import smtplib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
NAME = "bench_dispatching"
WORKER = """
import sys, time, django
django.setup()
from django.urls import get_resolver
from campaigns.services.sending import dispatch
from tests.faults.dispatching import NOW
get_resolver().url_patterns
print("ready", flush=True)
sys.stdin.readline()
began = time.monotonic()
report = dispatch.run("email", lambda: NOW)
print(began, time.monotonic(), report.sent, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--messages", type=int, default=20_000)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.update(DJANGO_SETTINGS_MODULE="clinic_crm.settings", LOG_LEVEL="ERROR", PYTHONPATH=str(ROOT))
    admin = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = urlunsplit(urlsplit(admin)._replace(path=f"/{NAME}"))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {NAME}")
    try:
        measure(sorted(options.rows), options.messages)
    finally:
        from django.db import connections

        connections.close_all()
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


def measure(sizes: list[int], messages: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from campaigns.models import Message
    from tests.faults.dispatching import NOW, fill, running_campaign
    from tests.faults.smtp_server import smtp_server

    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory() as folder, smtp_server(Path(folder) / "accepted") as peer:
        bare = bare_loop(peer, min(messages, 5_000))
        print(f"bare loop: {bare:.0f} mails/s; load of the machine {os.getloadavg()[0]:.1f}")
        for size in sizes:
            rest = size - Message.objects.count() - 2 * messages
            if rest > 0:
                fill(running_campaign(), rest, due_at=NOW.replace(year=NOW.year + 1))
            print(f"\n{Message.objects.count() + 2 * messages} rows in the ledger, {messages} of them due")
            for workers in (1, 2):
                fill(running_campaign(), messages)
                rate = ours(peer, workers, messages)
                print(
                    f"  {workers} worker{'s'[: workers - 1]}: {rate:.0f} mails/s = {rate / bare:.0%} of the bare loop"
                )
        bare = (bare + bare_loop(peer, min(messages, 5_000))) / 2
        print(f"\nbare loop, mean of before and after: {bare:.0f} mails/s")


def bare_loop(peer: "Peer", count: int) -> float:  # type: ignore[name-defined] # noqa: F821
    """What one connection carries when there is nothing to do but to send."""
    from campaigns.channels.base import Envelope
    from campaigns.services.sending import accounts
    from tests.faults.dispatching import TEXT, email_account

    before = peer.count()
    channel = accounts.build(email_account(peer))
    text = TEXT.replace("{{ patient.first_name }}", "Анна")
    headers = {"List-Unsubscribe": f"<https://clinic.example/u/{'x' * 40}>"}
    mails = [
        (
            address,
            channel._mail(Envelope(n, f"m{n}", address, "ru", "Приглашение", text, f"<p>{text}</p>", headers)).body,
        )
        for n in range(count)
        if (address := f"b{before + n}@example.org")
    ]
    with smtplib.SMTP("127.0.0.1", peer.port) as smtp:
        began = time.monotonic()
        for address, mail in mails:
            smtp.sendmail("news@clinic.example", [address], mail.removesuffix(b".\r\n"))
        seconds = time.monotonic() - began
    assert peer.count() - before == count
    return count / seconds


def ours(peer: "Peer", workers: int, messages: int) -> float:  # type: ignore[name-defined] # noqa: F821
    from tests.faults.dispatching import email_account

    email_account(peer)
    before = peer.count()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _number in range(workers)
    ]
    for process in running:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    times = [process.communicate()[0].split() for process in running]
    assert peer.count() - before == messages == sum(int(found[2]) for found in times)
    return messages / (max(float(found[1]) for found in times) - min(float(found[0]) for found in times))


if __name__ == "__main__":
    main()
