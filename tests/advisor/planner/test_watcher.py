"""Whoever waits for a lock of ours gets it in a moment: a second connection looks, and cancels what we run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from pgadvisor.model.coverage import Fact, GapKind
from pgadvisor.model.plans import PlanMethod
from pgadvisor.planner.observe import Observation, observe
from pgadvisor.progress import silent
from support.databases import Database
from support.planning import OFF, ROOMY, candidates_of, fill_slow, observe_texts, planning

pytestmark = pytest.mark.server

COUNT = "SELECT count(*) FROM t"
# Takes minutes.
ENDLESS = "SELECT count(*) FROM t AS a JOIN t AS b ON a.id + b.id > 0 JOIN t AS c ON c.id > b.id"
SLOW_TO_PLAN = "SELECT * FROM t WHERE id > slow()"
# Without the watcher, whoever waits does so for a minute.
LIMITS: dict[str, Any] = {
    "lock_timeout_ms": 60_000,
    "execute_max_cost": 1e15,
    "execute_timeout_ms": 60_000,
    "execute_total_ms": 120_000,
}
PATIENT = msgspec.structs.replace(ROOMY, **LIMITS)


@contextmanager
def wanting(database: Database, ours: str, theirs: str) -> Iterator[Callable[[], float]]:
    """A session that runs a command once we run ours; afterwards how long it waited, in ms."""

    def run() -> float:
        with database.connect() as connection:
            database.wait_until(
                "SELECT count(*) > 0 FROM pg_stat_activity "
                "WHERE application_name = 'pgadvisor' AND state = 'active' AND query LIKE %s",
                [f"{ours}%"],
            )
            connection.execute("SET lock_timeout = '8s'")
            started = time.perf_counter()
            with connection.transaction():
                connection.execute(theirs.encode())
            return (time.perf_counter() - started) * 1000

    with ThreadPoolExecutor(1) as pool:
        waited = pool.submit(run)
        yield waited.result


@pytest.mark.parametrize("theirs", ["ALTER TABLE t ADD COLUMN more int", "LOCK TABLE t"])
def test_who_waits_for_an_execution_gets_its_lock(end_database: Database, theirs: str) -> None:
    fill_slow(end_database)
    with wanting(end_database, "EXPLAIN (ANALYZE", theirs) as waited:
        seen = observe_texts(end_database.dsn, (ENDLESS,), PATIENT)
        assert waited() < 1000
    assert seen.plans(ENDLESS, PlanMethod.VALUES) and not seen.plans(ENDLESS, PlanMethod.EXECUTED)
    gap = seen.gap(ENDLESS, Fact.EXECUTED_PLANS)
    assert gap.kind is GapKind.LOCKED
    assert "began to wait" in gap.reason
    observation = seen.observation
    assert observation.watch_queries >= 2
    assert observation.watch_ms > 0


def test_so_does_who_waits_for_a_planning_and_the_rest_is_planned(end_database: Database) -> None:
    fill_slow(end_database)
    config = msgspec.structs.replace(OFF, **LIMITS)
    with wanting(end_database, "EXPLAIN", "ALTER TABLE t ADD COLUMN more int") as waited:
        seen = observe_texts(end_database.dsn, (SLOW_TO_PLAN, COUNT), config)
        assert waited() < 1000
    assert "began to wait" in seen.gap(SLOW_TO_PLAN).reason
    assert seen.plans(COUNT) or seen.gap(COUNT).kind is GapKind.LOCKED


def test_who_waits_for_another_does_not_stop_us(database: Database) -> None:
    fill_slow(database)
    database.execute("CREATE TABLE other (id int)")
    with database.connect() as holder, database.connect() as waiter:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE other")
        waiter.pgconn.send_query(b"SELECT * FROM other")
        database.wait_until("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
        config = msgspec.structs.replace(OFF, statement_timeout_ms=500)
        with planning(database.dsn, (SLOW_TO_PLAN,), config) as (session, facts):
            session.statement_timeout_ms = 500
            seen = observe(session, candidates_of((SLOW_TO_PLAN,), facts), facts, config, silent, Observation())
        holder.execute("ROLLBACK")
        while waiter.pgconn.get_result():
            pass
    assert seen.watch_queries >= 3
    assert [gap.kind for gap in seen.gaps] == [GapKind.TIMED_OUT]


def test_nothing_is_executed_unwatched(database: Database) -> None:
    """A role that may have one connection gets plans, and no executions."""
    fill_slow(database)
    role = database.role(grants=["SELECT ON t"], attributes="CONNECTION LIMIT 1")
    seen = observe_texts(role.dsn, (COUNT,))
    assert seen.plans(COUNT, PlanMethod.GENERIC) and not seen.plans(COUNT, PlanMethod.EXECUTED)
    gap = seen.gap(COUNT, Fact.EXECUTED_PLANS)
    assert "unwatched" in gap.reason and "CONNECTION LIMIT" in gap.remedy
    assert seen.observation.executed == 0


def test_an_ordinary_role_watches_too(database: Database) -> None:
    fill_slow(database)
    role = database.role(grants=["SELECT ON t"])
    with wanting(database, "EXPLAIN (ANALYZE", "LOCK TABLE t") as waited:
        seen = observe_texts(role.dsn_tcp, (ENDLESS,), PATIENT)
        assert waited() < 1000
    assert "began to wait" in seen.gap(ENDLESS, Fact.EXECUTED_PLANS).reason
