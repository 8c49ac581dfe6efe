"""Transactions that leave nothing behind, also when something goes wrong in them."""

from __future__ import annotations

import time

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgadvisor.model.coverage import Fact, GapKind
from pgadvisor.postgres.bounds import ServerTimeSpent, TransactionTooLong
from pgadvisor.postgres.gaps import gap_of
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
    assert (footprint.transactions, footprint.queries, footprint.statement_entries) == (1, 5, 6)
    assert 50 <= footprint.server_ms <= footprint.longest_transaction_ms + 50


SLEEP = "SELECT pg_sleep(%s)"


def test_the_server_is_told_in_the_exchange_that_sets_the_timeouts(any_database: Database) -> None:
    with open_session(any_database.dsn_tcp) as session:
        with session.transaction():
            pass
        identity = session.identity
        assert (session.queries, session.transactions) == (3, 1)
    assert identity is not None and identity.port and not identity.in_recovery
    assert identity.address == "127.0.0.1" or any_database.server.local is None
    ((started_at,),) = any_database.execute("SELECT pg_postmaster_start_time() AT TIME ZONE 'UTC'")
    assert identity.started_at == started_at.isoformat(sep=" ", timespec="microseconds")


def test_no_transaction_is_longer_than_allowed(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement gets what is left, not the timeout anew; and what was prepared is still given up."""
    monkeypatch.setattr("pgadvisor.postgres.session.MAX_TRANSACTION_S", 0.5)
    with open_session(any_database.dsn) as session:
        with pytest.raises(TransactionTooLong) as caught, session.transaction() as transaction:
            for _ in range(20):
                transaction.rows(SLEEP, [0.2])
        assert isinstance(caught.value.__cause__, psycopg.errors.QueryCanceled)
        assert 450 < session.longest_transaction_ms < 900
        with pytest.raises(TransactionTooLong), session.transaction() as transaction:
            time.sleep(0.6)
            transaction.rows("SAVEPOINT a", always=True)
            transaction.rows("SELECT 1")
        with session.transaction() as transaction:
            inside = transaction.row("SELECT current_setting('statement_timeout') AS ms")
        assert 300 < int(inside["ms"].removesuffix("ms")) <= 500
    gap = gap_of(caught.value, Fact.CATALOG, "the catalog")
    assert gap.kind is GapKind.TIMED_OUT and "0.5 s" not in gap.remedy and "--statement-timeout" not in gap.remedy


def test_the_server_ends_what_we_cannot(any_database: Database) -> None:
    question = """
        SELECT current_setting('idle_in_transaction_session_timeout') AS idle,
          coalesce(current_setting('transaction_timeout', true), '') AS transaction
    """
    with open_session(any_database.dsn) as session, session.transaction() as transaction:
        limits = transaction.row(question)
    assert limits == {"idle": "15s", "transaction": "35s" if any_database.server.major >= 17 else ""}


def test_nothing_is_asked_once_the_server_time_is_spent(any_database: Database) -> None:
    with open_session(any_database.dsn) as session:
        session.max_server_time_s = 0.5
        with pytest.raises(ServerTimeSpent) as caught, session.transaction() as transaction:
            transaction.rows(SLEEP, [0.2])
            time.sleep(0.5)
            transaction.rows(SLEEP, [0.05])
            transaction.rows(SLEEP, [5])
        assert isinstance(caught.value.__cause__, psycopg.errors.QueryCanceled)
        assert 500 <= session.server_ms < 800
        before = (session.queries, session.transactions)
        with pytest.raises(ServerTimeSpent, match=r"limit of 0.5 s of server time"), session.transaction():
            pass
        assert (session.queries, session.transactions) == before
        assert session.connection.info.transaction_status is TransactionStatus.IDLE
    gap = gap_of(caught.value, Fact.CATALOG, "the catalog")
    assert gap.kind is GapKind.LIMIT and "before the catalog had been read" in gap.reason
    assert "--max-server-time" in gap.remedy


def test_a_timeout_of_its_own_is_still_told_as_such(database: Database) -> None:
    with open_session(database.dsn, statement_timeout_ms=100) as session:
        with pytest.raises(psycopg.errors.QueryCanceled), session.transaction() as transaction:
            transaction.rows(SLEEP, [5])
        with session.transaction() as transaction:
            assert session.timeouts(60_000)["lock_timeout"] == "1000ms"
            transaction.set_local(statement_timeout="5000ms")
            transaction.rows(SLEEP, [0.2])
