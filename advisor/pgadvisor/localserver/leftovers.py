"""Ends what runs out of a folder of ours, in a container or not, and frees the shared memory it had."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pgadvisor.localserver.inside import read_inside

_PROGRAMS = frozenset({"postgres", "initdb", "pg_basebackup"})
_PROC = Path("/proc")
_IPC_RMID = 0
# At once, yet freeing what is shared; then by force.
_SIGNALS = (signal.SIGQUIT, signal.SIGKILL)
_END_TIMEOUT_S = 10
# A server's; it has eight short lines.
LOCK_FILE = "postmaster.pid"
MOST_LOCK_BYTES = 2**16
_ENGINE_TIMEOUT_S = 30


class Segment(NamedTuple):
    """System V shared memory, and the process that made it."""

    creator: int
    id: int


def end_processes(folder: Path, uid: int) -> None:
    """Ends the servers and their tools of this user that were started on the folder, and frees their shared memory.

    Only a program of PostgreSQL that names the folder on its command line is touched: the folder's name is random and
    ours, so a reused process id cannot lead to a stranger.
    """
    segments = set(_named_in_lock_file(folder))
    for number in _SIGNALS:
        if _wait_until(partial(_none_left, folder, uid, number, segments), _END_TIMEOUT_S):
            break
    _free(segments, uid)


def end_group(leader: int, uid: int) -> None:
    """Ends a program of this user with its children, and frees their shared memory: initdb is a row of servers."""
    segments = _made_by(_members(leader, uid))
    for number in _SIGNALS:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, number)
        if _wait_until(lambda: not _members(leader, uid), _END_TIMEOUT_S):
            break
    _free(segments, uid)


def remove_container(name: str) -> None:
    """Ends a container of ours with all that runs in it, if it is there and its engine still answers."""
    engine = shutil.which("docker")
    if engine:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603
                [engine, "rm", "--force", name], capture_output=True, timeout=_ENGINE_TIMEOUT_S, check=False
            )


def _none_left(folder: Path, uid: int, number: signal.Signals, segments: set[Segment]) -> bool:
    """Signals what is there, adding its shared memory to the segments; whether that was nothing."""
    found = list(_processes_of(folder, uid))
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            # A server's children are in groups of their own and follow it.
            if os.getpgid(pid) == pid:
                segments |= _made_by(_members(pid, uid))
                os.killpg(pid, number)
            else:
                os.kill(pid, number)
    return not found


def _processes_of(folder: Path, uid: int) -> Iterator[int]:
    for pid, owner, arguments in _processes():
        if owner == uid and Path(arguments[0]).name in _PROGRAMS and any(f"{folder}/" in text for text in arguments):
            yield pid


def _processes() -> Iterator[tuple[int, int, list[str]]]:
    if not (_PROC / "self" / "cmdline").exists():
        yield from _processes_by_ps()
        return
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                arguments = os.fsdecode((entry / "cmdline").read_bytes()).split("\0")
                yield int(entry.name), entry.stat().st_uid, arguments


def _processes_by_ps() -> Iterator[tuple[int, int, list[str]]]:
    listing = subprocess.run(
        ["/bin/ps", "-axo", "pid=,uid=,command="], capture_output=True, encoding="utf-8", errors="replace", check=True
    )
    for line in listing.stdout.splitlines():
        pid, uid, command = line.split(None, 2)
        yield int(pid), int(uid), command.split(" ")


def _members(leader: int, uid: int) -> set[int]:
    """The processes of a group that still do something."""
    members = set()
    for pid, owner, arguments in _processes():
        with contextlib.suppress(OSError):
            if owner == uid and arguments[0] and os.getpgid(pid) == leader:
                members.add(pid)
    return members


def _named_in_lock_file(folder: Path) -> Iterator[Segment]:
    """The segment of a server that was killed; an orderly end removes the file."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        lines = read_inside(folder / "data", LOCK_FILE, MOST_LOCK_BYTES).decode(errors="replace").splitlines()
        yield Segment(creator=int(lines[0]), id=int(lines[6].split()[1]))


def _made_by(pids: set[int]) -> set[Segment]:
    return {Segment(row["cpid"], row["shmid"]) for row in _segments() if row["cpid"] in pids}


def _segments() -> list[dict[str, int]]:
    """All System V shared memory, where the system lists it."""
    try:
        listing = (_PROC / "sysvipc" / "shm").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    names = listing[0].split()
    return [dict(zip(names, map(int, line.split()), strict=False)) for line in listing[1:]]


def _free(segments: set[Segment], uid: int) -> None:
    """Removes segments once nobody is attached to them any more; a killed server leaves its own.

    https://www.postgresql.org/docs/current/kernel-resources.html#SYSVIPC
    """

    def all_gone() -> bool:
        left = [row for row in _segments() if Segment(row["cpid"], row["shmid"]) in segments and row["uid"] == uid]
        for row in left:
            if row["nattch"] == 0:
                ctypes.CDLL(None).shmctl(row["shmid"], _IPC_RMID, None)
        return not left

    _wait_until(all_gone, _END_TIMEOUT_S)


def _wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
