"""An initialised cluster that stays between runs in one file, so that another like it is written out, not made anew.

The file is a cache: whoever cannot read, write or believe it does the work of initdb again. Root's is nobody else's to
write to, above all not the server's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import time
from pathlib import Path

import msgspec

from pgadvisor.localserver.errors import LocalServerError
from pgadvisor.localserver.folder import reusable_folder
from pgadvisor.localserver.identity import Identity

_FOLDER = "clusters"
_DIGEST_BYTES = hashlib.sha256().digest_size
# Of programs that were replaced, or of a test's.
_UNUSED_S = 30 * 24 * 3600
_NEW = ".new"


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
        for name, content in files.items():
            path = data / name
            if content is None:
                path.mkdir(mode=0o700)
            else:
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(content)
            identity.own(path)
        return True

    def keep(self, data: Path) -> None:
        """Keeps a stopped cluster for the next time, if there is a place for it."""
        files = {
            str(path.relative_to(data)): None if path.is_dir() else path.read_bytes()
            for path in sorted(data.rglob("*"))
        }
        content = msgspec.msgpack.encode(files)
        with contextlib.suppress(OSError, LocalServerError):
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
