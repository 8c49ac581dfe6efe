"""One connection, used in short read-only transactions that are always rolled back, with its footprint counted."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from pgadvisor.model.coverage import Footprint
from pgadvisor.postgres.bounds import (
    IDLE_TIMEOUT_S,
    MAX_TRANSACTION_S,
    TRANSACTION_TIMEOUT_S,
    ServerTimeSpent,
    TransactionTooLong,
)
from pgadvisor.postgres.identity import IDENTITY_COLUMNS, ServerIdentity

if TYPE_CHECKING:
    Query = str | sql.SQL | sql.Composed

# What our own queries run under. UTC and ISO make text output the same everywhere, and so do strings whose backslashes
# are no escapes: the server spells those in expressions by that setting. JIT never pays for catalogs.
SETTINGS = {
    "application_name": "pgadvisor",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "jit": "off",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT_S}s",
}
# Those that a database may have so short that its sessions end, or ask nothing, before ours are made. The first is a
# matter of microseconds, where the SELECT for all the others may take a millisecond.
_FIRST = (
    f"SET LOCAL statement_timeout = '{MAX_TRANSACTION_S:.0f}s'",
    f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_TIMEOUT_S}s'",
)
# New in 17. The server is asked, not the connection: behind a pooler it may be another one by now.
_TRANSACTION_TIMEOUT = f"""\
CASE WHEN pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL
    THEN pg_catalog.set_config('transaction_timeout', '{TRANSACTION_TIMEOUT_S}s', true) END"""

# Ends each of our statements, so that later runs know their entries in pg_stat_statements, which keeps the text's end
# (a comment at the beginning is cut off from 18 on).
MARKER = "/* pgadvisor */"


class Answer:
    """What the server has answered, complete but not yet read: that can wait until the transaction is over."""

    def __init__(self, cursor: psycopg.Cursor[dict[str, Any]]) -> None:
        self._cursor = cursor

    def rows(self) -> list[dict[str, Any]]:
        """All rows, once. Raises psycopg.DataError where they hold a text that is not in the server's encoding."""
        with self._cursor as cursor:
            try:
                return cursor.fetchall() if cursor.description else []
            except UnicodeDecodeError as error:
                # Roles and databases are shared by databases of other encodings, which the server does not convert.
                raise psycopg.DataError("it holds a name or a text that is not in the server's encoding") from error


class Transaction:
    """An open transaction; every query's time counts towards the session's footprint."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def rows(
        self,
        query: Query,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
        *,
        always: bool = False,
    ) -> list[dict[str, Any]]:
        """All rows of one query of ours, which is marked as such.

        always: it cleans up, so it is sent even where no time is left. Raises psycopg.Error; the transaction is then of
        no more use.
        """
        return self.ask(query, parameters, always=always).rows()

    def ask(
        self,
        query: Query,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
        *,
        always: bool = False,
    ) -> Answer:
        """As `rows`, where a transaction shall not stay open while many rows are made objects of ours."""
        marked = (sql.SQL(query) if isinstance(query, str) else query) + sql.SQL("\n" + MARKER)
        cursor = self._session.connection.cursor(row_factory=dict_row)
        with self._session.timed(always=always):
            self._session.texts.add(hash((self._session.role, marked.as_string(self._session.connection))))
            cursor.execute(marked, parameters, prepare=False)
        return Answer(cursor)

    def row(self, query: Query, parameters: Sequence[object] | Mapping[str, object] | None = None) -> dict[str, Any]:
        """The only row of one query of ours."""
        (row,) = self.rows(query, parameters)
        return row

    def set_local(self, **settings: str) -> None:
        """Settings for the rest of this transaction. The values are bound, so that they make no more texts of it."""
        self.rows(_setting(settings), list(settings.values()))
        self._session.noted(settings)


def _setting(settings: Mapping[str, str], *columns: str) -> sql.Composed:
    calls = [sql.SQL("pg_catalog.set_config({}, %s, true)").format(sql.Literal(name)) for name in settings]
    return sql.SQL("SELECT {}").format(sql.SQL(",\n").join([*calls, *(sql.SQL(column) for column in columns)]))


# A lock that cannot be had is to be told as such, so its timeout comes before that of the statement.
_WAIT_SHARE = 0.9


class Session:
    """A connection in autocommit mode and the counts of what was done over it.

    statement_timeout_ms and lock_timeout_ms are the defaults of its transactions. The latter also bounds how long
    locks on relations of users may be kept: so long does whoever wants a stronger one wait for us. max_server_time_s
    bounds the total of server_ms: after it nothing is asked any more. identity is the server that all transactions
    have been on, None before the first. role is what the open transaction has become, "" for the session's own role:
    pg_stat_statements counts each role's commands apart.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        *,
        statement_timeout_ms: int,
        lock_timeout_ms: int,
        max_server_time_s: float = math.inf,
    ) -> None:
        self.connection = connection
        self.statement_timeout_ms = statement_timeout_ms
        self.lock_timeout_ms = lock_timeout_ms
        self.max_server_time_s = max_server_time_s
        self.server_ms = 0.0
        self.transactions = 0
        self.queries = 0
        self.longest_transaction_ms = 0.0
        self.texts: set[int] = set()
        self.role = ""
        self.identity: ServerIdentity | None = None
        self._ends_at = math.inf
        self._timeout_ms = 0

    @property
    def keep_timeout_ms(self) -> int:
        """Within which a statement that takes locks on relations of users, which stay until the end, must be over."""
        return min(self.statement_timeout_ms, self.lock_timeout_ms)

    def timeouts(self, statement_ms: int, *, lock_ms: int | None = None) -> dict[str, str]:
        """Settings for statements that take no longer than this, nor than what is left of the transaction and the run.

        lock_ms lowers the session's own limit for locks.
        """
        # Rounded up: what the server cancels is then past our own end, and told as that.
        statement_ms = max(math.ceil(min(statement_ms, self._left_ms())), 1)
        wait_ms = min(self.lock_timeout_ms, lock_ms or self.lock_timeout_ms, int(statement_ms * _WAIT_SHARE))
        return {"statement_timeout": f"{statement_ms}ms", "lock_timeout": f"{max(wait_ms, 1)}ms"}

    @contextmanager
    def transaction(
        self, *, snapshot: bool = False, statement_timeout_ms: int | None = None, search_path: str | None = "pg_catalog"
    ) -> Iterator[Transaction]:
        """A read-only transaction, rolled back at its end whatever happens, of no more than MAX_TRANSACTION_S.

        snapshot: repeatable read, so that all its queries see one state. search_path None keeps the role's own, which
        planning needs; ours name every schema, and pg_catalog alone makes PostgreSQL's own output do so too.

        Raises ServerTimeSpent where the run may ask nothing more, and ServerChanged where it is on another server than
        the transactions before it.
        """
        started = time.perf_counter()
        self._ends_at = time.monotonic() + MAX_TRANSACTION_S
        transaction = Transaction(self)
        try:
            self._check_left()
            self._begin("REPEATABLE READ" if snapshot else "READ COMMITTED")
            self.transactions += 1
            self._settle(transaction, statement_timeout_ms or self.statement_timeout_ms, search_path)
            yield transaction
        except BaseException:
            # What went wrong is what matters, not that a broken connection cannot roll back either.
            with suppress(psycopg.Error):
                self._end(transaction)
            raise
        else:
            self._end(transaction)
        finally:
            self._ends_at = math.inf
            self.role = ""
            self.longest_transaction_ms = max(self.longest_transaction_ms, (time.perf_counter() - started) * 1000)

    def _begin(self, isolation: str) -> None:
        """Begins a transaction, in one exchange with what lets it live under a database's own timeouts of a moment.

        idle_session_timeout cannot be outlived: it also ends sessions between transactions, and setting it for longer
        than one would leave it set in a pooler's connections.
        """
        commands = (f"BEGIN ISOLATION LEVEL {isolation} READ ONLY", *_FIRST)
        texts = [f"{command}\n{MARKER}" for command in commands]
        self.texts.update(map(hash, texts))
        with self.timed():
            self.connection.execute(sql.SQL(";\n").join(map(sql.SQL, texts)), prepare=False)

    def _settle(self, transaction: Transaction, statement_timeout_ms: int, search_path: str | None) -> None:
        """Settings of a transaction, and in the same exchange on which server it is."""
        settings = SETTINGS | self.timeouts(statement_timeout_ms)
        if search_path is not None:
            settings["search_path"] = search_path
        question = _setting(settings, _TRANSACTION_TIMEOUT, IDENTITY_COLUMNS)
        identity = ServerIdentity.of(transaction.row(question, list(settings.values())))
        self.noted(settings)
        identity.check(self.identity or identity)
        self.identity = self.identity or identity

    def _end(self, transaction: Transaction) -> None:
        if self.connection.info.transaction_status is not TransactionStatus.IDLE:
            transaction.rows("ROLLBACK", always=True)

    def noted(self, settings: Mapping[str, str]) -> None:
        """Takes note of settings that were made."""
        self.role = settings.get("role", self.role)
        if "statement_timeout" in settings:
            self._timeout_ms = int(settings["statement_timeout"].removesuffix("ms"))

    @contextmanager
    def timed(self, *, always: bool = False) -> Iterator[None]:
        """Counts one exchange with the server, and bounds it by what is left of the transaction and the run.

        always: the exchange is made even where nothing is left. Raises ServerTimeSpent or TransactionTooLong where it
        is not made, or was cancelled because nothing was left.
        """
        if not always and self.connection.info.transaction_status is TransactionStatus.INTRANS:
            self._check_left()
            if self._timeout_ms > self._left_ms():
                self._lower_timeout()
        try:
            with self._counted():
                yield
        except psycopg.errors.QueryCanceled as error:
            try:
                self._check_left()
            except (ServerTimeSpent, TransactionTooLong) as limit:
                raise limit from error
            raise

    @contextmanager
    def _counted(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.queries += 1
            self.server_ms += (time.perf_counter() - started) * 1000

    def _lower_timeout(self) -> None:
        """The exchange for it is made only where it is needed, near the end of a long transaction or run."""
        settings = {"statement_timeout": self.timeouts(self._timeout_ms)["statement_timeout"]}
        query = _setting(settings) + sql.SQL("\n" + MARKER)
        self.texts.add(hash(query.as_string(self.connection)))
        with self._counted():
            self.connection.execute(query, list(settings.values()), prepare=False)
        self.noted(settings)

    def _left_ms(self) -> float:
        of_transaction_ms = (self._ends_at - time.monotonic()) * 1000
        return min(of_transaction_ms, self.max_server_time_s * 1000 - self.server_ms)

    def _check_left(self) -> None:
        if self.server_ms >= self.max_server_time_s * 1000:
            raise ServerTimeSpent(self.max_server_time_s)
        if time.monotonic() >= self._ends_at:
            raise TransactionTooLong

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
