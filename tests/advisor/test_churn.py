"""A database whose objects come, change and go all the time: the run neither fails, nor is wrong, nor in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest

from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Config
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.registry import load_rules
from pgadvisor.snapshots.check import problem
from support.databases import Database

pytestmark = pytest.mark.server

CONFIG = CollectConfig(lock_timeout_ms=500)
# Each round ends where it began, but for oids.
ROUND = (
    "CREATE TABLE c_{n} (id int PRIMARY KEY, a text, b int CHECK (b > 0))",
    "CREATE INDEX c_{n}_a ON c_{n} ((lower(a))) WHERE b > 5",
    "CREATE VIEW v_{n} AS SELECT a, count(*) FROM c_{n} GROUP BY a",
    "CREATE TABLE parts_{n} PARTITION OF parts FOR VALUES FROM ({n}) TO ({m})",
    "CREATE TEMP TABLE temp_{n} (id int PRIMARY KEY, a text)",
    "INSERT INTO c_{n} SELECT i, 'x', i FROM generate_series(1, 50) i",
    "ANALYZE c_{n}",
    "ALTER TABLE c_{n} ADD COLUMN more int DEFAULT 7",
    "ALTER TABLE c_{n} ALTER COLUMN b TYPE bigint",
    "ALTER TABLE c_{n} RENAME TO d_{n}",
    "ALTER INDEX c_{n}_a RENAME TO d_{n}_a",
    "REINDEX TABLE d_{n}",
    "ALTER TABLE stays ALTER COLUMN a SET STATISTICS {n}",
    "TRUNCATE d_{n}",
    "DROP VIEW v_{n}",
    "DROP INDEX d_{n}_a",
    "DROP TABLE d_{n}",
    "ALTER TABLE parts DETACH PARTITION parts_{n}",
    "DROP TABLE parts_{n}",
    "DROP TABLE temp_{n}",
)


@dataclass
class Churn:
    """What the commands met: the slowest of each kind in seconds, errors, and how many rounds there were."""

    slowest: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    rounds: int = 0


def keep_going(database: Database, number: int, churn: Churn, stop: threading.Event) -> None:
    with database.connect() as connection:
        while not stop.is_set():
            churn.rounds += 1
            for command in ROUND:
                started = time.perf_counter()
                try:
                    connection.execute(command.format(n=number, m=number + 1).encode())
                except psycopg.Error as error:
                    churn.errors.append(f"{command}: {error}")
                    return
                took = time.perf_counter() - started
                churn.slowest[command] = max(took, churn.slowest.get(command, 0.0))


@contextmanager
def churning(database: Database) -> Iterator[Churn]:
    """Two sessions that go on until the end."""
    churn, stop = Churn(), threading.Event()
    threads = [threading.Thread(target=keep_going, args=(database, n, churn, stop)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    try:
        yield churn
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def fill(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE stays (id int PRIMARY KEY, a int CHECK (a > 0));
        CREATE INDEX stays_a ON stays ((a + 1));
        INSERT INTO stays SELECT i, i FROM generate_series(1, 1000) i;
        CREATE TABLE parts (id int) PARTITION BY RANGE (id);
        ANALYZE stays;
        """
    )
    for _ in range(12):
        database.execute("SELECT count(*) FROM stays WHERE a = %s", [7])


def check_consistent(snapshot: Snapshot) -> None:
    """The catalog is of one moment: all that it refers to is in it."""
    catalog = snapshot.catalog
    relations = {relation.oid: relation for relation in catalog.relations}
    names = {relation.name for relation in catalog.relations}
    assert {"stays", "parts"} <= names and not {name for name in names if name.startswith("temp_")}
    for section in (catalog.columns, catalog.indexes, catalog.constraints):
        for part in section:
            oid = part.relation_oid if hasattr(part, "relation_oid") else part.table_oid
            assert oid in relations
    indexes = {index.oid for index in catalog.indexes}
    assert all(c.index_oid is None or c.index_oid in indexes for c in catalog.constraints if c.kind != "foreign key")
    for relation in catalog.relations:
        assert relation.parent_oid is None or relation.parent_oid in relations
        assert sum(column.relation_oid == relation.oid for column in catalog.columns)


def check_gaps(snapshot: Snapshot) -> None:
    """What stays is not missed, unless it was locked; and nothing failed in a way that has no name."""
    for gap in snapshot.coverage.gaps:
        assert "cache lookup" not in gap.reason and "could not open" not in gap.reason, gap
        assert "deadlock" not in gap.reason, gap
        if "stays" in gap.scope:
            assert gap.kind is GapKind.LOCKED, gap
    assert snapshot.coverage.presence(Fact.CONNECTION) is Presence.PRESENT
    assert snapshot.coverage.presence(Fact.CATALOG) is not Presence.ABSENT
    assert snapshot.coverage.presence(Fact.SIZES) is not Presence.ABSENT


def test_under_ddl_and_temporary_tables(database: Database) -> None:
    run_under_churn(database, 3)


@pytest.mark.slow
def test_under_ddl_on_every_version(any_database: Database) -> None:
    run_under_churn(any_database, 5)


def run_under_churn(database: Database, times: int) -> None:
    fill(database)
    with churning(database) as churn:
        snapshots = [collect(database.dsn, CONFIG) for _ in range(times)]
    assert churn.errors == [] and churn.rounds > 2
    # The lock timeout, and what the machine itself takes when it is busy.
    slowest = max(churn.slowest.items(), key=lambda item: item[1])
    assert slowest[1] < CONFIG.lock_timeout_ms / 1000 + 1.5, slowest
    for snapshot in snapshots:
        assert problem(snapshot) is None
        check_consistent(snapshot)
        check_gaps(snapshot)
        analyze(snapshot, Config(), load_rules())


def test_locks_that_last(any_database: Database) -> None:
    """Held, queued, and one such as autovacuum takes against wraparound, behind which others wait."""
    fill(any_database)
    any_database.execute("CREATE TABLE held (id int PRIMARY KEY); CREATE TABLE wanted (id int PRIMARY KEY)")
    any_database.execute("CREATE TABLE vacuumed (id int PRIMARY KEY, a int); CREATE INDEX ON vacuumed ((a + 1))")
    with ExitStack() as stack:
        holder, reader, vacuum, waiter, alterer = (stack.enter_context(any_database.connect()) for _ in range(5))
        holder.execute("BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        reader.execute("BEGIN; SELECT count(*) FROM wanted")
        vacuum.execute("BEGIN; LOCK TABLE vacuumed IN SHARE UPDATE EXCLUSIVE MODE")
        waiter.pgconn.send_query(b"BEGIN; LOCK TABLE wanted IN ACCESS EXCLUSIVE MODE")
        alterer.pgconn.send_query(b"ALTER TABLE vacuumed ALTER COLUMN a SET STATISTICS 10")
        any_database.wait_until("SELECT count(*) = 2 FROM pg_locks WHERE NOT granted AND locktype = 'relation'")
        started = time.perf_counter()
        snapshot = collect(any_database.dsn, CONFIG)
        took = time.perf_counter() - started
        ours_locked = any_database.execute(
            "SELECT l.relation::regclass::text, l.mode, l.granted FROM pg_locks l JOIN pg_stat_activity USING (pid) "
            "WHERE application_name = 'pgadvisor' AND datname = current_database()"
        )
        for connection in (holder, reader, vacuum):
            connection.execute("ROLLBACK")
        for connection in (waiter, alterer):
            while connection.pgconn.get_result() is not None:
                pass
    assert took < 10
    check_consistent(snapshot)
    sizes = {size.oid for size in snapshot.counters.sizes} if snapshot.counters else set()
    by_name = {relation.name: relation.oid for relation in snapshot.catalog.relations}
    # What waits for a weaker lock than ours conflicts with is no reason to leave a table alone.
    assert {by_name["stays"], by_name["vacuumed"]} <= sizes
    assert not {by_name["held"], by_name["wanted"]} & sizes
    locked = [gap.scope for gap in snapshot.coverage.gaps if gap.fact is Fact.SIZES]
    assert locked == ["public.held", "public.wanted"]
    # At once nothing is held or waited for; a server process takes a moment to see that its client is gone.
    assert ours_locked == []
    any_database.wait_until(
        "SELECT count(*) = 0 FROM pg_stat_activity "
        "WHERE application_name = 'pgadvisor' AND datname = current_database()"
    )


def test_an_index_built_concurrently_waits_for_no_long_transaction(database: Database) -> None:
    """It waits for every snapshot of the database that is older; ours is given up before its rows are read."""
    database.execute(
        """
        DO $$ BEGIN FOR i IN 1..200 LOOP
            EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a int, b text, c text, d text, e text)', i);
            COMMIT;
        END LOOP; END $$
        """
    )
    database.execute("CREATE TABLE target (id int)")
    stop, slowest = threading.Event(), [0.0]

    def build() -> None:
        with database.connect() as connection:
            while not stop.is_set():
                started = time.perf_counter()
                connection.execute("CREATE INDEX CONCURRENTLY i ON target (id)")
                slowest[0] = max(slowest[0], time.perf_counter() - started)
                connection.execute("DROP INDEX CONCURRENTLY i")

    builder = threading.Thread(target=build)
    builder.start()
    try:
        footprint = collect(database.dsn, CONFIG).coverage.footprint
    finally:
        stop.set()
        builder.join()
    assert slowest[0] < footprint.longest_transaction_ms / 1000 + 1
    assert footprint.longest_transaction_ms < 2000
