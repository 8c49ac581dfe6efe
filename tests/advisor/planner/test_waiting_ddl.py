"""DDL does not wait longer for us than the lock timeout, even where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
import pytest

from pgadvisor.model.coverage import Fact
from pgadvisor.model.plans import PlanMethod
from pgadvisor.planner.generic import plan_generic
from pgadvisor.planner.observe import Observation, observe
from pgadvisor.planner.questions import ask
from pgadvisor.progress import silent
from support.databases import Database
from support.idle import end_idle
from support.planning import OFF, ROOMY, candidates_of, fill_slow, observe_texts, planning

pytestmark = pytest.mark.server

COUNT = "SELECT count(*) FROM t"
# Takes minutes.
ENDLESS = "SELECT count(*) FROM t AS a JOIN t AS b ON a.id + b.id > 0 JOIN t AS c ON c.id > b.id"
# Planning it takes a minute: the planner runs what calls itself immutable.
SLOW_TO_PLAN = "SELECT * FROM t WHERE id > slow()"
LOCK_MS = 500


@contextmanager
def ddl_behind(database: Database, command: str) -> Iterator[None]:
    """DDL that comes once we run a command on the table, and gives up after 6 s, before the statement timeout."""

    def alter() -> None:
        with database.connect() as connection:
            database.wait_until(
                "SELECT count(*) > 0 FROM pg_stat_activity "
                "WHERE application_name = 'pgadvisor' AND state = 'active' AND query LIKE %s",
                [f"{command}%"],
            )
            connection.execute("SET lock_timeout = '6s'")
            connection.execute("ALTER TABLE t ADD COLUMN more int")

    with ThreadPoolExecutor(1) as pool:
        altered = pool.submit(alter)
        yield
        altered.result()


@pytest.fixture
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher does not look before the test is over."""
    monkeypatch.setattr("pgadvisor.planner.watcher.POLL_S", 60.0)


@pytest.mark.usefixtures("unwatched")
def test_an_execution_is_cancelled_by_then(end_database: Database) -> None:
    fill_slow(end_database)
    limits: dict[str, Any] = {"execute_max_cost": 1e15, "execute_timeout_ms": 60_000, "execute_total_ms": 120_000}
    config = msgspec.structs.replace(ROOMY, lock_timeout_ms=LOCK_MS, **limits)
    with ddl_behind(end_database, "EXPLAIN (ANALYZE"):
        seen = observe_texts(end_database.dsn, (ENDLESS,), config)
    assert seen.plans(ENDLESS, PlanMethod.VALUES) and not seen.plans(ENDLESS, PlanMethod.EXECUTED)
    gap = seen.gap(ENDLESS, Fact.EXECUTED_PLANS)
    assert "timeout" in gap.reason
    assert gap.remedy == "Raise collect.lock_timeout_ms."
    assert any(f"at most {LOCK_MS} ms each" in step for step in seen.steps)


@pytest.mark.usefixtures("unwatched")
def test_a_planning_is_cancelled_by_then(end_database: Database) -> None:
    fill_slow(end_database)
    config = msgspec.structs.replace(OFF, lock_timeout_ms=LOCK_MS)
    with ddl_behind(end_database, "EXPLAIN"):
        seen = observe_texts(end_database.dsn, (SLOW_TO_PLAN,), config)
    assert seen.observation.plans == []
    gap = seen.gap(SLOW_TO_PLAN)
    assert "lock timeout" in gap.reason
    assert gap.remedy == "Raise collect.lock_timeout_ms."


def test_the_option_that_allows_least_is_named(database: Database) -> None:
    fill_slow(database)
    with planning(database.dsn, (SLOW_TO_PLAN, ENDLESS)) as (session, facts):
        session.statement_timeout_ms = LOCK_MS
        candidates = candidates_of((SLOW_TO_PLAN, ENDLESS), facts)
        config = msgspec.structs.replace(ROOMY, execute_max_cost=1e15, execute_timeout_ms=100)
        seen = observe(session, candidates, facts, config, silent, Observation())
    remedies = {(gap.fact, gap.scope): gap.remedy for gap in seen.gaps}
    assert remedies[Fact.PLANS, "statement 0"] == "Raise collect.statement_timeout_ms."
    assert remedies[Fact.EXECUTED_PLANS, "statement 1"] == "Raise collect.execute_timeout_ms."


@pytest.mark.usefixtures("unwatched")
def test_what_cannot_be_asked_of_the_counting_is_assumed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_slow(database)

    def slow(transaction: Any, question: str, **values: object) -> list[dict[str, Any]]:
        if question == "statistics_of_ours":
            transaction.rows("SELECT pg_catalog.pg_sleep(60)")
        return ask(transaction, question, **values)

    with planning(database.dsn, (COUNT,), OFF) as (session, facts):
        monkeypatch.setattr("pgadvisor.planner.observe.ask", slow)
        session.statement_timeout_ms = 200
        seen = observe(session, candidates_of((COUNT,), facts), facts, OFF, silent, Observation())
    assert len(seen.plans) == 1
    assert [(gap.fact, gap.scope) for gap in seen.gaps] == [(Fact.PLANS, "footprint")]
    # The watching connection adds its settings, and which server it is on.
    assert (seen.explained, seen.statement_entries) == (1, 2 + 2)


def test_a_session_ended_for_idling_is_lost(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_slow(database)

    def idle(session: Any, opened: Any) -> Any:
        end_idle(database, session)
        return plan_generic(session, opened)

    with planning(database.dsn, (COUNT,), OFF) as (session, facts):
        monkeypatch.setattr("pgadvisor.planner.observe.plan_generic", idle)
        with pytest.raises(psycopg.OperationalError) as caught:
            observe(session, candidates_of((COUNT,), facts), facts, OFF, silent, Observation())
    assert isinstance(caught.value.__cause__, psycopg.errors.IdleInTransactionSessionTimeout)
