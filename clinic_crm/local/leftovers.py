"""What a killed `up` left running, and how the next one finds it.

Every process started by the stack leads a process group of its own and is noted in `processes.json` with its start
time, so that a number the system has since given to somebody else is never mistaken for ours.
"""

import json
import os
import signal
from pathlib import Path

import psutil

NOTE = "processes.json"


def note(directory: Path, pid: int) -> None:
    """Remember a process just started."""
    entries = [*_read(directory), {"pid": pid, "created": psutil.Process(pid).create_time()}]
    # Written aside and renamed: a kill between the two must not lose the list.
    unfinished = directory / f"{NOTE}.new"
    unfinished.write_text(json.dumps(entries), encoding="utf-8")
    unfinished.replace(directory / NOTE)


def forget(directory: Path) -> None:
    """Everything noted has been stopped."""
    (directory / NOTE).unlink(missing_ok=True)


def stop_leftovers(directory: Path) -> int:
    """End what an earlier run left behind; returns how many processes that were."""
    left = [process for entry in _read(directory) for process in _group(entry["pid"], entry["created"])]
    for process in left:
        _send(process, terminate=True)
    _, stubborn = psutil.wait_procs(left, timeout=30)
    for process in stubborn:
        _send(process, terminate=False)
    psutil.wait_procs(stubborn, timeout=5)
    forget(directory)
    return len(left)


def _read(directory: Path) -> list[dict[str, float]]:
    try:
        return list(json.loads((directory / NOTE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return []


def _group(leader: float, created: float) -> list[psutil.Process]:
    """Members of the group, its leader dead or alive; none if the number belongs to a newer process."""
    pid = int(leader)
    try:
        if abs(psutil.Process(pid).create_time() - created) > 1:
            return []
    except psutil.NoSuchProcess:
        pass
    return [
        process
        for process in psutil.process_iter(["create_time", "status"])
        if process.info["create_time"] >= created - 1
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and _group_of(process.pid) == pid
    ]


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _send(process: psutil.Process, *, terminate: bool) -> None:
    try:
        if not terminate:
            process.kill()
        elif process.name() == "postgres":
            process.send_signal(signal.SIGINT)  # SIGTERM would wait for every client to leave by itself
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        pass
