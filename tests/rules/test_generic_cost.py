"""What the plan for unknown values is said to cost for other ones, against what the server says of it."""

from __future__ import annotations

import pytest

from pgadvisor.model.plan_reading import parse_plan
from pgadvisor_rules._value_plans import generic_cost
from support.databases import Database
from support.planning import facts_of
from support.reading import open_session

SETUP = """
    CREATE TABLE calls (id int PRIMARY KEY, who int NOT NULL, at int NOT NULL, note text NOT NULL);
    INSERT INTO calls SELECT i, CASE WHEN i % 10 = 0 THEN 0 ELSE i END, i, repeat('n', 100)
        FROM generate_series(1, 30000) i ORDER BY md5(i::text);
    CREATE INDEX by_who ON calls (who) INCLUDE (at);
"""
FORCED = ("SET enable_seqscan = off", "SET max_parallel_workers_per_gather = 0")


@pytest.mark.server
@pytest.mark.parametrize(
    ("columns", "others_off"),
    [
        ("count(*)", ("bitmapscan",)),
        ("count(note)", ("bitmapscan", "indexonlyscan")),
        ("count(note)", ("indexscan", "indexonlyscan")),
    ],
)
def test_what_it_would_cost_is_what_the_server_says(
    database: Database, columns: str, others_off: tuple[str, ...]
) -> None:
    database.execute(SETUP)
    with database.connect() as connection:
        connection.execute("VACUUM ANALYZE calls")
        for command in (*FORCED, *(f"SET enable_{name} = off" for name in others_off)):
            connection.execute(command)
        plans = []
        for value in (7, 0):
            question = f"EXPLAIN (VERBOSE, FORMAT JSON) SELECT {columns} FROM calls WHERE who = {value}"
            (((plan,),),) = connection.execute(question).fetchall()
            plans.append(parse_plan(plan))
    few, many = plans
    with open_session(database.dsn) as session:
        facts = facts_of(session, [])
    said = generic_cost(facts, few, many, ("public", "calls"))
    assert many.total_cost / 3 < said < many.total_cost * 1.5
