"""Where the local servers live and how other commands find them.

`CLINIC_CRM_DATA` (default `.local/`) holds the embedded servers' files and `stack.json`, written by `up` once they
answer: `{"database_url": ..., "redis_url": ..., "web_url": ...}`. Environment variables win over the file.
Imported by the settings: no Django here.
"""

import contextlib
import json
import os
import secrets
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

from clinic_crm.local import ports

BASE_DIR = Path(__file__).resolve().parent.parent.parent
STACK = "stack.json"
# Used when nothing runs: the settings must import (makemigrations --check, the image build), connecting must fail.
_NOWHERE = 1
NO_DATABASE = f"postgres://clinic_crm@127.0.0.1:{_NOWHERE}/clinic_crm"
NO_REDIS = f"redis://127.0.0.1:{_NOWHERE}/0"
_PORTS = {"postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379}


def data_dir() -> Path:
    """The directory of local servers, files and logs."""
    return Path(os.environ.get("CLINIC_CRM_DATA") or BASE_DIR / ".local").expanduser().resolve()


def secret_key(directory: Path) -> str:
    """A key made once per data directory and kept there, readable by its owner only."""
    path = directory / "secret_key"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        # Linked into place when whole: of several processes starting at once one wins, and none reads an empty key.
        with NamedTemporaryFile("w", dir=directory, encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="utf-8")


def read_stack(directory: Path) -> dict[str, str]:
    """What `up` wrote about the servers it started; empty when it never ran."""
    try:
        return dict(json.loads((directory / STACK).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def database_url(directory: Path) -> str:
    return os.environ.get("DATABASE_URL") or read_stack(directory).get("database_url", NO_DATABASE)


def redis_url(directory: Path) -> str:
    return os.environ.get("REDIS_URL") or read_stack(directory).get("redis_url", NO_REDIS)


def public_url(directory: Path) -> str:
    """Where patients reach the portal; of a local installation where it runs right now."""
    return os.environ.get("PUBLIC_URL") or read_stack(directory).get("web_url", "") or "http://localhost:8000"


def choose_data_dir(argv: list[str]) -> None:
    """Make `up --data DIR` count for this process and its children: the settings read the variable on import."""
    for position, argument in enumerate(argv):
        name, equals, value = argument.partition("=")
        if name == "--data" and (equals or argv[position + 1 :]):
            os.environ["CLINIC_CRM_DATA"] = value or argv[position + 1]


def silent_server(urls: tuple[str, ...]) -> str:
    """What to do when one of these addresses does not answer; empty when all do."""
    for url in urls:
        address = urlsplit(url)
        port = address.port or _PORTS.get(address.scheme, 0)
        if address.hostname and not ports.answers(address.hostname, port):
            place = "No database runs here" if port == _NOWHERE else f"Nothing answers at {address.hostname}:{port}"
            return (
                f"{place}. Start the portal with `make run` or `manage.py up` (and the same CLINIC_CRM_DATA),"
                " or set DATABASE_URL and REDIS_URL."
            )
    return ""
