"""A connection to a copy: one long transaction that is never committed, with savepoints for all that is done in it.

What is built is seen by this transaction alone and is gone with it, whatever ends it: ROLLBACK, Ctrl-C, a killed
process, a cut connection, a crash of the server. So nothing needs to be removed, and nothing can be left behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from pgadvisor.postgres.session import MARKER, SETTINGS, Session, Transaction

# Longer than we ever think between two commands.
_IDLE_TIMEOUT_S = 120
# The server's own end to the transaction (from 17 on), after ours.
_GRACE_S = 300
_CANCEL_S = 5.0
# In milliseconds no setting of the server's holds more (INT_MAX).
_LONGEST_S = 2_147_000.0 - _GRACE_S
_SAVEPOINT = "pgadvisor_verify"
_TRANSACTION_TIMEOUT = """\
SELECT CASE WHEN pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL
    THEN pg_catalog.set_config('transaction_timeout', %s, true) END"""
# From 14 on: a command whose client is gone is ended by the server, instead of run to its end.
_CHECK_CLIENT_SINCE = 140000
_CHECK_CLIENT = "SET LOCAL client_connection_check_interval = '1s'"


class CopySession(Session):
    """A Session (postgres/session.py) whose transactions are savepoints, rolled back, of one that is never committed.

    without: commands that take away indexes, run at the beginning of every transaction. They are rolled back with it.
    max_time_s bounds all of it, statement_timeout_ms one statement. lost says, once the trial is over, whether it ended
    by losing the connection.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], *, statement_timeout_ms: int, lock_timeout_ms: int, max_time_s: float
    ) -> None:
        super().__init__(
            connection,
            statement_timeout_ms=statement_timeout_ms,
            lock_timeout_ms=lock_timeout_ms,
            max_server_time_s=min(max_time_s, _LONGEST_S),
        )
        self.lost = False
        self.without: Sequence[str] = ()

    @property
    def keep_timeout_ms(self) -> int:
        """Nobody is kept waiting on a copy, so a statement may be run for as long as is left of the whole trial."""
        return max(int(self._left_ms()), 1)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """The one transaction, in which all others are savepoints. It is rolled back, and the connection closed."""
        try:
            self._command("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            transaction = Transaction(self)
            transaction.set_local(**self._settings(self.statement_timeout_ms))
            transaction.rows(_TRANSACTION_TIMEOUT, [f"{self.max_server_time_s + _GRACE_S:.0f}s"])
            if self.connection.info.server_version >= _CHECK_CLIENT_SINCE:
                # Refused where the server's system cannot look.
                with suppress(psycopg.errors.InvalidParameterValue), self._savepoint(keep=True):
                    transaction.rows(_CHECK_CLIENT)
            yield
        finally:
            self.lost = self.connection.closed or self.connection.broken
            # What went wrong is what matters, and to end the session ends the transaction as well.
            with suppress(psycopg.Error):
                if self.connection.info.transaction_status is TransactionStatus.ACTIVE:
                    self.connection.cancel_safe(timeout=_CANCEL_S)
                elif self.connection.info.transaction_status is not TransactionStatus.IDLE:
                    self._command("ROLLBACK")
            self.connection.close()

    @contextmanager
    def transaction(
        self, *, snapshot: bool = False, statement_timeout_ms: int | None = None, search_path: str | None = "pg_catalog"
    ) -> Iterator[Transaction]:
        """A read-only part of the trial, rolled back at its end, without the indexes that are to be away.

        The server lets nothing inside it make it one that writes. snapshot is of no account.
        """
        with self._savepoint(keep=False):
            transaction = Transaction(self)
            transaction.set_local(**self._settings(statement_timeout_ms or self.statement_timeout_ms, search_path))
            for command in self.without:
                transaction.rows(command)
            transaction.rows("SET TRANSACTION READ ONLY")
            yield transaction

    @contextmanager
    def change(self) -> Iterator[Transaction]:
        """A part of the trial that builds something, which stays until the trial ends; rolled back after an error."""
        with self._savepoint(keep=True):
            transaction = Transaction(self)
            transaction.set_local(**self._settings(int(self._left_ms()), search_path=None))
            yield transaction

    def _settings(self, statement_timeout_ms: int, search_path: str | None = None) -> dict[str, str]:
        settings = SETTINGS | {"idle_in_transaction_session_timeout": f"{_IDLE_TIMEOUT_S}s"}
        settings |= self.timeouts(statement_timeout_ms)
        return settings if search_path is None else settings | {"search_path": search_path}

    @contextmanager
    def _savepoint(self, *, keep: bool) -> Iterator[None]:
        self._command(f"SAVEPOINT {_SAVEPOINT}")
        try:
            yield
        except BaseException:
            with suppress(psycopg.Error):
                self._back()
            raise
        else:
            if keep:
                self._command(f"RELEASE SAVEPOINT {_SAVEPOINT}")
            else:
                self._back()
        finally:
            self.role = ""

    def _back(self) -> None:
        self._command(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT};\nRELEASE SAVEPOINT {_SAVEPOINT}")

    def _command(self, command: str) -> None:
        with self.timed(always=True):
            self.connection.execute(sql.SQL(f"{command}\n{MARKER}"), prepare=False)
