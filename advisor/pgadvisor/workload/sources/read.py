"""The door: a file of statements, whatever its format, which is known by its content."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from pgadvisor.model.coverage import Fact, Gap, GapKind
from pgadvisor.model.statements import SourceKind, StatementSource
from pgadvisor.progress import Progress, silent
from pgadvisor.workload.logs.read import looks_like_log, read_log
from pgadvisor.workload.logs.streams import Blocks, Unreadable, as_utf8, packing, unpacked, unpacked_head
from pgadvisor.workload.sources.exports import (
    MAX_RECORD_CHARS,
    Export,
    before_copy,
    delimiter_of,
    is_copied,
    is_headless,
    lacking_of,
    read_csv,
    read_json,
)
from pgadvisor.workload.sources.gather import Gathered
from pgadvisor.workload.sources.source import SourceError, SourceWorkload
from pgadvisor.workload.sources.sqlfile import SqlFile

STDIN = Path("-")
_HEAD_BYTES = 1 << 16
_JSON_START = re.compile(r"\s*(?:\[\s*)?\{")
_FORMATS = "SQL statements, a CSV or JSON export of pg_stat_statements with its column names, or a PostgreSQL log"
_AGAIN = 'Export it again, such as with psql --csv -c "SELECT * FROM pg_stat_statements".'
# COPY doubles backslashes, and does so after JSON has used them.
_JSON_AGAIN = "Export it again, JSON with psql -At rather than with COPY, which doubles its backslashes."


def read_source(path: Path, database: str | None, progress: Progress = silent) -> SourceWorkload:
    """The statements in a file; "-" is standard input. Memory does not grow with the file.

    database: where a log or an export says of which database a statement is, only those of this one; None for all.
    Raises SourceError, with one sentence, where the file cannot be read or is nothing that is known.
    """
    name = "standard input" if path == STDIN else path.name
    with ExitStack() as stack:
        try:
            stream = sys.stdin.buffer if path == STDIN else stack.enter_context(path.open("rb"))
            return read_stream(cast("BinaryIO", stream), name, database, progress)
        except OSError as error:
            raise SourceError(f"Cannot read {path}: {error.strerror or error}.") from error


def read_stream(stream: BinaryIO, name: str, database: str | None, progress: Progress = silent) -> SourceWorkload:
    """As `read_source`, of what is open already; name is what it is called."""
    whole = _Ahead(stream, f"Reading {name}", progress)
    head = as_utf8(unpacked_head(whole.head))
    if not whole.head:
        raise SourceError(f"{name} is empty. Give {_FORMATS}.")
    if not head and packing(whole.head) != "zst":
        raise SourceError(f"{name} is compressed, and damaged. Copy it again.")
    if b"\0" in head:
        raise SourceError(f"{name} is not text. Give {_FORMATS}.")
    beginning = head.decode("utf-8", "replace")
    if _is_snapshot(beginning):
        raise SourceError(f"{name} is a snapshot, not a workload: pgadvisor analyze takes it without --workload.")
    is_json = _is_json_export(beginning)
    delimiter = delimiter_of(beginning.split("\n", 1)[0].rstrip("\r"))
    if not is_json and delimiter is None and looks_like_log(whole.head):
        return read_log(cast("BinaryIO", whole), name, database)
    try:
        blocks = Blocks(unpacked(cast("BinaryIO", whole), whole.head))
    except Unreadable as error:
        raise SourceError(f"Cannot read {name}: {error}.") from None
    if not is_json and delimiter is None:
        _refuse_what_lacks_names(beginning, name)
        return _sql(blocks, name)
    export = Export(database)
    if delimiter is None:
        parts = _parts(blocks)
        read_json(before_copy(parts) if is_copied(beginning) else parts, export)
    else:
        read_csv(_lines(blocks), delimiter, export)
    return _export(blocks, name, export, _JSON_AGAIN if delimiter is None else _AGAIN)


def _refuse_what_lacks_names(beginning: str, name: str) -> None:
    """Raises SourceError for what would be an export if it had all the columns, or their names."""
    lacking = lacking_of(beginning.split("\n", 1)[0].rstrip("\r"))
    if lacking:
        raise SourceError(f"{name} looks like an export of pg_stat_statements, but has no column {lacking}. {_AGAIN}")
    if is_headless(beginning):
        raise SourceError(f"{name} looks like rows of CSV without a header, the line of column names. {_AGAIN}")
    if _JSON_START.match(beginning) and '"query"' in beginning and '"calls"' not in beginning:
        raise SourceError(f"{name} looks like an export of pg_stat_statements in JSON, but says no calls. {_AGAIN}")


class _Ahead:
    """A stream whose first bytes were looked at, and that tells how far it has been read."""

    def __init__(self, stream: BinaryIO, step: str, progress: Progress) -> None:
        self._stream = stream
        self._step = step
        self._progress = progress
        self._done = 0
        self.head = self._first()
        self._ahead = self.head

    def _first(self) -> bytes:
        """As many bytes as are looked at; a pipe gives them piece by piece."""
        head = b""
        while len(head) < _HEAD_BYTES and (piece := self._stream.read(_HEAD_BYTES - len(head))):
            head += piece
        return head

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        if self._ahead:
            end = len(self._ahead) if size < 0 else size
            piece, self._ahead = self._ahead[:end], self._ahead[end:]
        else:
            piece = self._stream.read(size)
        self._done += len(piece)
        self._progress(self._step, self._done)
        return piece


def _is_snapshot(beginning: str) -> bool:
    return beginning.lstrip().startswith("{") and '"snapshots"' in beginning and '"tool_version"' in beginning


def _is_json_export(beginning: str) -> bool:
    """Whether it begins with an object that has a text and calls. No log in JSON counts calls."""
    return _JSON_START.match(beginning) is not None and '"query"' in beginning and '"calls"' in beginning


def _parts(blocks: Blocks) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for block in blocks:
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _lines(blocks: Blocks) -> Iterator[str]:
    """Lines with their ends; what goes beyond MAX_RECORD_CHARS in one is left out."""
    kept = ""
    for part in _parts(blocks):
        *whole, last = part.split("\n")
        for line in whole:
            yield f"{kept}{line}\n".replace("\0", "")
            kept = ""
        if len(kept) < MAX_RECORD_CHARS:
            kept += last
    if kept:
        yield kept.replace("\0", "")


def _sql(blocks: Blocks, name: str) -> SourceWorkload:
    file = SqlFile()
    file.read(_parts(blocks))
    if not file.statements:
        raise SourceError(f"{name} holds no statement that can be read. Give {_FORMATS}.")
    workload = _workload(SourceKind.SQL_FILE, name, file.gathered, unread=file.junk + file.splitter.too_long)
    gaps = workload.gaps
    _damage(gaps, name, blocks)
    if unread := workload.source.unread:
        line = min(filter(None, (file.junk_line, file.splitter.first_too_long)))
        what = f"{_count(unread, 'text')} in {name} {_is(unread)} no statement of PostgreSQL, or too long"
        gaps.append(_gap(name, f"{what}; the first begins on line {line}"))
    if file.splitter.commands:
        commands = f"{_count(file.splitter.commands, 'backslash command')} of psql in {name}"
        reason = f"{commands} {_is(file.splitter.commands)} passed over: files that they include are not read"
        gaps.append(_gap(name, reason, "Give included files with a --workload of their own.", GapKind.LIMIT))
    if file.weights:
        wrong = {0: "no number", file.weights: "negative"}.get(file.negative, "negative or no number")
        reason = f"{_count(file.weights, 'weight')} in comments of {name} {_is(file.weights)} {wrong}, and left out"
        reason = f"{reason}; the first is on line {file.weights_line}"
        gaps.append(_gap(name, reason, "Write them as in -- calls: 1200 and -- mean_ms: 3.5."))
    if file.splitter.unterminated:
        gaps.append(_gap(name, f"{name} ends inside of a string, a quoted name or a comment", "Close it."))
    return workload


def _export(blocks: Blocks, name: str, export: Export, again: str) -> SourceWorkload:
    if not export.rows and not export.elsewhere and not export.hidden:
        why = f": they have no column {export.lacks}" if export.lacks else ""
        raise SourceError(
            f"{name} looks like an export of pg_stat_statements, but none of its rows can be read{why}. {again}"
        )
    workload = _workload(SourceKind.EXPORT, name, export.gathered, unread=export.bad + export.hidden)
    gaps = workload.gaps
    _damage(gaps, name, blocks)
    if export.bad:
        gaps.append(_gap(name, f"{_count(export.bad, 'row')} of {name} could not be read", again))
    if export.hidden:
        rows = f"{_count(export.hidden, 'row')} of {name}"
        reason = f"{rows} {_has(export.hidden)} no text: it was hidden from the role that exported"
        gaps.append(_gap(name, reason, "GRANT pg_read_all_stats to that role.", GapKind.HIDDEN))
    if export.elsewhere and not export.rows:
        reason = f"All {export.elsewhere} rows of {name} are of other databases than {export.database}"
        gaps.append(_gap(name, reason, "Give an export with rows of this database."))
    if len(export.database_oids) > 1:
        reason = f"{name} has rows of {len(export.database_oids)} databases without their names, which are taken as one"
        gaps.append(_gap(name, reason, "Join pg_database, so that the export has a column datname."))
    return workload


def _workload(kind: SourceKind, name: str, gathered: Gathered, *, unread: int) -> SourceWorkload:
    source = StatementSource(
        kind=kind,
        name=name,
        statements=len(gathered.statements),
        calls=gathered.calls,
        total_ms=gathered.total_ms,
        unread=unread,
    )
    workload = SourceWorkload(source=source)
    gathered.into(workload)
    if gathered.let_go:
        left_out = _count(gathered.let_go, "statement")
        reason = (
            f"{left_out} of {name} {_is(gathered.let_go)} left out: the costliest {len(gathered.statements)} are kept"
        )
        workload.gaps.append(_gap(name, reason, kind=GapKind.LIMIT))
    return workload


def _damage(gaps: list[Gap], name: str, blocks: Blocks) -> None:
    if blocks.damage:
        reason = f"{name} could not be read to its end: {blocks.damage}"
        gaps.append(_gap(name, reason, "Copy it again.", GapKind.CUT_SHORT))


def _gap(name: str, reason: str, remedy: str = "", kind: GapKind = GapKind.OTHER) -> Gap:
    return Gap(fact=Fact.STATEMENTS, scope=f"file {name}", reason=reason, remedy=remedy, kind=kind)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _has(number: int) -> str:
    return "has" if number == 1 else "have"
