"""Estimated sizes against indexes really built."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.indexes.ddl import create_index
from pgadvisor.indexes.size import estimated_size_bytes
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.statistics import ColumnStatistics
from support.databases import Database

ROWS = 30_000


def _statistics(**fields: Any) -> ColumnStatistics:
    given: dict[str, Any] = {
        "relation_oid": 1,
        "column": "a",
        "null_fraction": 0.0,
        "average_width_bytes": 8,
        "n_distinct": -1.0,
    }
    return ColumnStatistics(**(given | fields))


def _index(*columns: str | None, **fields: Any) -> IndexDefinition:
    keys = tuple(IndexKey(column=c) if c is not None else IndexKey(expression="lower(a)") for c in columns)
    return IndexDefinition(schema="public", table="t", keys=keys, **fields)


# The index, what else the estimate is told, and how far off it may be, as a factor.
BUILT: tuple[tuple[IndexDefinition, dict[str, Any], float], ...] = (
    (_index("unique_bigint"), {}, 1.1),
    (_index("few_values"), {}, 1.15),
    (_index("skewed"), {}, 1.15),
    (_index("thirty_each"), {}, 1.25),
    (_index("words"), {}, 1.25),
    (_index("half_null"), {}, 1.25),
    (_index("amount"), {"not_deduplicated": {"amount"}}, 1.25),
    (_index("few_values", "thirty_each"), {}, 1.6),
    (_index("few_values", include=("unique_bigint",)), {}, 1.2),
    (_index("few_values", options=("deduplicate_items=off",)), {}, 1.15),
    (_index("unique_bigint", options=("fillfactor=50",)), {}, 1.15),
    (_index("half_null", predicate="half_null IS NOT NULL"), {}, 1.25),
    (_index("unique_bigint", predicate="few_values = 1"), {"selectivity": 0.2}, 1.3),
    (_index("unique_bigint", access_method="hash"), {}, 1.7),
    (_index("unique_bigint", access_method="brin"), {"table_pages": 1000}, 1.5),
    (_index("tags", access_method="gin"), {}, 4.0),
)


@pytest.mark.server
def test_sizes_are_close_to_those_of_built_indexes(database: Database) -> None:
    database.execute(
        f"""
        CREATE TABLE t AS SELECT n::bigint AS unique_bigint, n % 5 AS few_values,
            CASE WHEN n % 20 = 0 THEN n ELSE 7 END AS skewed, n % {ROWS // 30} AS thirty_each,
            'some words ' || n % 900 AS words, CASE WHEN n % 2 = 0 THEN n END AS half_null,
            (n % 100)::numeric(10, 2) AS amount, ARRAY['tag' || n % 50, 'other' || n % 700] AS tags
        FROM generate_series(1, {ROWS}) n
        """
    )
    database.execute("ALTER TABLE t ALTER thirty_each SET STATISTICS 1000; ANALYZE t")
    statistics = {
        row[0]: _statistics(
            column=row[0],
            null_fraction=row[1],
            average_width_bytes=row[2],
            n_distinct=row[3],
            most_common_frequencies=None if row[4] is None else tuple(row[4]),
        )
        for row in database.execute(
            "SELECT attname, null_frac, avg_width, n_distinct, most_common_freqs FROM pg_stats WHERE tablename = 't'"
        )
    }
    off = {}
    for definition, told, factor in BUILT:
        database.execute(create_index(definition, "i", concurrently=False))
        ((real,),) = database.execute("SELECT pg_relation_size('i')")
        database.execute("DROP INDEX i")
        estimate = estimated_size_bytes(definition, ROWS, statistics, **told)
        assert estimate is not None
        ratio = estimate / real
        if not 1 / factor <= ratio <= factor:
            off[str(definition.key_columns) + definition.access_method + str(told)] = (estimate, real, ratio)
    assert not off


@pytest.mark.parametrize(
    "definition",
    [
        _index("a", "unknown"),
        _index(None),
        _index("a", include=("unknown",)),
        _index("a", predicate="a > 5"),
        _index("a", predicate="unknown IS NOT NULL"),
        _index("a", access_method="gist"),
        _index("a", access_method="brin"),
    ],
)
def test_what_is_not_known_is_not_guessed(definition: IndexDefinition) -> None:
    assert estimated_size_bytes(definition, 1000, {"a": _statistics()}) is None


def test_without_rows_there_is_no_estimate_and_an_empty_index_has_a_page() -> None:
    assert estimated_size_bytes(_index("a"), None, {"a": _statistics()}) is None
    assert estimated_size_bytes(_index("a"), 0, {"a": _statistics()}) == 16_384


def test_deduplication_makes_an_index_smaller_and_more_rows_make_it_larger() -> None:
    few, many = {"a": _statistics(n_distinct=10)}, {"a": _statistics()}
    sizes = [estimated_size_bytes(_index("a"), rows, few) or 0 for rows in (10**5, 10**6, 10**7)]
    assert sizes == sorted(sizes)
    assert sizes[1] * 2 < (estimated_size_bytes(_index("a"), 10**6, many) or 0)


@pytest.mark.parametrize("width", [2_000, 3_000, 6_000, 2**31 - 1])
def test_a_tree_of_wide_entries_has_an_end(width: int) -> None:
    """A page holds three of the widest; estimating with wider ones, each level would be larger than the one below."""
    size = estimated_size_bytes(_index("a"), 1e6, {"a": _statistics(average_width_bytes=width)})
    assert size is not None
    assert 2e9 < size < 6e9
