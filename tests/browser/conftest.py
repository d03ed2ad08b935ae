"""Processes that stories in a browser need beside the web server."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from clinic_crm.local import state
from tests.campaigns.smtp_peer import free_port


@pytest.fixture
def catcher(process_environment: dict[str, str], live_server: Any, settings: Any) -> Iterator[None]:
    """The command itself; the web server knows its addresses, and so does the worker started after it."""
    mail, sms = free_port(), free_port()
    addresses = {"CATCHER_SMTP_URL": f"smtp://127.0.0.1:{mail}", "CATCHER_SMS_URL": f"http://127.0.0.1:{sms}/sms"}
    process_environment |= addresses
    settings.CATCHER_SMTP_URL, settings.CATCHER_SMS_URL = addresses.values()
    command = ["catcher", f"--smtp-port={mail}", f"--sms-port={sms}", f"--portal={live_server.url}"]
    process = subprocess.Popen(
        [sys.executable, "manage.py", *command], cwd=state.BASE_DIR, env=process_environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert b"catching" in process.stdout.readline()
    yield
    process.terminate()
    assert process.wait(20) == 0
