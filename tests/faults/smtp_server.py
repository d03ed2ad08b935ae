"""A real SMTP server in a process of its own, which writes down every mail it accepts before it says so.

    python -m tests.faults.smtp_server RECORD [--port PORT] [--refuse N] [--deny]

Prints its port. A line of RECORD is the recipient of an accepted mail. `--refuse N`: one recipient in N does not exist.
`--deny`: it takes mail from nobody. Single recipients, by the beginning of their address: `nobody` does not exist,
`later` is to be tried later, `silent` gets the mail and the sender no answer.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from aiosmtpd.smtp import SMTP, Envelope, Session

ROOT = Path(__file__).resolve().parent.parent.parent


def does_not_exist(address: str, one_in: int) -> bool:
    return bool(one_in) and crc32(address.lower().encode()) % one_in == 0


class Clerk:
    def __init__(self, record: str, refuse: int, deny: bool) -> None:
        self._file = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._refuse, self._deny = refuse, deny

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._deny:
            return "550 5.7.1 This sender may not send"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("later"):
            return "451 4.7.1 Try again later"
        if address.startswith("nobody") or does_not_exist(address, self._refuse):
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        os.write(self._file, "".join(f"{address}\n" for address in envelope.rcpt_tos).encode())
        if envelope.rcpt_tos[0].startswith("silent"):
            server.transport.abort()
        return "250 2.0.0 Accepted"


async def serve(options: argparse.Namespace) -> None:
    clerk = Clerk(options.record, options.refuse, options.deny)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(clerk, hostname="catcher.test", loop=loop), "127.0.0.1", options.port
    )  # fmt: skip
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


class Peer:
    """The running server, seen from a test."""

    def __init__(self, port: int, record: Path, process: "subprocess.Popen[str]") -> None:
        self.port, self.record, self.process = port, record, process

    def received(self) -> Counter[str]:
        """How often each recipient got a mail."""
        return Counter(self.record.read_text().split()) if self.record.exists() else Counter()

    def count(self) -> int:
        return self.received().total()


@contextlib.contextmanager
def smtp_server(record: Path, *arguments: Any, port: int = 0) -> Iterator[Peer]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.smtp_server", str(record), "--port", str(port), *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        yield Peer(int(process.stdout.readline()), record, process)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("record")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--refuse", type=int, default=0)
    parser.add_argument("--deny", action="store_true")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args()))
