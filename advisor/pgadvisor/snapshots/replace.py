"""A file that is written whole or not at all, and that nobody else may ever read."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_MODE = 0o600


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """A new file of mode 0600 that takes its name, and the place of what had it, when the block ends well.

    Where the file system allows it the file has no name until then, so that not even a kill leaves anything behind;
    else it has one beside the target. What is no regular file (a pipe, a device) is written to as it is.
    Raises OSError where something cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        with target.open("wb") as file:
            yield file
        return
    temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}")
    descriptor = _nameless(target.parent)
    is_named = descriptor is None
    if descriptor is None:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if not is_named:
                _name(file.fileno(), temporary)
                is_named = True
        temporary.replace(target)
    except BaseException:
        if is_named:
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise


def _nameless(folder: Path) -> int | None:
    """A file in a folder without a name (Linux, on most file systems); None where that cannot be had."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, os.O_WRONLY | flag, _MODE)
    except OSError:
        # Not on this file system; or a folder that cannot be written to, which the other way says in plain words.
        return None


def _name(descriptor: int, path: Path) -> None:
    """Gives a nameless file its name, as open(2) tells how."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # With a folder's descriptor Python calls linkat, which alone follows the link in /proc.
        os.link(f"/proc/self/fd/{descriptor}", path.name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)
