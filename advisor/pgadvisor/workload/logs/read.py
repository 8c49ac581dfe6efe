"""The door: whether a file is a PostgreSQL log, and the statements in it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import BinaryIO

from pgadvisor.memory import without_collector
from pgadvisor.model.coverage import Gap
from pgadvisor.model.statements import SourceKind, StatementSource
from pgadvisor.progress import Progress, silent
from pgadvisor.workload.fingerprint import fingerprint
from pgadvisor.workload.logs import csvlog, jsonlog, stderr, syslog
from pgadvisor.workload.logs.events import Events
from pgadvisor.workload.logs.gaps import log_gaps
from pgadvisor.workload.logs.kept import statements_of
from pgadvisor.workload.logs.moments import moment
from pgadvisor.workload.logs.prefix import detect
from pgadvisor.workload.logs.record import Reading
from pgadvisor.workload.logs.streams import Blocks, Unreadable, as_utf8, chunks, records, unpacked, unpacked_head
from pgadvisor.workload.logs.tally import Tally
from pgadvisor.workload.sources.source import SourceError, SourceWorkload

# Lines by which a format is known.
_SAMPLE_LINES = 400
_HEAD_BYTES = 1 << 16
_FORMATS = "csvlog, jsonlog, or what the server wrote to stderr or syslog"


def looks_like_log(head: bytes) -> bool:
    """Whether these first bytes of a file, compressed or not, are of a PostgreSQL log. 64 kB are enough."""
    return _format(_sample(as_utf8(unpacked_head(head)), whole=False), None) is not None


def read_log(
    stream: BinaryIO, name: str, database: str | None, progress: Progress = silent, *, prefix: str | None = None
) -> SourceWorkload:
    """The statements of a log, read once from its beginning to its end, in memory that does not grow with it.

    name is what it is called in gaps and errors. database: only statements of this one, as far as the log says where
    they ran; None for all. prefix is the server's log_line_prefix, found out where it is not given. Calls of a
    statement are those with a duration, or if there are more of them, those with a plan of auto_explain. Plans of
    statements that ran within functions are kept, their times stand apart: they are part of their callers'.

    Raises SourceError where the file is no log, or compressed in a way that cannot be undone.
    """
    source = _Counted(stream, f"Reading {name}", progress)
    try:
        blocks = Blocks(unpacked(source, source.head))
    except Unreadable as error:
        raise SourceError(f"Cannot read {name}: {error}.") from None
    each = iter(blocks)
    first = next(each, b"")
    kind = _format(_sample(first, whole=len(first) < _HEAD_BYTES), prefix)
    if kind is None:
        damage = f" ({blocks.damage})" if blocks.damage else ""
        raise SourceError(f"{name} is not a PostgreSQL log that can be read{damage}. Give {_FORMATS}.")
    events = Events(Tally(fingerprint))
    with without_collector():
        reading = _read(kind, itertools.chain([first], each), database, events)
    return _workload(name, database, events, reading, blocks.damage)


class _Counted:
    """A stream whose first bytes were looked at, and that tells how far it has been read."""

    def __init__(self, stream: BinaryIO, step: str, progress: Progress) -> None:
        self._stream = stream
        self._step = step
        self._progress = progress
        self._done = 0
        self._total = _size(stream)
        self.head = stream.read(_HEAD_BYTES) or b""
        self._ahead = self.head

    def read(self, size: int = -1, /) -> bytes:
        """What GzipFile and its kind ask for."""
        if self._ahead:
            piece, self._ahead = self._ahead[: size if size >= 0 else None], self._ahead[size:] if size >= 0 else b""
        else:
            piece = self._stream.read(size) or b""
        self._done += len(piece)
        self._progress(self._step, self._done, self._total)
        return piece


def _size(stream: BinaryIO) -> int | None:
    """Bytes of the file, None where it is a pipe or lies in memory."""
    try:
        return os.fstat(stream.fileno()).st_size or None
    except (OSError, AttributeError, ValueError):
        return None


def _sample(block: bytes, *, whole: bool) -> list[bytes]:
    """The first lines of a log, without the rest of a line that was cut."""
    lines = block.split(b"\n", _SAMPLE_LINES * 4)
    if len(lines) > 1 and not whole:
        lines.pop()
    return [line for line in lines if line and not line.startswith(b"\t")][:_SAMPLE_LINES]


def _format(lines: list[bytes], prefix: str | None) -> tuple[str, str] | None:
    """The format that most lines have, with the prefix of those that have one; None where they are of no log."""
    if prefix is None:
        counted = {"csvlog": sum(map(csvlog.is_csvlog, lines)), "jsonlog": sum(map(jsonlog.is_jsonlog, lines))}
        best = max(counted, key=lambda kind: counted[kind])
        if counted[best] * 4 > len(lines) or counted[best] > 3:
            return best, ""
    wrapped = sum(map(syslog.is_syslog, lines)) * 2 > len(lines)
    if wrapped:
        lines = [syslog.without_head(line) for line in lines]
    found = detect(lines) if prefix is None else prefix
    return None if found is None else ("syslog" if wrapped else "stderr", found)


def _read(kind: tuple[str, str], blocks: Iterator[bytes], database: str | None, events: Events) -> Reading:
    """Tells events of all records."""
    name, prefix = kind
    asked = None if database is None else database.encode()
    if name == "csvlog":
        return csvlog.read_csvlog(records(blocks, csvlog.BOUNDARY), asked, events)
    if name == "jsonlog":
        return jsonlog.read_jsonlog(records(blocks, jsonlog.BOUNDARY), database, events)
    if name == "syslog":
        joined = map(b"\n".join, syslog.Parts(prefix).records(records(blocks, syslog.BOUNDARY)))
        return stderr.read_stderr(joined, syslog.PROCESS + prefix, asked, events)
    return stderr.read_stderr(chunks(blocks, stderr.BOUNDARY), prefix, asked, events)


def _workload(name: str, database: str | None, events: Events, reading: Reading, damage: str) -> SourceWorkload:
    """All that was found, as the rest of the program takes it."""
    statements = statements_of(events)
    source = StatementSource(
        kind=SourceKind.LOG,
        name=name,
        statements=len(statements),
        calls=sum(each.calls for each in statements.values()),
        total_ms=sum(each.total_ms for each in statements.values()),
        plans=events.plans,
        unread=reading.unread + events.unread,
        since=moment(reading.since),
        until=moment(reading.until),
    )
    gaps: list[Gap] = list(log_gaps(name, database, events, reading, damage))
    return SourceWorkload(source=source, statements=statements, gaps=gaps)
