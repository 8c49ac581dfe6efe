"""One connection, used in short read-only transactions that are always rolled back, with its footprint counted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pgadvisor.model.coverage import Footprint

if TYPE_CHECKING:
    Query = str | sql.SQL | sql.Composed

# What our own queries run under. UTC and ISO make text output the same everywhere; JIT never pays for catalogs.
_SETTINGS = {
    "application_name": "pgadvisor",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "jit": "off",
    "quote_all_identifiers": "off",
}

# Ends each of our statements, so that later runs know their entries in pg_stat_statements, which keeps the text's end
# (a comment at the beginning is cut off from 18 on).
MARKER = "/* pgadvisor */"


class Transaction:
    """An open transaction; every query's time counts towards the session's footprint."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def rows(
        self, query: Query, parameters: Sequence[object] | Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """All rows of one query of ours, which is marked as such.

        Raises psycopg.Error; the transaction is then of no more use.
        """
        marked = (sql.SQL(query) if isinstance(query, str) else query) + sql.SQL("\n" + MARKER)
        with self._session.connection.cursor(row_factory=dict_row) as cursor, self._session.timed():
            self._session.texts.add(hash(marked.as_string(self._session.connection)))
            cursor.execute(marked, parameters, prepare=False)
            try:
                return cursor.fetchall() if cursor.description else []
            except UnicodeDecodeError as error:
                # Roles and databases are shared by databases of other encodings, which the server does not convert.
                raise psycopg.DataError("it holds a name or a text that is not in the server's encoding") from error

    def row(self, query: Query, parameters: Sequence[object] | Mapping[str, object] | None = None) -> dict[str, Any]:
        """The only row of one query of ours."""
        (row,) = self.rows(query, parameters)
        return row

    def set_local(self, **settings: str) -> None:
        """Settings for the rest of this transaction. The values are bound, so that they make no more texts of it."""
        calls = sql.SQL(", ").join(
            sql.SQL("pg_catalog.set_config({}, %s, true)").format(sql.Literal(name)) for name in settings
        )
        self.rows(sql.SQL("SELECT {}").format(calls), list(settings.values()))


# A lock that cannot be had is to be told as such, so its timeout comes before that of the statement.
_WAIT_SHARE = 0.9


class Session:
    """A connection in autocommit mode and the counts of what was done over it.

    statement_timeout_ms and lock_timeout_ms are the defaults of its transactions. The latter also bounds how long
    locks on relations of users may be kept: so long does whoever wants a stronger one wait for us.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, statement_timeout_ms: int, lock_timeout_ms: int) -> None:
        self.connection = connection
        self.statement_timeout_ms = statement_timeout_ms
        self.lock_timeout_ms = lock_timeout_ms
        self.server_ms = 0.0
        self.transactions = 0
        self.queries = 0
        self.longest_transaction_ms = 0.0
        self.texts: set[int] = set()

    @property
    def keep_timeout_ms(self) -> int:
        """Within which a statement that takes locks on relations of users, which stay until the end, must be over."""
        return min(self.statement_timeout_ms, self.lock_timeout_ms)

    def timeouts(self, statement_ms: int, *, lock_ms: int | None = None) -> dict[str, str]:
        """Settings for statements that take no longer than this; lock_ms lowers the session's own limit for locks."""
        wait_ms = min(self.lock_timeout_ms, lock_ms or self.lock_timeout_ms, int(statement_ms * _WAIT_SHARE))
        return {"statement_timeout": f"{statement_ms}ms", "lock_timeout": f"{max(wait_ms, 1)}ms"}

    @contextmanager
    def transaction(
        self, *, snapshot: bool = False, statement_timeout_ms: int | None = None, search_path: str | None = "pg_catalog"
    ) -> Iterator[Transaction]:
        """A read-only transaction, rolled back at its end whatever happens.

        snapshot: repeatable read, so that all its queries see one state. search_path None keeps the role's own, which
        planning needs; ours name every schema, and pg_catalog alone makes PostgreSQL's own output do so too.
        """
        started = time.perf_counter()
        level = "REPEATABLE READ" if snapshot else "READ COMMITTED"
        transaction = Transaction(self)
        try:
            transaction.rows(f"BEGIN ISOLATION LEVEL {level} READ ONLY")
            self.transactions += 1
            settings = _SETTINGS | self.timeouts(statement_timeout_ms or self.statement_timeout_ms)
            settings["idle_in_transaction_session_timeout"] = "60s"
            if search_path is not None:
                settings["search_path"] = search_path
            transaction.set_local(**settings)
            yield transaction
        except BaseException:
            # What went wrong is what matters, not that a broken connection cannot roll back either.
            with suppress(psycopg.Error):
                transaction.rows("ROLLBACK")
            raise
        else:
            transaction.rows("ROLLBACK")
        finally:
            self.longest_transaction_ms = max(self.longest_transaction_ms, (time.perf_counter() - started) * 1000)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Counts one exchange with the server."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.queries += 1
            self.server_ms += (time.perf_counter() - started) * 1000

    def footprint(self) -> Footprint:
        """What the session has cost so far, as far as it can count it.

        statement_entries is the number of different texts that it sent, each of which may have become an entry.
        """
        return Footprint(
            server_ms=round(self.server_ms, 1),
            transactions=self.transactions,
            queries=self.queries,
            longest_transaction_ms=round(self.longest_transaction_ms, 1),
            statement_entries=len(self.texts),
        )
