"""HypoPG, where the audited server has it, says what if: in our session alone, and as safely as plans are observed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from psycopg import sql

from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import create_index
from pgadvisor.localserver import LocalServer, find_binaries
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName, PlannerKind
from pgadvisor.planner.hypopg import HypoPG, has_hypopg
from pgadvisor.planner.live import Live
from pgadvisor.planner.observation import Observation
from pgadvisor.planner.protocol import PlannerError
from pgadvisor.postgres.session import Session
from support.audits import audit
from support.databases import Database, fresh_database
from support.planning import OFF
from support.reading import open_session
from support.servers import SETTINGS, Server
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

# Debian's, since the packages that other old servers come from do not have the extension.
DEBIANS = Path("/usr/lib/postgresql/15/bin")
SECRET = "hunter2"


def on(table: str, column: str | None = None, expression: str | None = None, **given: object) -> IndexDefinition:
    keys = (IndexKey(column=column, expression=expression),)
    return IndexDefinition(schema="public", table=table, keys=keys, **given)  # type: ignore[arg-type]


PLAIN = on("t", "kind")
BY_KIND = question("SELECT * FROM t WHERE kind = 3")
GENERIC = question("SELECT * FROM t WHERE kind = $1")
PARTITIONED = question("SELECT * FROM p WHERE x = 3")


@pytest.fixture(scope="module")
def debians() -> Iterator[Server]:
    """A server whose programs come with the extension."""
    with LocalServer(find_binaries(DEBIANS), settings=SETTINGS) as local:
        yield Server(15, local.dsn(), {}, local)


@pytest.fixture
def database(debians: Server) -> Iterator[Database]:
    with fresh_database(debians) as database:
        database.execute(
            """
            CREATE SCHEMA "the ext's"; CREATE EXTENSION hypopg SCHEMA "the ext's";
            CREATE TABLE t (id int PRIMARY KEY, kind int, name text);
            INSERT INTO t SELECT i, i % 5000, 'name ' || i FROM generate_series(1, 30000) AS i;
            CREATE TABLE p (id int, x int) PARTITION BY RANGE (id);
            CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10000);
            CREATE TABLE "p 2" PARTITION OF p FOR VALUES FROM (10000) TO (20000);
            INSERT INTO p SELECT i, i % 777 FROM generate_series(0, 19999) AS i;
            CREATE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
                AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
            """
        )
        mallory = database.role("mallory", grants=["CREATE ON SCHEMA public"])
        database.execute(sql.SQL("ALTER FUNCTION trap OWNER TO {}").format(sql.Identifier(mallory.name)))
        database.execute("VACUUM ANALYZE")
        yield database


@contextmanager
def planner_of(dsn: str, into: Observation | None = None) -> Iterator[tuple[HypoPG, Session]]:
    with open_session(dsn) as session:
        planner = HypoPG(session, Facts(snapshot_of(dsn), {}), OFF, into)
        try:
            yield planner, session
        finally:
            planner.close()


def real_cost(database: Database, text: str, first: str = "") -> float:
    with database.connect() as connection, connection.transaction(force_rollback=True):
        if first:
            connection.execute(first.encode())
        ((plans,),) = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchall()
    return float(plans[0]["Plan"]["Total Cost"])


def test_indexes_are_there_for_one_question(database: Database) -> None:
    role = database.role(grants=["SELECT ON ALL TABLES IN SCHEMA public", 'USAGE ON SCHEMA "the ext\'s"'])
    new = Configuration(create=(PLAIN,))
    into = Observation()
    with planner_of(role.dsn, into) as (planner, session):
        assert planner.identity.kind is PlannerKind.HYPOPG
        assert planner.identity.same_major
        as_is = real_cost(database, BY_KIND.text)
        assert planner.plan(BY_KIND).cost == as_is
        assert planner.unable(new) == ""
        with_index = planner.plan(BY_KIND, new)
        really = real_cost(database, BY_KIND.text, create_index(PLAIN, "real", concurrently=False))
        assert with_index.cost == pytest.approx(really, rel=0.1)
        assert with_index.cost is not None
        assert with_index.cost < as_is / 2
        # Without values, before 16, and mended.
        generic = planner.plan(GENERIC, new)
        assert generic.cost == with_index.cost
        assert planner.costs([GENERIC, BY_KIND, PARTITIONED], new) == (
            with_index.cost,
            with_index.cost,
            real_cost(database, PARTITIONED.text),
        )
        partitioned = Configuration(create=(on("p", "x"),))
        cheaper = planner.plan(PARTITIONED, partitioned).cost
        assert cheaper is not None
        assert cheaper < real_cost(database, PARTITIONED.text) / 2
        (size,) = planner.sizes([PLAIN])
        assert size.size_bytes is not None
        assert 500_000 < size.size_bytes < 1_500_000
        # Nothing lasts, also where a question failed.
        for text in ("SELECT nope FROM t", f"SELECT * FROM t WHERE id = '{SECRET}'", "SELECT 1/0 FROM t"):
            refused = planner.plan(question(text), new)
            assert refused.plan is None
            assert SECRET not in refused.refusal
        assert planner.plan(BY_KIND).cost == as_is
        left = session.connection.execute('SELECT count(*) FROM "the ext\'s".hypopg()').fetchone()
        assert left == (0,)
    assert into.explained == 11
    assert database.execute("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass") == [(1,)]


def index_names(node: dict[str, Any]) -> list[str]:
    own = [node["Index Name"]] if "Index Name" in node else []
    return own + [name for child in node.get("Plans", ()) for name in index_names(child)]


def test_plans_name_indexes_as_twins_do(database: Database) -> None:
    """Not "<13543>btree_t_kind"; of two that would be called the same, and of one that is there, each has its own."""
    database.execute("CREATE INDEX idx_t_kind ON t (name)")
    asked = {
        "SELECT id FROM t WHERE kind = 3 AND name = 'x'": "idx_t_kind_3",
        "SELECT id FROM t WHERE lower(name) = 'name 1'": "idx_t_lower_name",
    }
    alike = (on("t", "kind", predicate="(name = 'x'::text)"), on("t", expression="lower(name)"))
    with planner_of(database.dsn) as (planner, _):
        plan = planner.plan(BY_KIND, Configuration(create=(PLAIN,))).plan
        assert plan is not None
        assert index_names(plan["Plan"]) == ["idx_t_kind_2"]
        for text, name in asked.items():
            plan = planner.plan(question(text), Configuration(create=(PLAIN, *alike))).plan
            assert plan is not None
            assert index_names(plan["Plan"]) == [name]
        plan = planner.plan(PARTITIONED, Configuration(create=(on("p", "x"),))).plan
        assert plan is not None
        assert sorted(index_names(plan["Plan"])) == ["idx_p_1_x", "idx_p_2_x"]


def test_it_says_what_it_cannot_and_runs_nobodys_code(database: Database) -> None:
    grants = ["SELECT ON ALL TABLES IN SCHEMA public", 'USAGE ON SCHEMA "the ext\'s"']
    reasons = {
        on("t", "name", access_method="gin"): "no indexes of the access method gin",
        on("nowhere", "id"): "There is no table public.nowhere",
        on("t", expression="(id + public.trap(1))"): "Planning it would run the function",
        on("t", "id", predicate="(kind = public.trap(3))"): "Planning it would run the function",
        on("t", "id", predicate="true); DROP TABLE t; SELECT (1"): "does not accept it as one statement",
        on("t", expression="lower(name)"): "",
        on("t", "name", predicate="(kind = 3)"): "",
        on("t", "kind", access_method="hash"): "",
        on("t", "kind", include=("name",), unique=True): "",
        on("t", "id", access_method="brin"): "",
    }
    with planner_of(database.role(grants=grants).dsn) as (planner, session):
        for definition, reason in reasons.items():
            configuration = Configuration(create=(definition,))
            found = planner.unable(configuration)
            assert reason in found
            assert bool(found) == bool(reason)
            assert (planner.plan(BY_KIND, configuration).plan is None) == bool(reason)
            assert (planner.sizes([definition])[0].size_bytes is None) == bool(reason)
        lower = question("SELECT * FROM t WHERE lower(name) = 'name 1'")
        by_lower = Configuration(create=(on("t", expression="lower(name)"),))
        cost, as_is = planner.plan(lower, by_lower).cost, planner.plan(lower).cost
        assert cost is not None
        assert as_is is not None
        assert cost < as_is / 2
        # Of this version.
        drop = Configuration(drop=(IndexName(schema="public", name="t_pkey"),))
        assert planner.unable(drop) == "HypoPG leaves existing indexes out only from 1.4 on."
        assert planner.unable(Configuration(settings=(("jit", "on"),))).startswith("jit is no setting")
        wrong = planner.plan(BY_KIND, Configuration(settings=(("work_mem", SECRET),)))
        assert "work_mem" in wrong.refusal
        assert SECRET not in wrong.refusal
        assert session.connection.execute("SELECT pg_advisory_unlock_shared(4711)").fetchone() == (False,)


def test_numbers_are_given_as_hypopg_reads_them(database: Database) -> None:
    ranges, loose = on("t", "kind", access_method="brin", options=("pages_per_range=8",)), ("fillfactor=50",)
    with planner_of(database.dsn) as (planner, _):
        assert planner.unable(Configuration(create=(ranges,))) == ""
        assert planner.plan(BY_KIND, Configuration(create=(ranges,))).refusal == ""
        sizes = planner.sizes([ranges, PLAIN, msgspec.structs.replace(PLAIN, options=loose)])
        ranges_bytes, plain_bytes, loose_bytes = (each.size_bytes or 0 for each in sizes)
        assert 0 < ranges_bytes < plain_bytes < loose_bytes / 1.2


def test_one_that_it_cannot_size_is_left_by_itself(database: Database) -> None:
    zero = on("t", "kind", access_method="brin", options=("pages_per_range=0",))
    with planner_of(database.dsn) as (planner, _):
        assert "HypoPG cannot imagine it: The server refused it" in planner.unable(Configuration(create=(zero,)))
        assert planner.unable(Configuration(create=(PLAIN,))) == ""
        first, other = planner.sizes([zero, PLAIN])
        assert first.size_bytes is None
        assert other.size_bytes
        assert planner.plan(BY_KIND, Configuration(create=(zero, PLAIN))).refusal.startswith("HypoPG cannot imagine it")
        assert planner.plan(BY_KIND, Configuration(create=(PLAIN,))).refusal == ""


def test_a_lock_that_passes_is_nothing_against_an_index(database: Database) -> None:
    with planner_of(database.dsn) as (planner, _):
        with database.connect() as holder:
            holder.execute("BEGIN")
            holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            (while_locked,) = planner.sizes([PLAIN])
            holder.execute("ROLLBACK")
        assert while_locked.size_bytes is None
        assert planner.unable(Configuration(create=(PLAIN,))) == ""
        (then,) = planner.sizes([PLAIN])
        assert then.size_bytes


def test_any_number_of_plans_leaves_few_entries_in_pg_stat_statements(database: Database) -> None:
    role = database.role(grants=["SELECT ON ALL TABLES IN SCHEMA public", 'USAGE ON SCHEMA "the ext\'s"'])
    with planner_of(role.dsn) as (planner, _):
        for asked in (GENERIC, question("SELECT id FROM t WHERE name = $1")):
            for column in ("id", "kind", "name"):
                assert planner.plan(asked, Configuration(create=(on("t", column),))).cost is not None
    with database.connect() as connection:
        counted = connection.execute(
            "SELECT calls FROM pg_stat_statements WHERE userid = %s::regrole AND query LIKE 'EXPLAIN%%'",
            [sql.Identifier(role.name).as_string()],
        ).fetchall()
    assert counted == [(6,)]


def test_tables_that_are_none_of_the_statements_are_not_locked_without_bound(database: Database) -> None:
    database.execute(
        "CREATE TABLE many (id int, x int) PARTITION BY LIST (id);"
        + "".join(f"CREATE TABLE many_{n} PARTITION OF many FOR VALUES IN ({n});" for n in range(20))
    )
    elsewhere = Configuration(create=(on("many", "x"), on("many", "id")))
    facts = Facts(snapshot_of(database.dsn), {})
    for share, refused in ((0.5, False), (0.0001, True)):
        with open_session(database.dsn) as session:
            planner = HypoPG(session, facts, msgspec.structs.replace(OFF, lock_share=share))
            assert planner.plan(BY_KIND).refusal == ""
            refusal = planner.plan(BY_KIND, elsewhere).refusal
            assert ("may lock 20 partitions and indexes (of many)" in refusal) == refused
            assert bool(refusal) == refused
            planner.close()


def test_indexes_are_hidden_where_the_version_can(database: Database) -> None:
    """The functions of 1.4, which Debian 12 does not have, are ones here that take a mark of what they are told."""
    database.execute(
        """
        CREATE INDEX p_x ON p (x);
        CREATE FUNCTION "the ext's".hypopg_hide_index(oid) RETURNS bool
            LANGUAGE sql AS 'SELECT pg_try_advisory_lock_shared($1::bigint)';
        CREATE FUNCTION "the ext's".hypopg_unhide_all_indexes() RETURNS void LANGUAGE sql AS '';
        ALTER EXTENSION hypopg ADD FUNCTION "the ext's".hypopg_hide_index(oid);
        ALTER EXTENSION hypopg ADD FUNCTION "the ext's".hypopg_unhide_all_indexes();
        """
    )
    drop = Configuration(drop=(IndexName(schema="public", name="p_x"),))
    with planner_of(database.dsn) as (planner, session):
        assert planner.unable(drop) == ""
        assert planner.unable(Configuration(drop=(IndexName(schema="public", name="nowhere"),))).startswith(
            "There is no"
        )
        assert planner.plan(BY_KIND, drop).refusal == ""
        marked = session.connection.execute(
            "SELECT objid::regclass::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        assert sorted(name for (name,) in marked) == ['"p 2_x_idx"', "p_1_x_idx", "p_x"]


def test_without_the_extension_there_is_none(debians: Server) -> None:
    with fresh_database(debians) as plain, open_session(plain.dsn) as session:
        facts = Facts(snapshot_of(plain.dsn), {})
        assert not has_hypopg(facts)
        with pytest.raises(PlannerError, match="nothing installs it"):
            HypoPG(session, facts, OFF)
        live = Live(session, facts, OFF)
        assert live.plan(question("SELECT 1"), AS_IS).cost == 0.01
        live.close()


def test_an_audit_has_its_indexes_proved_by_the_server_itself(debians: Server) -> None:
    with fresh_database(debians) as database:
        database.execute(
            """
            CREATE EXTENSION hypopg; CREATE TABLE t (id int PRIMARY KEY, kind int, note text);
            CREATE TABLE u (id int PRIMARY KEY); -- Whose index stays, as no version before 1.4 leaves one out.
            INSERT INTO t SELECT i, i % 3000, repeat('x', 50) FROM generate_series(1, 30000) AS i; ANALYZE;
            """
        )
        for kind in range(30):
            database.execute("SELECT note FROM t WHERE kind = %s", [kind])
        database.settle()
        # What a collection may ask is no bound of the search, which has its own.
        report = audit(database.dsn, "--planner", "hypopg", "--fail-on", "never", "--max-explains", "1").report
        assert report["index_advice"]["explains"] > 2
        planner = report["index_advice"]["planner"]
        assert (planner["kind"], planner["version"]) == ("HypoPG", planner["server_version"])
        (made,) = report["recommendations"]
        assert (made["advised"]["name"], made["confidence"]) == ("idx_t_kind", "proved")
        assert made["proof"].startswith("The planner of this server, asked through HypoPG, chooses it for 1 statement")
        with database.connect() as connection:
            # It imagined in sessions of ours alone.
            assert connection.execute("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass").fetchone() == (1,)
