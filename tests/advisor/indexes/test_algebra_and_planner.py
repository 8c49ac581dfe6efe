"""The algebra against the planner: where it says that one index covers another, plans lose nothing by the exchange."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from pgadvisor.indexes.algebra import covers
from pgadvisor.indexes.ddl import create_index
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from support.databases import Database

pytestmark = pytest.mark.server

PREDICATES = (None, None, "(a IS NOT NULL)", "(b IS NOT NULL)", "(a > 50)", "((a IS NOT NULL) AND (b = 'x1'::text))")
QUERIES = (
    "SELECT * FROM t WHERE a = 7",
    "SELECT * FROM t WHERE a > 90 AND b = 'x1'",
    "SELECT a FROM t WHERE a > 50 ORDER BY a LIMIT 5",
    "SELECT a, b FROM t WHERE a IS NOT NULL AND b = 'x1' ORDER BY a, b LIMIT 5",
    "SELECT * FROM t ORDER BY a DESC LIMIT 5",
    "SELECT * FROM t ORDER BY a NULLS FIRST, c DESC LIMIT 5",
    "SELECT * FROM t WHERE b LIKE 'x1%'",
    "SELECT b FROM t WHERE b = 'x1' AND a IS NOT NULL",
    "SELECT * FROM t WHERE lower(b) = 'x1'",
    "SELECT * FROM t WHERE c IN (1, 2) AND a = 60",
    "SELECT max(c) FROM t WHERE a = 60",
    "SELECT * FROM t WHERE j @> '{\"k\": 1}'",
    "SELECT * FROM t WHERE words @> '{w1}'",
)


def _pairs(dice: random.Random) -> Iterator[tuple[IndexDefinition, IndexDefinition]]:
    """Pairs of which the first may cover the second."""
    while True:
        keys = tuple(_key(dice) for _ in range(dice.choice((1, 2, 2, 3))))
        method = dice.choice(("btree", "btree", "btree", "gin", "hash"))
        if method == "gin":
            keys = tuple(IndexKey(column=c) for c in dice.sample(("j", "words"), dice.choice((1, 2))))
        if method == "hash":
            keys = (IndexKey(column=dice.choice(("a", "b"))),)
        narrow = IndexDefinition(
            schema="public", table="t", access_method=method, keys=keys, predicate=dice.choice(PREDICATES)
        )
        wide = replace(narrow, predicate=dice.choice(PREDICATES))
        if method == "btree":
            wide = replace(wide, keys=(*keys, _key(dice))[: dice.choice((2, 3, 4))], include=("c",))
            narrow = replace(narrow, include=dice.choice(((), ("c",))))
            if dice.random() < 0.5:
                turned = (replace(k, descending=not k.descending, nulls_first=not k.nulls_first) for k in wide.keys)
                wide = replace(wide, keys=tuple(turned))
        if method == "gin":
            wide = replace(wide, keys=(IndexKey(column="words"), IndexKey(column="j")))
        yield wide, narrow


def _key(dice: random.Random) -> IndexKey:
    column = dice.choice(("a", "a", "b", "c", None))
    pattern = column == "b" and dice.random() < 0.5
    descending = dice.random() < 0.3
    return IndexKey(
        column=column,
        expression=None if column else "lower(b)",
        operator_class="text_pattern_ops" if pattern else "",
        default_operator_class=not pattern,
        descending=descending,
        nulls_first=descending if dice.random() < 0.7 else not descending,
    )


def _plans(database: Database, definition: IndexDefinition) -> list[str]:
    """One plan per query, with nothing but this index to use."""
    name = f"i{random.Random(repr(definition)).randrange(10**9)}"
    database.execute(create_index(definition, name, concurrently=False))
    plans = ["\n".join(row[0] for row in database.execute(f"EXPLAIN (COSTS OFF) {query}")) for query in QUERIES]
    database.execute(f"DROP INDEX {name}")
    return plans


def _work(plan: str) -> set[str]:
    """What a plan has to do besides reading an index in order: nodes that the exchange must not add."""
    found = re.findall(r"Seq Scan|Incremental Sort|Sort|Bitmap Heap Scan", plan)
    return set(found) | ({"heap"} if "Index Only" not in plan else set())


def test_no_plan_gets_worse_when_the_covering_index_takes_over(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE t (a int, b text, c int, j jsonb, words text[]);
        INSERT INTO t SELECT nullif(n % 101, 0), nullif('x' || n % 13, 'x0'), n % 7, jsonb_build_object('k', n % 50),
            ARRAY['w' || n % 40] FROM generate_series(1, 3000) n;
        """
    )
    database.execute("VACUUM ANALYZE t")
    database.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_incremental_sort = off")
    compared = 0
    for wide, narrow in _pairs(random.Random(5)):
        if not covers(wide, narrow) or wide == narrow:
            continue
        if narrow.access_method == "gin":
            database.execute("SET enable_bitmapscan = on")
        for query, before, after in zip(QUERIES, _plans(database, narrow), _plans(database, wide), strict=True):
            # A partial index read from end to end for want of anything better is no loss.
            if "Index Cond" in before or ("ORDER BY" in query and "Index" in before and "Sort" not in before):
                compared += 1
                assert _work(after) <= _work(before), (query, narrow, wide, before, after)
        database.execute("SET enable_bitmapscan = off")
        if compared >= 150:
            return


def test_a_partial_index_is_not_covered_by_a_full_one_that_finds_its_rows_no_faster(database: Database) -> None:
    database.execute("CREATE TABLE t (a int, b text); CREATE INDEX narrow ON t (a) WHERE b = 'rare'")
    narrow = IndexDefinition(schema="public", table="t", keys=(IndexKey(column="a"),), predicate="(b = 'rare'::text)")
    assert not covers(replace(narrow, predicate=None), narrow)
    database.execute(
        "INSERT INTO t SELECT n, CASE WHEN n % 1000 = 0 THEN 'rare' ELSE 'often' END FROM generate_series(1, 20000) n;"
        "ANALYZE t"
    )
    query = "EXPLAIN (FORMAT JSON) SELECT a FROM t WHERE b = 'rare' ORDER BY a LIMIT 20"
    before = database.execute(query)[0][0][0]["Plan"]["Total Cost"]
    database.execute("DROP INDEX narrow; CREATE INDEX wide ON t (a)")
    assert database.execute(query)[0][0][0]["Plan"]["Total Cost"] > 5 * before
