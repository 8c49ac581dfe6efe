"""An imagined index on an expression plans as the real one that ANALYZE has seen, as far as that can be told."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twin_storage import plan_of, programs
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

SCHEMA = """
CREATE TABLE people (id int, email varchar(80), mixed text COLLATE "C", day date, n int, "lower" text, doc jsonb);
INSERT INTO people SELECT i, 'user' || i || '@example.com', CASE WHEN i % 4 <> 0 THEN 'User' || i END,
  date '2000-01-01' + i % 9000, i % 50, 'x' || i % 3000, jsonb_build_object('kind', i % 3)
FROM generate_series(1, 20000) AS i;
CREATE INDEX people_upper ON people USING hash (upper("lower"));
CREATE INDEX people_some ON people (((n * 3) + 1)) WHERE id < 10000;
CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (8000);
CREATE TABLE parts_2 (name text, id int);
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (8000) TO (20000);
INSERT INTO parts SELECT i, 'Part ' || i FROM generate_series(0, 19999) AS i;
CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 1000';
"""
# An index, and statements with whether they are planned as after ANALYZE.
CASES: list[tuple[str, list[str]]] = [
    (
        "people (lower(email))",
        [
            "SELECT * FROM people WHERE lower(email) = 'user77@example.com'",
            "SELECT * FROM people WHERE lower(email) BETWEEN 'user2' AND 'user3'",
            "SELECT lower(email), count(*) FROM people GROUP BY 1",
        ],
    ),
    (
        "people (lower(trim(mixed)), n)",
        [
            "SELECT * FROM people WHERE lower(trim(mixed)) = 'user77'",
            "SELECT DISTINCT lower(trim(mixed)) FROM people",
        ],
    ),
    ("people ((id::text))", ["SELECT * FROM people WHERE id::text = '77'"]),
    (
        "people ((day::timestamp))",
        ["SELECT * FROM people WHERE day::timestamp >= '2001-01-01' AND day::timestamp < '2001-03-01'"],
    ),
    ('people (upper("lower"), n)', ["SELECT * FROM people WHERE upper(\"lower\") = 'X77'"]),
    ("parts (lower(name))", ["SELECT * FROM parts WHERE lower(name) = 'part 77'"]),
    ("people (((n * 3) + 1)) WHERE id < 10000", ["SELECT * FROM people WHERE n * 3 + 1 = 7 AND id < 10000"]),
]
# Of these nobody knows what ANALYZE would find.
UNKNOWN: list[tuple[str, list[str]]] = [
    ("people ((n % 7))", ["SELECT * FROM people WHERE n % 7 = 3"]),
    ("people (lower(id))", ["SELECT * FROM people WHERE lower(id) = 3"]),
    ("people ((doc ->> 'kind'))", ["SELECT * FROM people WHERE doc ->> 'kind' = '1'"]),
]
# Only the index of this name is valid, of those that cases have made, with its partitions.
ONLY = """
UPDATE pg_index SET indisvalid = indexrelid IN (
  SELECT to_regclass(%s) UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(%s)
)
WHERE indexrelid IN (
  SELECT oid FROM pg_class WHERE relname ~ '^real_'
  UNION ALL SELECT inhrelid FROM pg_inherits JOIN pg_class AS c ON c.oid = inhparent WHERE c.relname ~ '^real_'
)
"""


def shape(node: dict[str, Any]) -> tuple[Any, ...]:
    """What a plan is made of, without what indexes are called."""
    return node["Node Type"], node.get("Relation Name"), *(shape(child) for child in node.get("Plans", ()))


def plans_with(database: Database, first: int, cases: list[tuple[str, list[str]]]) -> list[list[dict[str, Any]]]:
    """Plans of each case's statements with its index alone."""
    plans = []
    for number, (_, texts) in enumerate(cases, start=first):
        database.execute(ONLY, [f"real_{number}", f"real_{number}"])
        plans.append([plan_of(database, text) for text in texts])
    return plans


def test_expressions_have_the_statistics_that_analyze_would_find(newest_database: Database) -> None:
    database = newest_database
    database.execute(SCHEMA)
    extended = database.server.major >= 14
    cases = list(CASES)
    if extended:
        database.execute("CREATE STATISTICS of_sum ON (id + n) FROM people")
        cases.append(("people ((id + n))", ["SELECT * FROM people WHERE id + n = 77"]))
    database.execute("VACUUM ANALYZE people")
    database.execute("VACUUM ANALYZE parts")
    before = snapshot_of(database.dsn)
    for number, (text, _) in enumerate(cases + UNKNOWN):
        database.execute(f"CREATE INDEX real_{number} ON {text}")
    unknown = plans_with(database, len(cases), UNKNOWN)
    database.execute("ANALYZE people")
    database.execute("ANALYZE parts")
    known = plans_with(database, 0, cases)
    analyzed = plans_with(database, len(cases), UNKNOWN)
    found = {index.name: index.definition for index in snapshot_of(database.dsn).catalog.indexes}
    relations = {relation.name: relation.oid for relation in before.catalog.relations}
    with Twin(Facts(before, {}), server=programs(database)) as twin:
        told = set(twin.shortfalls)
        for number, ((text, queries), plans) in enumerate(zip(cases + UNKNOWN, known + unknown, strict=True)):
            change = Configuration(create=(found[f"real_{number}"],))
            for query, expected in zip(queries, plans, strict=True):
                plan = twin.plan(question(query), change).plan
                assert plan is not None
                assert shape(plan["Plan"]) == shape(expected), query
                assert plan["Plan"]["Plan Rows"] == pytest.approx(expected["Plan Rows"], rel=0.02), query
                assert plan["Plan"]["Total Cost"] == pytest.approx(expected["Total Cost"], rel=0.02), query
            new, told = [each for each in twin.shortfalls if each not in told], set(twin.shortfalls)
            # Nothing is to be said where ANALYZE has seen the expression, nor of an index on a part of the rows.
            silent = text.startswith(("people (upper", "people (((n * 3)", "people ((id + n"))
            assert [each.relation_oids for each in new] == [] if silent else [(relations[text.split()[0]],)], text
            assert all("ANALYZE has not seen" in each.reason for each in new)
            assert ["defaults stand in" in each.reason for each in new] == [True] * (number >= len(cases)) + [False] * (
                number < len(cases) and not silent
            ), text
        # With none of them there, none is known.
        assert twin.plan(question(CASES[0][1][0]), AS_IS).plan is not None
    # What ANALYZE makes of the unknown is another thing, or they would be none.
    for (_, (query,)), (one,), (other,) in zip(UNKNOWN, unknown, analyzed, strict=True):
        assert one["Plan Rows"] != other["Plan Rows"], query
