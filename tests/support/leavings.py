"""What a server would leave behind: processes, shared memory, files."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PROC = Path("/proc")
_WAIT_S = 30


def assert_nothing_left(temporary: Path, pid: int) -> None:
    """Neither the server of this process id nor another of the folder, nor their shared memory, nor a file."""
    wait_until(lambda: not any(processes_below(temporary)))
    assert not alive(pid)
    assert segments(pid) == []
    assert list(temporary.iterdir()) == []


def alive(pid: int) -> bool:
    """Whether a process does something."""
    try:
        return bool((_PROC / str(pid) / "cmdline").read_bytes())
    except FileNotFoundError:
        return False


def processes_below(folder: Path) -> Iterator[int]:
    """Servers and initdb at work there; children of a server have its folder as working directory."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            with contextlib.suppress(OSError):
                name, _, arguments = (entry / "cmdline").read_bytes().partition(b"\0")
                below = f"{folder}/".encode()
                if bytes((entry / "cwd").readlink()).startswith(below) or (
                    b"python" not in name and below in arguments
                ):
                    yield int(entry.name)


def segments(pid: int) -> list[str]:
    """System V shared memory that the process made."""
    listing = (_PROC / "sysvipc" / "shm").read_text().splitlines()
    creator = listing[0].split().index("cpid")
    return [line for line in listing[1:] if line.split()[creator] == str(pid)]


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits, for a time."""
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
