"""The tests run on the same PostgreSQL and Valkey as the portal.

When `DATABASE_URL` is not set, the first pytest process starts both, in a directory of its own and without the care
for power cuts, and stops them at the end; the parallel workers of pytest-xdist inherit the addresses.

`DJANGO_SETTINGS_MODULE` is set here and not in pyproject.toml: pytest-django would load the settings, and with them
the address of the database, before there is one.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clinic_crm.local import state
from clinic_crm.local.servers import AlreadyRunningError, Servers, ownership

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_servers = contextlib.ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Servers first, settings after them."""
    if config.option.help or config.option.version:
        return
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        _own_broker_database(worker)
    else:
        _start_servers()
        if config.getoption("dist", "no") != "no":
            # Only the workers run tests. They would inherit the name (clinic_crm.celery sets it) and load the
            # settings before they have chosen their broker.
            os.environ.pop("DJANGO_SETTINGS_MODULE", None)
            return
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic_crm.settings"
    # Playwright's synchronous API runs an event loop in this thread, and Django would refuse the database there.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    from django.conf import settings

    # WhiteNoise warns about a missing folder at every request; the live server finds files by itself.
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    # A test creates users by the dozen; the slow hash protects nobody here.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    _servers.close()


def _start_servers() -> None:
    """In the first test directory nobody uses: several test runs may share a checkout."""
    base = os.environ.get("CLINIC_CRM_DATA")
    first = Path(f"{base}-test") if base else state.BASE_DIR / ".local" / "test"
    for number in range(1, 20):
        directory = first if number == 1 else first.with_name(f"{first.name}-{number}")
        with contextlib.suppress(AlreadyRunningError):
            _servers.enter_context(ownership(directory))
            break
    else:
        raise pytest.UsageError(f"All of {first}… are in use")
    os.environ["CLINIC_CRM_DATA"] = str(directory)
    # Always a broker of our own: tests empty it.
    os.environ.pop("REDIS_URL", None)
    servers = _servers.enter_context(Servers(directory, safe=False))
    os.environ["DATABASE_URL"] = servers.addresses["database_url"]
    os.environ["REDIS_URL"] = servers.addresses["redis_url"]


def _own_broker_database(worker: str) -> None:
    """Parallel test processes must not take each other's messages; PostgreSQL is parted by pytest-django."""
    address, _slash, _number = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{address}/{1 + int(worker.removeprefix('gw')) % 15}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The test database, and what its migrations have written kept aside."""
    from django.db import connection

    from tests import after_truncation

    with django_db_blocker.unblock():
        after_truncation.remember(connection)


@pytest.fixture(autouse=True)
def _empty_broker() -> Iterator[None]:
    """What one test cached, counted or queued is unknown to the next."""
    yield
    from django.core.cache import cache

    cache.clear()


@pytest.fixture(autouse=True)
def _clinics_language() -> None:
    """A request leaves its language with the thread; the next test begins in the clinic's."""
    from django.conf import settings
    from django.utils import translation

    translation.activate(settings.LANGUAGE_CODE)


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """Environment for a process that is to work on this test's database and broker."""
    from django.db import connection

    address, _slash, _name = os.environ["DATABASE_URL"].rpartition("/")
    return {**os.environ, "DATABASE_URL": f"{address}/{connection.settings_dict['NAME']}"}


@pytest.fixture
def celery_worker_process(process_environment: dict[str, str], tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A real Celery worker on the test database and broker; ready when the test begins."""
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "clinic_crm", "--quiet", "worker", "--loglevel", "INFO"),
                *("--concurrency", "2", "--without-gossip", "--without-mingle", "--hostname", f"test{os.getpid()}@%h"),
            ],
            cwd=state.BASE_DIR,
            env=process_environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        eventually(_worker_is_alive, timeout=60, message=lambda: log.read_text(errors="replace"))
        yield worker
    finally:
        worker.terminate()
        try:
            worker.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, 9)
            worker.wait()


def _worker_is_alive() -> bool:
    from django.core.cache import cache

    from clinic_crm.health import WORKER_ALIVE

    return cache.get(WORKER_ALIVE) is not None


def eventually(
    condition: Callable[[], Any], *, timeout: float = 10, message: Callable[[], str] = lambda: "it never came true"
) -> Any:
    """Wait for something another process does; its value once it is true."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError(message())


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The machine's browser; without one the test is skipped."""
    from shutil import which

    for name in BROWSERS:
        if path := which(name):
            return path
    pytest.skip("no chromium on this machine")


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Any]:
    """A headless browser for the whole session."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path,
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
                *("--disable-component-update", "--disable-sync", "--no-first-run"),
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page with cookies of its own. What it asks outside this machine fails the test: the portal works offline."""
    context = browser.new_context(locale="ru-RU", viewport={"width": 1280, "height": 900})
    strangers: list[str] = []

    def only_local(route: Any) -> None:
        if route.request.url.startswith(("http://localhost", "http://127.0.0.1", "data:", "blob:")):
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    context.route("**/*", only_local)
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()
    assert not strangers, f"the page asked for {strangers}"
