"""The whole portal on this machine: servers, preparation, web, worker, beat; and all of it away again."""

import contextlib
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from campaigns.catcher import gateway
from campaigns.services.sending.accounts import catcher_is_needed
from clinic_crm.local import ports, state
from clinic_crm.local.catalogues import compile_catalogues
from clinic_crm.local.postgres import ServerError
from clinic_crm.local.servers import AlreadyRunningError, Servers, ownership
from clinic_crm.local.supervisor import Child, say, stop_together

_MANAGE = [sys.executable, str(state.BASE_DIR / "manage.py")]
_ALIVE_TIMEOUT = 60
_CATCHER_PORT = 1025  # where catchers of mail usually listen


class Portal:
    """One run of `manage.py up`."""

    def __init__(self, directory: Path, *, port: int, demo: bool) -> None:
        self.directory = directory
        self.wanted_port = port
        self.demo = demo
        self._stopping = False
        self._env = {"CLINIC_CRM_DATA": str(directory), "PYTHONUNBUFFERED": "1"}

    def run(self) -> int:
        """Run until asked to stop; the exit code for the shell."""
        try:
            with self._signals(), ownership(self.directory), Servers(self.directory) as servers:
                code = self._run(servers)
                say("up", "stopping")
        except AlreadyRunningError:
            place = state.read_stack(self.directory).get("web_url", "it is just starting")
            say("up", f"the portal already runs from {self.directory} ({place})")
            say("up", "stop that one first, or choose another directory with --data")
            return 1
        except ServerError as error:
            for line in str(error).splitlines():
                say("up", line)
            return 1
        say("up", "stopped")
        return code

    def _run(self, servers: Servers) -> int:
        for server in servers.children:
            say("up", f"{server.name} answers")
        compile_catalogues()
        if not self._step("prepare", "prepare", *([] if self.demo else ["--no-demo"])):
            return 0 if self._stopping else 1
        port = ports.first_free(self.wanted_port)
        if port != self.wanted_port:
            say("up", f"port {self.wanted_port} is busy, taking {port}")
        servers.write(web_url=f"http://{ports.HOST}:{port}/")
        children = self._children(port)
        if catcher_is_needed():
            children.insert(0, self._catcher(servers, port))
        try:
            for child in children:
                child.start()
            return self._look_after([*servers.children, *children], servers.addresses["web_url"])
        finally:
            beat, *others = reversed(children)
            stop_together([beat])  # first the one that makes new work
            stop_together(others)

    def _step(self, name: str, *command: str) -> bool:
        """Run one management command to its end; False when it failed or we were asked to stop."""
        step = Child(name, [*_MANAGE, *command], self.directory, env=self._env, cwd=state.BASE_DIR)
        step.start()
        while step.running and not self._stopping:
            time.sleep(0.05)
        step.ask_to_stop()
        step.wait_stopped()
        if step.process and step.process.returncode and not self._stopping:
            say("up", f"`manage.py {' '.join(command)}` failed, see above")
            return False
        return not self._stopping

    def _children(self, port: int) -> list[Child]:
        def child(name: str, *argv: str) -> Child:
            return Child(
                name, [sys.executable, "-m", *argv], self.directory, env=self._env, cwd=state.BASE_DIR, patience=30
            )

        return [
            child(
                *("web", "gunicorn", "clinic_crm.wsgi", "--bind", f"{ports.HOST}:{port}"),
                *("--worker-class", "gthread", "--workers", "2", "--threads", "4"),
                # Long imports are uploaded through the web; the control socket would lie in the home directory.
                *("--timeout", "120", "--graceful-timeout", "10", "--no-control-socket", "--log-level", "warning"),
            ),
            child(
                *(
                    "worker",
                    "celery",
                    "-A",
                    "clinic_crm",
                    "--quiet",
                    "worker",
                    "--concurrency",
                    "2",
                    "--loglevel",
                    "INFO",
                ),
                *("--without-gossip", "--without-mingle"),
            ),
            # No pid file: one left by a kill would stop the next start.
            child("beat", "celery", "-A", "clinic_crm", "--quiet", "beat", "--pidfile=", "--loglevel", "INFO"),
        ]

    def _catcher(self, servers: Servers, web_port: int) -> Child:
        """What would go to patients stays here: the workers find its addresses in the stack's file."""
        mail = ports.first_free(_CATCHER_PORT)
        sms = ports.first_free(mail + 1)
        servers.write(smtp_url=f"smtp://{ports.HOST}:{mail}", sms_url=f"http://{ports.HOST}:{sms}{gateway.PATH}")
        options = [f"--smtp-port={mail}", f"--sms-port={sms}", f"--portal=http://{ports.HOST}:{web_port}"]
        return Child("catcher", [*_MANAGE, "catcher", *options], self.directory, env=self._env, cwd=state.BASE_DIR)

    def _look_after(self, children: list[Child], url: str) -> int:
        greeted, since = False, time.monotonic()
        while not self._stopping:
            for child in children:
                if not child.look_after():
                    return 1
            if not greeted and (_is_healthy(url) or time.monotonic() - since > _ALIVE_TIMEOUT):
                greeted = True
                self._greet(url)
            time.sleep(0.25)
        return 0

    def _greet(self, url: str) -> None:
        say("up", "")
        say("up", f"The portal is ready: {url}    administration: {url}admin/    Ctrl-C stops it")
        self._step("logins", "demo_users", "--list")
        say("up", "")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGHUP too: closing the terminal must not leave a database behind."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stopping = True

        handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, stop) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _is_healthy(url: str) -> bool:
    # A proxy from the environment has no business between us and ourselves.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}health/", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def default_port() -> int:
    """8000, or what the environment says."""
    return int(os.environ.get("PORT") or 8000)
