"""Where the planner finds the end of a column in an index, the twin ends its histogram as far as the snapshot knows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twin_storage import open_twin, plan_of, programs
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

SCHEMA = """
CREATE DOMAIN positive AS int CHECK (VALUE > -100000);
CREATE TABLE "event's" (
  id bigserial PRIMARY KEY, "on %" date, amount numeric, number positive, small smallint GENERATED ALWAYS AS IDENTITY,
  free int
);
INSERT INTO "event's" ("on %", amount, number, free)
SELECT CASE WHEN i % 10 = 0 THEN 'infinity' ELSE date '2020-01-01' + i % 900 END,
  CASE WHEN i % 5 = 0 THEN -5000.5 ELSE i % 3000 END, CASE WHEN i % 4 = 0 THEN 99999 ELSE i % 5000 END, i
FROM generate_series(1, 20000) AS i;
CREATE INDEX ON "event's" ("on %"); CREATE INDEX ON "event's" (amount); CREATE INDEX ON "event's" (number);
CREATE INDEX ON "event's" (small); CREATE INDEX ON "event's" (free);
CREATE TABLE part (event bigint, x int);
INSERT INTO part SELECT i * 2 % 20000 + 1, i FROM generate_series(1, 20000) AS i;
CREATE INDEX ON part (event);
VACUUM ANALYZE;
"""
# After the last ANALYZE.
LATER = """
INSERT INTO "event's" ("on %", amount, number, free)
SELECT '2021-01-01', 7, 8, i FROM generate_series(20001, 21500) AS i
"""
TABLE = '"event\'s"'
QUERIES = (
    f"SELECT * FROM {TABLE} WHERE id > 19950",
    f"SELECT * FROM {TABLE} WHERE id > 20700",
    f"SELECT * FROM {TABLE} WHERE id < 20300",
    f"SELECT * FROM {TABLE} WHERE small > 20700",
    f"SELECT * FROM {TABLE} WHERE \"on %\" > '2022-06-15'",
    f"SELECT * FROM {TABLE} WHERE amount < 1",
    f"SELECT * FROM {TABLE} WHERE number > 4999",
    f"SELECT * FROM {TABLE} AS e JOIN part ON part.event = e.id WHERE e.id > 20100",
)
MERGED = f"SELECT * FROM {TABLE} AS e JOIN part ON part.event = e.id"
MERGES = Configuration(settings=(("enable_hashjoin", "off"), ("enable_nestloop", "off")))
OF_FREE = f"SELECT * FROM {TABLE} WHERE free > 20700"


def test_ranges_beyond_the_histogram_cost_the_same(newest_database: Database) -> None:
    database = newest_database
    for command in (*SCHEMA.strip().removesuffix(";").split(";\n"), LATER):
        database.execute(command)
    facts = Facts(snapshot_of(database.dsn), {})
    with Twin(facts, server=programs(database)) as twin:
        assert not [each for each in twin.shortfalls if "histogram" in each.what]
        for text in QUERIES:
            assert twin.plan(question(text)).cost == plan_of(database, text)["Total Cost"], text
        merged = twin.plan(question(MERGED), MERGES).plan
        free = twin.plan(question(OF_FREE)).plan
    with database.connect() as connection:
        for name, value in MERGES.settings:
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        ((expected,),) = connection.execute(f"EXPLAIN (FORMAT JSON) {MERGED}".encode()).fetchall()
    assert merged is not None
    assert "Merge Join" in (merged["Plan"]["Node Type"], merged["Plan"]["Plans"][0]["Node Type"])
    assert merged["Plan"]["Total Cost"] == expected[0]["Plan"]["Total Cost"]
    # What no snapshot knows: values of the last 7 % of the rows, which have no sequence.
    assert free is not None
    assert (free["Plan"]["Plan Rows"], plan_of(database, OF_FREE)["Plan Rows"]) == (2, 101)


def test_what_a_stranger_says_of_ends_harms_nothing(database: Database) -> None:
    """Bounds of several dimensions, with NULLs, or one alone, and last values that a column cannot have."""
    database.execute(
        """
        CREATE TABLE a (id smallint GENERATED ALWAYS AS IDENTITY, x int, y int, z int, t text);
        INSERT INTO a (x, y, z, t) SELECT i, i, i, 'text ' || i % 100 FROM generate_series(1, 3000) AS i;
        CREATE INDEX ON a (id); CREATE INDEX ON a (x); CREATE INDEX ON a (y); CREATE INDEX ON a (z);
        CREATE INDEX ON a (t); CREATE INDEX ON a (x) WHERE x > 5; CREATE INDEX ON a (lower(t));
        """
    )
    database.execute("ANALYZE a")
    snapshot = snapshot_of(database.dsn)
    bounds = {"x": "{{1,2},{3,4}}", "y": "{1,NULL,3}", "z": "{5}"}
    statistics = tuple(
        replace(row, histogram=bounds[row.column], most_common_vals="{-7}", most_common_freqs="{0.1}")
        if row.column in bounds
        else row
        for row in snapshot.column_statistics
    )
    sequences = tuple(replace(each, last_value=2**62) for each in snapshot.catalog.sequences)
    hostile = replace(snapshot, column_statistics=statistics, catalog=replace(snapshot.catalog, sequences=sequences))
    with open_twin(Facts(hostile, {})) as (building, twin):
        assert twin.plan(question("SELECT * FROM a")).plan is not None
        found = dict(
            building.admin.execute(
                "SELECT attname::text, histogram_bounds::text FROM pg_stats WHERE tablename = 'a' AND NOT inherited"
            ).fetchall()
        )
    stored = {row.column: row.histogram for row in snapshot.column_statistics}
    assert found["id"] == stored["id"]
    assert {column: found[column] for column in bounds} == bounds
