"""Plans for unknown values, within the limits, and what keeps a statement from being planned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import psycopg
import pytest

from pgadvisor.config import CollectConfig
from pgadvisor.model.coverage import Fact, GapKind
from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.planner.observe import Observation, observe
from pgadvisor.progress import silent
from support.databases import Database
from support.planning import OFF, candidates_of, observe_texts, planning
from support.reading import open_session

pytestmark = pytest.mark.server

BY_KEY = "SELECT * FROM shop.orders WHERE id = $1"
BY_STATUS = "SELECT * FROM shop.orders WHERE status = $1 AND total > $2 LIMIT $3"
UPDATE = "UPDATE shop.orders SET status = $1 WHERE id = $2"
LOCKING = "SELECT * FROM shop.orders WHERE id = $1 FOR UPDATE"
INSERT = "INSERT INTO shop.orders (id, status) VALUES ($1, $2)"


@pytest.fixture
def shop(newest_database: Database) -> Database:
    return make_shop(newest_database)


def make_shop(database: Database) -> Database:
    database.execute(
        """
        CREATE SCHEMA shop;
        CREATE TABLE shop.orders (id int PRIMARY KEY, status text, total numeric);
        INSERT INTO shop.orders SELECT i, CASE WHEN i % 100 = 0 THEN 'failed' ELSE 'paid' END, i
            FROM generate_series(1, 20000) i;
        CREATE TABLE shop.events (at int, what text) PARTITION BY RANGE (at);
        CREATE TABLE shop.events_1 PARTITION OF shop.events FOR VALUES FROM (0) TO (1000);
        CREATE TABLE shop.events_2 PARTITION OF shop.events FOR VALUES FROM (1000) TO (2000);
        ANALYZE;
        """
    )
    return database


@contextmanager
def locked(database: Database, command: str) -> Iterator[None]:
    """Another session's open transaction that has run a command."""
    with database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(command.encode())
        yield


def test_plans_for_unknown_values(shop: Database) -> None:
    seen = observe_texts(shop.dsn, (BY_KEY, BY_STATUS, UPDATE, LOCKING, INSERT), OFF)
    assert seen.observation.gaps == []
    root = parse_plan(seen.plan(BY_KEY).plan)
    assert (root.node_type, root.schema, root.relation) == ("Index Scan", "shop", "orders")
    assert root.index_condition == "(orders.id = $1)"
    (scan,) = [node for node in parse_plan(seen.plan(BY_STATUS).plan).walk() if node.relation]
    assert scan.filter is not None
    assert "$1" in scan.filter
    assert parse_plan(seen.plan(UPDATE).plan).node_type == "ModifyTable"
    assert parse_plan(seen.plan(LOCKING).plan).node_type == "LockRows"
    assert seen.plan(BY_KEY).planner.startswith(f"PostgreSQL {shop.server.major}")
    assert seen.plan(BY_KEY).planner.endswith("(live)")
    assert not seen.plan(UPDATE).equivalent_select
    assert (seen.observation.explained, seen.observation.executed) == (5, 0)


def test_unknown_values_prune_no_partition(shop: Database) -> None:
    text = "SELECT * FROM shop.events WHERE at = $1"
    root = parse_plan(observe_texts(shop.dsn, (text,), OFF).plan(text).plan)
    assert {node.relation for node in root.walk() if node.relation} == {"events_1", "events_2"}


def test_nothing_is_left_behind(shop: Database) -> None:
    texts = (BY_KEY, "SELECT * FROM shop.missing WHERE id = $1", UPDATE)
    with planning(shop.dsn, texts, OFF) as (session, facts):
        observe(session, candidates_of(texts, facts), facts, OFF, silent, Observation())
        assert session.connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
        assert session.connection.execute("SELECT * FROM pg_prepared_statements").fetchall() == []
        assert session.connection.execute("SELECT current_setting('plan_cache_mode')").fetchone() == ("auto",)


def test_what_a_reader_may_not_explain_is_planned_as_a_select(shop: Database) -> None:
    role = shop.role("reader", grants=["USAGE ON SCHEMA shop", "SELECT ON ALL TABLES IN SCHEMA shop"])
    seen = observe_texts(role.dsn, (UPDATE, LOCKING, BY_KEY, INSERT), OFF)
    for text in (UPDATE, LOCKING):
        assert seen.plan(text).equivalent_select
        assert parse_plan(seen.plan(text).plan).index == "orders_pkey"
        # By the numbers that its own text has.
        number = "$2" if text is UPDATE else "$1"
        assert f"= {number})" in str(seen.plan(text).plan)
    assert not seen.plan(BY_KEY).equivalent_select
    assert seen.plans(INSERT) == []
    assert "shows the plan of a write only to a role that may make it" in seen.gap(INSERT).reason
    assert "collect as a role that may write to its tables" in seen.gap(INSERT).remedy


def test_what_a_role_may_not_read_is_a_gap(shop: Database) -> None:
    seen = observe_texts(shop.role("nobody").dsn, (UPDATE, BY_KEY), OFF)
    assert seen.observation.plans == []
    assert "GRANT" in seen.gap(UPDATE).remedy
    assert "shop" in seen.gap(BY_KEY).reason


def test_the_roles_own_search_path_is_searched(database: Database) -> None:
    make_shop(database)
    role = database.role("reader", grants=["USAGE ON SCHEMA shop", "SELECT ON ALL TABLES IN SCHEMA shop"])
    text = "SELECT * FROM orders WHERE id = $1"
    assert observe_texts(role.dsn, (text,), OFF).gap(text).remedy
    with role.connect() as connection:
        connection.execute("ALTER ROLE CURRENT_USER SET search_path = shop")
    assert observe_texts(role.dsn, (text,), OFF).plans(text)


@pytest.mark.parametrize("command", ["LOCK TABLE shop.orders", "ALTER TABLE shop.orders ADD COLUMN more int"])
def test_a_relation_that_somebody_locks_is_left_alone(database: Database, command: str) -> None:
    make_shop(database)
    database.execute("CREATE VIEW shop.paid AS SELECT * FROM shop.orders WHERE status = 'paid'")
    texts = (BY_KEY, "SELECT * FROM shop.paid", "SELECT * FROM shop.events WHERE at = $1")
    with planning(database.dsn, texts, OFF) as (session, facts), locked(database, command):
        session.lock_timeout_ms = 10_000
        observation = observe(session, candidates_of(texts, facts), facts, OFF, silent, Observation())
    assert [plan.query_id for plan in observation.plans] == ["2"]
    assert ["ACCESS EXCLUSIVE" in gap.reason for gap in observation.gaps] == [True, True]


def test_a_locked_partition_concerns_its_table(database: Database) -> None:
    make_shop(database)
    text = "SELECT * FROM shop.events WHERE at = $1"
    with planning(database.dsn, (text,), OFF) as (session, facts), locked(database, "LOCK TABLE shop.events_2"):
        observation = observe(session, candidates_of((text,), facts), facts, OFF, silent, Observation())
    assert observation.plans == []
    assert "shop.events" in observation.gaps[0].reason


def test_a_lock_that_blocks_only_writes_runs_into_the_lock_timeout(database: Database) -> None:
    make_shop(database)
    with locked(database, "LOCK TABLE shop.orders IN SHARE MODE"):
        seen = observe_texts(database.dsn, (UPDATE, BY_KEY), OFF)
    assert seen.plans(UPDATE) == []
    assert "lock" in seen.gap(UPDATE).reason
    assert seen.plans(BY_KEY)


def test_the_number_of_explains_is_capped(database: Database) -> None:
    make_shop(database)
    config = msgspec.structs.replace(OFF, max_explains=2)
    seen = observe_texts(database.dsn, (BY_KEY, BY_STATUS, UPDATE, LOCKING), config)
    assert seen.observation.explained == 2
    assert [plan.query_id for plan in seen.observation.plans] == ["0", "1"]
    assert seen.gap(UPDATE) == seen.gap(LOCKING)
    assert "max_explains" in seen.gap(UPDATE).remedy


def test_a_plan_that_would_take_too_many_locks_is_not_asked_for(newest_database: Database) -> None:
    """What others hold at the moment counts: the lock table has a fixed number of slots for all sessions together."""
    newest_database.execute(
        """
        CREATE TABLE many (id int PRIMARY KEY) PARTITION BY RANGE (id);
        DO $$ BEGIN FOR i IN 1..20 LOOP
            EXECUTE format('CREATE TABLE many_%s PARTITION OF many FOR VALUES FROM (%s) TO (%s)', i, i, i + 1);
        END LOOP; END $$;
        """
    )
    text, plain = "SELECT * FROM many WHERE id > $1", "SELECT 1"
    ((slots,),) = newest_database.execute(
        "SELECT current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int"
    )
    # 20 partitions and their indexes.
    config = msgspec.structs.replace(OFF, lock_share=40 / (slots * 0.8))
    assert observe_texts(newest_database.dsn, (text, plain), config).observation.gaps == []
    with newest_database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(4711, i) FROM generate_series(1, %s) AS i", [slots // 2])
        seen = observe_texts(newest_database.dsn, (text, plain), config)
    assert not seen.plans(text) and seen.plans(plain)
    gap = seen.gap(text)
    assert gap.kind is GapKind.LIMIT and "lock 40 partitions and indexes (of many)" in gap.reason
    assert "collect.lock_share" in gap.remedy


def entries(database: Database, role: str) -> int:
    ((count,),) = database.execute(
        """SELECT count(*) FROM pg_stat_statements AS s JOIN pg_roles AS r ON r.oid = s.userid
           JOIN pg_database AS d ON d.oid = s.dbid
           WHERE r.rolname = %s AND d.datname = current_database() AND s.query LIKE 'EXPLAIN%%'""",
        [role],
    )
    return int(count)


def test_entries_added_to_pg_stat_statements_are_accounted_for(shop: Database) -> None:
    role = shop.role("reader", grants=["USAGE ON SCHEMA shop", "SELECT ON ALL TABLES IN SCHEMA shop"])
    seen = observe_texts(role.dsn, (BY_KEY, BY_STATUS), OFF)
    assert entries(shop, role.name) > 0
    assert seen.observation.statement_entries >= entries(shop, role.name)
    assert all(
        text.rstrip().endswith("/* pgadvisor */")
        for (text,) in shop.execute(
            "SELECT query FROM pg_stat_statements AS s JOIN pg_roles AS r ON r.oid = s.userid"
            " WHERE rolname = %s AND query LIKE 'EXPLAIN%%'",
            [role.name],
        )
    )


def test_a_superuser_adds_no_explain_to_pg_stat_statements(shop: Database) -> None:
    ((user,),) = shop.execute("SELECT current_user")
    seen = observe_texts(shop.dsn, (BY_KEY, BY_STATUS), OFF)
    assert len(seen.observation.plans) == 2
    assert (entries(shop, user), seen.observation.statement_entries) == (0, 0)


class _InterruptedError(Exception):
    """Stands for Ctrl-C, which a test runner would take for itself."""


def test_an_interruption_keeps_what_was_observed(database: Database) -> None:
    make_shop(database)
    texts = (BY_KEY, BY_STATUS, UPDATE)
    into = Observation()

    def interrupt(step: str, done: int = 0, total: int | None = None) -> None:
        if done == 2:
            raise _InterruptedError

    with planning(database.dsn, texts, OFF) as (session, facts), pytest.raises(_InterruptedError):
        observe(session, candidates_of(texts, facts), facts, OFF, interrupt, into)
    assert [plan.query_id for plan in into.plans] == ["0", "1"]


def test_a_lost_connection_is_raised_and_keeps_what_was_observed(database: Database) -> None:
    make_shop(database)
    texts = (BY_KEY, BY_STATUS, UPDATE)
    into = Observation()
    with open_session(database.dsn), planning(database.dsn, texts, OFF) as (session, facts):
        pid = session.connection.info.backend_pid

        def cut(step: str, done: int = 0, total: int | None = None) -> None:
            if done == 1:
                database.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

        with pytest.raises(psycopg.OperationalError):
            observe(session, candidates_of(texts, facts), facts, CollectConfig(), cut, into)
    assert [plan.query_id for plan in into.plans] == ["0"]
    assert into.gaps == []


def test_a_statement_that_takes_too_long_to_plan_is_a_gap(database: Database) -> None:
    make_shop(database)
    text = "SELECT * FROM " + ", ".join(f"shop.orders AS o{number}" for number in range(60))
    config = msgspec.structs.replace(OFF, statement_timeout_ms=30)
    with planning(database.dsn, (text,), config) as (session, facts):
        session.statement_timeout_ms = 30
        observation = observe(session, candidates_of((text, BY_KEY), facts), facts, config, silent, Observation())
    assert [gap.fact for gap in observation.gaps if gap.scope == "statement 0"] == [Fact.PLANS]
    assert "timeout" in observation.gaps[0].reason
