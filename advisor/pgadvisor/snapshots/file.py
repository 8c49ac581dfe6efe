"""The snapshot file: one JSON object in gzip, so that ``zcat FILE | jq`` reads it anywhere, for many years to come.

Zstandard would be faster (441 MB of JSON, nearly all statistics: 3 s to pack instead of 8, 0.7 s to unpack instead of
3, a file of 139 MB instead of 179), but before Python 3.14 it takes a dependency, and those seconds do not pay for it.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from pgadvisor import __version__
from pgadvisor.memory import without_collector
from pgadvisor.model.base import Model
from pgadvisor.model.catalog import Catalog
from pgadvisor.model.counters import Counters
from pgadvisor.model.snapshot import SNAPSHOT_FORMAT, Snapshot, SnapshotFile
from pgadvisor.model.statements import Statements
from pgadvisor.snapshots.check import problem
from pgadvisor.snapshots.replace import replaced

STANDARD = Path("-")
# What a file may grow to when it is read: a few kilobytes of gzip can hold gigabytes of nothing.
MAX_BYTES = 4 * 1024**3
# Catalogs of thousands of small tables, all alike, were seen to unpack to 67 times their size, others to 6 to 20 times.
# What is small is let be; far more than that is made to fill the memory, which JSON of nothing does thirtyfold.
MAX_RATIO = 200
UNSUSPICIOUS_BYTES = 16 * 1024**2
OLDEST_FORMAT = 1

# Level 3 takes as long as 1 for a catalog; 6 makes a file of statistics 7 % smaller in twice the time.
_LEVEL = 3
_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"
# Rows of a section that are turned into JSON at a time; texts of statements can have a megabyte each.
_ROWS = 50
_READ_BYTES = 1 << 16
# Structs that are written field by field, since they hold sections; all others are written at once.
_SECTIONED = (Catalog, Counters, Statements)
_AGAIN = "Collect it again, or copy it again from where it was made."
# How reports and snapshots begin, however they are indented.
_REPORT = re.compile(rb'\s*\{\s*"format"\s*:\s*\d+\s*,\s*"tool"\s*:')
_UNPACKED = re.compile(rb'\s*\{\s*"format"\s*:\s*\d+\s*,\s*"tool_version"\s*:')
_MADE_BY = re.compile(r"[0-9A-Za-z.+-]{1,40}")


class SnapshotError(Exception):
    """A snapshot file cannot be used; the message says what is wrong, with which file, and what to do."""


def write_snapshots(path: Path, snapshots: Sequence[Snapshot]) -> int:
    """Writes one file with the snapshots of a run, whole or not at all; its size in bytes. "-" is standard output.

    The file is its owner's alone (mode 0600) from the start. The same snapshots give the same bytes: dictionaries keep
    their order, which is the server's, and gzip's header no time. Neither the whole JSON nor a copy of the snapshots
    is made in memory. Raises OSError where the file cannot be written; one that was there is then untouched.
    """
    if path == STANDARD:
        # A buffer of our own: what cannot be written does not stay in Python's, which would try again at the end.
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as file:
            return _write(file, snapshots)
    with replaced(path) as file:
        return _write(file, snapshots)


def read_snapshots(path: Path, *, max_bytes: int = MAX_BYTES) -> tuple[Snapshot, ...]:
    """The snapshots in a file; "-" is standard input. All that the analysis relies on has been checked.

    Raises SnapshotError where the file cannot be read, is damaged, is something else, is of a format that this version
    does not know, holds more than max_bytes, unpacks to far more than a snapshot does, or contradicts itself.
    """
    name = "standard input" if path == STANDARD else str(path)
    try:
        if path == STANDARD:
            data = _unpacked(sys.stdin.buffer, name, max_bytes)
        else:
            with path.open("rb") as file:
                data = _unpacked(file, name, max_bytes)
        snapshots = _decoded(data, name)
    except OSError as error:
        raise SnapshotError(
            f"Cannot read {name}: {error.strerror}. Name a file that pgadvisor collect has made."
        ) from error
    except MemoryError:
        raise SnapshotError(f"{name} needs more memory than there is. Read it on a larger machine.") from None
    for number, snapshot in enumerate(snapshots, start=1):
        found = problem(snapshot)
        if found is not None:
            which = f" (snapshot {number} of {len(snapshots)})" if len(snapshots) > 1 else ""
            raise SnapshotError(f"{name} contradicts itself{which}: {found}. It was damaged or edited. {_AGAIN}")
    return snapshots


def _write(file: IO[bytes], snapshots: Sequence[Snapshot]) -> int:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    size = 0
    for piece in _pieces(snapshots):
        size += file.write(packer.compress(piece))
    return size + file.write(packer.flush())


def _pieces(snapshots: Sequence[Snapshot]) -> Iterator[bytes]:
    """The JSON of SnapshotFile, a few rows at a time."""
    encode = msgspec.json.Encoder().encode
    yield b'{"format":%d,"tool_version":%s,"snapshots":[' % (SNAPSHOT_FORMAT, encode(__version__))
    for number, snapshot in enumerate(snapshots):
        yield b"," if number else b""
        yield from _object(snapshot, encode)
    yield b"]}\n"


def _object(section: Model, encode: Any) -> Iterator[bytes]:  # noqa: ANN401  # a bound method of msgspec's
    for number, name in enumerate(section.__struct_fields__):
        yield b'%s"%s":' % (b"," if number else b"{", name.encode())
        value = getattr(section, name)
        if isinstance(value, _SECTIONED):
            yield from _object(value, encode)
        elif isinstance(value, tuple):
            yield b"["
            for start in range(0, len(value), _ROWS):
                yield b"," if start else b""
                yield encode(value[start : start + _ROWS])[1:-1]
            yield b"]"
        else:
            yield encode(value)
    yield b"}"


def _unpacked(file: IO[bytes], name: str, max_bytes: int) -> bytearray:
    """What gzip holds. A bytearray grows in place, so that there are never two copies."""
    chunk = file.read(_READ_BYTES)
    if not chunk.startswith(_MAGIC):
        raise SnapshotError(_no_gzip(chunk, name))
    unpacker = zlib.decompressobj(_GZIP)
    data = bytearray()
    packed_bytes = 0
    while chunk and not unpacker.eof:
        packed_bytes += len(chunk)
        try:
            data += unpacker.decompress(chunk)
        except zlib.error as error:
            raise SnapshotError(f"{name} is damaged ({_plain(error)}). {_AGAIN}") from error
        if len(data) > max_bytes:
            raise SnapshotError(
                f"{name} unpacks to more than {max_bytes / 1024**3:.3g} GiB, the most that is read of a snapshot."
                " Make sure that you know where it comes from; collect fewer schemas or databases into one file."
            )
        if len(data) > max(MAX_RATIO * packed_bytes, UNSUSPICIOUS_BYTES):
            raise SnapshotError(
                f"{name} unpacks to more than {MAX_RATIO} times its size, which no snapshot does: it is made to fill"
                f" the memory. {_AGAIN}"
            )
        rest = unpacker.unused_data
        chunk = b"" if rest else file.read(_READ_BYTES)
        if unpacker.eof and (rest or chunk):
            raise SnapshotError(f"{name} goes on after the end of its snapshot. {_AGAIN}")
    if not unpacker.eof:
        raise SnapshotError(f"{name} ends too early: a part of it is missing. {_AGAIN}")
    return data


def _no_gzip(start: bytes, name: str) -> str:
    if not start:
        return f"{name} is empty. {_AGAIN}"
    if _REPORT.match(start):
        return f"{name} is a report, not a snapshot. Name a file that pgadvisor collect has made."
    if _UNPACKED.match(start):
        return f"{name} is a snapshot that was unpacked, as zcat does. Pack it again with gzip."
    if start.lstrip().startswith(b"{"):
        return f"{name} is JSON, not a snapshot file. If it was made from one with zcat, pack it again with gzip."
    return f"{name} is not a snapshot file. Name a file that pgadvisor collect has made."


def _plain(error: zlib.error) -> str:
    """What zlib says after its own "Error -3 while decompressing data: "."""
    return str(error).rpartition(": ")[2]


def _decoded(data: bytearray, name: str) -> tuple[Snapshot, ...]:
    try:
        with without_collector():
            file = msgspec.json.decode(data, type=SnapshotFile)
    except RecursionError:
        raise SnapshotError(f"{name} is nested too deeply for a snapshot. {_AGAIN}") from None
    except msgspec.ValidationError as error:
        raise SnapshotError(_misfit(data, name, error)) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise SnapshotError(f"{name} does not hold JSON as it should: {_brief(error)}. {_AGAIN}") from error
    if file.format != SNAPSHOT_FORMAT:
        raise SnapshotError(_other_format(file.format, file.tool_version, name))
    if not file.snapshots:
        raise SnapshotError(f"{name} holds no snapshot. {_AGAIN}")
    return file.snapshots


class _Head(msgspec.Struct):
    """As much as tells what a file is."""

    format: Any = None
    tool_version: Any = None
    snapshots: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    tool: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    findings: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def _misfit(data: bytearray, name: str, error: msgspec.ValidationError) -> str:
    """What valid JSON is that is no snapshot of this format."""
    try:
        head = msgspec.json.decode(data, type=_Head)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return f"{name} holds JSON, but not of a snapshot. Name a file that pgadvisor collect has made."
    if head.tool is not msgspec.UNSET and head.findings is not msgspec.UNSET:
        return f"{name} holds a report, not a snapshot. Name a file that pgadvisor collect has made."
    if head.snapshots is msgspec.UNSET or type(head.format) is not int:
        return f"{name} holds JSON, but not of a snapshot. Name a file that pgadvisor collect has made."
    if head.format != SNAPSHOT_FORMAT:
        return _other_format(head.format, head.tool_version, name)
    return f"{name} is not a snapshot of format {SNAPSHOT_FORMAT}: {_brief(error)}. It was damaged or edited. {_AGAIN}"


def _brief(error: Exception) -> str:
    """An error's text, which may quote the file: what is long loses its middle, since it ends with the place."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(error))
    return text if len(text) <= 300 else f"{text[:100]} ... {text[-190:]}"


def _other_format(number: int, made_by: object, name: str) -> str:
    known = isinstance(made_by, str) and _MADE_BY.fullmatch(made_by)
    tool = f"pgadvisor {made_by}" if known else "another version of pgadvisor"
    if number > SNAPSHOT_FORMAT:
        shown = number if number < 10**9 else "unknown"
        return (
            f"{name} was made by {tool} in format {shown}; this version ({__version__}) reads formats up to"
            f" {SNAPSHOT_FORMAT}. Update pgadvisor."
        )
    return (
        f"{name} was made by {tool} in format {max(number, -1)}; this version ({__version__}) reads formats from"
        f" {OLDEST_FORMAT} on. Collect it again."
    )
