"""Files in a folder that others can change while we look: no link leads out of it, and nobody keeps us waiting.

Root's servers run as the user nobody, who may be somebody else on the machine as well. What is in their folders is that
user's, so root goes down step by step, follows no link, and touches only what belongs to the folder's owner.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# A pipe is opened without somebody at its other end, and then refused.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK_BYTES = 2**20


@contextmanager
def opened_folder(root: Path, path: PurePosixPath | str = "") -> Iterator[int]:
    """The folder at a path below `root`, which itself may be a link of ours. Raises OSError where there is none."""
    with ExitStack() as stack:
        folder = os.open(root, _FOLDER)
        stack.callback(os.close, folder)
        for name in PurePosixPath(path).parts:
            folder = open_folder(folder, name)
            stack.callback(os.close, folder)
        yield folder


def open_folder(parent: int, name: str) -> int:
    """A folder in an open one, of the same owner. Raises OSError where it is another's, a link or no folder."""
    folder = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    try:
        _refuse_other(os.fstat(folder).st_uid == os.fstat(parent).st_uid, name)
    except OSError:
        os.close(folder)
        raise
    return folder


def open_file(folder: int, name: str, flags: int) -> int:
    """A file in an open folder, of the same owner and under that name alone.

    Raises OSError where it is not there, another's, a link, or no regular file.
    """
    handle = os.open(name, flags | _FILE, dir_fd=folder)
    try:
        status = os.fstat(handle)
        is_own = status.st_uid == os.fstat(folder).st_uid and status.st_nlink == 1
        _refuse_other(is_own and stat.S_ISREG(status.st_mode), name)
    except OSError:
        os.close(handle)
        raise
    return handle


def make_file(folder: int, name: str) -> int:
    """A new file in an open folder, for writing, of the folder's owner. Raises OSError, as where it is there."""
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=folder)
    try:
        give_like(handle, folder)
    except OSError:
        os.close(handle)
        raise
    return handle


def give_like(handle: int, folder: int) -> None:
    """Gives what is open, as root, to the owner of a folder; nobody else can give anything away."""
    if os.geteuid() == 0:
        status = os.fstat(folder)
        os.fchown(handle, status.st_uid, status.st_gid)


def read_inside(root: Path, path: PurePosixPath | str, most_bytes: int) -> bytes:
    """What is in a file below `root`. Raises OSError where it cannot be opened, or has more than so many bytes."""
    path = PurePosixPath(path)
    with opened_folder(root, path.parent) as folder:
        return read_file(folder, path.name, most_bytes)


def read_file(folder: int, name: str, most_bytes: int) -> bytes:
    """What is in a file of an open folder; as `read_inside`."""
    handle = open_file(folder, name, os.O_RDONLY)
    try:
        content = b""
        while chunk := os.read(handle, min(_CHUNK_BYTES, most_bytes - len(content) + 1)):
            content += chunk
            if len(content) > most_bytes:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
        return content
    finally:
        os.close(handle)


def _refuse_other(is_expected: bool, name: str) -> None:
    if not is_expected:
        raise OSError(errno.EPERM, "it is not what the server left there", name)
