"""A log as a stream of records: unpacked, in one encoding, and no record longer than a cap."""

from __future__ import annotations

import bz2
import codecs
import importlib
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

# What is kept of one record, in bytes. auto_explain writes plans of some hundred kilobytes for very large statements.
MAX_RECORD_BYTES = 1 << 20
BLOCK_BYTES = 1 << 20
_PACKED_BYTES = 1 << 16
# What a boundary between records may need to see beyond the end of a line.
_BOUNDARY_BYTES = 64
_PACKED = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
# Python raises any of these on a compressed file that is damaged or ends too early.
DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)


class Unreadable(Exception):  # noqa: N818 - it is told to the reader as a sentence, not as an error of ours
    """A file is compressed in a way that this Python cannot undo; the message says what to do."""


class Reads(Protocol):
    """What a log is read from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


def packing(head: bytes) -> str:
    """How a file is compressed, by its first bytes: "gz", "bz2", "xz", "zst" or ""."""
    return next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), "")


def unpacked(stream: Reads, head: bytes) -> Iterator[bytes]:
    """The stream as it was before it was compressed, all its members in turn; head are its first bytes, not yet read.

    What is before a damage is given before it raises one of DAMAGED. Raises Unreadable at once where this Python cannot
    read the compression.
    """
    kind = packing(head)
    if kind == "gz":
        return _gunzipped(stream)
    if kind == "bz2":
        return _members(stream, bz2.BZ2Decompressor)
    if kind == "xz":
        return _members(stream, lzma.LZMADecompressor)
    if kind == "zst":
        try:
            zstd = importlib.import_module("compression.zstd")
        except ImportError:
            raise Unreadable("it is compressed with zstd, which Python reads from 3.14 on; unpack it first") from None
        return _members(stream, zstd.ZstdDecompressor)
    return iter(lambda: stream.read(BLOCK_BYTES), b"")


def _gunzipped(stream: Reads) -> Iterator[bytes]:
    data = stream.read(_PACKED_BYTES)
    while data:
        member = zlib.decompressobj(31)
        while not member.eof:
            yield member.decompress(data, BLOCK_BYTES)
            data = member.unconsumed_tail or member.unused_data or stream.read(_PACKED_BYTES)
            if not data:
                yield member.flush()
                break
        if not member.eof:
            raise EOFError
        # Tapes and some copies are filled up with zeros.
        data = data.lstrip(b"\0")


def _members(stream: Reads, new: Callable[[], Any]) -> Iterator[bytes]:
    data = stream.read(_PACKED_BYTES)
    while data:
        member = new()
        while not member.eof:
            yield member.decompress(data, BLOCK_BYTES)
            data = stream.read(_PACKED_BYTES) if member.needs_input else b""
            if not data and member.needs_input:
                break
        if not member.eof:
            raise EOFError
        data = (member.unused_data or stream.read(_PACKED_BYTES)).lstrip(b"\0")


def unpacked_head(head: bytes) -> bytes:
    """What the first bytes of a file are once unpacked, as far as they go; b"" where that cannot be had."""
    kind = packing(head)
    try:
        if kind == "gz":
            return zlib.decompressobj(31).decompress(head, BLOCK_BYTES)
        if kind == "bz2":
            return bz2.BZ2Decompressor().decompress(head, BLOCK_BYTES)
        if kind == "xz":
            return lzma.LZMADecompressor().decompress(head, BLOCK_BYTES)
        if kind == "zst":
            zstd = importlib.import_module("compression.zstd")
            return bytes(zstd.ZstdDecompressor().decompress(head, BLOCK_BYTES))
    except (*DAMAGED, ImportError):
        return b""
    return head


def as_utf8(block: bytes) -> bytes:
    """Text in UTF-8 without its mark: what is not in UTF-16 is left as it is."""
    encoding = _UTF16.get(block[:2])
    if encoding is None:
        return block.removeprefix(codecs.BOM_UTF8)
    return block[2:].decode(encoding, "replace").encode()


class Blocks:
    """The blocks of a log in UTF-8; damage says why it could not be read to its end, "" if it could."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.damage = ""

    def __iter__(self) -> Iterator[bytes]:
        """One after the other, up to the end or the damage; none is empty."""
        decoder: codecs.IncrementalDecoder | None = None
        first = True
        while (block := self._next()) is not None:
            if first and (encoding := _UTF16.get(block[:2])):
                decoder = codecs.getincrementaldecoder(encoding)("replace")
                block = block[2:]
            elif first and block:
                block = block.removeprefix(codecs.BOM_UTF8)
            first = first and not block
            if block:
                yield block if decoder is None else decoder.decode(block).encode("utf-8", "replace")

    def _next(self) -> bytes | None:
        try:
            return next(self._pieces, None)
        except DAMAGED as error:
            self.damage = "it ends too early" if isinstance(error, EOFError) else "it is damaged"
            return None


def records(blocks: Iterator[bytes], boundary: re.Pattern[bytes]) -> Iterator[list[bytes]]:
    """The records of each block, without the line ends between them; as chunks otherwise."""
    return map(boundary.split, chunks(blocks, boundary))


def chunks(blocks: Iterator[bytes], boundary: re.Pattern[bytes]) -> Iterator[bytes]:
    """The blocks, cut between records; boundary matches a line end between two.

    Of a record that is longer than MAX_RECORD_BYTES the beginning is kept.
    """
    tail = b""
    # While the rest of too long a record is passed over: the last bytes seen.
    skipped: bytes | None = None
    for block in blocks:
        if skipped is not None:
            data = skipped + block
            found = boundary.search(data)
            if found is None:
                skipped = data[-_BOUNDARY_BYTES:]
                continue
            yield tail
            data, skipped = data[found.end() :], None
        else:
            data = tail + block
        end = _last(data, boundary)
        if end >= 0:
            yield data[:end]
            tail = data[end + 1 :]
        else:
            tail = data
        if len(tail) > MAX_RECORD_BYTES:
            skipped = tail[-_BOUNDARY_BYTES:]
            tail = tail[:MAX_RECORD_BYTES]
    tail = tail.rstrip(b"\r\n")
    if tail:
        yield tail


def _last(data: bytes, boundary: re.Pattern[bytes]) -> int:
    """Where the last boundary is, -1 where there is none."""
    end = data.rfind(b"\n")
    while end >= 0 and boundary.match(data, end) is None:
        end = data.rfind(b"\n", 0, end)
    return end


def text_of(data: bytes) -> str:
    """Bytes of a log as text: UTF-8, else Latin-1 where that is plausible, else with marks for what cannot be read."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        # Latin-1 has no letters there, but UTF-8 that was cut or mixed up does have bytes.
        if re.search(rb"[\x80-\x9f]", data) is None:
            return data.decode("latin-1")
        return data.decode("utf-8", "replace")
