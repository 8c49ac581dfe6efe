"""Files of relations that are all hole: of any length, on no disk.

A relation's pages are in segments named N, N.1, N.2 ..., all but the last of full length, and its size is what their
lengths add up to (manual, "Database File Layout"; mdnblocks in md.c). A page of zeros is a valid new page.
"""

from __future__ import annotations

import os
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

    def set_pages(self, path: str, pages: int) -> None:
        """Makes an empty or hollow relation this long."""
        first = self.data / path
        os.truncate(first, min(pages, self.segment_pages) * self.block_size_bytes)
        if pages <= self.segment_pages:
            return
        status = first.stat()
        for segment, start in enumerate(range(self.segment_pages, pages, self.segment_pages), 1):
            self._make(f"{first}.{segment}", min(pages - start, self.segment_pages), status)

    def empty(self, path: str) -> int:
        """Makes a relation seem empty, for `refill`; how many pages its first segment had.

        Where the first segment is not full, nobody who opens the relation anew looks for another.
        """
        first = self.data / path
        size = first.stat().st_size
        os.truncate(first, 0)
        return size // self.block_size_bytes

    def refill(self, path: str, first_pages: int) -> None:
        """Gives a relation back the length that it had before `empty`."""
        os.truncate(self.data / path, first_pages * self.block_size_bytes)

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Bytes of the first segment."""
        with (self.data / path).open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(length) or b""

    def write(self, path: str, offset: int, content: bytes) -> None:
        """Writes into the first segment."""
        with (self.data / path).open("r+b", buffering=0) as file:
            file.seek(offset)
            file.write(content)

    def _make(self, name: str, pages: int, like: os.stat_result) -> None:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(handle, pages * self.block_size_bytes)
            if os.geteuid() == 0:
                os.fchown(handle, like.st_uid, like.st_gid)
        finally:
            os.close(handle)
