"""Whoever owns a schema can put code in the place of an extension in it: ours is not to run that."""

from __future__ import annotations

import pytest

from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.postgres.texts import read_texts
from support.databases import Database
from support.reading import open_session

pytestmark = pytest.mark.server

FORGED = """
    CREATE TABLE told (who text);
    GRANT INSERT ON told TO PUBLIC;
    CREATE FUNCTION {schema}.pg_stat_statements(showtext boolean) RETURNS SETOF record LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'forged code ran as %', session_user; END $$;
"""


def test_a_function_of_the_same_name_is_not_called(any_database: Database) -> None:
    """The extension is gone by the time its texts are read, and somebody else's function is there."""
    with open_session(any_database.dsn) as session:
        before = read_texts(session, "public", [1], [(1, "1")], 1)
        assert before.failed is None
        any_database.execute("DROP EXTENSION pg_stat_statements")
        any_database.execute(FORGED.format(schema="public"))
        texts = read_texts(session, "public", [1], [(1, "1")], 1)
    assert texts.failed is not None
    assert "are not the extension's own" in texts.failed.reason
    assert "forged" not in texts.failed.reason


def test_a_superuser_does_not_call_what_the_schema_s_owner_could_replace(any_database: Database) -> None:
    owner = any_database.role()
    any_database.execute(f'CREATE SCHEMA theirs AUTHORIZATION "{owner.name}"')
    any_database.execute("DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements SCHEMA theirs")
    seen = collect(any_database.dsn, CollectConfig())
    assert seen.coverage.presence(Fact.STATEMENTS) is Presence.ABSENT
    (gap,) = (gap for gap in seen.coverage.gaps if gap.fact is Fact.STATEMENTS)
    assert "the owner of schema theirs" in gap.reason
    assert "pg_monitor" in gap.remedy
    any_database.execute("GRANT USAGE ON SCHEMA theirs TO PUBLIC")
    monitor = any_database.role(member_of=["pg_monitor"])
    assert collect(monitor.dsn, CollectConfig()).coverage.presence(Fact.STATEMENTS) is Presence.PRESENT


def test_the_owner_of_the_database_counts_as_that_of_public(database: Database) -> None:
    """From 15 on public belongs to pg_database_owner."""
    owner = database.role()
    quoted = database.name.replace('"', '""')
    database.execute(f'ALTER DATABASE "{quoted}" OWNER TO "{owner.name}"')
    try:
        assert collect(database.dsn, CollectConfig()).statements is None
        own = collect(owner.dsn, CollectConfig())
        assert own.statements is not None
    finally:
        database.execute(f'ALTER DATABASE "{quoted}" OWNER TO CURRENT_USER')
