"""Exports of pg_stat_statements, in CSV and JSON, with the columns of any version of the extension.

Columns by version: https://www.postgresql.org/docs/current/pgstatstatements.html; until 1.7 times were total_time,
min_time and so on, from 1.8 on total_exec_time.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pgadvisor.postgres.session import MARKER
from pgadvisor.workload.lexer import first_keyword
from pgadvisor.workload.sources.gather import Counted, Gathered

# One field, one line or one object beyond this is not read.
MAX_RECORD_CHARS = 4 << 20
_DELIMITERS = (",", ";", "\t", "|")
_NAME = re.compile(r"[a-z_]+")
_BETWEEN = re.compile(r"[\s,\[\]\x1e]*")
_WHOLE_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_COMMANDS = frozenset(("select", "with", "values", "table", "insert", "update", "delete", "merge"))
# What an export must have, each by any of its names.
_NEEDED = (("query",), ("calls",), ("total_exec_time", "total_time"))
# What COPY makes of a character in its text format, https://www.postgresql.org/docs/current/sql-copy.html
_COPIED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_HIDDEN = "<insufficient privilege>"


@dataclass
class Export:
    """What was read of an export besides its statements: bad rows, rows of other databases, and databases by number.

    lacks names the columns that the first bad row did not have, "" where it had what is needed.
    """

    database: str | None
    gathered: Gathered = field(default_factory=Gathered)
    rows: int = 0
    bad: int = 0
    hidden: int = 0
    elsewhere: int = 0
    lacks: str = ""
    database_oids: set[str] = field(default_factory=set)

    def take(self, row: Mapping[str, object]) -> None:
        """Takes one row in; keys are the names of columns in lower case."""
        name = _text(row, "datname", "database")
        if self.database is not None and name and name != self.database:
            self.elsewhere += 1
            return
        try:
            counted = _counted(row)
        except (ValueError, OverflowError):
            self.lacks = self.lacks if self.bad else _lacking(row)
            self.bad += 1
            return
        text = _text(row, "query")
        if text == _HIDDEN:
            self.hidden += 1
        elif not text or "\0" in text:
            self.bad += 1
        elif not text.rstrip().endswith(MARKER):
            self.rows += 1
            if not name and (oid := _text(row, "dbid")):
                self.database_oids.add(oid)
            self.gathered.add(text, counted)


def delimiter_of(line: str) -> str | None:
    """What parts the columns, if this is the header of an export; None if it is none."""
    for delimiter in _DELIMITERS:
        names = {name.strip().strip('"').lower() for name in line.split(delimiter)}
        if {"query", "calls"} <= names and all(_NAME.match(name) for name in names):
            return delimiter
    return None


def lacking_of(line: str) -> str:
    """Which columns are not there in what looks like the header of an export, "" where it does not.

    >>> lacking_of("queryid,query,rows")
    'calls and total_exec_time (total_time before 13)'
    """
    for delimiter in _DELIMITERS:
        names = {name.strip().strip('"').lower() for name in line.split(delimiter)}
        if len(names) > 1 and names & {"query", "calls"} and all(_WHOLE_NAME.fullmatch(name) for name in names):
            return _lacking(names)
    return ""


def _lacking(names: Collection[str]) -> str:
    """What of the needed columns is not among these names, "" where all are."""
    lacking = [needed[0] for needed in _NEEDED if not set(needed) & set(names)]
    return " and ".join(lacking).replace(_NEEDED[-1][0], f"{_NEEDED[-1][0]} (total_time before 13)")


def is_headless(beginning: str) -> bool:
    """Whether a file begins with a row of CSV that has a statement and numbers, where names of columns were due."""
    if not beginning.startswith('"') and not _NUMBER.match(beginning):
        return False
    for delimiter in _DELIMITERS:
        try:
            row = next(csv.reader(io.StringIO(beginning, newline=""), delimiter=delimiter), [])
        except csv.Error:
            continue
        fields = [field_.strip() for field_ in row]
        if any(map(_NUMBER.fullmatch, fields)) and any(first_keyword(each) in _COMMANDS for each in fields):
            return True
    return False


def is_copied(beginning: str) -> bool:
    """Whether these are lines of JSON as COPY writes them, with backslashes doubled: one is JSON only without that."""
    *lines, last = beginning.split("\n")
    return any("\\" in line and not _is_row(line) and _is_row(as_before_copy(line)) for line in lines or [last])


def as_before_copy(text: str) -> str:
    """A value that COPY has written in its text format, as it was."""
    return _COPIED.sub(lambda found: _ESCAPES.get(found[1], found[1]), text)


def before_copy(parts: Iterable[str]) -> Iterator[str]:
    """As `as_before_copy`, of a stream of text, which may be cut anywhere."""
    kept = ""
    for part in parts:
        text = kept + part
        # An escape may be cut in two.
        backslashes = len(text) - len(text.rstrip("\\"))
        kept = "\\" if backslashes % 2 else ""
        yield as_before_copy(text[: len(text) - len(kept)])
    yield kept


def _is_row(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def read_csv(lines: Iterable[str], delimiter: str, into: Export) -> None:
    """Rows of CSV with a header, as psql's --csv and COPY write it. Broken rows are counted."""
    limit = csv.field_size_limit(MAX_RECORD_CHARS)
    try:
        reader = csv.reader(lines, delimiter=delimiter, strict=False)
        header = [name.strip().lower() for name in next(reader, [])]
        while True:
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error:
                into.bad += 1
                continue
            if len(row) != len(header):
                into.bad += bool(row)
            else:
                into.take(dict(zip(header, row, strict=True)))
    finally:
        csv.field_size_limit(limit)


def read_json(parts: Iterable[str], into: Export) -> None:
    """Objects of an array, or one after the other. What is no object, and what is broken, is counted."""
    for found in _objects(parts, into):
        if isinstance(found, dict):
            into.take({str(key).lower(): value for key, value in found.items()})
        else:
            into.bad += 1


def _objects(parts: Iterable[str], into: Export) -> Iterator[object]:
    decoder = json.JSONDecoder()
    buffer, at = "", 0
    source = iter(parts)
    final = False
    while True:
        found = _BETWEEN.match(buffer, at)
        at = at if found is None else found.end()
        end = -1
        if at < len(buffer):
            try:
                value, end = decoder.raw_decode(buffer, at)
            except (ValueError, RecursionError):
                end = -1
        # A number or a word may go on in what follows.
        if end >= 0 and (end < len(buffer) or final):
            at = end
            yield value
            continue
        if not final and len(buffer) - at < MAX_RECORD_CHARS:
            part = next(source, None)
            final = part is None
            buffer, at = buffer[at:] + (part or ""), 0
            continue
        if at >= len(buffer):
            return
        into.bad += 1
        following = buffer.find("{", at + 1)
        at = following if following >= 0 else len(buffer)


def _counted(row: Mapping[str, object]) -> Counted:
    """The numbers of a row. Raises ValueError where calls or times are none."""
    calls = int(_number(row, "calls"))
    total = _number(row, "total_exec_time", "total_time")
    toplevel = _text(row, "toplevel").lower()
    return Counted(
        calls=calls,
        total_ms=total,
        min_ms=_number(row, "min_exec_time", "min_time", default=None),
        max_ms=_number(row, "max_exec_time", "max_time", default=None),
        rows=int(_number(row, "rows", default=0.0)),
        query_id=_text(row, "queryid") or None,
        role=_text(row, "rolname", "usename", "username") or None,
        toplevel=None if not toplevel else toplevel in ("t", "true"),
    )


def _text(row: Mapping[str, object], *names: str) -> str:
    """A column by the first of its names that there is; "" for none and for NULL."""
    for name in names:
        value = row.get(name)
        if value is not None:
            return str(value)
    return ""


_MISSING = math.nan


def _number(row: Mapping[str, object], *names: str, default: float | None = _MISSING) -> float:
    written = _text(row, *names)
    if not written and (default is None or not math.isnan(default)):
        return default  # type: ignore[return-value]
    number = float(written)
    if not 0 <= number <= 1e18:
        raise ValueError(written)
    return number
