"""Statements are planned as the role that runs them: with its policies, its search path and its settings."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Execute
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.plans import ObservedPlan, PlanMethod
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import StatementRole
from pgadvisor.planner.observe import Observation, observe
from pgadvisor.postgres.session import MARKER
from pgadvisor.progress import silent
from support.databases import Database, Role
from support.planning import ROOMY, candidates_of, planning

pytestmark = pytest.mark.server

PLANS = CollectConfig(execute=Execute.OFF)
TENANT = msgspec.structs.replace(PLANS, session={"app.tenant_id": "3"})
SCHEMA = """
    CREATE SCHEMA "app's";
    CREATE TABLE orders (id int PRIMARY KEY, tenant_id int);
    INSERT INTO orders SELECT i, i % 10 FROM generate_series(1, 1000) i;
    CREATE TABLE "app's".orders (number int PRIMARY KEY, id int);
    CREATE TABLE guarded (id int, tenant_id int);
    CREATE POLICY own ON guarded USING (tenant_id = current_setting('app.tenant_id')::int);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    GRANT USAGE ON SCHEMA "app's" TO PUBLIC;
    GRANT SELECT ON ALL TABLES IN SCHEMA public, "app's" TO PUBLIC;
    ANALYZE;
"""
INSERT = "INSERT INTO public.orders VALUES ($1, $2)"
ON_GUARDED, ON_ORDERS = "SELECT count(*) FROM guarded WHERE id > $1", "SELECT count(*) FROM orders WHERE id = $1"


def prepare(database: Database) -> Role:
    """Tables, and a role with a path and a setting of its own that ran a statement on each."""
    database.execute(SCHEMA)
    runner = database.role('the "app\'s"')
    role = sql.Identifier(runner.name)
    for command in (
        "ALTER ROLE {} SET search_path = nowhere",
        'ALTER ROLE {} IN DATABASE {} SET search_path = "app\'s", public',
        "ALTER ROLE {} SET enable_bitmapscan = off",
        "ALTER ROLE {} SET statement_timeout = '7min'",
    ):
        database.execute(sql.SQL(command).format(role, sql.Identifier(database.name)))
    database.execute("SELECT pg_stat_statements_reset()")
    database.execute(sql.SQL("GRANT INSERT ON orders TO {}").format(role))
    with runner.connect() as connection:
        connection.execute("INSERT INTO public.orders VALUES (%s, 1)", (-1,))
        connection.execute("SET app.tenant_id = '3'")
        connection.execute("SELECT count(*) FROM guarded WHERE id > %s", (1,))
        connection.execute("SELECT count(*) FROM orders WHERE id = %s", (1,))
    return runner


def seen(snapshot: Snapshot, text: str) -> tuple[list[ObservedPlan], list[Gap]]:
    """Plans of a statement, and gaps that name it."""
    assert snapshot.statements is not None
    (query_id,) = (each.query_id for each in snapshot.statements.texts if each.text == text)
    plans = [plan for plan in snapshot.plans if plan.query_id == query_id and plan.method is PlanMethod.GENERIC]
    return plans, [gap for gap in snapshot.coverage.gaps if query_id in gap.scope]


def scanned(plan: ObservedPlan) -> dict[str, Any]:
    """The scan below an aggregate."""
    (scan,) = plan.plan["Plan"]["Plans"]
    found: dict[str, Any] = scan
    return found


def test_a_superuser_plans_as_the_role_that_runs_a_statement(newest_database: Database) -> None:
    runner = prepare(newest_database)
    snapshot = collect(newest_database.dsn, PLANS)
    assert snapshot.statements is not None
    assert (
        StatementRole(
            oid=newest_database.execute("SELECT oid FROM pg_roles WHERE rolname = %s", [runner.name])[0][0],
            name=runner.name,
            may_set=True,
        )
        in snapshot.statements.roles
    )
    plans, gaps = seen(snapshot, ON_GUARDED)
    assert plans == []
    assert ["[session]" in gap.remedy and "app.tenant_id" in gap.reason for gap in gaps] == [True]
    ((plan,), gaps) = seen(snapshot, ON_ORDERS)
    assert (plan.role, plan.role_missed, gaps) == (runner.name, "", [])
    assert scanned(plan)["Schema"] == "app's"
    settings = plan.plan["Settings"]
    assert (settings["enable_bitmapscan"], settings["search_path"]) == ("off", '"app\'s", public')

    ((plan,), gaps) = seen(collect(newest_database.dsn, TENANT), ON_GUARDED)
    assert (plan.role, gaps) == (runner.name, [])
    assert "current_setting('app.tenant_id'" in scanned(plan)["Filter"]


def test_a_setting_that_the_server_refuses_is_named_without_its_value(database: Database) -> None:
    database.execute("CREATE TABLE t (id int); SELECT pg_stat_statements_reset()")
    database.execute("SELECT id FROM t")
    session = {"app.tenant_id": "hunter2", "work_mem": "hunter3"}
    snapshot = collect(database.dsn, msgspec.structs.replace(PLANS, session=session))
    plans, (gap,) = seen(snapshot, "SELECT id FROM t")
    assert (plans, "hunter" in repr(gap)) == ([], False)
    assert "refused the setting work_mem of [session] in the configuration: it cannot have that value" in gap.reason
    assert "such as 64MB" in gap.remedy


def test_a_role_that_may_not_become_it_says_so_where_policies_differ(newest_database: Database) -> None:
    runner = prepare(newest_database)
    reader = newest_database.role("reader", member_of=["pg_monitor"], attributes="BYPASSRLS")
    snapshot = collect(reader.dsn, TENANT)
    (plan,), (gap,) = seen(snapshot, ON_GUARDED)
    assert (plan.role, plan.role_missed) == ("", runner.name)
    assert gap.fact is Fact.PLANS and gap.reason.startswith("Planned as another role")
    assert "Filter" in scanned(plan) and "current_setting" not in scanned(plan)["Filter"]
    # Its path and settings are taken over all the same, so that nothing is missed elsewhere.
    (plan,), gaps = seen(snapshot, ON_ORDERS)
    assert (plan.role, plan.role_missed, gaps) == ("", "", [])
    assert scanned(plan)["Schema"] == "app's"
    assert plan.plan["Settings"]["enable_bitmapscan"] == "off"

    ((), (unseen,)) = seen(snapshot, INSERT)
    assert unseen.remedy.startswith(f"{gap.remedy.rstrip('.')}: then it is planned as that one")
    grant, _, grantee = gap.remedy.rstrip(".").rpartition(" TO ")
    assert grant.startswith("GRANT ") and grantee == sql.Identifier(reader.name).as_string()
    newest_database.execute(gap.remedy.rstrip("."))
    snapshot = collect(reader.dsn, TENANT)
    for text in (ON_GUARDED, INSERT):
        (plan,), gaps = seen(snapshot, text)
        assert (plan.role, plan.role_missed, gaps) == (runner.name, "", [])


def test_what_was_planned_as_another_role_is_known_as_ours_the_next_time(database: Database) -> None:
    runner = prepare(database)
    reader = database.role("reader", member_of=["pg_monitor", runner.name])
    first = collect(reader.dsn, TENANT)
    assert runner.name in {plan.role for plan in first.plans}
    ours = """
        SELECT count(*) FROM pg_stat_statements AS s JOIN pg_roles AS r ON r.oid = s.userid
        WHERE r.rolname = %s AND s.query LIKE '%%pgadvisor%%'
    """
    assert database.execute(ours, [runner.name])[0][0] > 0
    second = collect(reader.dsn, TENANT).statements
    assert second is not None
    assert not [text.text for text in second.texts if "pgadvisor" in (text.text or "")]
    # Nor can a role hide a statement from those that may not become it.
    with runner.connect() as connection:
        connection.execute(f"SELECT 1 AS hidden {MARKER}")
    other = database.role("other", member_of=["pg_monitor"])
    seen_by_other = collect(other.dsn, TENANT).statements
    assert seen_by_other is not None
    assert [text for text in seen_by_other.texts if "hidden" in (text.text or "")]


@pytest.mark.parametrize("attributes", ["SUPERUSER", "BYPASSRLS"])
def test_no_role_with_more_rights_is_put_on(database: Database, attributes: str) -> None:
    runner = prepare(database)
    reader = database.role("reader", member_of=["pg_monitor", runner.name])
    database.execute(sql.SQL("ALTER ROLE {} " + attributes).format(sql.Identifier(runner.name)))
    (plan,), (gap,) = seen(collect(reader.dsn, TENANT), ON_GUARDED)
    assert (plan.role, plan.role_missed, gap.remedy) == ("", runner.name, "")
    assert "rights" in gap.reason


def test_nor_one_with_rights_on_the_server_that_are_not_inherited(database: Database) -> None:
    runner = prepare(database)
    reader = database.role("reader", member_of=["pg_monitor"])
    role = sql.Identifier(runner.name)
    database.execute(sql.SQL("GRANT {} TO {} WITH INHERIT FALSE").format(role, sql.Identifier(reader.name)))
    (plan,), _ = seen(collect(reader.dsn, TENANT), ON_GUARDED)
    assert plan.role == runner.name
    database.execute(sql.SQL("GRANT pg_write_server_files TO {}").format(role))
    (plan,), _ = seen(collect(reader.dsn, TENANT), ON_GUARDED)
    assert plan.role == ""


def test_code_that_puts_the_role_off_again_is_not_run(newest_database: Database) -> None:
    """Planned as a role of no rights, a stranger's function could put that role off and be a superuser again."""
    runner = prepare(newest_database)
    trap = """
        CREATE FUNCTION trap(int) RETURNS int STABLE LANGUAGE plpgsql AS $$
        BEGIN PERFORM set_config('role', 'none', false); PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$
    """
    newest_database.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    with runner.connect() as connection:
        connection.execute("SET search_path = public")
        connection.execute(trap.encode())
    # The attack works where nobody looks.
    with newest_database.connect() as connection:
        connection.execute("BEGIN READ ONLY")
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(runner.name)))
        connection.execute("EXPLAIN SELECT FROM orders WHERE id = public.trap(1)")
        assert connection.execute("SELECT current_user").fetchall() == [(connection.info.user,)]
        assert locks_held(connection) == 1
    oid = newest_database.execute("SELECT oid FROM pg_roles WHERE rolname = %s", [runner.name])[0][0]
    role = StatementRole(oid=oid, name=runner.name, may_set=True)
    texts = ("SELECT FROM public.orders WHERE id = public.trap(1)", "SELECT FROM public.orders WHERE id = $1")
    with planning(newest_database.dsn, texts) as (session, facts):
        observation = Observation()
        candidates = [msgspec.structs.replace(each, role=role) for each in candidates_of(texts, facts)]
        observe(session, candidates, facts, ROOMY, silent, observation)
        assert locks_held(session.connection) == 0
    assert {plan.query_id for plan in observation.plans} == {"1"}
    assert {plan.role for plan in observation.plans} == {runner.name}
    (gap,) = (gap for gap in observation.gaps if gap.fact is Fact.PLANS)
    assert "rights that its owner does not have" in gap.reason


def locks_held(connection: psycopg.Connection[Any]) -> int:
    query = "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    ((held,),) = connection.execute(query).fetchall()
    return int(held)
