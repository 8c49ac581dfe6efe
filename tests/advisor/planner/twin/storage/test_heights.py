"""Heights of B-trees: read from plans, estimated from pages; held against those of real ones."""

from __future__ import annotations

import math

import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.plans import ObservedPlan, PlanMethod
from pgadvisor.planner.twin.storage.heights import estimated_height, height_of_cost, observed_heights
from pgadvisor.planner.twin.storage.lengths import Lengths
from support.databases import Database
from support.twins import snapshot_of

ROWS = 100_000


@pytest.mark.parametrize(
    ("startup_cost", "operator_cost", "rows", "height"),
    [
        (0.17, 0.0025, 100_000, 0),
        (0.29, 0.0025, 100_000, 1),
        (0.42, 0.0025, 1_000_000, 2),
        (0.43, 0.0025, 1_000_000, 2),
        (0.17, 0.001, 1_000_000, 2),
        # The table has shrunk or grown, or is of unknown length.
        (0.42, 0.0025, 5_000_000, 2),
        (0.43, 0.0025, None, 2),
        # A comparison with a function's result, a hashed subplan, a scan that is forbidden, other costs than are known.
        (0.44, 0.0025, 1_000_000, 2),
        (25.43, 0.0025, 1_000_000, None),
        (10000000000.42, 0.0025, 1_000_000, None),
        (0.85, 0.0025, 1_000_000, None),
        (0.0, 0.0, 1_000_000, None),
        # Numbers of a snapshot that somebody made up.
        (-5.0, 0.0025, 1_000_000, None),
        (math.inf, 0.0025, 1_000_000, None),
        (0.42, math.nan, 1_000_000, None),
        (0.42, math.inf, 1_000_000, None),
    ],
)
def test_height_in_a_cost(startup_cost: float, operator_cost: float, rows: float | None, height: int | None) -> None:
    assert height_of_cost(startup_cost, operator_cost, rows) == height


@pytest.mark.server
def test_heights_are_those_of_real_indexes(newest_database: Database) -> None:
    database = newest_database
    database.execute("CREATE EXTENSION pageinspect")
    database.execute(
        f"""
        CREATE TABLE t (id int, few int, word text, long text, n numeric, twice int);
        CREATE TABLE small (id int);
        INSERT INTO t SELECT i, i % 5, md5(i::text), repeat(md5(i::text), 10), i, i / 2
        FROM generate_series(1, {ROWS}) i;
        INSERT INTO small SELECT generate_series(1, 300);
        CREATE INDEX t_id ON t (id);
        CREATE INDEX t_few ON t (few);
        CREATE INDEX t_word ON t (word);
        CREATE INDEX t_long ON t (long);
        CREATE INDEX t_n ON t (n);
        CREATE INDEX t_two ON t (few, word);
        CREATE INDEX t_first ON t (twice, long);
        CREATE INDEX t_part ON t (id) WHERE few = 1;
        CREATE INDEX small_id ON small (id);
        """
    )
    database.execute("VACUUM ANALYZE")
    real = {
        name: int(level)
        for name, level in database.execute(
            "SELECT c.relname::text, m.level FROM pg_class AS c, bt_metap(c.relname::text) AS m "
            "WHERE c.relkind = 'i' AND c.relname ~ '^(t|small)_'"
        )
    }
    assert set(real.values()) >= {0, 1, 2, 3}
    plans = []
    database.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET cpu_operator_cost = 0.01")
    for condition in ("id = 5", "few = 1 AND id = 7", "word = 'x'", "long = 'x'", "n = 5", "few = 2 AND word = 'x'"):
        ((documents,),) = database.execute(f"EXPLAIN (FORMAT JSON, SETTINGS) SELECT * FROM t WHERE {condition}")
        plans.append(ObservedPlan(query_id=condition, method=PlanMethod.VALUES, plan=documents[0], planner="server"))
    facts = Facts(snapshot_of(database.dsn, tuple(plans)), {})
    names = {index.oid: index.name for index in facts.indexes.values()}
    observed = {names[oid]: height for oid, height in observed_heights(facts).items()}
    assert len(observed) >= 5
    assert observed == {name: real[name] for name in observed}

    lengths = Lengths(facts)
    estimated = {
        index.name: estimated_height(facts, index, lengths.of(index.oid))
        for index in facts.indexes.values()
        if index.name in real
    }
    assert {name: height for name, (height, _) in estimated.items()} == real
    # The others are near a number of pages at which a level is added.
    assert sum(is_sure for _, is_sure in estimated.values()) >= 5
