"""What is executed under EXPLAIN ANALYZE, with which values, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from pgadvisor.config import CollectConfig
from pgadvisor.model.activity import Activity
from pgadvisor.model.coverage import Fact
from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.model.plans import PlanMethod
from pgadvisor.planner.execute import count_scans
from pgadvisor.planner.observe import Observation, observe
from pgadvisor.planner.trouble import trouble
from pgadvisor.progress import silent
from support.databases import Database
from support.planning import ROOMY, candidates_of, observe_texts, planning

BY_KEY = "SELECT * FROM orders WHERE id = $1"
BY_STATUS = "SELECT id FROM orders WHERE status = $1 ORDER BY total LIMIT $2 OFFSET $3"
COUNT = "SELECT count(*) FROM orders"
SLOW = (
    "SELECT count(*) FROM orders AS a JOIN orders AS b ON a.total + b.total > 0 JOIN orders AS c ON c.total > b.total"
)


def make_orders(database: Database) -> Database:
    database.execute(
        """
        CREATE TABLE orders (id int PRIMARY KEY, status text, total int, day date, tags text[]);
        INSERT INTO orders SELECT i, CASE WHEN i % 100 = 0 THEN 'it''s "failed"' ELSE 'paid' END, i % 1000,
            date '2024-01-01' + i % 365 FROM generate_series(1, 10000) i;
        CREATE INDEX by_status ON orders (status);
        CREATE VIEW good AS SELECT * FROM orders WHERE status = 'paid';
        CREATE FUNCTION steady(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1';
        CREATE FUNCTION shaky(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
        CREATE VIEW shaking AS SELECT shaky(id) FROM orders;
        CREATE FUNCTION id_of(orders) RETURNS int LANGUAGE sql AS 'SELECT $1.id';
        VACUUM ANALYZE orders;
        """.replace("VACUUM ANALYZE orders;", "")
    )
    database.execute("VACUUM ANALYZE orders")
    return database


@pytest.fixture
def orders(newest_database: Database) -> Database:
    return make_orders(newest_database)


def changed(**limits: Any) -> CollectConfig:
    return msgspec.structs.replace(ROOMY, **limits)


@contextmanager
def waiting(database: Database) -> Iterator[None]:
    """One session that holds a lock, and one that has waited for it for over a second."""
    with database.connect() as holder, database.connect() as waiter:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE orders IN SHARE MODE")
        waiter.pgconn.send_query(b"DELETE FROM orders")
        database.wait_until("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
        database.execute("SELECT pg_sleep(1.1)")
        yield
        holder.execute("ROLLBACK")
        while waiter.pgconn.get_result():
            pass


@pytest.mark.server
def test_statements_are_executed_with_typical_values(orders: Database) -> None:
    seen = observe_texts(orders.dsn, (BY_KEY, BY_STATUS, COUNT))
    executed = seen.plan(BY_STATUS, PlanMethod.EXECUTED)
    assert [(value.position, value.type, value.value) for value in executed.parameters] == [
        (1, "text", "paid"), (2, "bigint", "10"), (3, "bigint", "0"),
    ]  # fmt: skip
    assert executed.parameters[0].source == "most common value of public.orders.status"
    root = parse_plan(executed.plan)
    assert (root.actual_rows, root.loops) == (10, 1)
    assert root.shared_hit_blocks is not None
    assert parse_plan(seen.plan(COUNT, PlanMethod.EXECUTED).plan).actual_rows == 1
    assert parse_plan(seen.plan(BY_KEY, PlanMethod.EXECUTED).plan).index == "orders_pkey"
    assert [plan.method for plan in seen.plans(COUNT)] == [PlanMethod.GENERIC, PlanMethod.EXECUTED]
    observation = seen.observation
    assert (observation.explained, observation.executed, observation.gaps) == (6, 3, [])
    assert observation.executed_ms > 0


@pytest.mark.server
def test_only_what_is_executed_loads_the_compiler(orders: Database) -> None:
    seen = observe_texts(orders.dsn, (COUNT,))
    assert seen.plan(COUNT).plan["Settings"]["jit"] == "off"
    assert "jit" not in seen.plan(COUNT, PlanMethod.EXECUTED).plan.get("Settings", {})
    dear = observe_texts(orders.dsn, (SLOW,), changed(execute_max_cost=1.0))
    assert all("JIT" not in plan.plan for plan in dear.observation.plans)


@pytest.mark.server
def test_what_an_index_has_counted_stays_the_workload_s(orders: Database) -> None:
    """A rule would call an index useless whose only wide scan was ours."""
    orders.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    for _ in range(3):
        orders.execute("SELECT count(*) FROM orders WHERE status = 'it''s \"failed\"'")
    orders.settle()
    rare = "SELECT count(*) FROM orders WHERE status = $1"
    role = orders.role(attributes="SUPERUSER")
    orders.execute(
        f'ALTER ROLE "{role.name}" SET enable_seqscan = off; ALTER ROLE "{role.name}" SET enable_bitmapscan = off'
    )
    seen = observe_texts(role.dsn, (rare, BY_KEY))
    assert parse_plan(seen.plan(rare, PlanMethod.VALUES).plan).actual_rows is None
    # Without the index's name: gaps of several are one.
    reason = seen.gap(rare, Fact.EXECUTED_PLANS).reason
    assert "through one of its indexes" in reason and "by_status" not in reason
    assert seen.plans(BY_KEY, PlanMethod.EXECUTED)


@pytest.mark.server
def test_it_is_announced_before(database: Database) -> None:
    make_orders(database)
    seen = observe_texts(database.dsn, (BY_KEY, COUNT))
    (first, *_) = [step for step in seen.steps if step.startswith("Executing")]
    assert first == "Executing up to 2 statements, read-only, at most 1000 ms each and 10000 ms in all 0/2"


@pytest.mark.server
def test_values_that_need_quoting_are_bound_not_spliced(database: Database) -> None:
    make_orders(database)
    database.execute("UPDATE orders SET status = $$'; DROP TABLE orders; --$$")
    database.execute("VACUUM FULL ANALYZE orders")
    seen = observe_texts(database.dsn, (BY_STATUS, "SELECT * FROM orders WHERE status = ANY ($1)"))
    assert len([plan for plan in seen.observation.plans if plan.method is PlanMethod.EXECUTED]) == 2
    assert database.execute("SELECT count(*) FROM orders") == [(10000,)]


@pytest.mark.server
@pytest.mark.parametrize(
    "text",
    [
        "SELECT shaky(id) FROM orders",
        'SELECT "shaky" (id) FROM orders',
        "SELECT SHAKY/* */(id) FROM orders",
        "SELECT public.shaky(id) FROM orders",
        "SELECT * FROM shaking",
        "SELECT orders.id_of FROM orders",
        "SELECT id FROM orders WHERE random() > 2",
    ],
)
def test_nothing_volatile_is_executed(database: Database, text: str) -> None:
    make_orders(database)
    seen = observe_texts(database.dsn, (text,))
    assert seen.plans(text, PlanMethod.GENERIC)
    assert seen.plans(text, PlanMethod.EXECUTED) == []
    assert "volatile" in seen.gap(text, Fact.EXECUTED_PLANS).reason


@pytest.mark.server
def test_stable_functions_views_and_columns_named_like_functions_are_no_obstacle(database: Database) -> None:
    make_orders(database)
    database.execute("CREATE TABLE named (random int, now int, shaky int)")
    texts = (
        "SELECT steady(id) FROM orders",
        "SELECT * FROM good",
        "SELECT random, now, shaky FROM named",
        "SELECT now()",
    )
    seen = observe_texts(database.dsn, texts)
    assert [len(seen.plans(text, PlanMethod.EXECUTED)) for text in texts] == [1, 1, 1, 1]


@pytest.mark.server
def test_what_the_server_has_run_seldom_or_slowly_is_not_executed(database: Database) -> None:
    make_orders(database)
    with planning(database.dsn, (COUNT,)) as (session, facts):
        for statement, word in (
            ({"calls": 9}, "fewer"), ({"mean_ms": 101.0}, "average"), ({"max_ms": 1001.0}, "once"),
        ):  # fmt: skip
            (candidate,) = candidates_of((COUNT,), facts)
            candidate = msgspec.structs.replace(candidate, **statement)
            observation = observe(session, [candidate], facts, CollectConfig(), silent, Observation())
            assert observation.executed == 0
            assert word in observation.gaps[0].reason


@pytest.mark.server
def test_a_plan_that_costs_too_much_is_kept_and_not_executed(orders: Database) -> None:
    seen = observe_texts(orders.dsn, (BY_STATUS,), changed(execute_max_cost=1.0))
    values = seen.plan(BY_STATUS, PlanMethod.VALUES)
    assert [value.value for value in values.parameters] == ["paid", "10", "0"]
    assert parse_plan(values.plan).actual_rows is None
    assert "cost" in seen.gap(BY_STATUS, Fact.EXECUTED_PLANS).reason
    assert (seen.observation.executed, seen.observation.scans_added) == (0, {})


@pytest.mark.server
def test_a_timeout_leaves_the_plan_and_says_so(orders: Database) -> None:
    seen = observe_texts(orders.dsn, (SLOW, COUNT), changed(execute_max_cost=1e12, execute_timeout_ms=50))
    assert seen.plans(SLOW, PlanMethod.VALUES)
    assert "timeout" in seen.gap(SLOW, Fact.EXECUTED_PLANS).reason
    assert seen.plans(COUNT, PlanMethod.EXECUTED)
    assert seen.observation.executed == 2
    assert 40 < seen.observation.executed_ms < 2000


@pytest.mark.server
def test_all_executions_together_are_bounded(database: Database) -> None:
    make_orders(database)
    slow = tuple(f"{SLOW} AND a.id <> {number}" for number in range(4))
    config = changed(execute_max_cost=1e12, execute_timeout_ms=60, execute_total_ms=100)
    seen = observe_texts(database.dsn, slow, config)
    assert seen.observation.executed == 2
    assert "limits" in seen.gap(slow[3], Fact.EXECUTED_PLANS).reason
    few = observe_texts(database.dsn, (COUNT, BY_KEY, BY_STATUS), changed(execute_max_statements=1))
    assert few.observation.executed == 1
    capped = observe_texts(database.dsn, (COUNT, BY_KEY, BY_STATUS), changed(max_explains=6))
    assert capped.observation.explained + capped.observation.executed <= 6
    assert capped.observation.executed == 1


@pytest.mark.server
def test_a_parameter_without_a_value_is_named(database: Database) -> None:
    make_orders(database)
    text = "SELECT steady($1) FROM orders WHERE status = $2"
    seen = observe_texts(database.dsn, (text,))
    assert seen.plans(text, PlanMethod.EXECUTED) == []
    assert seen.gap(text, Fact.EXECUTED_PLANS).reason.endswith("$1")


@pytest.mark.server
def test_nothing_is_executed_while_sessions_wait(newest_database: Database) -> None:
    make_orders(newest_database)
    with planning(newest_database.dsn, (COUNT,)) as (session, facts), waiting(newest_database):
        observation = observe(session, candidates_of((COUNT,), facts), facts, ROOMY, silent, Observation())
    assert observation.executed == 0
    assert [gap.fact for gap in observation.gaps] == [Fact.EXECUTED_PLANS]
    assert "wait" in observation.gaps[0].reason


@pytest.mark.server
def test_nothing_is_executed_under_a_lock_that_stays(database: Database) -> None:
    make_orders(database)
    database.execute("CREATE TABLE other (id int)")
    with planning(database.dsn, (COUNT,)) as (session, facts), database.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE other")
        ((oid,),) = database.execute("SELECT 'other'::regclass::oid")
        activity = msgspec.structs.replace(facts.snapshot.activity or Activity(), strong_locks=(oid,))
        seen_before = type(facts)(msgspec.structs.replace(facts.snapshot, activity=activity), facts.shapes)
        assert trouble(session, facts) is None
        assert "public.other" in (trouble(session, seen_before) or "")


@pytest.mark.server
@pytest.mark.parametrize(("lag_s", "words"), [(31.0, "31 s behind"), (None, "not known"), (2.0, None)])
def test_a_standby_that_is_behind_executes_nothing(database: Database, lag_s: float | None, words: str | None) -> None:
    with planning(database.dsn, ()) as (session, facts):
        server = msgspec.structs.replace(facts.server, in_recovery=True, replay_lag_s=lag_s)
        reason = trouble(session, type(facts)(msgspec.structs.replace(facts.snapshot, server=server), facts.shapes))
    assert reason is None if words is None else words in (reason or "")


@pytest.mark.server
def test_a_server_short_of_connections_is_in_trouble(database: Database) -> None:
    ((free,),) = database.execute(
        """SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                  - count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"""
    )
    with planning(database.dsn, ()) as (session, facts):
        assert trouble(session, facts) is None
        held = [database.connect() for _ in range(free - 8)]
        try:
            assert "connections" in (trouble(session, facts) or "")
        finally:
            for connection in held:
                connection.close()


@pytest.mark.server
def test_scans_added_are_what_the_counters_say(database: Database) -> None:
    make_orders(database)
    texts = (
        BY_KEY,
        COUNT,
        "SELECT total FROM orders WHERE status = $1 AND total = $2",
        "SELECT * FROM orders LIMIT $1",
    )
    counters = """SELECT 'public.' || relname, seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables
        UNION ALL SELECT 'public.' || indexrelname, idx_scan FROM pg_stat_user_indexes"""
    database.settle()
    before = dict(database.execute(counters))
    seen = observe_texts(database.dsn, texts)
    added = seen.observation.scans_added
    assert added["public.orders"] == 4
    assert added["public.orders_pkey"] >= 1
    database.wait_until("SELECT seq_scan + idx_scan > %s FROM pg_stat_user_tables", [before["public.orders"]])
    after = dict(database.execute(counters))
    assert {name: count - before[name] for name, count in after.items() if count != before[name]} == added


def test_scans_of_bitmaps_joins_and_repeated_searches() -> None:
    plan = {
        "Plan": {
            "Node Type": "Nested Loop",
            "Plans": [
                {"Node Type": "Seq Scan", "Schema": "a", "Relation Name": "t", "Actual Loops": 1},
                {
                    "Node Type": "Bitmap Heap Scan", "Schema": "b", "Relation Name": "u", "Actual Loops": 3,
                    "Plans": [{"Node Type": "BitmapOr", "Plans": [
                        {"Node Type": "Bitmap Index Scan", "Index Name": "u_x", "Actual Loops": 3},
                        {"Node Type": "Bitmap Index Scan", "Index Name": "u_y", "Actual Loops": 3, "Index Searches": 7},
                    ]}],
                },
                {
                    "Node Type": "Index Scan", "Schema": "a", "Relation Name": "t", "Index Name": "t_i",
                    "Actual Loops": 0,
                },
            ],
        }
    }  # fmt: skip
    scans = {"a.t": 1}
    count_scans(plan, scans)
    assert scans == {"a.t": 2, "b.u": 10, "b.u_x": 3, "b.u_y": 7}
