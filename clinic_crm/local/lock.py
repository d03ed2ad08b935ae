"""Writes requirements.lock and package-lock.json anew: the newest versions that fit what the project asks for."""

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

from clinic_crm.local.setup import BASE_DIR, npm_command, run


def main() -> None:
    """Resolve in an empty environment: what happens to be installed here must not leak in."""
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        run([*pip, "install", "--quiet", *wanted])
        frozen = subprocess.run([*pip, "freeze"], capture_output=True, text=True, check=True).stdout
    (BASE_DIR / "requirements.lock").write_text(pinned(frozen), encoding="utf-8")
    run([*npm_command(), "install", "--package-lock-only"])


def pinned(frozen: str) -> str:
    """Only `name==version` lines: a path or an address would tie the lock to this machine."""
    lines = [line for line in frozen.splitlines() if line and not line.startswith("#")]
    foreign = [line for line in lines if "==" not in line or "@" in line]
    if foreign:
        sys.exit(f"These did not come from a package index: {', '.join(foreign)}")
    return "# Written by `make lock`.\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
