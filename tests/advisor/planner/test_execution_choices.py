"""Warm-up, repeated runs, what EXPLAIN is asked for, in which order statements are executed, and whose code may run."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.config import CollectConfig
from pgadvisor.model.coverage import Fact
from pgadvisor.model.plans import PlanMethod
from pgadvisor.planner.execute import analyze_options
from pgadvisor.planner.observation import Candidate
from pgadvisor.planner.observe import Observation, observe
from pgadvisor.planner.order import most_telling
from pgadvisor.planner.questions import ask
from pgadvisor.progress import silent
from support.databases import Database
from support.planning import OFF, ROOMY, candidates_of, observe_texts, planning
from support.snapshots import facts

COUNT = "SELECT count(*) FROM t"
SORTED = "SELECT * FROM t ORDER BY id % 7"


def fill(database: Database) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    database.execute("INSERT INTO t SELECT generate_series(1, 10000)")
    database.execute("ANALYZE t")


def changed(**limits: Any) -> CollectConfig:
    return msgspec.structs.replace(ROOMY, **limits)


@pytest.mark.server
def test_runs_are_timed_and_the_last_plan_is_kept(newest_database: Database) -> None:
    fill(newest_database)
    newest_database.execute("CHECKPOINT")
    seen = observe_texts(newest_database.dsn, (COUNT, SORTED), changed(execute_warm_up=True, execute_runs=2))
    executed = seen.plan(COUNT, PlanMethod.EXECUTED)
    assert len(executed.run_ms) == 3
    assert executed.run_ms[-1] == executed.plan["Execution Time"]
    assert min(executed.run_ms) > 0
    assert "Actual Total Time" in executed.plan["Plan"]
    # A measured run is warm.
    assert executed.plan["Plan"]["Shared Read Blocks"] == 0
    assert seen.observation.executed == 6
    assert seen.observation.scans_added["public.t"] == 6
    once = observe_texts(newest_database.dsn, (COUNT,)).plan(COUNT, PlanMethod.EXECUTED)
    assert len(once.run_ms) == 1
    assert "WAL Records" in once.plan["Plan"]
    assert ("Serialization" in once.plan) == (newest_database.server.major >= 17)


@pytest.mark.server
def test_limits_count_statements_and_time_of_all_runs(database: Database) -> None:
    fill(database)
    few = observe_texts(database.dsn, (COUNT, SORTED), changed(execute_runs=3, execute_max_statements=1))
    assert few.observation.executed == 3
    capped = observe_texts(database.dsn, (COUNT, SORTED), changed(execute_runs=3, max_explains=6))
    assert capped.observation.explained + capped.observation.executed <= 6
    assert capped.observation.executed == 3


@pytest.mark.server
def test_with_a_slow_clock_nodes_are_not_timed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database)

    def slow(transaction: Any, question: str, **values: object) -> list[dict[str, Any]]:
        rows = ask(transaction, question, **values)
        if question == "clock":
            assert 0 < rows[0]["told_us"] < 100
            return [{"told_us": 1.5}]
        return rows

    monkeypatch.setattr("pgadvisor.planner.execute.ask", slow)
    executed = observe_texts(database.dsn, (COUNT,)).plan(COUNT, PlanMethod.EXECUTED)
    assert "Actual Rows" in executed.plan["Plan"]
    assert "Actual Total Time" not in executed.plan["Plan"]
    assert executed.run_ms[0] > 0


@pytest.mark.server
def test_temporary_files_are_limited_where_that_may_be(database: Database) -> None:
    fill(database)
    role = database.role(grants=["SELECT ON t"])
    for dsn, limit in ((database.dsn, "1GB"), (role.dsn, "-1")):
        with planning(dsn, ()) as (session, _), session.transaction(search_path=None) as transaction:
            ask(transaction, "limit_temporary_files")
            assert transaction.row("SELECT pg_catalog.current_setting('temp_file_limit') AS now") == {"now": limit}


def test_options_by_version() -> None:
    assert analyze_options(160000, timing=True) == "ANALYZE, BUFFERS, WAL, VERBOSE, SETTINGS, FORMAT JSON"
    assert analyze_options(170000, timing=True).endswith("SERIALIZE TEXT, MEMORY")
    assert analyze_options(130000, timing=False).endswith("TIMING OFF")


def test_what_tells_most_comes_first() -> None:
    def candidate(query_id: str, *, mean_ms: float, rows: int | None) -> Candidate:
        return Candidate(
            query_id=query_id, text="SELECT 1", shape=None, calls=100, mean_ms=mean_ms, max_ms=99, rows=rows
        )

    plans = {name: {"Plan": {"Plan Rows": 10}} for name in "abcd"}
    as_expected = candidate("a", mean_ms=5, rows=1_000)
    far_off = candidate("b", mean_ms=3, rows=100_000)
    unknown = candidate("c", mean_ms=4, rows=None)
    dear = candidate("d", mean_ms=100, rows=1_000)
    ordered = most_telling([as_expected, far_off, unknown, dear], plans, facts({}))
    assert [each.query_id for each in ordered] == ["d", "b", "a", "c"]


@pytest.mark.server
def test_owners_that_are_named_are_trusted(database: Database) -> None:
    """The gap names the owner, and the option; the function then runs with our rights."""
    fill(database)
    stranger = database.role('mallory "the', grants=["CREATE, USAGE ON SCHEMA public"])
    with stranger.connect() as connection:
        connection.execute(
            """CREATE FUNCTION trap() RETURNS int IMMUTABLE LANGUAGE plpgsql
               AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN 1; END $$"""
        )
    text = "SELECT * FROM t WHERE id = trap()"
    refused = observe_texts(database.dsn, (text,), OFF)
    escaped = stranger.name.replace('"', '\\"')
    assert refused.plans(text) == []
    assert refused.gap(text).remedy.endswith(f'collect.trust_owners = ["{escaped}"].')
    trusting = msgspec.structs.replace(OFF, trust_owners=("nobody", stranger.name))
    with planning(database.dsn, (text,), trusting) as (session, known):
        seen = observe(session, candidates_of((text,), known), known, trusting, silent, Observation())
        held = session.connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    assert (len(seen.plans), held) == (1, (1,))
    # To execute it is another matter: its body says what it does.
    executing = msgspec.structs.replace(ROOMY, trust_owners=(stranger.name,))
    seen_executing = observe_texts(database.dsn, (text,), executing)
    assert "volatile" in seen_executing.gap(text, Fact.EXECUTED_PLANS).reason
