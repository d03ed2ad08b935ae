"""PostgreSQL and Valkey of one data directory: one owner at a time, addresses written down for everybody else."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from clinic_crm.local import leftovers, state
from clinic_crm.local.postgres import Postgres
from clinic_crm.local.supervisor import Child, say
from clinic_crm.local.valkey import Valkey


class AlreadyRunningError(RuntimeError):
    """Somebody else owns the servers of this directory."""


@contextmanager
def ownership(directory: Path) -> Iterator[None]:
    """Hold the directory; the system lets go of the lock when we die, however we die."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(str(directory)) from None
        yield


class Servers:
    """Starts the servers whose address the environment does not give; stops only those. The caller has ownership."""

    def __init__(self, directory: Path, *, safe: bool = True) -> None:
        self.directory = directory
        self.children: list[Child] = []
        self.addresses: dict[str, str] = {}
        self._safe = safe

    def __enter__(self) -> "Servers":
        if count := leftovers.stop_leftovers(self.directory):
            say("up", f"stopped {count} processes an earlier run left behind")
        try:
            for variable, server in (("DATABASE_URL", Postgres), ("REDIS_URL", Valkey)):
                url = os.environ.get(variable)
                if not url:
                    embedded = server(self.directory, safe=self._safe)
                    self.children.append(embedded.start())
                    url = embedded.url
                self.addresses[variable.lower()] = url
            self.write()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def write(self, **more: str) -> None:
        """Tell the other commands where things are. Readable by the owner only: there are passwords in it."""
        self.addresses |= more
        unfinished = self.directory / f"{state.STACK}.new"
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(self.addresses, indent=1), encoding="utf-8")
        unfinished.replace(self.directory / state.STACK)

    def stop(self) -> None:
        """The broker first, the database last."""
        (self.directory / state.STACK).unlink(missing_ok=True)
        for child in reversed(self.children):
            child.ask_to_stop()
            child.wait_stopped()
        self.children.clear()
        leftovers.forget(self.directory)
