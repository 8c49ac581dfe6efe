"""Functions of a twin: bodies where the planner looks into them, else stubs that plan alike."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.model.objects import Function
from pgadvisor.planner.twin.schema.function_texts import aggregate_stub, stub, with_own_body
from support.databases import Database
from support.twin_storage import programs
from support.twins import question, snapshot_of, twin_of

FUNCTIONS = """
    CREATE SCHEMA "the 's";
    CREATE TABLE t (id int PRIMARY KEY, kind int, name text);
    INSERT INTO t SELECT i, i % 7, 'n' || i % 100 FROM generate_series(1, 20000) AS i;
    CREATE FUNCTION same(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + 0';
    CREATE FUNCTION "the 's".two("A b" int, b int DEFAULT 2) RETURNS boolean LANGUAGE sql STABLE
        AS $f$ SELECT "A b" IS DISTINCT FROM b OR extract(day FROM now()) = 3 $f$;
    CREATE FUNCTION looked_up(a int) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM t WHERE id = a';
    CREATE FUNCTION constant(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN a % 7; END';
    CREATE FUNCTION with_default(a int, b int[] DEFAULT '{1,2}') RETURNS int LANGUAGE plpgsql COST 3
        AS 'BEGIN RETURN a; END';
    CREATE FUNCTION tenant() RETURNS int LANGUAGE plpgsql STABLE COST 7 AS 'BEGIN RETURN 11; END';
    CREATE FUNCTION of_kind(k int) RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM t WHERE kind = k';
    CREATE FUNCTION series(k int) RETURNS TABLE (x int, y text) LANGUAGE plpgsql ROWS 77 COST 9
        AS 'BEGIN RETURN QUERY SELECT 1, ''a''; END';
    CREATE FUNCTION step(int, int) RETURNS int LANGUAGE plpgsql COST 13 AS 'BEGIN RETURN $1; END';
    CREATE AGGREGATE folded (int) (SFUNC = step, STYPE = int);
    CREATE FUNCTION safe(a int) RETURNS bool LANGUAGE plpgsql LEAKPROOF AS 'BEGIN RETURN a > 1; END';
    CREATE PROCEDURE does() LANGUAGE plpgsql AS 'BEGIN NULL; END';
    CREATE VIEW shown AS SELECT id, same(kind) AS kind FROM t WHERE tenant() = id;
    CREATE FUNCTION of_view(v shown) RETURNS int LANGUAGE sql AS 'SELECT v.kind + 1';
    CREATE VIEW of_function AS SELECT of_view(s) AS n FROM shown AS s;
    CREATE VIEW careful WITH (security_barrier) AS SELECT * FROM t WHERE kind = 2;
"""
STATEMENTS = (
    "SELECT * FROM t WHERE same(id) = 5",
    'SELECT * FROM t WHERE "the \'s".two(kind)',
    "SELECT looked_up(id), with_default(kind) FROM t",
    "SELECT * FROM of_kind(3)",
    "SELECT * FROM series(3)",
    "SELECT * FROM t WHERE constant(kind) = 5",
    "SELECT kind, folded(id) FROM t GROUP BY kind",
    "SELECT * FROM careful WHERE safe(id) AND name = 'n1'",
    "SELECT * FROM of_function",
    "SELECT * FROM t WHERE id = tenant()",
)
ATOMIC = """
    CREATE FUNCTION atomic(k int) RETURNS SETOF t STABLE BEGIN ATOMIC; SELECT * FROM t WHERE kind = k; END;
    CREATE FUNCTION gives(k int) RETURNS int IMMUTABLE RETURN k * 2;
"""


@pytest.mark.server
def test_statements_that_call_functions_plan_alike(newest_database: Database) -> None:
    database = newest_database
    database.execute(FUNCTIONS)
    statements = list(STATEMENTS)
    if database.server.major >= 14:
        database.execute(ATOMIC)
        statements += ["SELECT * FROM atomic(3)", "SELECT * FROM t WHERE gives(kind) = 3"]
    database.execute("VACUUM ANALYZE t")
    snapshot = snapshot_of(database.dsn)
    with twin_of(database) as twin:
        for text in statements:
            ((plans,),) = database.execute(f"EXPLAIN (FORMAT JSON) {text}")
            answer = twin.plan(question(text, snapshot))
            assert answer.cost == pytest.approx(plans[0]["Plan"]["Total Cost"], rel=1e-6), (text, answer.refusal)
        refused = twin.plan(question("SELECT * FROM t WHERE kind = constant(5)", snapshot))
        assert refused.plan is None and refused.refusal
        of_functions = [each for each in twin.shortfalls if "function" in each.what]
        said = {name: shortfall for shortfall in of_functions for name in shortfall.names}
    assert set(said) == {"constant", "looked_up", "tenant"}
    # The view says nothing of the function whose value an estimate of it hangs on.
    shown = {relation.oid for relation in snapshot.catalog.relations if relation.name == "shown"}
    assert set(said["tenant"].relation_oids) == shown and not said["constant"].relation_oids


BASE = Function(
    oid=1, schema="s", name="f", arguments="a integer", result="integer", language="sql", owner="o", volatility="i",
    cost=1, definition="CREATE OR REPLACE FUNCTION s.f(a integer)\n RETURNS integer\nAS $function$SELECT a$function$\n",
)  # fmt: skip


@pytest.mark.server
def test_constructors_come_with_their_ranges(newest_database: Database) -> None:
    database = newest_database
    database.execute(
        """
        CREATE SCHEMA "the 's"; CREATE TYPE amounts AS RANGE (subtype = float8);
        CREATE TYPE "the 's"."Sp an" AS RANGE (subtype = date);
        CREATE TABLE spans (a amounts, b "the 's"."Sp an");
        INSERT INTO spans SELECT amounts(i, i + 5), "the 's"."Sp an"('2020-01-01', date '2020-01-02' + i, '[]')
        FROM generate_series(1, 3000) AS i;
        CREATE INDEX ON spans USING gist (a);
        """
    )
    database.execute("ANALYZE spans")
    statements = (
        "SELECT * FROM spans WHERE a && amounts(3, 5)",
        """SELECT * FROM spans WHERE b @> "the 's"."Sp an"('2020-02-01', '2020-02-03')""",
    )
    with twin_of(database, server=programs(database)) as twin:
        assert [each for each in twin.shortfalls if "function" in each.what] == []
        for text in statements:
            assert twin.plan(question(text)).plan is not None


@pytest.mark.parametrize(
    "body",
    [
        "SELECT a FROM t", "SELECT (SELECT 1)", "SELECT a; SELECT 2", "VALUES (1)", "SELECT a LIMIT 1", "DROP TABLE t",
        "SELECT DISTINCT a", "SELECT sum(a) OVER ()", "", "SELECT a WHERE false", "SELECT 1 UNION SELECT 2",
    ],
)  # fmt: skip
def test_a_body_that_the_planner_does_not_put_in_place_stays_where_it_is(body: str) -> None:
    definition = (BASE.definition or "").replace("SELECT a$", f"{body}$")
    assert with_own_body(msgspec.structs.replace(BASE, definition=definition)) is None


@pytest.mark.parametrize("body", ["SELECT a", "SELECT a IS NOT DISTINCT FROM 3;", "SELECT trim(both FROM 'x' || a)"])
def test_a_plain_expression_is_carried_over(body: str) -> None:
    definition = (BASE.definition or "").replace("SELECT a$", f"{body}$")
    assert body.split()[1] in (with_own_body(msgspec.structs.replace(BASE, definition=definition)) or "")


@pytest.mark.parametrize(
    "changes",
    [
        {"language": "plpgsql"}, {"language": "c"}, {"security_definer": True}, {"configuration": ("a=b",)},
        {"kind": "p"}, {"definition": None}, {"definition": "DO $$BEGIN END$$"},
        {"definition": "CREATE OR REPLACE FUNCTION s.f() RETURNS int LANGUAGE c AS 'lib', 'symbol'"},
        {"definition": "CREATE OR REPLACE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP TABLE t"},
    ],
)  # fmt: skip
def test_nothing_else_is(changes: dict[str, object]) -> None:
    assert with_own_body(msgspec.structs.replace(BASE, **changes)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments": "a int) RETURNS int LANGUAGE plpgsql AS $$BEGIN END$$ --", "definition": None},
        {"arguments": "a int /*", "definition": None},
        {"result": "int; DROP TABLE t"},
        {"result": "int AS 'x"},
        {"name": ""},
        {"schema": "a\0"},
    ],
)
def test_a_signature_that_is_none_makes_no_stub(changes: dict[str, object]) -> None:
    function = msgspec.structs.replace(BASE, **changes)
    for make in (stub, aggregate_stub):
        with pytest.raises(ValueError, match=r"signature|identifier|NUL"):
            make(function)


def test_a_language_in_the_definition_is_not_taken_over() -> None:
    definition = "CREATE OR REPLACE FUNCTION s.f(a integer)\n RETURNS int\n LANGUAGE plpgsql\nAS $x$SELECT 1$x$\n"
    text = with_own_body(msgspec.structs.replace(BASE, definition=definition))
    assert text is not None and "plpgsql" not in text
