"""Databases whose owner gave all sessions in them settings that end these, or under which nothing can be asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

from pgadvisor.collect import collect, collect_all
from pgadvisor.config import CollectConfig
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.postgres.connect import ConnectError
from pgadvisor.postgres.session import Session
from support.databases import Database, fresh_database

pytestmark = pytest.mark.server
ALL = CollectConfig(all_databases=True, max_explains=0)


@contextmanager
def setting(database: Database, name: str, value: str) -> Iterator[None]:
    """While it is entered, every new session in the database has the setting."""
    alter = sql.SQL("ALTER DATABASE {} {} {}")
    with database.server.connect() as connection:
        named = sql.Identifier(database.name)
        connection.execute(alter.format(named, sql.SQL("SET"), sql.SQL(f"{name} = '{value}'")))
        try:
            yield
        finally:
            connection.execute(alter.format(named, sql.SQL("RESET"), sql.SQL(name)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("idle_session_timeout", "1ms"),
        ("transaction_timeout", "1ms"),
        ("local_preload_libraries", "no_such_library"),
    ],
)
def test_a_database_that_ends_every_session_is_a_gap(database: Database, name: str, value: str) -> None:
    """The run goes on in the others, also where it was to begin there. A fast server is sometimes faster than 1 ms."""
    with fresh_database(database.server) as evil, setting(evil, name, value):
        for dsn in (database.dsn, evil.dsn):
            found = {snapshot.server.database: snapshot for snapshot in collect_all(dsn, ALL)}
            assert found.keys() >= {database.name, "postgres"}
            missed = " ".join(gap.reason for each in found.values() for gap in each.coverage.gaps)
            if evil.name not in found:
                assert f"Not looked at: database {quote_identifier(evil.name)}. " in missed
            for left in (database.name, "postgres"):
                assert found[left].coverage.presence(Fact.CATALOG) is Presence.PRESENT
        if name == "local_preload_libraries":
            assert evil.name not in found
            with pytest.raises(ConnectError, match="no_such_library"):
                collect(evil.dsn, ALL)


def test_a_connection_that_is_lost_at_once_ends_the_look_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends each session in one database at its first question, wherever the run begins."""
    begin = Session._begin

    with fresh_database(database.server) as evil:

        def ended(session: Session, isolation: str) -> None:
            begin(session, isolation)
            if session.connection.info.dbname == evil.name:
                with database.connect() as other:
                    other.execute("SELECT pg_terminate_backend(%s, 5000)", [session.connection.info.backend_pid])

        monkeypatch.setattr(Session, "_begin", ended)
        for dsn in (database.dsn, evil.dsn):
            found = {snapshot.server.database: snapshot for snapshot in collect_all(dsn, ALL)}
            assert found.keys() >= {database.name, "postgres"}
            assert evil.name not in found
            missed = [gap.reason for each in found.values() for gap in each.coverage.gaps]
            assert sum(f"Not looked at: database {quote_identifier(evil.name)}. " in each for each in missed) == 1
        with pytest.raises(ConnectError, match=r"Look into its log for why; timeouts of the database itself"):
            collect(evil.dsn, ALL)


@pytest.mark.parametrize("name", ["statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"])
def test_timeouts_of_a_database_are_not_ours(database: Database, name: str) -> None:
    wanted = collect(database.dsn, ALL)
    with setting(database, name, "1ms"):
        found = collect(database.dsn, ALL)
    assert [gap.reason for gap in found.coverage.gaps] == [gap.reason for gap in wanted.coverage.gaps]
    assert found.coverage.facts == wanted.coverage.facts
