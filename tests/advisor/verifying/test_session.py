"""One transaction that is never committed, in which all that runs statements is read-only and goes back."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgadvisor.verifying.session import CopySession
from support.databases import Database

pytestmark = pytest.mark.server
INDEXES = "SELECT count(*) FROM pg_catalog.pg_class WHERE relkind = 'i' AND relname = 't_a'"


@pytest.fixture
def session(end_database: Database) -> Iterator[CopySession]:
    end_database.execute("CREATE TABLE t (a int); CREATE INDEX t_a ON t (a)")
    connection = psycopg.connect(end_database.dsn, autocommit=True, prepare_threshold=None)
    copy = CopySession(connection, statement_timeout_ms=5_000, lock_timeout_ms=500, max_time_s=60)
    with copy.trial():
        yield copy
    assert connection.closed
    assert end_database.execute(INDEXES) == [(1,)]


@pytest.mark.parametrize(
    "command",
    [
        "INSERT INTO public.t VALUES (1)",
        "CREATE TABLE public.u (a int)",
        "DROP INDEX public.t_a",
        "SET TRANSACTION READ WRITE",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT set_config('transaction_read_only', 'off', true)",
    ],
)
def test_what_runs_statements_cannot_write(session: CopySession, command: str) -> None:
    refused = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.ActiveSqlTransaction)
    with pytest.raises(refused), session.transaction() as transaction:
        transaction.rows(command)
    with session.change() as transaction:
        transaction.rows("INSERT INTO public.t VALUES (2)")
    with session.transaction() as transaction:
        assert transaction.rows("SELECT a FROM public.t") == [{"a": 2}]


def test_what_is_away_is_back_afterwards(session: CopySession) -> None:
    session.without = ("DROP INDEX public.t_a",)
    with session.transaction() as transaction:
        assert transaction.rows(INDEXES) == [{"count": 0}]
    with pytest.raises(psycopg.errors.UndefinedTable), session.transaction() as transaction:
        transaction.rows("SELECT * FROM public.nowhere")
    session.without = ()
    with session.transaction() as transaction:
        assert transaction.rows(INDEXES) == [{"count": 1}]
    with pytest.raises(psycopg.errors.DuplicateTable), session.change() as transaction:
        transaction.rows("CREATE INDEX t_a ON public.t (a)")
    with session.transaction() as transaction:
        assert transaction.rows("SELECT count(*) FROM public.t") == [{"count": 0}]
