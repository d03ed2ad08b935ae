"""Where the local servers live and how other commands find them.

`CLINIC_CRM_DATA` (default `.local/`) holds the embedded servers' files and `stack.json`, written by `up` once they
answer: `{"database_url": ..., "redis_url": ..., "web_url": ...}`. Environment variables win over the file.
Imported by the settings: no Django here.
"""

import json
import os
import secrets
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
# Used when nothing runs: the settings must import (makemigrations --check, the image build), connecting must fail.
NO_DATABASE = "postgres://clinic_crm@127.0.0.1:1/clinic_crm"
NO_REDIS = "redis://127.0.0.1:1/0"


def data_dir() -> Path:
    """The directory of local servers, files and logs."""
    return Path(os.environ.get("CLINIC_CRM_DATA") or BASE_DIR / ".local").expanduser().resolve()


def secret_key(directory: Path) -> str:
    """A key made once per data directory and kept there, readable by its owner only."""
    path = directory / "secret_key"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(64), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def read_stack(directory: Path) -> dict[str, str]:
    """What `up` wrote about the servers it started; empty when it never ran."""
    try:
        return dict(json.loads((directory / "stack.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def database_url(directory: Path) -> str:
    return os.environ.get("DATABASE_URL") or read_stack(directory).get("database_url", NO_DATABASE)


def redis_url(directory: Path) -> str:
    return os.environ.get("REDIS_URL") or read_stack(directory).get("redis_url", NO_REDIS)
