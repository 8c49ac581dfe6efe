"""Sizes of indexes on documents and arrays by what is seen of these, and beside indexes really built."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest

from pgadvisor.indexes.size import estimate
from pgadvisor.indexes.sizes.attributes import KeyStatistics, of_type
from pgadvisor.indexes.sizes.catalog import column_statistics
from pgadvisor.indexes.sizes.elements import Postings
from pgadvisor.indexes.sizes.expressions import of_expression
from pgadvisor.indexes.sizes.gin import gin_estimate, spread_out
from pgadvisor.indexes.sizes.rare import places, rare_elements
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from support.databases import Database
from support.reading import read_database

# Columns, and how far off an index on each may be.
COLUMNS: dict[str, tuple[str, float]] = {
    "statuses": ("jsonb_build_object('status', 's' || n % 5, 'priority', n % 3, 'live', n % 2 = 0)", 1.1),
    "referred": (
        "jsonb_build_object('ref', 'r' || floor(random() * 2000)::int, 'theme', 't' || n % 2,"
        " 'tags', jsonb_build_array('t' || n % 700, 't' || floor(random() * 31)::int))",
        1.15,
    ),
    "own": ("jsonb_build_object('id', md5(n::text), 'kind', n % 40)", 1.05),
    "money": ("jsonb_build_object('price', round((random() * 50)::numeric, 2), 'count', n % 20)", 1.15),
    "sums": (
        "jsonb_build_object('paid', n * 611953391::bigint % 5000000000 / 1000.0, 'tiny', n * 97 % 99991 / 1e10)",
        1.2,
    ),
    "days": ("jsonb_build_object('day', '2024-01-01'::date + floor(random() * 700)::int, 'shop', n % 30)", 1.2),
    "flags": ("jsonb_build_object('u' || floor(random() * 3000)::int, true)", 1.2),
    "fields": (
        "(SELECT jsonb_object_agg('field' || g, floor(random() * 60)::int) FROM generate_series(1, 12) g WHERE n > 0)",
        1.2,
    ),
    "orders": (
        "jsonb_build_object('id', n, 'items', (SELECT jsonb_agg(jsonb_build_object("
        "'part', 'p' || floor(random() * 900)::int, 'count', 1 + g % 3))"
        " FROM generate_series(1, 1 + floor(random() * 4 + 0 * n)::int) AS g))",
        1.15,
    ),
    "mostly_empty": ("CASE WHEN n % 4 = 0 THEN jsonb_build_object('a', n % 30) ELSE '{}' END", 1.2),
    "numbers": ("ARRAY(SELECT floor(random() * 9000)::int FROM generate_series(1, n % 8))", 1.2),
}
# Indexes on what is made of documents, of what type that is, and how far off they may be.
EXPRESSIONS: dict[str, tuple[KeyStatistics, float]] = {
    "gin ((orders -> 'items'))": (of_type("jsonb", -1, "i", None), 1.15),
    "gin ((referred -> 'tags') jsonb_path_ops)": (of_type("jsonb", -1, "i", None), 1.15),
    "btree ((referred ->> 'ref'))": (of_type("text", -1, "i", None), 1.15),
    "btree (((money ->> 'count')::int))": (of_type("int4", 4, "i", None), 1.1),
    "btree (((money ->> 'price')::numeric))": (of_type("numeric", -1, "i", None), 1.02),
    "btree (((money ->> 'price')::numeric(10,2)))": (of_type("numeric", -1, "i", None), 1.02),
    "btree (((sums ->> 'paid')::numeric(12,2)))": (of_type("numeric", -1, "i", None), 1.02),
    "btree (((sums ->> 'paid')::numeric(8,0)))": (of_type("numeric", -1, "i", None), 1.02),
    "btree (((sums ->> 'tiny')::numeric))": (of_type("numeric", -1, "i", None), 1.02),
}
ROWS = 20_000


@pytest.mark.server
def test_indexes_on_documents_are_close_to_what_is_built(newest_database: Database) -> None:
    database = newest_database
    texts = ", ".join(f"{text} AS {name}" for name, (text, _) in COLUMNS.items())
    database.execute(f"SELECT setseed(0.5); CREATE TABLE t AS SELECT {texts} FROM generate_series(1, {ROWS}) AS n")
    database.execute("VACUUM ANALYZE t")
    for name in COLUMNS:
        database.execute(f"CREATE INDEX {name}_ops ON t USING gin ({name})")
        if name != "numbers":
            database.execute(f"CREATE INDEX {name}_path_ops ON t USING gin ({name} jsonb_path_ops)")
    for number, what in enumerate(EXPRESSIONS):
        database.execute(f"CREATE INDEX e{number} ON t USING {what}")
    seen = read_database(database.dsn)
    table = seen.relations["t"]
    known = column_statistics(
        [column for column in seen.collected.catalog.columns if column.relation_oid == table.oid],
        {row.column: row for row in seen.collected.column_statistics if row.relation_oid == table.oid},
    )
    wrong = {}
    for name, index in seen.indexes.items():
        (key,) = index.definition.keys
        made = {}
        if key.expression is None:
            _, factor = COLUMNS[key.column or ""]
        else:
            typed, factor = list(EXPRESSIONS.values())[int(name.removeprefix("e"))]
            made = {key.expression: of_expression(key.expression, typed, known)}
        found = estimate(
            index.definition, row_count=table.row_count, columns=known, expressions=made, table_pages=table.pages
        )
        ((pages,),) = database.execute("SELECT pg_relation_size(%s::regclass) / 8192", [name])
        assert found is not None, index.definition
        ratio = found.pages / pages
        if max(ratio, 1 / ratio) > factor:
            wrong[name] = (found.pages, pages, round(ratio, 3))
    assert not wrong


def test_numbers_tell_how_many_elements_there_may_be() -> None:
    def some(count: int, below: int, text: str = "r{}") -> list[str]:
        return [text.format(n * 611_953 % below) for n in range(count)]

    assert places(some(100, 5000)) == pytest.approx(5000, rel=0.03)
    assert places(some(100, 5000, "user{}@example.com")) == places(some(100, 5000))
    assert places(
        [f"{whole}.{part}" for whole, part in zip(some(100, 30, "{}"), some(100, 99, "{}"), strict=True)]
    ) == (pytest.approx(3000, rel=0.1))
    assert places([f"2024-{1 + n % 12:02}-{1 + n * 5 % 28:02}" for n in range(100)]) == 12 * 28
    # In steps of 50; bounds of a histogram are at equal distances too, but then each number is there once.
    assert places([f"{50 * (n * 611_953 % 400)}" for n in range(100)]) == pytest.approx(400, rel=0.05)
    assert places([str(50 * n) for n in range(100)]) == pytest.approx(5000, rel=0.03)
    for different in (
        [],
        ["7"],
        [f"r{10**20 + n}" for n in range(100)],
        [sha256(str(n).encode()).hexdigest() for n in range(100)],
    ):
        assert places(different) == math.inf

    once, rows = some(100, 5000), 1e6
    assert rare_elements([], once, 3, rows) == 0
    assert rare_elements(once, [], 0, rows) == pytest.approx(5000, rel=0.03)
    # Those that are known are none of the rare ones; rows that are hardly more have a number each.
    assert rare_elements(some(60, 300), some(100, 300)[60:], 0, rows) == pytest.approx(260, rel=0.03)
    assert rare_elements(once, [], 0, 5000) == 5000
    assert rare_elements(once, [], 0, 10_000) == pytest.approx(5000 * (1 - math.exp(-2)), rel=0.03)
    # Seen twice as often as if there were 5,000, or ten thousand times as often.
    assert rare_elements(once, [], 2, rows) == pytest.approx(5000, rel=0.03)
    assert rare_elements([f"{text}000{n}" for n, text in enumerate(once)], [], 2, rows) == 100**2 / 4 + 100
    # Else as many as rows.
    assert rare_elements([sha256(text.encode()).hexdigest() for text in once], [], 0, rows) == rows


def _documents(values: Sequence[object], operator_class: str, **fields: Any) -> IndexEstimate:
    column = KeyStatistics(
        type_name="jsonb", average_width_bytes=100.0, values=tuple(json.dumps(value) for value in values), **fields
    )
    key = IndexKey(column="a", operator_class=operator_class, default_operator_class=operator_class == "jsonb_ops")
    index = IndexDefinition(schema="public", table="t", keys=(key,), access_method="gin")
    found = estimate(index, row_count=100_000, columns={"a": column}, table_pages=1000)
    assert found is not None
    return found


def test_an_element_of_documents_is_one_wherever_it_stands() -> None:
    fields = [{f"field{field}": (n * 7 + field * 3) % 100 for field in range(30)} for n in range(101)]
    assert _documents(fields, "jsonb_ops").n_entries == 130
    assert _documents(fields, "jsonb_path_ops").n_entries == pytest.approx(3000, rel=0.03)
    # Keys may be data: those of which each document has others are of one kind.
    flags = [{f"u{n * 611_953 % 3000}": True} for n in range(101)]
    for operator_class in ("jsonb_ops", "jsonb_path_ops"):
        assert _documents(flags, operator_class).n_entries == pytest.approx(3000, rel=0.05)
    empty = [{}, {"a": 1}]
    found = _documents(empty, "jsonb_ops", value_frequencies=(0.75, 0.25), n_distinct=2)
    assert (found.n_entries, found.entries) == (3, 125_000)
    # A long text is kept as its hash.
    texts = [{"a": sha256(str(n).encode()).hexdigest() * 3} for n in range(101)]
    shorter = [{"a": str(n).rjust(8, "x")} for n in range(101)]
    assert (
        _documents(texts, "jsonb_ops", n_distinct=101).pages == _documents(shorter, "jsonb_ops", n_distinct=101).pages
    )


def test_common_values_are_no_sample() -> None:
    """Elements that only common values share do not tell how often rare ones are seen twice."""
    common = [{"a": sha256(str(n % 50).encode()).hexdigest(), "b": n} for n in range(100)]
    others = [{"a": sha256(str(n).encode()).hexdigest(), "b": n} for n in range(500, 601)]
    found = _documents([*common, *others], "jsonb_path_ops", value_frequencies=(0.001,) * 100)
    assert found.n_entries == pytest.approx(90_000, rel=0.01)


def test_arrays_of_numbers_have_no_more_elements_than_numbers() -> None:
    values = tuple(f"{{{n * 611_953 % 5000},{n * 377_981 % 5000},NULL}}" for n in range(101))
    column = KeyStatistics(type_name="_int4", average_width_bytes=30.0, values=values, elements_per_value=2.0)
    index = IndexDefinition(schema="public", table="t", keys=(IndexKey(column="a"),), access_method="gin")
    found = estimate(index, row_count=100_000, columns={"a": column}, table_pages=1000)
    assert found is not None
    assert found.n_entries == pytest.approx(5000, rel=0.05)


def test_elements_with_a_row_each_have_lists_of_one_row() -> None:
    """An entry of 8 bytes of header, 4 of key, 8 of list, aligned, beside its line pointer; a leaf is half full."""
    documents = [{"a": sha256(str(n).encode()).hexdigest()} for n in range(101)]
    leaves = 100_000 * 28 / (8160 / 2 + 12)
    assert _documents(documents, "jsonb_path_ops").entry_pages == pytest.approx(leaves, rel=0.01)
    # One and a half rows on average are one in a half of them, two in the others; of whole ones there are no others.
    assert [each.rows for each in spread_out([Postings(1000.0, 1.5, 4.0), Postings(9.0, 3.0, 4.0)])] == [1, 2, 3]
    found = gin_estimate([[Postings(1000.0, 1.5, 4.0)]], 100.0, 8192)
    assert (found.n_entries, found.entries) == (1000, 1500)
    assert found.pages == 2 + found.entry_pages - 1
