"""Child processes: started, heard, restarted, stopped in order."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from clinic_crm.local import leftovers
from clinic_crm.local.account import Account

COLOURS = {"up": 37, "web": 32, "worker": 36, "beat": 35, "catcher": 33, "postgres": 34, "valkey": 31}
_BACK_OFF = (1, 2, 4, 8, 15)
_LONG_ENOUGH = 60  # seconds of life after which earlier deaths no longer count
_writing = threading.Lock()


def say(name: str, line: str) -> None:
    """One line of the common log, with the speaker in front."""
    label = f"{name:<8} |"
    if sys.stdout.isatty():
        label = f"\033[{COLOURS.get(name, 33)}m{label}\033[0m"
    with _writing, contextlib.suppress(BrokenPipeError):  # the reader is gone; stopping cleanly matters more
        print(label, line, flush=True)


@dataclass
class Child:
    """One process and what is needed to start it again.

    It leads a session of its own: Ctrl-C in a terminal goes to the whole foreground group, and the database must not
    hear it before those who use it.
    """

    name: str
    argv: Sequence[str]
    directory: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    log: Path | None = None
    stdin: bytes | None = None
    account: Account = field(default_factory=Account)
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 20
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    started_at: float = 0
    restart_at: float | None = None
    _voice: threading.Thread | None = None

    def start(self) -> None:
        """Start the process; its output goes to its log file, or prefixed to ours."""
        output = self.log.open("ab") if self.log else subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                list(self.argv),
                env=None if self.env is None else {**os.environ, **self.env},
                cwd=self.cwd,
                stdin=subprocess.DEVNULL if self.stdin is None else subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self.account.popen_options(),  # type: ignore[call-overload]
            )
        finally:
            if not isinstance(output, int):
                output.close()
        self.started_at, self.restart_at = time.monotonic(), None
        leftovers.note(self.directory, self.process.pid)
        if self.stdin is not None and self.process.stdin:
            self.process.stdin.write(self.stdin)
            self.process.stdin.close()
        if self.process.stdout:
            self._voice = threading.Thread(target=self._speak, args=(self.process.stdout,), daemon=True)
            self._voice.start()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the signal this program understands as "finish and go"."""
        if self.process and self.running:
            self.process.send_signal(self.stop_signal)

    def wait_stopped(self) -> None:
        """Wait until it is gone, and force it if it does not go."""
        if not self.process:
            return
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            say("up", f"{self.name} does not stop, killing it")
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # and whatever it has forked and not taken along
        self.process.wait()
        if self._voice:
            self._voice.join(timeout=2)

    def look_after(self) -> bool:
        """Restart it if it died; False when it keeps dying and there is no point in trying again."""
        if self.running:
            return True
        now = time.monotonic()
        if self.restart_at is None:
            code = self.process.returncode if self.process else None
            self.deaths = 1 if now - self.started_at > _LONG_ENOUGH else self.deaths + 1
            if self.deaths > len(_BACK_OFF):
                say("up", f"{self.name} ended again ({_explain(code)}); giving up")
                return False
            delay = _BACK_OFF[self.deaths - 1]
            self.restart_at = now + delay
            say("up", f"{self.name} ended ({_explain(code)}), starting it again in {delay} s")
        elif now >= self.restart_at:
            self.start()
        return True

    def _speak(self, stream: IO[bytes]) -> None:
        for line in stream:
            say(self.name, line.decode("utf-8", errors="replace").rstrip())
        stream.close()


def stop_together(children: Sequence[Child]) -> None:
    """Stop several at once and wait for all of them."""
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.wait_stopped()


def _explain(code: int | None) -> str:
    if code is None:
        return "not started"
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
