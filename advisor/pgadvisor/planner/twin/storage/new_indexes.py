"""Makes indexes on tables that are empty for that moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from msgspec.structs import replace
from psycopg import sql

from pgadvisor.indexes.ddl import create_index, index_name
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.planner.index_names import names_taken
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.deadline import deadline
from pgadvisor.planner.wire import run_one

# An index on expressions of the snapshot's runs its functions; on many partitions it takes a while.
_PATIENCE_S = 60.0
_TRIES = 2
_OWNER = "SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = %s"
_NAMES = "SELECT relname::text FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)"
_TABLESPACE = "SELECT FROM pg_tablespace WHERE spcname = %s"
_PARTS = """
WITH RECURSIVE parts (index) AS (
  SELECT c.oid
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = %s AND c.relname = %s
  UNION ALL
  SELECT h.inhrelid FROM pg_inherits AS h JOIN parts ON parts.index = h.inhparent
)
SELECT i.indexrelid::int8, i.indrelid::int8, c.relname::text, c.relkind = 'i'
FROM parts
JOIN pg_index AS i ON i.indexrelid = parts.index
JOIN pg_class AS c ON c.oid = i.indexrelid
ORDER BY i.indexrelid
"""


@dataclass(frozen=True)
class Part:
    """An index of a table, of a partitioned one or of a partition, by the twin's oids."""

    oid: int
    table_oid: int
    has_file: bool
    name: str


class IndexRefusedError(Exception):
    """The twin does not make an index; the message says why in one sentence."""


class IndexMaker:
    """Makes indexes as the owner of their table, by the connection without rights, under names that are free."""

    def __init__(self, building: Building) -> None:
        self._building = building
        self._taken: dict[str, set[str]] = {}
        self._owners: dict[int, str] = {}

    @contextmanager
    def making(self) -> Iterator[Callable[[IndexDefinition, int], tuple[str, tuple[Part, ...]]]]:
        """Gives what makes an index on a table of the twin's: its name and its parts, without those there before.

        Raises psycopg.OperationalError where the server is gone; what it gives raises IndexRefusedError where the
        server refuses an index.
        """
        builder = self._building.builder
        # Definitions are as the audited role saw them.
        path = sql.SQL(", ").join(map(sql.Identifier, self._building.facts.server.search_path or ("pg_catalog",)))
        builder.execute(sql.SQL("SET search_path = {}").format(path))
        # With wal_level minimal a small index would be read into the server's buffers to be logged (wal_skip_threshold
        # in the manual); that a B-tree's pages are never there is what lets us write them.
        builder.execute("SET wal_skip_threshold = 0")
        try:
            with deadline(builder, _PATIENCE_S, self._building.server.quit) as begin_anew:
                existing = frozenset(self._building.oids.values())

                def make(definition: IndexDefinition, table_oid: int) -> tuple[str, tuple[Part, ...]]:
                    name, parts = self._made(definition, self._owner(table_oid), begin_anew)
                    return name, tuple(part for part in parts if part.oid not in existing)

                yield make
        finally:
            if not builder.closed:
                builder.execute("RESET ROLE")

    def _made(self, definition: IndexDefinition, owner: str, begin_anew: Callable[[], None]) -> tuple[str, list[Part]]:
        """An index's name and its parts, those among them that were there before and now belong to it."""
        taken = self._names(definition.schema)
        name = index_name(definition, taken)
        try:
            command = create_index(self._placed(definition), name, concurrently=False)
        except ValueError as error:
            raise IndexRefusedError(str(error)) from error
        self._run_as(owner, command, begin_anew)
        rows = self._building.admin.execute(_PARTS, (definition.schema, name)).fetchall()
        taken.update(part_name for _, _, part_name, _ in rows)
        return name, [Part(oid, table, has_file, part_name) for oid, table, part_name, has_file in rows]

    def _run_as(self, owner: str, command: str, begin_anew: Callable[[], None]) -> None:
        """Runs a command as the owner of a table. Raises IndexRefusedError where the server refuses it."""
        builder = self._building.builder
        for _ in range(_TRIES):
            begin_anew()
            begun = time.monotonic()
            try:
                # A stranger's function in the one before may have put on another.
                builder.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
                run_one(builder, command)
            except psycopg.Error as error:
                if builder.closed:
                    raise
                refusal = IndexRefusedError(error.diag.message_primary or str(error).strip())
                if not isinstance(error, psycopg.errors.QueryCanceled) or time.monotonic() - begun >= _PATIENCE_S:
                    raise refusal from error
                # A cancel that was meant for the one before.
            else:
                return
        raise refusal

    def _owner(self, table_oid: int) -> str:
        if table_oid not in self._owners:
            ((self._owners[table_oid],),) = self._building.admin.execute(_OWNER, (table_oid,)).fetchall()
        return self._owners[table_oid]

    def _placed(self, definition: IndexDefinition) -> IndexDefinition:
        """Without a tablespace that the twin has not: only those that have costs of their own bear on plans."""
        if definition.tablespace is None:
            return definition
        known = self._building.admin.execute(_TABLESPACE, (definition.tablespace,)).fetchall()
        return definition if known else replace(definition, tablespace=None)

    def _names(self, schema: str) -> set[str]:
        """Names that an index may not have: the twin's and the snapshot's, of which the twin may lack some."""
        if schema not in self._taken:
            found = {name for (name,) in self._building.admin.execute(_NAMES, (schema,))}
            self._taken[schema] = found | names_taken(self._building.facts, schema)
        return self._taken[schema]
