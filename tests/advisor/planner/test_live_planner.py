"""The audited server is asked what is, by the protocol of planners, as safely as plans are observed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.plans import PlanMethod
from pgadvisor.model.statements import StatementRole
from pgadvisor.model.whatif import Configuration, PlannerKind
from pgadvisor.planner.live import Live
from pgadvisor.planner.observation import Observation
from pgadvisor.planner.protocol import PlannerError
from pgadvisor.postgres.session import Session
from support.databases import Database
from support.planning import OFF, observe_texts
from support.reading import open_session
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

SECRET = "hunter2"
GENERIC = "SELECT * FROM t WHERE kind = $1"
MENDED = "SELECT count(*) FROM t WHERE at > now() - interval $1"


@contextmanager
def live(dsn: str, into: Observation, most: int = 100) -> Iterator[tuple[Live, Session]]:
    with open_session(dsn) as session:
        config = msgspec.structs.replace(OFF, max_explains=most)
        planner = Live(session, Facts(snapshot_of(dsn), {}), config, into)
        try:
            yield planner, session
        finally:
            planner.close()


def test_says_what_observation_says_and_no_more(newest_database: Database) -> None:
    database = newest_database
    database.execute(
        """
        CREATE TABLE t (id int PRIMARY KEY, kind int, at timestamptz);
        INSERT INTO t SELECT i, i % 700 FROM generate_series(1, 7000) AS i;
        CREATE INDEX ON t (kind);
        CREATE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
            AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
        ANALYZE t;
        """
    )
    mallory = database.role("mallory")
    database.execute(f'ALTER FUNCTION trap OWNER TO "{mallory.name}"')
    role = database.role(grants=["SELECT ON t"])
    observed = observe_texts(role.dsn, [GENERIC, MENDED], OFF)
    into = Observation()
    with live(role.dsn, into) as (planner, session):
        assert planner.identity.kind is PlannerKind.LIVE
        assert planner.shortfalls == ()
        for text in (GENERIC, MENDED):
            assert planner.plan(question(text)).plan == observed.plan(text, PlanMethod.GENERIC).plan
        for value, literal in (("3", "3"), (None, "NULL")):
            ((plans,),) = database.execute(f"EXPLAIN (FORMAT JSON) SELECT * FROM t WHERE kind = {literal}")
            assert planner.plan(question(GENERIC, values=(value,))).cost == plans[0]["Plan"]["Total Cost"]
        cheap = Configuration(settings=(("enable_bitmapscan", "off"), ("enable_indexscan", "off")))
        assert planner.unable(cheap) == ""
        with_setting = planner.plan(question(GENERIC), cheap).plan
        assert with_setting is not None
        assert with_setting["Plan"]["Node Type"] == "Seq Scan"
        drop = msgspec.convert({"drop": [{"schema": "public", "name": "t_kind_idx"}]}, Configuration)
        assert planner.unable(drop) == planner.plan(question(GENERIC), drop).refusal != ""
        for text, values in (
            ("SELECT public.trap(1)", None),
            ("SELECT 1; DROP TABLE t", None),
            (GENERIC, (SECRET,)),
            (GENERIC, ()),
        ):
            refused = planner.plan(question(text, values=values))
            assert refused.plan is None
            assert refused.refusal.endswith(".")
            assert SECRET not in refused.refusal
        assert session.connection.execute("SELECT pg_advisory_unlock_shared(4711)").fetchone() == (False,)
    # The mended text takes a second attempt.
    assert into.explained == 10
    with live(role.dsn, into, most=11) as (planner, session):
        answers = [planner.plan(question(GENERIC)) for _ in range(2)]
        assert [each.refusal for each in answers] == ["", "The limit of 11 EXPLAINs was reached before it."]
        assert [each.limit for each in answers] == [False, True]
        database.execute("SELECT pg_terminate_backend(%s)", [session.connection.info.backend_pid])
        into.explained = 0
        with pytest.raises(PlannerError, match="lost"):
            planner.costs([question(GENERIC)])


def test_a_plan_as_another_role_is_marked(database: Database) -> None:
    """What a role runs that the collecting one may not become is planned without its policies, and that is told."""
    database.execute("""
        CREATE TABLE guarded (id int, tenant int);
        CREATE POLICY own ON guarded USING (tenant = 3);
        ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
        CREATE TABLE plain (id int);
        GRANT SELECT ON guarded, plain TO PUBLIC;
    """)
    collecting, runner = database.role("collecting"), database.role("runner")
    ((oid,),) = database.execute("SELECT oid::int8 FROM pg_roles WHERE rolname = %s", [runner.name])
    role = StatementRole(oid=oid, name=runner.name)
    snapshot = snapshot_of(collecting.dsn)
    asked = [
        dataclasses.replace(question(f"SELECT * FROM {name}", snapshot), role=role) for name in ("guarded", "plain")
    ]
    with live(collecting.dsn, Observation()) as (planner, _):
        assert planner.plan(dataclasses.replace(asked[0], role=None)).plan is not None
        assert not any(planner.shortfalls)
        assert all(cost is not None for cost in planner.costs(asked))
        (told,) = planner.shortfalls
    assert told.what == f"role {runner.name}" and told.query_ids == ("SELECT * FROM guarded",)
    assert "the collecting role may not become it. Policies" in told.reason
