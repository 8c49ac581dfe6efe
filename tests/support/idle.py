"""A session that the server ends with an error that is no OperationalError."""

from __future__ import annotations

from pgadvisor.postgres.session import Session
from support.databases import Database


def end_idle(database: Database, session: Session) -> None:
    """Has the server end a session that is in a transaction, for being idle."""
    session.connection.execute("SET idle_in_transaction_session_timeout = '10ms'")
    pid = session.connection.info.backend_pid
    database.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s", [pid])
