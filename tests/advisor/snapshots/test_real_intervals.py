"""Intervals and several servers, from snapshots of real ones."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pgadvisor.analyze import analyze_all
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Config, Execute, set_rule_options
from pgadvisor.localserver import LocalServer
from pgadvisor.model.report import Report
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.registry import load_rules
from pgadvisor.snapshots.combine import combine
from pgadvisor.snapshots.file import read_snapshots, write_snapshots
from support.databases import Database, fresh_database
from support.looks import entry, index, table
from support.servers import SETTINGS, Server, standby_of

pytestmark = pytest.mark.server

PLAIN = CollectConfig(execute=Execute.OFF, max_explains=0)


def looked(dsn: str) -> Snapshot:
    return collect(dsn, PLAIN)


def id_of(made: Snapshot, text: str) -> str:
    assert made.statements is not None
    (found,) = (each.query_id for each in made.statements.texts if each.text and text in each.text)
    return found


def work(database: Database, times: int) -> None:
    """So many lookups over the index b, each of one row, and one update for every two of them."""
    with database.connect() as connection:
        connection.execute("SET enable_seqscan = off")
        for number in range(times):
            connection.execute("SELECT count(*) FROM worked WHERE b = %s", [number], prepare=False)
        connection.execute("UPDATE worked SET b = b WHERE a <= %s", [times // 2])


def prepare(database: Database) -> None:
    database.execute("CREATE TABLE worked AS SELECT i AS a, i AS b FROM generate_series(1, 1000) i")
    database.execute("CREATE INDEX worked_b ON worked (b)")
    database.execute("VACUUM ANALYZE worked")
    work(database, 6)
    scanned(database, 6)
    database.wait_until("SELECT n_tup_ins = 1000 FROM pg_stat_user_tables WHERE relname = 'worked'")
    database.settle()


def scanned(database: Database, times: int) -> None:
    """Waits until so many scans and the updates that come with them are counted, as are the rows of `prepare`."""
    database.settle()
    counted = "SELECT t.idx_scan >= %s AND t.n_tup_upd >= %s FROM pg_stat_user_tables t WHERE t.relname = 'worked'"
    database.wait_until(counted, [times, times // 2])


@pytest.mark.parametrize("major", [13, 18])
def test_what_is_done_between_two_looks_is_counted_exactly(major: int, old_server: Callable[[int], Server]) -> None:
    with fresh_database(old_server(major)) as database:
        prepare(database)
        old = looked(database.dsn)
        work(database, 10)
        database.execute("CREATE INDEX worked_a ON worked (a)")
        database.execute("SELECT 'fresh' FROM worked LIMIT 1")
        scanned(database, 16)
        (made,) = combine([looked(database.dsn), old])
        row, used = table(made, "worked"), index(made, "worked_b")
        assert used is not None
        assert (used.scans, row.rows_updated, row.rows_inserted) == (10, 5, 0)
        assert index(made, "worked_a") is None, "built in between, and not scanned since"
        assert entry(made, id_of(made, "FROM worked WHERE b = ")).calls == 10
        assert entry(made, id_of(made, "UPDATE worked")).rows == 5
        assert made.change is not None
        assert id_of(made, "FROM worked LIMIT") in made.change.new
        assert id_of(made, "UPDATE worked") not in made.change.new
        assert made.change.vanished == ()
        assert any("public.worked_a" in note for note in made.change.notes)

        database.execute("SELECT pg_stat_reset_single_table_counters('worked'::regclass)")
        database.wait_until("SELECT n_tup_ins = 0 FROM pg_stat_user_tables WHERE relname = 'worked'")
        (alone,) = combine([looked(database.dsn), old])
        assert index(alone, "worked_b").scans == 10, "that of one table is no reset of all"  # type: ignore[union-attr]

        database.execute("SELECT pg_stat_reset()")
        database.wait_until("SELECT idx_scan = 0 FROM pg_stat_user_indexes WHERE indexrelname = 'worked_b'")
        database.execute("SELECT pg_stat_statements_reset()")
        work(database, 3)
        scanned(database, 3)
        (after,) = combine([old, looked(database.dsn)])
        assert index(after, "worked_b").scans == 3  # type: ignore[union-attr]
        assert entry(after, id_of(after, "FROM worked WHERE b = ")).calls == 3
        assert after.counters is not None
        assert after.counters.window.since is not None
        assert after.counters.window.since > made.server.collected_at
        assert any("All counters began again" in note for note in after.change.notes)  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_clean_restart_goes_on_and_a_crash_begins_again() -> None:
    with LocalServer(settings=SETTINGS) as local, fresh_database(Server(18, local.dsn(), {}, local)) as database:
        prepare(database)
        old = looked(database.dsn)
        database.disconnect()
        local.restart()
        work(database, 4)
        scanned(database, 10)
        (made,) = combine([old, looked(database.dsn)])
        assert index(made, "worked_b").scans == 4  # type: ignore[union-attr]
        assert entry(made, id_of(made, "FROM worked WHERE b = ")).calls == 4
        assert made.change is not None
        assert any("started again" in note for note in made.change.notes)
        assert made.counters is not None
        assert old.counters is not None
        assert made.counters.window.since == old.counters.window.until
        database.disconnect()

        crash(local)
        work(database, 2)
        scanned(database, 2)
        (after,) = combine([old, looked(database.dsn)])
        assert index(after, "worked_b").scans == 2  # type: ignore[union-attr]
        assert entry(after, id_of(after, "FROM worked WHERE b = ")).calls == 2
        assert any("All counters began again" in note for note in after.change.notes)  # type: ignore[union-attr]


def crash(local: LocalServer) -> None:
    """Kills a backend, so that the postmaster starts all of them anew and recovers."""
    with psycopg.connect(local.dsn(), autocommit=True) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(local.dsn()).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def report(snapshots: list[Snapshot]) -> Report:
    config = set_rule_options(Config(), ["unused_index.min_window_days=0", "unused_index.min_size_bytes=1"])
    return analyze_all(snapshots, config, load_rules())


def unused(made: Report) -> dict[str, str]:
    return {f.subject.name or "": f.severity.value for f in made.findings if f.rule == "unused_index"}


@pytest.mark.slow
def test_an_index_that_only_a_standby_uses_is_not_unused(tmp_path: Path) -> None:
    with LocalServer(settings=SETTINGS) as primary:
        with psycopg.connect(primary.dsn(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
            connection.execute("CREATE TABLE held AS SELECT i AS a, i AS b, i AS c FROM generate_series(1, 30000) i")
            for column in "abc":
                connection.execute(f"CREATE INDEX held_{column} ON held ({column})".encode())
            connection.execute("ANALYZE held")
        with standby_of(primary) as standby:
            standby.catch_up()
            before = [looked(primary.dsn()), looked(standby.dsn())]
            with psycopg.connect(standby.dsn(), autocommit=True) as connection:
                connection.execute("SELECT count(*) FROM held WHERE b = 7")
            with psycopg.connect(primary.dsn(), autocommit=True) as connection:
                connection.execute("SELECT count(*) FROM held WHERE a = 7")
            with psycopg.connect(standby.dsn(), autocommit=True) as connection:
                connection.execute("SELECT pg_stat_force_next_flush()")
            looks = [looked(primary.dsn()), looked(standby.dsn())]
    files = [tmp_path / "primary.json.gz", tmp_path / "standby.json.gz"]
    for path, made in zip(files, looks, strict=True):
        write_snapshots(path, [made])
    looks = [made for path in reversed(files) for made in read_snapshots(path)]
    alone = report([looks[1]])
    assert unused(alone) == {"held_b": "info", "held_c": "info"}, "with the caveat that a standby was not asked"
    both = report(looks)
    assert set(unused(both)) == {"held_c"}
    (outcome,) = (outcome for outcome in both.outcomes if outcome.rule == "unused_index")
    assert not [gap for gap in outcome.gaps if gap.scope == "standbys"]
    assert [host.in_recovery for host in both.source.hosts] == [False, True]
    assert report(list(reversed(looks))) == both
    (interval,) = combine([*looks, *before])
    assert index(interval, "held_b").scans == 1  # type: ignore[union-attr]
    assert index(interval, "held_a").scans == 1  # type: ignore[union-attr]
    assert interval.change is not None
    assert len(interval.hosts) == 2
