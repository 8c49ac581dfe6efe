"""Scans of block ranges cost what they read, not what the planner takes them to read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.config import IndexesConfig
from pgadvisor.indexes.ddl import create_index
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.planner.block_range_pages import PageCosts
from pgadvisor.planner.caution import Caution
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.plan_text import explain
from support.snapshots import facts
from support.twins import snapshot_of
from support.workloads import facts_with

# Two rows are on a page, so that the table is large enough with few of them.
READINGS = """
CREATE TABLE readings (at int NOT NULL, kind int NOT NULL, filler text NOT NULL);
ALTER TABLE readings ALTER filler SET STORAGE PLAIN;
INSERT INTO readings SELECT n, n % 7, repeat('x', 3600) FROM generate_series(1, 26000) n;
"""
RANGE = "SELECT at, kind FROM readings WHERE at BETWEEN 1000 AND 2300"
BRIN = IndexDefinition(schema="public", table="readings", keys=(IndexKey(column="at"),), access_method="brin")
BTREE = IndexDefinition(schema="public", table="readings", keys=(IndexKey(column="at"),))


def scan_of(database: Database, settings: str = "") -> dict[str, Any]:
    with database.connect() as connection:
        connection.execute(f"SET enable_seqscan = off; {settings}".encode())
        ((document,),) = connection.execute(f"EXPLAIN (FORMAT JSON) {RANGE}".encode()).fetchall()
    plan = document if isinstance(document, list) else json.loads(document)
    scan: dict[str, Any] = plan[0]["Plan"]
    assert scan["Node Type"] == "Bitmap Heap Scan"
    return scan


@pytest.mark.server
def test_the_planner_spreads_the_rows_of_ranges_over_the_table(database: Database) -> None:
    """What a dearer page adds to its cost is what it is taken to cost too much, and the index's own pages."""
    database.execute(READINGS)
    database.execute("VACUUM ANALYZE readings")
    database.execute("CREATE INDEX ranges ON readings USING brin (at) WITH (pages_per_range = 32)")
    dear, cheap = (scan_of(database, f"SET random_page_cost = {each}") for each in (4, 1))
    ((pages, rows),) = database.execute("SELECT relpages, reltuples FROM pg_class WHERE relname = 'readings'")
    in_ranges = dear["Plans"][0]["Plan Rows"]
    more = PageCosts(1.0, 4.0).too_much(pages, rows, in_ranges) - PageCosts(1.0, 1.0).too_much(pages, rows, in_ranges)
    own = dear["Plans"][0]["Total Cost"] - cheap["Plans"][0]["Total Cost"]
    assert dear["Total Cost"] - cheap["Total Cost"] == pytest.approx(more + own, rel=0.01)
    # Of one in twenty rows it takes most of the cost off.
    assert PageCosts(1.0, 4.0).too_much(pages, rows, in_ranges) > 0.7 * dear["Total Cost"]


@pytest.mark.server
def test_a_large_table_in_order_has_its_ranges_kept_and_not_its_rows(database: Database) -> None:
    database.execute(READINGS)
    database.execute("VACUUM ANALYZE readings")
    seen = facts_with(snapshot_of(database.dsn), {RANGE: 60_000.0})
    with Twin(seen) as twin:
        decided = advise_indexes(seen, twin, IndexesConfig())
    (advised,) = decided.created
    assert "USING brin (at)" in create_index(advised.proposal.definition, "i", concurrently=False)
    (effect,) = advised.effects
    assert effect.cost_after < 0.2 * effect.cost_before
    assert effect.caution < 0


def beyond(tree: str, definition: IndexDefinition = BRIN, rows: float = 1.6e6) -> float:
    """What a plan takes beyond its cost, of a table with 20,000 pages."""
    table = {"columns": ["at int", "kind int"], "rows": rows, "stats": {"at": {"correlation": 1.0}}}
    seen = facts({"tables": {"public.readings": table}})
    return Caution(seen).of(explain(tree)["Plan"], {"new": [definition]}).toll


SCAN = """
    Bitmap Heap Scan on public.readings cost={cost} rows=100
      Bitmap Index Scan using new cost=20 rows=10000"""


def test_only_block_ranges_are_together() -> None:
    less = PageCosts(1.0, 4.0).too_much(20_000, 1.6e6, 10_000)
    assert less > 10_000
    assert beyond(SCAN.format(cost=30_000)) == pytest.approx(-less)
    assert beyond(SCAN.format(cost=30_000), BTREE) == 0
    # Of a table of which nobody knows how many rows it has nothing is known.
    assert beyond(SCAN.format(cost=30_000), rows=0) == 0


def test_something_is_left_of_any_cost() -> None:
    """As where a role has cheaper pages than the server."""
    assert beyond(SCAN.format(cost=500)) == pytest.approx(-495)


def test_what_is_run_for_each_row_has_pages_that_were_read_before() -> None:
    tree = f"""
    Nested Loop cost=90000 rows=10
      Seq Scan on public.other cost=10 rows=5{SCAN.format(cost=15_000).replace(chr(10), chr(10) + "  ")}"""
    assert beyond(tree) == 0
