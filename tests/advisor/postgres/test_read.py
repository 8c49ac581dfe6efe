"""A whole reading: its order, what it keeps when it is cut short, and with how few rights it works."""

from __future__ import annotations

import msgspec
import psycopg
import pytest

from pgadvisor.config import CollectConfig
from pgadvisor.model.catalog import Catalog
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.postgres.read import Collected, read
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.sqlfiles import Queries
from pgadvisor.progress import Progress, silent
from support.databases import Database
from support.idle import end_idle
from support.reading import open_session, read_database
from support.servers import Server, standby_of

pytestmark = pytest.mark.server
READ = (
    Fact.SERVER, Fact.SETTINGS, Fact.CATALOG, Fact.COLUMN_STATISTICS, Fact.TABLE_COUNTERS, Fact.INDEX_COUNTERS,
    Fact.SIZES, Fact.ACTIVITY, Fact.STATEMENTS, Fact.DATABASE_COUNTERS, Fact.SERVER_COUNTERS, Fact.SESSIONS,
    Fact.PROGRESS, Fact.REPLICATION, Fact.SETTING_OVERRIDES, Fact.OBJECTS, Fact.EXTENDED_STATISTICS, Fact.DEFINITIONS,
)  # fmt: skip


def fill(database: Database) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
    database.execute("CREATE INDEX ON t (lower(a))")
    database.execute("INSERT INTO t SELECT i, 'x' FROM generate_series(1, 500) i")
    database.execute("ANALYZE t")


def test_everything_is_read_and_can_be_stored(any_database: Database) -> None:
    fill(any_database)
    collected = read_database(any_database.dsn).collected
    assert collected.gaps == []
    assert collected.presence == dict.fromkeys(READ, Presence.PRESENT)
    assert collected.server is not None
    snapshot = Snapshot(
        tool_version="1",
        server=collected.server,
        catalog=collected.catalog,
        column_statistics=collected.column_statistics,
        counters=collected.counters,
        activity=collected.activity,
        statements=collected.statements,
    )
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot) == snapshot


def test_the_server_and_the_role(any_database: Database) -> None:
    any_database.execute('CREATE SCHEMA "o\'s"')
    role = any_database.role("a b", member_of=["pg_monitor"], grants=['USAGE ON SCHEMA "o\'s"'])
    any_database.execute(f'ALTER ROLE "{role.name}" SET search_path = missing, "o\'s", public')
    any_database.execute(f"ALTER ROLE \"{role.name}\" SET work_mem = '7MB'")
    any_database.execute(f'ALTER ROLE "{role.name}" SET jit = off')
    server = read_database(role.dsn).collected.server
    assert server is not None
    assert (server.major, server.database, server.role) == (any_database.server.major, any_database.name, role.name)
    assert not server.is_superuser
    assert {"pg_monitor", "pg_read_all_stats", "pg_read_all_settings"} <= set(server.memberships)
    assert server.search_path == ("o's", "public")
    assert server.encoding == "UTF8" and server.block_size_bytes == 8192
    assert not server.in_recovery and server.replay_lag_s is None
    assert server.started_at < server.collected_at
    assert {extension.name for extension in server.extensions} == {"plpgsql", "pg_stat_statements"}
    settings = {setting.name: setting for setting in server.settings}
    assert (settings["work_mem"].value, settings["work_mem"].unit, settings["work_mem"].source) == (
        "7168",
        "kB",
        "user",
    )
    assert (settings["random_page_cost"].value, settings["random_page_cost"].default) == ("4", "4")
    # What we set for ourselves is not the server's.
    assert settings["search_path"].value == 'missing, "o\'s", public'
    assert settings["statement_timeout"].value == settings["lock_timeout"].value == "0"
    assert settings["jit"].value == "off"
    assert settings["pg_stat_statements.max"].value == "10000"
    superuser = read_database(any_database.dsn).collected.server
    assert superuser is not None and superuser.is_superuser and superuser.memberships == ()
    assert superuser.system_identifier is not None and superuser.system_identifier.isdigit()


def test_settings_that_can_hold_secrets_are_not_read(database: Database) -> None:
    role = database.role(attributes="SUPERUSER")
    secret = "s3cr3t"
    database.execute(f"ALTER ROLE \"{role.name}\" SET shop.api_key = '{secret}'")
    collected = read_database(role.dsn).collected
    assert collected.server is not None
    assert secret not in str(collected.server)
    names = {setting.name for setting in collected.server.settings}
    assert names.isdisjoint({"primary_conninfo", "archive_command", "ssl_passphrase_command", "shop.api_key"})


def test_a_role_without_any_privilege(any_database: Database) -> None:
    fill(any_database)
    any_database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    seen = read_database(any_database.role().dsn)
    presence = seen.collected.presence
    assert presence[Fact.CATALOG] is presence[Fact.SERVER] is presence[Fact.TABLE_COUNTERS] is Presence.PRESENT
    assert presence[Fact.COLUMN_STATISTICS] is Presence.ABSENT
    assert presence[Fact.STATEMENTS] is Presence.ABSENT
    assert seen.indexes["t_lower_idx"].complete and seen.sizes["t"] > 0
    assert all(gap.reason and gap.remedy for gap in seen.collected.gaps)


def test_half_a_catalog_is_none(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables without their constraints would look as if they had no primary key."""
    fill(database)
    original = Queries.__getitem__

    def slow(queries: Queries, name: str) -> object:
        return "SELECT pg_sleep(10)" if name == "constraints" else original(queries, name)

    monkeypatch.setattr(Queries, "__getitem__", slow)
    collected = Collected()
    with open_session(database.dsn, statement_timeout_ms=1000) as session:
        read(session, CollectConfig(), collected, silent)
    assert collected.catalog == Catalog()
    assert collected.presence[Fact.CATALOG] is collected.presence[Fact.SIZES] is Presence.ABSENT
    assert collected.presence[Fact.COLUMN_STATISTICS] is not Presence.PRESENT
    (gap,) = (gap for gap in collected.gaps if gap.fact is Fact.CATALOG)
    assert "constraints" in gap.reason and "--statement-timeout" in gap.remedy
    assert collected.presence[Fact.ACTIVITY] is Presence.PRESENT


def steps(database: Database) -> list[str]:
    seen: list[str] = []
    read_database(database.dsn, progress=lambda step, *_: seen.append(step))
    return list(dict.fromkeys(seen))


def cutting(database: Database, pid: int, step: str) -> Progress:
    """Ends a session of the server when a step begins."""

    def cut(now: str, done: int = 0, total: int | None = None) -> None:
        if now == step:
            database.execute("SELECT pg_terminate_backend(%s)", [pid])
            database.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s", [pid])

    return cut


def test_a_lost_connection_keeps_what_was_complete(database: Database) -> None:
    fill(database)
    all_steps = steps(database)
    assert len(all_steps) >= 7
    complete = []
    for step in all_steps:
        collected = Collected()
        with open_session(database.dsn) as session:
            pid = session.connection.info.backend_pid
            cut = cutting(database, pid, step)
            with pytest.raises(psycopg.OperationalError):
                read(session, CollectConfig(), collected, cut)
            assert session.connection.closed
        complete.append(sum(presence is Presence.PRESENT for presence in collected.presence.values()))
        has_catalog = collected.presence.get(Fact.CATALOG, Presence.ABSENT) is not Presence.ABSENT
        assert (collected.catalog != Catalog()) == has_catalog
        assert (collected.statements is not None) == (collected.presence.get(Fact.STATEMENTS) is Presence.PRESENT)
    assert complete == sorted(complete)
    assert complete[0] == 0 and complete[-1] == len(READ) - 1


def test_a_session_ended_for_idling_is_lost(database: Database) -> None:
    """The server's error is no OperationalError then."""
    fill(database)
    collected = Collected()
    with open_session(database.dsn) as session:

        def idle(step: str, done: int = 0, total: int | None = None) -> None:
            if step == "Reading the catalog" and done == 1:
                end_idle(database, session)

        with pytest.raises(psycopg.OperationalError) as caught:
            read(session, CollectConfig(), collected, idle)
    assert isinstance(caught.value.__cause__, psycopg.errors.IdleInTransactionSessionTimeout)
    assert collected.presence[Fact.CATALOG] is Presence.ABSENT
    assert [gap for gap in collected.gaps if gap.fact is Fact.CATALOG] == []


def test_counters_are_read_before_anything_else(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    original = Queries.__getitem__

    def note(queries: Queries, name: str) -> object:
        asked.append(name)
        return original(queries, name)

    monkeypatch.setattr(Queries, "__getitem__", note)
    read_database(database.dsn)
    questions = [name for name in asked if not name.startswith("_")]
    assert questions[:8] == [
        "extensions", "probe_columns", "counters_window", "table_counters", "index_counters", "sequence_counters",
        "function_counters", "database_counters",
    ]  # fmt: skip
    assert {"pg_stat_wal", "pg_stat_io"} < set(questions[8 : questions.index("statements")])


def test_a_standby(server: Server) -> None:
    assert server.local is not None
    with standby_of(server.local) as standby:
        standby.catch_up()
        seen = read_database(standby.dsn())
        assert seen.collected.server is not None
        assert seen.collected.server.in_recovery
        assert seen.collected.server.replay_lag_s is not None and seen.collected.server.replay_lag_s < 60
        assert seen.collected.presence[Fact.CATALOG] is Presence.PRESENT
        primary = read_database(server.dsn())
        assert primary.collected.activity is not None
        assert primary.collected.activity.standbys == 1


def test_activity_is_partly_hidden_from_an_ordinary_role(any_database: Database) -> None:
    with any_database.connect() as other:
        other.execute("BEGIN")
        seen = read_database(any_database.dsn)
        plain = read_database(any_database.role().dsn)
        other.execute("ROLLBACK")
    activity = seen.collected.activity
    assert activity is not None and activity.longest_transaction_s is not None
    assert activity.sessions >= 2 and activity.max_connections > activity.sessions
    assert activity.waiting_sessions == 0 and activity.strong_locks == ()
    assert plain.collected.activity is not None and plain.collected.activity.sessions >= 2
    assert plain.collected.presence[Fact.ACTIVITY] is Presence.PARTIAL
    (gap,) = plain.gaps(Fact.ACTIVITY)
    assert "pg_read_all_stats" in gap.remedy


def test_a_hostile_search_path_changes_nothing(any_database: Database) -> None:
    """A schema in front of pg_catalog, with an operator and functions of the same names."""
    fill(any_database)
    any_database.execute("""
        CREATE SCHEMA evil;
        CREATE FUNCTION evil.trap(anyelement, anyelement) RETURNS boolean LANGUAGE plpgsql AS
          'BEGIN RAISE EXCEPTION ''trapped''; END';
        CREATE OPERATOR evil.= (LEFTARG = anyelement, RIGHTARG = anyelement, PROCEDURE = evil.trap);
        CREATE FUNCTION evil.current_schemas(boolean) RETURNS name[] LANGUAGE plpgsql AS
          'BEGIN RAISE EXCEPTION ''trapped''; END';
        CREATE VIEW evil.pg_class AS SELECT 1 AS oid;
    """)
    any_database.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = evil, pg_catalog, public',"
        " current_database()); END $$"
    )
    collected = read_database(any_database.dsn).collected
    assert collected.gaps == []
    assert collected.server is not None and collected.server.search_path == ("evil", "pg_catalog", "public")


def test_a_session_needs_no_more_than_a_connection(database: Database) -> None:
    """Whoever made it: nothing of it is left on the connection."""
    with database.connect() as connection:
        before = connection.execute("SELECT name, setting FROM pg_settings ORDER BY 1").fetchall()
        read(Session(connection, statement_timeout_ms=5000, lock_timeout_ms=100), CollectConfig(), Collected(), silent)
        assert connection.execute("SELECT name, setting FROM pg_settings ORDER BY 1").fetchall() == before
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
