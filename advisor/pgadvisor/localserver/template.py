"""An initialised cluster that stays between runs in one file, so that another like it is written out, not made anew.

The file is a cache: whoever cannot read, write or believe it does the work of initdb again. Root's is nobody else's to
write to, above all not the server's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import msgspec

from pgadvisor.localserver.errors import LocalServerError
from pgadvisor.localserver.folder import reusable_folder
from pgadvisor.localserver.identity import Identity
from pgadvisor.localserver.inside import open_folder, opened_folder, read_file

_FOLDER = "clusters"
_DIGEST_BYTES = hashlib.sha256().digest_size
# Of programs that were replaced, or of a test's.
_UNUSED_S = 30 * 24 * 3600
_NEW = ".new"
# Of a file; those of a new cluster have some megabytes.
_MOST_BYTES = 2**28


class Template:
    """A stopped cluster, known by all that made it what it is."""

    def __init__(self, *made_of: str) -> None:
        self._name = hashlib.sha256(repr(made_of).encode()).hexdigest()[:32]

    def restore(self, data: Path, identity: Identity) -> bool:
        """Fills an empty folder with the cluster, owned by the server's user, or says that there is none to be had.

        Raises OSError where the folder cannot be written to.
        """
        files = self._read()
        if files is None:
            return False
        with ExitStack() as stack:
            top = stack.enter_context(opened_folder(data))
            folders = {PurePosixPath(): top}
            for path, content in ((PurePosixPath(name), content) for name, content in files.items()):
                parent = folders[path.parent]
                if content is None:
                    folders[path] = _make_folder(parent, path.name)
                    stack.callback(os.close, folders[path])
                else:
                    with os.fdopen(_make_file(parent, path.name), "wb") as file:
                        file.write(content)
                        identity.own_open(file.fileno())
            # Until here nobody else could put anything into them.
            for folder in folders.values():
                identity.own_open(folder)
        return True

    def keep(self, data: Path) -> None:
        """Keeps a stopped cluster for the next time, if there is a place for it and it is what it should be."""
        # A name that is no text is none of a cluster, either.
        with contextlib.suppress(OSError, UnicodeEncodeError, LocalServerError):
            with opened_folder(data) as top:
                files = dict(_contents(top, PurePosixPath()))
            content = msgspec.msgpack.encode(files)
            folder = reusable_folder(_FOLDER)
            _remove_unused(folder)
            _write_whole(folder / self._name, hashlib.sha256(content).digest() + content)

    def _read(self) -> dict[str, bytes | None] | None:
        try:
            path = reusable_folder(_FOLDER) / self._name
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                kept = file.read()
        except (OSError, LocalServerError):
            return None
        content = kept[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != kept[:_DIGEST_BYTES]:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return msgspec.msgpack.decode(content, type=dict[str, bytes | None])


def _contents(folder: int, path: PurePosixPath) -> Iterator[tuple[str, bytes | None]]:
    """Files of a folder with what is in them, folders with None before what they hold.

    Raises OSError where a link or anything else is among them, which no cluster has.
    """
    for name in sorted(os.listdir(folder)):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            yield str(path / name), None
            below = open_folder(folder, name)
            try:
                yield from _contents(below, path / name)
            finally:
                os.close(below)
        else:
            yield str(path / name), read_file(folder, name, _MOST_BYTES)


def _make_folder(parent: int, name: str) -> int:
    """A new folder that is ours until it is given away. Raises OSError where somebody put another in its place."""
    os.mkdir(name, 0o700, dir_fd=parent)
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    if os.fstat(folder).st_uid != os.geteuid():
        os.close(folder)
        raise PermissionError(errno.EPERM, "somebody put a folder of theirs in its place", name)
    return folder


def _make_file(parent: int, name: str) -> int:
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent)


def _write_whole(path: Path, content: bytes) -> None:
    """Writes a file that has its name only once it is whole; who is second at the same time leaves it to the first.

    What a killed writer left is overwritten by the next.
    """
    new = path.with_name(path.name + _NEW)
    opened = os.open(new, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between open and lock the other one may have given the file its name.
        if not os.path.samestat(os.fstat(opened), new.lstat()):
            return
        try:
            file.truncate()
            file.write(content)
            file.flush()
            new.rename(path)
        except OSError:
            new.unlink()
            raise


def _remove_unused(folder: Path) -> None:
    for path in folder.iterdir():
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > _UNUSED_S:
            path.unlink()
