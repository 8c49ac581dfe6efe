"""The folder of one server: private, recognisable, locked while its owner lives, and removed with all that is in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import stat
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pgadvisor.localserver.errors import LocalServerError
from pgadvisor.localserver.identity import Identity
from pgadvisor.localserver.leftovers import end_processes, remove_container

_PREFIX = "pgadvisor-server-"
_NAME = re.compile(re.escape(_PREFIX) + "[a-z0-9_]{8}")
_CACHE = "/var/tmp/pgadvisor-cache-{uid}"  # noqa: S108 - owner and mode are checked
_LOCK = "lock"
# A socket's path has 104 bytes on macOS and 108 on Linux, its end included.
_LONGEST_SOCKET_PATH = 103
_SOCKET_NAME = ".s.PGSQL.65535"
_NEW_LOCK = "lock.new"
# Without a lock a folder is either being made at this moment or was left half made.
_HALF_MADE_S = 60
# Absent on macOS, where a temporary folder runs programs.
_NOEXEC: int = getattr(os, "ST_NOEXEC", 0)
# Read and set a file's attributes (ioctl_iflags(2)); with this one, folders made in a folder are spread over the disk.
_GET_ATTRIBUTES = 0x80086601
_SET_ATTRIBUTES = 0x40086602
_SPREAD = 0x00020000
_CONTAINER = "container"


class RunFolder:
    """A folder below the system's temporary folder. As root it is root's, and only `data` and `s` are the server's."""

    def __init__(self, identity: Identity) -> None:
        """Makes the folder. Raises LocalServerError where no temporary folder will do."""
        self._identity = identity
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_temporary_folder(identity)))
        if identity.switched:
            self.path.chmod(0o711)
        self._lock = _take_lock(self.path / _NEW_LOCK)
        (self.path / _NEW_LOCK).rename(self.path / _LOCK)
        self.data = self.path / "data"
        self.sockets = self.path / "s"
        self.make_private(self.sockets)

    def make_data(self) -> None:
        """An empty folder for the data, which `data` leads to."""
        place = self.path / secrets.token_hex(8)
        _spread(self.path)
        self.make_private(place)
        self.data.symlink_to(place.name)

    def make_private(self, path: Path) -> None:
        """A folder that only the server's user can enter."""
        path.mkdir(mode=0o700)
        self._identity.own(path)

    def new_data_beside(self, kept: Path) -> Path:
        """An empty folder to become `kept`, which `data` leads to; if we do not get that far, it goes with the rest."""
        fresh = kept.with_name(f"{kept.name}.{self.path.name}")
        self.make_private(fresh)
        self.data.symlink_to(fresh)
        return fresh

    def keep_data(self, kept: Path) -> None:
        """From now on `data` leads to the folder, which stays."""
        self.data.unlink(missing_ok=True)
        self.data.symlink_to(kept)

    def write(self, name: str, content: str) -> Path:
        """A file that the server reads and cannot change."""
        path = self.path / name
        path.write_text(content, encoding="utf-8")
        path.chmod(0o644)
        return path

    def expect_container(self) -> None:
        """From now on a container may bear the folder's name, and is removed with it."""
        self.write(_CONTAINER, "")

    def remove(self) -> None:
        """Ends what runs out of the folder, and removes it."""
        _clear(self.path, self._identity.uid)
        os.close(self._lock)


def sweep(identity: Identity) -> None:
    """Removes folders of ours whose owner is gone, with the processes that it left.

    Only what bears our kind of name, belongs to us and has a lock of ours that is free.
    """
    for parent in dict.fromkeys(_temporary_folders()):
        with contextlib.suppress(OSError):
            for path in parent.glob(f"{_PREFIX}*"):
                if _NAME.fullmatch(path.name):
                    with contextlib.suppress(OSError):
                        _sweep_one(path, identity.uid)


def reusable_folder(name: str) -> Path:
    """A folder of this user that stays between runs and that the server's user can enter; made where it is missing.

    It is in the user's cache folder, or, for root, whose home the server may not enter, in /var/tmp. Raises
    LocalServerError where somebody else holds that name, or it cannot be made.
    """
    try:
        return _reusable_folder(name)
    except (OSError, RuntimeError) as error:  # the latter where there is no home
        raise LocalServerError(f"cannot make a cache folder ({error}); set XDG_CACHE_HOME to one") from error


def _reusable_folder(name: str) -> Path:
    if os.geteuid() != 0:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pgadvisor"
        base.mkdir(parents=True, exist_ok=True)
    else:
        base = Path(_CACHE.format(uid=0))
        _make_open(base)
    status = base.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise LocalServerError(f"{base} is not a folder that only this user can write to; remove it or mend its mode")
    folder = base / name
    _make_open(folder)
    return folder


def _make_open(folder: Path) -> None:
    """Makes a folder that all can enter, whatever the umask; one that is there is left as it is."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o755)


def _spread(folder: Path) -> None:
    """Has the file system put each folder made in this one where it has room; where it cannot, it does not matter.

    Without a journal, as in many virtual machines, ext4 makes a new file by walking past all that were deleted near it
    in the last minutes (fs/ext4/ialloc.c, recently_deleted): ten times slower beside the remains of earlier servers.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            (attributes,) = struct.unpack("l", fcntl.ioctl(opened, _GET_ATTRIBUTES, bytes(8)))
            fcntl.ioctl(opened, _SET_ATTRIBUTES, struct.pack("l", attributes | _SPREAD))
        finally:
            os.close(opened)


def _temporary_folders() -> Iterator[Path]:
    for name in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 - mkdtemp makes names of its own there
        path = Path(name).resolve()
        if path.is_dir():
            yield path


def _temporary_folder(identity: Identity) -> Path:
    for path in dict.fromkeys(_temporary_folders()):
        longest = path / f"{_PREFIX}12345678" / "s" / _SOCKET_NAME
        runs_programs = not (identity.switched and os.statvfs(path).f_flag & _NOEXEC)
        short = len(os.fsencode(longest)) <= _LONGEST_SOCKET_PATH
        if short and runs_programs and os.access(path, os.W_OK | os.X_OK) and identity.can_enter(path):
            return path
    raise LocalServerError("no temporary folder that the server can use; set TMPDIR to a short path open to all users")


def _take_lock(path: Path) -> int:
    """The open file whose lock lives as long as this process. Raises BlockingIOError where somebody has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _sweep_one(path: Path, server_uid: int) -> None:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return
    if not (path / _LOCK).exists():
        if time.time() - status.st_mtime > _HALF_MADE_S:
            (path / _NEW_LOCK).unlink(missing_ok=True)
            path.rmdir()
        return
    lock = _take_lock(path / _LOCK)
    try:
        _clear(path, server_uid)
    finally:
        os.close(lock)


def _clear(path: Path, server_uid: int) -> None:
    if (path / _CONTAINER).exists():
        remove_container(path.name)
    end_processes(path, server_uid)
    data = path / "data"
    if data.is_symlink() and data.readlink().name.endswith(f".{path.name}"):
        shutil.rmtree(data.readlink(), ignore_errors=True)
    # A server's last child may still be writing when its parent is gone.
    for _ in range(50):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.02)
    shutil.rmtree(path)
