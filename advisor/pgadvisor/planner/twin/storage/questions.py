"""What the twin's planner says of the parts of an index definition: how many rows a predicate admits, of what type an
expression is.

Both are asked as the role that plans, one command at a time: they are a stranger's text.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from pgadvisor.indexes.quoting import qualified
from pgadvisor.indexes.sizes.attributes import KeyStatistics, of_type
from pgadvisor.planner.refusals import NotDone
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.database import PLANNER
from pgadvisor.planner.twin.deadline import deadline
from pgadvisor.planner.wire import checked, encoded, plan_of_json

_TABLE = """
SELECT n.nspname::text, c.relname::text, pg_get_userbyid(c.relowner)::text
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = %s
"""
# For what is asked of one table, and of all: a partitioned one may have thousands. Each that takes longer leaves half
# of that for those after it. Where there is no time left, it is as with what the planner refuses.
_PATIENCE_S = 5.0
_LEAST_PATIENCE_S = 0.1
_ALL_S = 60.0
_TYPE = "SELECT typname::text, typlen::int4, typalign::text FROM pg_type WHERE oid = %s"


class TableQuestions:
    """A connection of the planning role, as the owner of the table asked of, whom no policy keeps rows from."""

    def __init__(self, building: Building) -> None:
        """Connects. Raises psycopg.OperationalError."""
        self._building = building
        self._patience_s = _PATIENCE_S
        self._left_s = _ALL_S
        self._connection: psycopg.Connection[Any] = psycopg.connect(
            building.server.dsn(building.database, PLANNER), autocommit=True
        )
        path = sql.SQL(", ").join(map(sql.Identifier, building.facts.server.search_path or ("pg_catalog",)))
        self._connection.execute(sql.SQL("SET search_path = {}").format(path))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self._connection.close()

    def selectivity(self, table_oid: int, predicate: str) -> float | None:
        """The share of a table's rows that a predicate admits, by the twin's oid; None where the planner refuses it."""
        table = self._as_owner_of(table_oid)
        try:
            with self._trying():
                every = self._rows(table, "")
                return min(self._rows(table, f"WHERE {predicate}") / every, 1.0) if every else 1.0
        except NotDone:
            return None
        except psycopg.Error as error:
            self._heed(error)
            return None

    def expression(self, table_oid: int, expression: str) -> KeyStatistics | None:
        """What the type of an expression says of its values; None where the server refuses it."""
        table = self._as_owner_of(table_oid)
        connection = self._connection
        try:
            sent = encoded(connection, f"SELECT {expression} FROM ONLY {table}")  # noqa: S608 - parsed, never run
            with self._trying():
                checked(connection, connection.pgconn.prepare(b"", sent))
                described = checked(connection, connection.pgconn.describe_prepared(b""))
        except psycopg.Error as error:
            self._heed(error)
            return None
        found = self._building.admin.execute(_TYPE, (described.ftype(0),)).fetchone()
        if found is None:
            return None
        type_name, length_bytes, alignment = found
        return of_type(type_name, length_bytes, alignment, None)

    @contextmanager
    def _trying(self) -> Iterator[None]:
        """Within it what a stranger's text does has an end, and nothing of it stays."""
        patience_s = min(self._patience_s, self._left_s)
        if patience_s < _LEAST_PATIENCE_S:
            raise psycopg.errors.QueryCanceled("there was no time left to ask")
        began = time.monotonic()
        try:
            with (
                deadline(self._connection, patience_s, self._building.server.quit),
                self._connection.transaction(force_rollback=True),
            ):
                yield
        finally:
            self._left_s -= time.monotonic() - began
            if not self._connection.closed:
                self._connection.execute("SELECT pg_catalog.pg_advisory_unlock_all()")

    def _heed(self, error: psycopg.Error) -> None:
        """Raises psycopg.OperationalError where the server is gone."""
        if self._connection.closed:
            raise error
        if isinstance(error, psycopg.errors.QueryCanceled):
            self._patience_s /= 2

    def _rows(self, table: str, condition: str) -> float:
        command = f"EXPLAIN (FORMAT JSON) SELECT 1 FROM ONLY {table} {condition}"  # noqa: S608 - as a role without rights
        sent = encoded(self._connection, command)
        result = checked(self._connection, self._connection.pgconn.exec_params(sent, None))
        return float(plan_of_json(result.get_value(0, 0) or b"[]")["Plan"]["Plan Rows"])

    def _as_owner_of(self, table_oid: int) -> str:
        ((schema, name, owner),) = self._building.admin.execute(_TABLE, (table_oid,)).fetchall()
        try:
            self._connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
        except psycopg.errors.InsufficientPrivilege:
            self._connection.execute("RESET ROLE")
        return qualified(schema, name)
