"""Transactions that leave nothing behind, also when something goes wrong in them."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgadvisor.postgres.session import MARKER
from support.databases import Database
from support.reading import open_session

pytestmark = pytest.mark.server


def test_settings_last_as_long_as_the_transaction(any_database: Database) -> None:
    with open_session(any_database.dsn, statement_timeout_ms=1234, lock_timeout_ms=56) as session:
        question = """
            SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
              current_setting('search_path') AS path, current_setting('transaction_read_only') AS read_only,
              current_setting('transaction_isolation') AS isolation, current_setting('application_name') AS name
        """
        with session.transaction(snapshot=True) as transaction:
            inside = transaction.row(question)
        with session.transaction(search_path=None, statement_timeout_ms=99) as transaction:
            other = transaction.row(question)
        after = session.connection.execute(question).fetchone()
    assert list(inside.values()) == ["1234ms", "56ms", "pg_catalog", "on", "repeatable read", "pgadvisor"]
    assert list(other.values()) == ["99ms", "56ms", '"$user", public', "on", "read committed", "pgadvisor"]
    assert after is not None and after[:4] == ("0", "0", '"$user", public', "off")


def test_every_statement_is_marked(database: Database) -> None:
    with open_session(database.dsn) as session, session.transaction(snapshot=True) as transaction:
        transaction.set_local(work_mem="1MB")
        transaction.rows("SELECT %s::int AS a -- the end", [1])
        transaction.rows("EXPLAIN SELECT 2")
    rows = database.execute("""
        SELECT query FROM pg_stat_statements
        WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND query ~ '^(BEGIN|SELECT (pg_catalog|.1::int)|EXPLAIN|ROLLBACK)'
    """)
    assert len(rows) >= 4
    assert all(query.endswith(MARKER) for (query,) in rows)


def test_nothing_can_be_written(database: Database) -> None:
    with (
        open_session(database.dsn) as session,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        session.transaction() as transaction,
    ):
        transaction.rows("CREATE TABLE t (id int)")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("mine")])
def test_a_transaction_ends_with_what_went_wrong(database: Database, error: BaseException) -> None:
    with open_session(database.dsn) as session:
        with pytest.raises(type(error)), session.transaction():
            raise error
        assert session.connection.info.transaction_status is TransactionStatus.IDLE
        with pytest.raises(psycopg.errors.DivisionByZero), session.transaction() as transaction:
            transaction.rows("SELECT 1 / 0")
        with session.transaction() as transaction:
            assert transaction.row("SELECT 1 AS one") == {"one": 1}


def test_a_lost_connection_is_what_is_told(database: Database) -> None:
    with open_session(database.dsn) as session:
        with pytest.raises(psycopg.OperationalError) as caught, session.transaction() as transaction:
            database.execute("SELECT pg_terminate_backend(%s)", [session.connection.info.backend_pid])
            transaction.rows("SELECT 1")
        assert session.connection.closed
        assert isinstance(caught.value, psycopg.errors.AdminShutdown)


def test_the_footprint_is_counted(database: Database) -> None:
    with open_session(database.dsn) as session:
        with session.transaction() as transaction:
            transaction.rows("SELECT pg_sleep(%s)", [0.05])
            transaction.rows("SELECT pg_sleep(%s)", [0.01])
        footprint = session.footprint()
    assert (footprint.transactions, footprint.queries, footprint.statement_entries) == (1, 5, 4)
    assert 50 <= footprint.server_ms <= footprint.longest_transaction_ms + 50
