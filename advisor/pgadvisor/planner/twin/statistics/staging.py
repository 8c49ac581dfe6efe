"""Rows of pg_statistic on their way in: staged as text, and then parsed by the server, all of a batch in one command.

A text that the server cannot parse costs its own slot alone. It is looked for only in a batch that failed, and there
row by row in one command, by a function of a subtransaction each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import psycopg

from pgadvisor.planner.twin.statistics.slots import SLOTS, Kind, Slot

_NUMBERED = range(1, SLOTS + 1)
_TABLE = "pg_temp.pgadvisor_statistics"
_SLOT_COLUMNS = ", ".join(
    f"kind{n} int2, op{n} oid, coll{n} oid, numbers{n} float4[], values{n} text, of{n} oid" for n in _NUMBERED
)
_CREATE = f"""
CREATE TEMPORARY TABLE pgadvisor_statistics (
  number int4, starelid oid, staattnum int2, stainherit bool, stanullfrac float4, stawidth int4, stadistinct float4,
  {_SLOT_COLUMNS}
) WITH (toast_tuple_target = 8160) ON COMMIT DELETE ROWS
"""
# Texts that are read once are not worth compressing.
_EXTERNAL = f"ALTER TABLE {_TABLE} " + ", ".join(f"ALTER values{n} SET STORAGE EXTERNAL" for n in _NUMBERED)
# Of common values the planner takes as many frequencies as there are values, whether there are or not.
_READABLE = f"""
CREATE FUNCTION pg_temp.pgadvisor_readable(kind int2, numbers float4[], given text, element oid) RETURNS bool
LANGUAGE plpgsql AS $$
BEGIN
  IF kind = {Kind.COMMON_VALUES} THEN
    RETURN cardinality(array_in(textout(given), element, -1)) IS NOT DISTINCT FROM cardinality(numbers);
  END IF;
  RETURN array_in(textout(given), element, -1) IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN false;
END
$$
"""
_CLEAR = f"""
UPDATE {_TABLE} SET kind# = 0, op# = 0, coll# = 0, numbers# = NULL, values# = NULL
WHERE values# IS NOT NULL AND NOT pg_temp.pgadvisor_readable(kind#, numbers#, values#, of#)
RETURNING number
"""  # noqa: S608 - of our own names alone; # is the slot's number
_DROP = f"DROP TABLE {_TABLE}; DROP FUNCTION pg_temp.pgadvisor_readable"
# What the texts of the snapshot were written under (postgres/session.py).
_SETTINGS = "SET LOCAL datestyle = ISO; SET LOCAL intervalstyle = postgres; SET LOCAL timezone = 'UTC'"

COLUMNS = ", ".join(
    (
        "starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct",
        *(f"sta{part}{n}" for part in ("kind", "op", "coll", "numbers", "values") for n in _NUMBERED),
    )
)
# The same columns of the staging table, its texts parsed.
PARSED = ", ".join(
    (
        "s.starelid, s.staattnum, s.stainherit, s.stanullfrac, s.stawidth, s.stadistinct",
        *(f"s.{part}{n}" for part in ("kind", "op", "coll", "numbers") for n in _NUMBERED),
        *(f"array_in(textout(s.values{n}), s.of{n}, -1)" for n in _NUMBERED),
    )
)
_INSERT = f"""
WITH made AS (
  INSERT INTO pg_catalog.pg_statistic ({COLUMNS}) SELECT {PARSED} FROM {_TABLE} AS s
  RETURNING
    stakind1 = {Kind.COMMON_VALUES} AND cardinality(stavalues1) IS DISTINCT FROM cardinality(stanumbers1) AS is_uneven
)
SELECT COALESCE(bool_or(is_uneven), false) FROM made
"""  # noqa: S608 - of our own names and numbers alone
# What COPY would take for its own; the backslash first.
_SPECIAL = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
# So many characters are sent at a time.
_CHUNK = 100_000
_NO_SLOT = ("0", "0", "0", "\\N", "\\N", "0")


class Staged(NamedTuple):
    """A row of pg_statistic to be. relation and column are the twin's oid and number; 0 for an expression's."""

    relation: int
    column: int
    inherited: bool
    null_fraction: float
    average_width_bytes: int
    n_distinct: float
    slots: tuple[Slot, ...] = ()

    def line(self, number: int) -> str:
        """The row as COPY takes it."""
        scalars = (self.null_fraction, self.average_width_bytes, self.n_distinct)
        fields = [
            str(number),
            str(self.relation),
            str(self.column),
            "t" if self.inherited else "f",
            *map(repr, scalars),
        ]
        for slot in self.slots:
            fields += (str(int(slot.kind)), str(slot.operator), str(slot.collation))
            fields += (_field(slot.numbers), _field(slot.values), str(slot.element))
        for _ in range(SLOTS - len(self.slots)):
            fields += _NO_SLOT
        return "\t".join(fields) + "\n"


class Staging:
    """The temporary table of one connection. Use `batch` for each batch, in a transaction of its own."""

    def __init__(self, admin: psycopg.Connection[Any]) -> None:
        self._admin = admin
        admin.execute(_CREATE.encode())
        admin.execute(_EXTERNAL.encode())
        admin.execute(_READABLE.encode())

    def drop(self) -> None:
        """Removes what it made."""
        self._admin.execute(_DROP.encode())

    def insert(self, rows: Sequence[Staged]) -> set[int]:
        """Puts rows into pg_statistic; the positions of those that lost something that cannot be parsed.

        Raises psycopg.OperationalError where the server is gone.
        """
        with self._admin.transaction():
            lost = self.stage(rows)
            if not self._all_at_once():
                lost |= self.clear_unreadable()
                self._admin.execute(_INSERT.encode())
        return lost

    def stage(self, rows: Sequence[Staged]) -> set[int]:
        """Fills the table in the open transaction; the positions of rows without all of it, or left out."""
        self.set_formats()
        lost: set[int] = set()
        self._stage(list(enumerate(rows)), lost)
        return lost

    def set_formats(self) -> None:
        """Has the open transaction read texts as the snapshot's were written."""
        self._admin.execute(_SETTINGS.encode())

    def clear_unreadable(self) -> set[int]:
        """Empties slots whose values cannot be parsed; the positions of their rows."""
        lost: set[int] = set()
        for n in _NUMBERED:
            lost |= {number for (number,) in self._admin.execute(_CLEAR.replace("#", str(n)).encode())}
        return lost

    def _all_at_once(self) -> bool:
        try:
            with self._admin.transaction() as whole:
                ((is_uneven,),) = self._admin.execute(_INSERT.encode()).fetchall()
                if is_uneven:
                    raise psycopg.Rollback(whole)
        except psycopg.Error:
            if self._admin.closed:
                raise
            return False
        return not is_uneven

    def _stage(self, rows: Sequence[tuple[int, Staged]], lost: set[int]) -> None:
        """In halves where the server does not take them, down to the row that it does not take."""
        if self._copied(rows):
            return
        if len(rows) > 1:
            middle = len(rows) // 2
            self._stage(rows[:middle], lost)
            self._stage(rows[middle:], lost)
            return
        ((number, row),) = rows
        lost.add(number)
        if row.slots:
            self._stage([(number, row._replace(slots=()))], lost)

    def _copied(self, rows: Iterable[tuple[int, Staged]]) -> bool:
        try:
            with (
                self._admin.transaction(),
                self._admin.cursor() as cursor,
                cursor.copy(f"COPY {_TABLE} FROM STDIN".encode()) as copy,
            ):
                for chunk in _chunks(row.line(number) for number, row in rows):
                    copy.write(chunk)
        except (psycopg.Error, UnicodeEncodeError):
            if self._admin.closed:
                raise
            return False
        return True


def _chunks(lines: Iterable[str]) -> Iterator[str]:
    chunk: list[str] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size >= _CHUNK:
            yield "".join(chunk)
            chunk, size = [], 0
    yield "".join(chunk)


def _field(text: str | None) -> str:
    if text is None:
        return "\\N"
    for special, escaped in _SPECIAL:
        text = text.replace(special, escaped)
    return text
