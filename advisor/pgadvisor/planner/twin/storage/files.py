"""Files of relations that are all hole: of any length, on no disk.

A relation's pages are in segments named N, N.1, N.2 ..., all but the last of full length, and its size is what their
lengths add up to (manual, "Database File Layout"; mdnblocks in md.c). A page of zeros is a valid new page.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HollowFiles:
    """Files below a data folder, by the paths that pg_relation_filepath gives.

    Whoever changes them sees to it that the server has none of their pages in its buffers. Methods raise OSError, as
    where the file system is full or allows no file of that length.
    """

    data: Path
    block_size_bytes: int
    segment_pages: int

    @contextmanager
    def opened(self, path: str) -> Iterator[HollowFile]:
        """The file of a relation that exists."""
        name = f"{self.data}/{path}"
        handle = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield HollowFile(name, handle, self.block_size_bytes, self.segment_pages)
        finally:
            os.close(handle)

    def empty(self, path: str) -> int:
        """Makes a relation seem empty, for `refill`; how many bytes its first segment had.

        Where the first segment is not full, nobody who opens the relation anew looks for another.
        """
        first = self.data / path
        size_bytes = first.stat().st_size
        os.truncate(first, 0)
        return size_bytes

    def refill(self, path: str, size_bytes: int) -> None:
        """Gives a relation back the length that it had before `empty`."""
        os.truncate(self.data / path, size_bytes)


@dataclass(frozen=True)
class HollowFile:
    """The first segment of a relation, open, which the others follow. Methods raise OSError."""

    name: str
    handle: int
    block_size_bytes: int
    segment_pages: int

    def set_pages(self, pages: int) -> None:
        """Makes an empty or hollow relation this long."""
        os.ftruncate(self.handle, min(pages, self.segment_pages) * self.block_size_bytes)
        for segment, start in enumerate(range(self.segment_pages, pages, self.segment_pages), 1):
            self._make(segment, min(pages - start, self.segment_pages))

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from an offset on, fewer at the end."""
        return os.pread(self.handle, length, offset)

    def write(self, offset: int, content: bytes) -> None:
        """Writes bytes at an offset."""
        os.pwrite(self.handle, content, offset)

    def _make(self, segment: int, pages: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(f"{self.name}.{segment}", flags, 0o600)
        try:
            os.ftruncate(handle, pages * self.block_size_bytes)
            if os.geteuid() == 0:
                # The server's user, who may be another.
                first = os.fstat(self.handle)
                os.fchown(handle, first.st_uid, first.st_gid)
        finally:
            os.close(handle)
