"""Files of relations that are all hole: of any length, on no disk.

A relation's pages are in segments named N, N.1, N.2 ..., all but the last of full length, and its size is what their
lengths add up to (manual, "Database File Layout"; mdnblocks in md.c). A page of zeros is a valid new page.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pgadvisor.localserver.inside import make_file, open_file, opened_folder


@dataclass(frozen=True)
class HollowFiles:
    """Files below a data folder, by the paths that pg_relation_filepath gives.

    Whoever changes them sees to it that the server has none of their pages in its buffers. Methods raise OSError, as
    where the file system is full or allows no file of that length, or where something else is in a file's place: the
    server's user can put a link there, and root follows none.
    """

    data: Path
    block_size_bytes: int
    segment_pages: int

    @contextmanager
    def opened(self, path: str) -> Iterator[HollowFile]:
        """The file of a relation that exists."""
        place = PurePosixPath(path)
        with opened_folder(self.data, place.parent) as folder:
            handle = open_file(folder, place.name, os.O_RDWR)
            try:
                yield HollowFile(place.name, folder, handle, self.block_size_bytes, self.segment_pages)
            finally:
                os.close(handle)

    def empty(self, path: str) -> int:
        """Makes a relation seem empty, for `refill`; how many bytes its first segment had.

        Where the first segment is not full, nobody who opens the relation anew looks for another.
        """
        with self.opened(path) as file:
            size_bytes = os.fstat(file.handle).st_size
            os.ftruncate(file.handle, 0)
        return size_bytes

    def refill(self, path: str, size_bytes: int) -> None:
        """Gives a relation back the length that it had before `empty`."""
        with self.opened(path) as file:
            os.ftruncate(file.handle, size_bytes)


@dataclass(frozen=True)
class HollowFile:
    """The first segment of a relation, open, as is its folder, where the others follow. Methods raise OSError."""

    name: str
    folder: int
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
        name = f"{self.name}.{segment}"
        try:
            handle = make_file(self.folder, name)
        except FileExistsError:
            handle = open_file(self.folder, name, os.O_WRONLY)
        try:
            os.ftruncate(handle, pages * self.block_size_bytes)
        finally:
            os.close(handle)
