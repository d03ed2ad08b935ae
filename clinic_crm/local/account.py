"""Under which system account PostgreSQL runs, and where it can then read and write.

PostgreSQL refuses to run as root. In a container, where root is all there is, its processes get a user id of their
own that owns nothing else. No system user is created (`useradd` may be missing, and the machine is not ours to
change) and nobody's folder is opened to others: what this id cannot reach is placed under /var/lib instead.
"""

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STATE_ROOT = Path("/var/lib/clinic_crm")
# Inside the range no distribution hands out by itself; another is taken if this machine did assign it.
FIRST_PRIVATE_ID = 61_432


@dataclass(frozen=True)
class Account:
    """A user id to start processes under; `None` is "as we are"."""

    uid: int | None = None

    def popen_options(self) -> dict[str, object]:
        """Arguments for `subprocess` that change the user."""
        return {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand a file or a whole directory over to this account."""
        if self.uid is None:
            return
        for entry in (path, *path.rglob("*")) if path.is_dir() else (path,):
            os.chown(entry, self.uid, self.uid, follow_symlinks=False)

    def can_reach(self, path: Path) -> bool:
        """Whether every folder on the way to `path` lets this account through."""
        if self.uid is None:
            return True
        return all(_lets_through(folder, self.uid) for folder in path.resolve().parents)


def server_account() -> Account:
    """The account for the database server; ourselves unless we are root."""
    return Account() if os.geteuid() != 0 else Account(next(_private_ids()))


def account_with_a_name() -> Account:
    """For `initdb`, which insists on finding its user in the system's list: `nobody`, or whoever else is there."""
    if os.geteuid() != 0:
        return Account()
    others = sorted((entry.pw_name != "nobody", entry.pw_uid) for entry in pwd.getpwall() if entry.pw_uid)
    if not others:
        raise RuntimeError("Only root exists here: run as an ordinary user, or set DATABASE_URL.")
    return Account(others[0][1])


def reachable_directory(wanted: Path, account: Account) -> Path:
    """`wanted`, or a directory it links to where the account can get through to it."""
    if not wanted.exists():
        wanted.unlink(missing_ok=True)  # a link whose target is gone
        if account.can_reach(wanted):
            wanted.mkdir(mode=0o700)
        else:
            STATE_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
            elsewhere = tempfile.mkdtemp(prefix=f"{wanted.name}-", dir=STATE_ROOT)
            wanted.symlink_to(elsewhere, target_is_directory=True)
    return wanted.resolve()


def reachable_copy(folder: Path, name: str, account: Account) -> Path:
    """`folder` of programs itself if the account can run it, otherwise a copy that it can run."""
    if account.can_reach(folder) and _readable_by_all(folder):
        return folder
    copy = STATE_ROOT / name
    if not copy.exists():
        STATE_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=STATE_ROOT))
        shutil.copytree(
            folder, unfinished, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("include", "*.a")
        )
        for entry in (unfinished, *unfinished.rglob("*")):
            if not entry.is_symlink():
                entry.chmod(entry.stat().st_mode | (0o555 if entry.is_dir() else 0o444))
        try:
            unfinished.rename(copy)
        except OSError:  # another start made the same copy meanwhile
            shutil.rmtree(unfinished)
    return copy


def _private_ids() -> Iterator[int]:
    assigned = {entry.pw_uid for entry in pwd.getpwall()}
    return (uid for uid in range(FIRST_PRIVATE_ID, 65_000) if uid not in assigned)


def _lets_through(folder: Path, uid: int) -> bool:
    status = folder.stat()
    return bool(status.st_mode & (stat.S_IXUSR if status.st_uid == uid else stat.S_IXOTH))


def _readable_by_all(folder: Path) -> bool:
    """A umask of 077 while installing leaves folders others cannot list."""
    needed = stat.S_IROTH | stat.S_IXOTH
    probes = (folder, folder / "bin" / "postgres", folder / "lib", folder / "share")
    return all(probe.stat().st_mode & needed == needed for probe in probes)
