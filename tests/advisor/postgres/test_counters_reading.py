"""Counters, since when they count, and sizes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from pgadvisor.config import CollectConfig
from pgadvisor.localserver import LocalServer
from pgadvisor.model.counters import DatabaseCounters, Window
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.postgres.counters import window_since
from support.databases import Database
from support.reading import read_database
from support.servers import SETTINGS, Server

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def hours(count: int) -> datetime:
    return NOON + timedelta(hours=count)


@pytest.mark.parametrize(
    ("database_reset", "started_at", "shared_reset", "expected"),
    [
        (None, hours(0), None, (hours(0), "server start")),
        (hours(-5), hours(0), hours(-9), (hours(0), "server start")),
        (hours(1), hours(0), hours(-9), (hours(1), "reset of this database's counters")),
        (hours(1), hours(0), hours(2), (hours(2), "reset of shared statistics, as after a crash")),
        (None, None, None, (None, "unknown")),
    ],
)
def test_the_window_starts_at_the_latest_of_the_known_resets(
    database_reset: datetime | None,
    started_at: datetime | None,
    shared_reset: datetime | None,
    expected: tuple[datetime | None, str],
) -> None:
    window = window_since(
        {"database_reset": database_reset, "started_at": started_at, "shared_reset": shared_reset, "until": hours(9)}
    )
    assert window == Window(since=expected[0], until=hours(9), source=expected[1])


@pytest.mark.server
def test_counters_of_tables_and_indexes(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
    any_database.execute("INSERT INTO t SELECT i, i FROM generate_series(1, 500) i")
    any_database.execute("UPDATE t SET a = 0 WHERE id <= 5")
    any_database.execute("DELETE FROM t WHERE id > 490")
    any_database.settle()
    any_database.execute("ANALYZE t")
    any_database.execute("SELECT sum(a) FROM t")
    any_database.execute("SET enable_seqscan = off; SELECT a FROM t WHERE id = 7; RESET enable_seqscan")
    any_database.settle()
    any_database.wait_until("SELECT n_tup_ins = 500 FROM pg_stat_user_tables WHERE relname = 't'")
    seen = read_database(any_database.dsn)
    counters = seen.collected.counters
    assert counters is not None
    (table,), (index,) = counters.tables, counters.indexes
    assert (table.rows_inserted, table.rows_updated, table.rows_deleted) == (500, 5, 10)
    assert table.seq_scans >= 1 and table.seq_rows_read >= 490 and table.index_scans >= 1
    assert index.scans >= 1 and index.rows_read >= 1
    assert table.last_analyze is not None and table.last_autoanalyze is None
    assert (table.live_rows, table.modified_since_analyze) == (490, 0)
    assert table.heap_blocks_hit > 0
    since_16 = any_database.server.major >= 16
    assert (index.last_scan is not None) == (table.last_seq_scan is not None) == since_16
    assert (table.rows_newpage_updated is not None) == since_16
    assert seen.collected.presence[Fact.TABLE_COUNTERS] is Presence.PRESENT
    assert seen.collected.presence[Fact.INDEX_COUNTERS] is Presence.PRESENT


@pytest.mark.server
def test_toast_and_maintenance_are_counted(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (a text); ALTER TABLE t ALTER a SET STORAGE EXTERNAL")
    any_database.execute("CREATE TABLE untouched (a text)")
    any_database.execute("INSERT INTO t SELECT repeat('x', 100000)")
    any_database.execute("""
        CREATE FUNCTION slow(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
          'BEGIN PERFORM pg_sleep(0.02); RETURN ''x''; END';
        CREATE INDEX ON t (slow(a))
    """)
    any_database.execute("VACUUM (ANALYZE) t")
    any_database.execute("ANALYZE t")
    any_database.execute("SELECT length(a) || a FROM t")
    any_database.settle()
    any_database.wait_until("SELECT analyze_count = 2 FROM pg_stat_user_tables WHERE relname = 't'")
    seen = read_database(any_database.dsn)
    assert seen.collected.counters is not None
    tables = {row.relation_oid: row for row in seen.collected.counters.tables}
    table, untouched = tables[seen.relations["t"].oid], tables[seen.relations["untouched"].oid]
    assert (table.vacuum_count, table.autovacuum_count, table.analyze_count, table.autoanalyze_count) == (1, 0, 2, 0)
    assert (untouched.vacuum_count, untouched.analyze_count) == (0, 0)
    toast = "SELECT toast_blks_read, toast_blks_hit FROM pg_statio_user_tables WHERE relname = 't'"
    assert [(table.toast_blocks_read, table.toast_blocks_hit)] == any_database.execute(toast)
    assert table.toast_blocks_hit > 10 and untouched.toast_blocks_hit == untouched.toast_blocks_read == 0
    if any_database.server.major >= 18:
        assert table.analyze_ms is not None and table.analyze_ms >= 40
        assert table.vacuum_ms is not None and table.vacuum_ms < table.analyze_ms
        assert (table.autovacuum_ms, table.autoanalyze_ms) == (0, 0)
    else:
        assert table.vacuum_ms is table.autovacuum_ms is table.analyze_ms is table.autoanalyze_ms is None


@pytest.mark.server
def test_counters_of_the_database_its_sequences_and_functions(any_database: Database) -> None:
    """For whoever may connect: they are hidden from nobody."""
    role = any_database.role()
    before = read_database(role.dsn).collected.counters
    assert before is not None and before.database is not None
    any_database.execute("""
        CREATE SEQUENCE "a'b"; CREATE SCHEMA other; CREATE SEQUENCE other.s; CREATE TEMPORARY SEQUENCE passing;
        CREATE FUNCTION "f'g"() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
        CREATE FUNCTION other.f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
        CREATE TABLE t (a int)
    """)
    any_database.execute("SET track_functions = 'all'; SELECT \"f'g\"(), \"f'g\"(), other.f()")
    any_database.execute("SELECT nextval('\"a''b\"'), nextval('other.s'), nextval('passing')")
    any_database.execute("INSERT INTO t SELECT generate_series(1, 50000)")
    any_database.execute("SET work_mem = '64kB'; SELECT a FROM t ORDER BY a DESC; RESET work_mem")
    for _ in range(500):
        any_database.execute("BEGIN; ROLLBACK")
    oids = dict(any_database.execute("SELECT proname, oid::int8 FROM pg_proc WHERE proname IN ('f''g', 'f')"))
    oids |= dict(any_database.execute("SELECT relname, oid::int8 FROM pg_class WHERE relname IN ('a''b', 's')"))
    any_database.settle()
    any_database.wait_until("SELECT count(*) = 2 FROM pg_stat_user_functions")
    seen = read_database(role.dsn, CollectConfig(exclude_schemas=("other",)))
    after = seen.collected.counters
    assert after is not None and after.database is not None
    assert [(row.function_oid, row.calls) for row in after.functions] == [(oids["f'g"], 2)]
    assert after.functions[0].total_ms >= after.functions[0].self_ms > 0
    (sequence,) = after.sequences
    assert sequence.sequence_oid == oids["a'b"] and sequence.blocks_hit + sequence.blocks_read >= 1
    check_database(before.database, after.database, any_database.server.major)
    assert seen.collected.presence[Fact.DATABASE_COUNTERS] is Presence.PRESENT
    assert seen.gaps(Fact.DATABASE_COUNTERS) == []


def check_database(before: DatabaseCounters, after: DatabaseCounters, major: int) -> None:
    assert 5 < after.commits - before.commits < 400 and after.rollbacks - before.rollbacks >= 500
    assert 50000 <= after.rows_inserted - before.rows_inserted < 51000
    assert after.rows_returned - before.rows_returned >= 50000 and after.blocks_hit > before.blocks_hit
    assert after.temp_files - before.temp_files >= 1 and after.temp_bytes - before.temp_bytes >= 500_000
    assert (after.deadlocks, after.conflicts) == (0, 0)
    assert after.frozen_xid_age is not None and before.frozen_xid_age is not None and after.multixact_age == 0
    assert after.frozen_xid_age > before.frozen_xid_age > 0
    sessions = (after.sessions, after.sessions_killed, after.session_ms, after.active_ms)
    assert all(value is not None and value >= 0 for value in sessions) if major >= 14 else set(sessions) == {None}
    workers = (after.parallel_workers_to_launch, after.parallel_workers_launched)
    assert workers == ((0, 0) if major >= 18 else (None, None))


@pytest.mark.server
def test_reading_adds_nothing_to_the_counters_of_tables(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
    any_database.execute("INSERT INTO t SELECT i, 'x' FROM generate_series(1, 500) i")
    any_database.execute("CREATE INDEX ON t ((lower(a))) WHERE id > 3")
    any_database.settle()
    any_database.wait_until("SELECT n_tup_ins = 500 FROM pg_stat_user_tables WHERE relname = 't'")
    first = read_database(any_database.dsn).collected.counters
    second = read_database(any_database.dsn).collected.counters
    assert first is not None and second is not None
    assert (first.tables, first.indexes) == (second.tables, second.indexes)


@pytest.mark.server
def test_sizes_are_the_files_own(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
    any_database.execute("INSERT INTO t SELECT i, 'x' FROM generate_series(1, 5000) i")
    any_database.execute("INSERT INTO t SELECT -i, string_agg(md5(j::text), '') FROM generate_series(1, 9) i,"
                         " generate_series(1, 3000) j GROUP BY i")  # fmt: skip
    seen = read_database(any_database.dsn)
    counters = seen.collected.counters
    assert counters is not None
    sizes = {size.oid: size for size in counters.sizes}
    ((main, total, key),) = any_database.execute(
        "SELECT pg_relation_size('t'), pg_total_relation_size('t'), pg_relation_size('t_pkey')"
    )
    table = sizes[seen.relations["t"].oid]
    assert (table.main_bytes, table.total_bytes) == (main, total)
    assert sizes[seen.indexes["t_pkey"].oid].main_bytes == key
    assert total > main + key
    assert counters.database_size_bytes is not None and counters.database_size_bytes > total
    assert seen.collected.presence[Fact.SIZES] is Presence.PRESENT


@pytest.mark.server
def test_counting_that_is_switched_off_is_said(database: Database) -> None:
    role = database.role(member_of=["pg_monitor"])
    database.execute(f'ALTER ROLE "{role.name}" SET track_counts = off')
    seen = read_database(role.dsn)
    for fact in (Fact.TABLE_COUNTERS, Fact.INDEX_COUNTERS, Fact.DATABASE_COUNTERS):
        (gap,) = seen.gaps(fact)
        assert "track_counts is off" in gap.reason and gap.kind is GapKind.SWITCHED_OFF
        assert seen.collected.presence[fact] is Presence.PARTIAL


@pytest.mark.server
def test_a_reset_of_the_database_s_counters_starts_the_window(any_database: Database) -> None:
    any_database.execute("SELECT pg_stat_reset()")
    any_database.wait_until("SELECT stats_reset IS NOT NULL FROM pg_stat_database WHERE datname = current_database()")
    ((reset,),) = any_database.execute("SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()")
    counters = read_database(any_database.dsn).collected.counters
    assert counters is not None
    assert counters.window.since == reset and counters.window.source == "reset of this database's counters"
    assert counters.database is not None and counters.database.reset_at == reset
    assert counters.window.until > reset


@pytest.fixture
def own_server(any_server: Server) -> Iterator[LocalServer]:
    """A server of its own, to be crashed."""
    assert any_server.local is not None
    with LocalServer(any_server.local.binaries, settings=SETTINGS) as server:
        yield server


@pytest.mark.server
def test_a_crash_starts_the_windows_anew(own_server: LocalServer) -> None:
    """The server's start says nothing of it, nor does the database's reset from 15 on; counters are gone."""
    with psycopg.connect(own_server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute("CREATE TABLE t (id int)")
        connection.execute("INSERT INTO t SELECT generate_series(1, 100)")
    before = counted(own_server)
    assert (before["rows"], before["statements"]) == (100, 1)
    time.sleep(1.1)
    crash(own_server)
    after = counted(own_server)
    assert (after["rows"], after["statements"]) == (0, 0)
    assert after["started_at"] == before["started_at"]
    seen = read_database(own_server.dsn()).collected
    assert seen.counters is not None and seen.statements is not None
    assert seen.server is not None
    assert seen.counters.window.since is not None
    assert seen.counters.window.since > before["now"]
    if seen.server.major >= 15:
        assert after["database_reset"] is before["database_reset"] is None
        assert seen.counters.window.source == "reset of shared statistics, as after a crash"
    if seen.server.major >= 14:
        assert seen.statements.window.since is not None
        assert seen.statements.window.since > before["now"]


def counted(server: LocalServer) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while True:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            cursor = connection.execute("""
                SELECT (SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 't') AS rows,
                  (SELECT count(*) FROM pg_stat_statements WHERE query LIKE 'INSERT INTO t %') AS statements,
                  stats_reset AS database_reset, pg_postmaster_start_time() AS started_at, now()
                FROM pg_stat_database WHERE datname = current_database()
            """)
            row = dict(zip([c.name for c in cursor.description or ()], cursor.fetchone() or (), strict=True))
        if row["rows"] in {0, 100} and row["statements"] in {0, 1}:
            return row
        assert time.monotonic() < deadline
        time.sleep(0.05)


def crash(server: LocalServer) -> None:
    """Kills a backend of our own server, and waits until recovery is over."""
    connection = psycopg.connect(server.dsn(), autocommit=True)
    (killed_at,) = connection.execute("SELECT clock_timestamp()").fetchone() or (None,)
    os.kill(connection.info.backend_pid, signal.SIGKILL)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1 FROM pg_sleep(10)")
    connection.close()
    deadline = time.monotonic() + 30
    while not recovered(server, killed_at):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def recovered(server: LocalServer, killed_at: datetime | None) -> bool:
    try:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            row = connection.execute("SELECT stats_reset > %s FROM pg_stat_bgwriter", [killed_at]).fetchone()
            return row == (True,)
    except psycopg.OperationalError:
        return False
