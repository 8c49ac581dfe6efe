"""What is locked is left alone, named, and never waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.postgres import batches
from pgadvisor.postgres.batches import Batches, Target
from pgadvisor.postgres.reader import Collected, Reader
from pgadvisor.postgres.sqlfiles import Queries
from pgadvisor.progress import silent
from support.databases import Database
from support.reading import open_session, read_database

pytestmark = pytest.mark.server


def fill(database: Database) -> None:
    for name in ("held", '"wan ted"', "free"):
        database.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, a text, CHECK (id > 0))")
        database.execute(f"CREATE INDEX ON {name} ((lower(a))) WHERE id > 5")
        database.execute(f"INSERT INTO {name} SELECT i, 'x' FROM generate_series(1, 500) i")
        database.execute(f"ANALYZE {name}")


@contextmanager
def strong_locks(database: Database) -> Iterator[None]:
    """ACCESS EXCLUSIVE held on one table, and queued behind a reader on another."""
    with database.connect() as holder, database.connect() as reader, database.connect() as waiter:
        holder.execute("BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        reader.execute('BEGIN; SELECT count(*) FROM "wan ted"')
        waiter.pgconn.send_query(b'BEGIN; LOCK TABLE "wan ted" IN ACCESS EXCLUSIVE MODE')
        pid = waiter.info.backend_pid
        database.wait_until(f"SELECT count(*) > 0 FROM pg_locks WHERE pid = {pid} AND NOT granted")
        yield
        holder.execute("ROLLBACK")
        reader.execute("ROLLBACK")
        while waiter.pgconn.get_result() is not None:
            pass


def test_held_and_queued_locks_are_left_alone(any_database: Database) -> None:
    fill(any_database)
    with strong_locks(any_database):
        seen = read_database(any_database.dsn)
    assert set(seen.relations) == {"held", "wan ted", "free"}
    assert len(seen.indexes) == 6 and len(seen.statistics) == 9
    assert seen.indexes["free_lower_idx"].complete
    incomplete = {name for name, index in seen.indexes.items() if not index.complete}
    assert incomplete == {"held_lower_idx", "wan ted_lower_idx"}
    assert seen.indexes["held_lower_idx"].definition.key_columns == (None,)
    assert set(seen.sizes) == {"free", "free_pkey", "free_lower_idx"} | {
        name for name in seen.indexes if not name.startswith("free")
    }
    assert {gap.scope for gap in seen.gaps(Fact.CATALOG)} == {"public.held_lower_idx", 'public."wan ted_lower_idx"'}
    assert {gap.scope for gap in seen.gaps(Fact.SIZES)} == {"public.held", 'public."wan ted"'}
    assert all("ACCESS EXCLUSIVE" in gap.reason and gap.remedy for gap in seen.collected.gaps)
    assert seen.collected.presence[Fact.CATALOG] is seen.collected.presence[Fact.SIZES] is Presence.PARTIAL
    assert seen.collected.activity is not None
    oids = {seen.relations["held"].oid, seen.relations["wan ted"].oid}
    assert set(seen.collected.activity.strong_locks) == oids
    assert seen.collected.activity.waiting_sessions == 1


def test_a_lock_on_an_index_spares_its_table_s_size(any_database: Database) -> None:
    fill(any_database)
    with any_database.connect() as connection:
        connection.execute("BEGIN; ALTER INDEX free_pkey SET (fillfactor = 90)")
        connection.execute("REINDEX INDEX free_lower_idx")
        seen = read_database(any_database.dsn)
        connection.execute("ROLLBACK")
    assert "free" not in seen.sizes and "free_lower_idx" not in seen.sizes
    assert {"held", "held_pkey", "held_lower_idx"} <= set(seen.sizes)
    assert not seen.indexes["free_lower_idx"].complete


def test_a_lock_that_comes_while_reading_costs_one_object(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of locks does not show it, as if it came after: the batch fails, and halves find the one."""
    fill(any_database)
    rows = any_database.execute("SELECT oid::int8, relname FROM pg_class WHERE relname IN ('held', 'wan ted', 'free')")
    targets = [Target(oid=oid, name=name, locks=frozenset([oid])) for oid, name in rows]
    monkeypatch.setattr(batches, "strong_locks", lambda *_: frozenset())
    with strong_locks(any_database), open_session(any_database.dsn, lock_timeout_ms=200) as session:
        into = Collected()
        reader = Reader(session, Everything(), into, silent, Queries((), {}))
        asked = Batches(reader, Fact.SIZES, "sizes", "sizes")
        asked.ask(targets)
    names = {target.oid: target.name for target in targets}
    assert [names[row["oid"]] for row in asked.rows] == ["free"]
    assert {names[oid] for oid in asked.missing} == {"held", "wan ted"} == {gap.scope for gap in into.gaps}
    assert all("lock timeout" in gap.reason for gap in into.gaps)


class Everything:
    schemas: tuple[str, ...] = ()
    exclude_schemas: tuple[str, ...] = ()


def test_trying_ends(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [Target(oid=number, name=f"t{number}", locks=frozenset([number])) for number in range(1, 401)]
    monkeypatch.setattr(batches, "MAX_FAILURES", 5)
    with open_session(database.dsn) as session:
        into = Collected()
        reader = Reader(session, Everything(), into, silent, Refusing((), {}))
        asked = Batches(reader, Fact.SIZES, "sizes", "sizes")
        asked.ask(targets)
    assert asked.missing == {target.oid for target in targets} and asked.rows == []
    assert asked.failures <= 20


@pytest.mark.parametrize(
    ("statement_ms", "lock_ms", "option"), [(60_000, 100, "--lock-timeout"), (100, 60_000, "--statement-timeout")]
)
def test_locks_are_not_kept_beyond_the_lock_timeout(
    database: Database, statement_ms: int, lock_ms: int, option: str
) -> None:
    with open_session(database.dsn, statement_timeout_ms=statement_ms, lock_timeout_ms=lock_ms) as session:
        into = Collected()
        asked = Batches(Reader(session, Everything(), into, silent, Endless((), {})), Fact.SIZES, "sizes", "sizes")
        asked.ask([Target(oid=1, name="t", locks=frozenset([1]))])
    (gap,) = into.gaps
    assert "cancelled" in gap.reason and option in gap.remedy


class Endless(Queries):
    def __getitem__(self, name: str) -> Any:
        from psycopg import sql

        endless = sql.SQL("SELECT pg_catalog.pg_sleep(60), %(oids)s::int[]")
        return endless if name == "sizes" else super().__getitem__(name)


class Refusing(Queries):
    def __getitem__(self, name: str) -> Any:
        from psycopg import sql

        return sql.SQL("SELECT 1 / 0 AS oid, %(oids)s::int[]") if name == "sizes" else super().__getitem__(name)


def test_batches_are_short_transactions(database: Database) -> None:
    """Many relations take few questions, and few locks at a time."""
    database.execute(
        "DO $$ BEGIN FOR i IN 1..450 LOOP EXECUTE format('CREATE TABLE t%s (id int)', i); END LOOP; END $$"
    )
    with database.connect() as connection:
        locks = [0]
        seen = read_database(database.dsn, progress=lambda *_: locks.append(held(connection)))
    assert len(seen.sizes) == 450
    assert seen.session.queries < 350
    assert seen.collected.peak_locks is not None and 0 < seen.collected.peak_locks < 300
    assert max(locks) < 300


def held(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'pgadvisor'"
    ).fetchone()
    return int(row[0]) if row else 0
