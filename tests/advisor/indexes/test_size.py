"""What the estimates make of statistics, without a server."""

from __future__ import annotations

import json
import math
import time
from hashlib import sha256
from typing import Any

import pytest

from pgadvisor.indexes.size import estimate, estimated_size_bytes
from pgadvisor.indexes.sizes.attributes import KeyStatistics, of_column, of_type
from pgadvisor.indexes.sizes.catalog import column_statistics, distinct_counts
from pgadvisor.indexes.sizes.elements import document_keys, document_paths, trigrams
from pgadvisor.indexes.sizes.gin import list_bytes
from pgadvisor.indexes.sizes.groups import Rows, distinct_keys
from pgadvisor.indexes.sizes.layout import entry_sizes, widths
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import Column, Constraint, ConstraintKind, IndexDefinition, IndexKey
from pgadvisor.model.objects import Collation, ExtendedStatistics
from pgadvisor.model.statistics import PgStats


def _key(type_name: str = "int8", length_bytes: int = 8, **fields: Any) -> KeyStatistics:
    given: dict[str, Any] = {
        "average_width_bytes": 8.0 if length_bytes < 0 else float(length_bytes),
        "alignment": {1: "c", 2: "s", 4: "i", 8: "d"}.get(length_bytes, "i"),
    }
    return KeyStatistics(type_name=type_name, length_bytes=length_bytes, **(given | fields))


def _index(*columns: str | None, **fields: Any) -> IndexDefinition:
    keys = tuple(IndexKey(column=c) if c is not None else IndexKey(expression="lower(a)") for c in columns)
    return IndexDefinition(schema="public", table="t", keys=keys, **fields)


def _found(definition: IndexDefinition, **told: Any) -> IndexEstimate:
    given: dict[str, Any] = {"row_count": 1e6, "columns": {"a": _key(), "b": _key("int4", 4)}}
    found = estimate(definition, **(given | told))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "definition",
    [
        _index("a", "unknown"),
        _index(None),
        _index("a", include=("unknown",)),
        _index("a", predicate="a > 5"),
        _index("a", predicate="unknown IS NOT NULL"),
        _index("a", predicate="(a IS NOT NULL) AND (b > 5)"),
        _index("a", access_method="brin"),
        _index("a", access_method="bloom"),
        _index("a", "b", access_method="hash"),
        _index("a", access_method="spgist"),
        _index("json", access_method="gin"),
        _index("other", access_method="gin"),
        _index("other", access_method="gist"),
    ],
)
def test_what_is_not_known_is_not_guessed(definition: IndexDefinition) -> None:
    columns = {"a": _key(), "b": _key(), "json": _key("jsonb", -1), "other": _key("vector", -1)}
    assert estimate(definition, row_count=1000, columns=columns) is None
    assert estimated_size_bytes(definition, 1000, columns) is None


def test_without_rows_there_is_no_estimate_and_an_empty_index_has_a_page() -> None:
    assert estimate(_index("a"), row_count=None, columns={"a": _key()}) is None
    assert _found(_index("a"), row_count=0) == IndexEstimate(pages=1, entries=0.0)
    assert estimated_size_bytes(_index("a"), 0, {"a": _key()}) == 8192


def test_plain_entries_fill_leaves_as_nbtsort_does() -> None:
    """366 entries of 16 bytes to a leaf, 284 to an internal page: as CREATE INDEX on a million integers makes them."""
    leaves = math.ceil(1e6 / 366)
    assert _found(_index("a")) == IndexEstimate(pages=leaves + math.ceil(leaves / 284) + 2, entries=1e6, height=2)
    half = _found(_index("a", options=("fillfactor=45",)))
    assert half.pages == pytest.approx(2 * leaves, rel=0.02)
    assert _found(_index("a"), block_size_bytes=16384).pages == pytest.approx(leaves / 2, rel=0.02)


def test_entries_are_aligned_and_those_with_null_have_a_bitmap() -> None:
    short = _key("bool", 1)
    assert entry_sizes((short, _key())).parts == ((24, 1.0),)
    assert entry_sizes((_key(), short)).parts == ((24, 1.0),)
    assert entry_sizes((short, short, _key("int4", 4))).parts == ((16, 1.0),)
    # A NULL leaves its room to the bitmap.
    assert entry_sizes((_key(null_fraction=0.25),)).parts == ((16, 1.0),)
    assert dict(entry_sizes((_key(), _key(null_fraction=0.25))).parts) == pytest.approx({24: 1.0})
    wide = _key("uuid", 16, alignment="c")
    assert dict(entry_sizes((wide, _key(null_fraction=0.25))).parts) == pytest.approx({32: 1.0})


def test_widths_are_those_of_the_values_known() -> None:
    numeric = _key(
        "numeric", -1, values=("1", "12345678", "1.5", "0.0001", "-99990000", "NaN"), average_width_bytes=5.5
    )
    assert {round(width) for width, _ in widths(numeric)} == {3, 5, 7}
    text = _key("text", -1, values=("é" * 10, "x" * 200), average_width_bytes=112.0)
    assert {width for width, _ in widths(text)} == {21, 204}
    # Compressed or moved out of line: only the average knows it.
    moved = _key("text", -1, values=("x" * 2000,), average_width_bytes=18.0)
    assert {width for width, _ in widths(moved)} == {18}
    assert sum(share * width for width, share in widths(_key("jsonb", -1, average_width_bytes=40.0))) == 40


def test_deduplication_makes_an_index_smaller_and_more_rows_make_it_larger() -> None:
    few = {"a": _key(n_distinct=10)}
    sizes = [_found(_index("a"), row_count=rows, columns=few).pages for rows in (10**5, 10**6, 10**7)]
    assert sizes == sorted(sizes)
    whole = _found(_index("a")).pages
    assert sizes[1] * 3 < whole
    loose = {"a": _key(n_distinct=10, shares_entries=False)}
    for definition, columns in (
        (_index("a", unique=True), few),
        (_index("a", options=("deduplicate_items=off",)), few),
        (_index("a"), loose),
    ):
        assert _found(definition, columns=columns).pages == pytest.approx(whole, rel=0.01)
    assert _found(_index("a", include=("b",)), columns=few | {"b": _key("int4", 4)}).pages > whole


def test_a_key_of_all_rows_is_not_gone_through_to_its_end() -> None:
    """Of billions of rows that would take minutes; what is on the first pages tells the rest."""
    one = {"a": _key(n_distinct=1)}
    began = time.process_time()
    few, many = (_found(_index("a"), row_count=rows, columns=one).pages for rows in (5e6, 5e8))
    assert time.process_time() - began < 1
    assert many == pytest.approx(few * 100, rel=0.01)


@pytest.mark.parametrize("width", [2_000, 3_000, 6_000, 2**31 - 1])
def test_a_tree_of_wide_entries_has_an_end(width: int) -> None:
    """A page holds three of the widest; estimating with wider ones, each level would be larger than the one below."""
    columns = {"a": _key("text", -1, average_width_bytes=float(width))}
    size = estimated_size_bytes(_index("a"), 1e6, columns)
    assert size is not None
    assert 2e9 < size < 9e9
    assert _found(_index("a"), columns=columns, row_count=1e6).height > 5


def test_the_height_of_a_tree_follows_from_its_rows() -> None:
    heights = [_found(_index("a"), row_count=rows).height for rows in (0, 300, 500, 1e4, 1e5, 1e6, 1e8)]
    assert heights == [0, 0, 1, 1, 1, 2, 3]


def test_distinct_combinations_are_what_is_known_of_them_else_as_by_chance() -> None:
    rows = Rows(1e5, 1.0)
    two = (_key(n_distinct=1000), _key(n_distinct=1000))
    assert 9e4 < distinct_keys("ab", two, rows, {}) < 1e5
    assert distinct_keys("ab", two, rows, {frozenset("ab"): 1500.0}) == 1500
    assert distinct_keys("ab", (_key(), two[0]), rows, {}) == 1e5
    half = distinct_keys("a", (_key(n_distinct=-0.5),), Rows(1e5, 0.5), {})
    assert half == pytest.approx(37_500)
    assert distinct_keys("a", (_key(n_distinct=0),), rows, {}) == 200


def test_a_predicate_leaves_out_nulls_and_its_share_of_the_rest() -> None:
    columns = {"a": _key(null_fraction=0.9, n_distinct=-0.1)}
    not_null = _found(_index("a", predicate="(a IS NOT NULL)"), columns=columns)
    assert not_null.entries == pytest.approx(1e5)
    told = _found(_index("a", predicate="(a > 5)"), columns=columns, selectivity=0.05)
    assert told.entries == pytest.approx(5e4)
    # All of its entries are different: nothing is shared.
    assert told.pages == pytest.approx(5e4 / 366, rel=0.05)
    whole = _found(_index("a", access_method="hash"), columns=columns)
    partial = _found(_index("a", access_method="hash", predicate="(a > 5)"), columns=columns, selectivity=0.05)
    assert partial.pages == whole.pages
    assert whole.entries == pytest.approx(1e5)


def test_hash_buckets_are_powers_of_two_with_steps_between() -> None:
    def pages(rows: float) -> int:
        return _found(_index("a", access_method="hash"), row_count=rows).pages

    # 307 entries to a bucket, beside metapage and bitmap.
    assert [pages(each * 307) for each in (1, 3, 512, 513, 641, 1024)] == pytest.approx(
        [4, 6, 514, 643, 770, 1026], abs=60
    )
    same = {"a": _key(n_distinct=1, value_frequencies=(1.0,), values=("1",))}
    # One key: all but one bucket are empty, and it has a chain of pages for every 407 entries.
    assert _found(_index("a", access_method="hash"), columns=same).pages == pytest.approx(3584 + 1e6 / 407, rel=0.02)


def test_what_gin_holds() -> None:
    assert {each for _, each in trigrams("Ab c")} == {"  a", " ab", "ab ", "  c", " c "}
    document = '{"a": {"b": [1, "x"]}, "c": null}'
    assert {each for _, each in document_keys(document)} == {"Ka", "Kb", "Kc", "V1", "Vx", "VNone"}
    assert len(set(document_paths(document))) == 3
    assert list(document_keys("{broken")) == [("", "VNone")]
    assert list(document_keys("[" * 5000))
    # Neighbouring rows are a byte apart, rows a page apart two, far ones more.
    assert [list_bytes(1001, pages) for pages in (1, 1001, 10**5, 10**8)] == pytest.approx(
        [1008, 1640, 2930, 4265], rel=0.01
    )
    same = _key("_text", -1, element_frequencies=(0.5,), elements=("x",), elements_per_value=0.5, null_fraction=0.25)
    found = _found(_index("a", access_method="gin"), columns={"a": same}, table_pages=10_000)
    assert found.n_entries == 2
    assert found.entry_pages == 1
    assert found.pages == 2 + found.data_pages
    assert found.entries == pytest.approx(750_000)


def test_of_rare_elements_the_common_ones_tell() -> None:
    flat = _key("_int4", -1, element_frequencies=(0.001,) * 100, elements=tuple("x" * 100), elements_per_value=1.0)
    assert _found(_index("a", access_method="gin"), columns={"a": flat}).n_entries == pytest.approx(1000, rel=0.05)
    ranks = range(1, 101)
    falling = _key(
        "_int4",
        -1,
        element_frequencies=tuple(0.1 / rank for rank in ranks),
        elements=tuple("x" * 100),
        elements_per_value=sum(0.1 / rank for rank in range(1, 5001)),
    )
    assert _found(_index("a", access_method="gin"), columns={"a": falling}).n_entries == pytest.approx(5000, rel=0.3)


def test_brin_has_a_summary_for_each_range() -> None:
    def found(**fields: Any) -> IndexEstimate:
        return _found(_index("a", access_method="brin", **fields), table_pages=128_000)

    assert found() == IndexEstimate(pages=1 + 1 + 4, entries=1000, revmap_pages=1)
    assert found(options=("pages_per_range=16",)).revmap_pages == 6
    bloom = IndexDefinition(
        schema="s", table="t", access_method="brin", keys=(IndexKey(column="a", operator_class="int8_bloom_ops"),)
    )
    assert _found(bloom, table_pages=128_000).pages > 500
    assert _found(_index("a", access_method="brin"), table_pages=0).pages == 2


def test_what_builds_changed_with_the_version() -> None:
    gist = _index("p", access_method="gist")
    point = {"p": _key("point", 16, alignment="d")}
    pages = [_found(gist, columns=point, major=major).pages for major in (14, 15, 13)]
    assert pages == sorted(pages)
    assert pages[0] < 0.8 * pages[1]
    number = {"p": _key()}
    assert _found(gist, columns=number, major=17).pages > 1.5 * _found(gist, columns=number, major=18).pages


def _column(name: str, number: int, **fields: Any) -> Column:
    given: dict[str, Any] = {"type": "text", "type_oid": 25, "type_name": "text", "type_category": "S"}
    return Column(relation_oid=1, number=number, name=name, not_null=False, **(given | fields))


def test_columns_are_read_from_catalog_and_statistics() -> None:
    row = PgStats(
        relation_oid=1,
        column="b",
        null_fraction=0.5,
        average_width_bytes=20,
        n_distinct=3,
        most_common_vals="{x,y}",
        most_common_freqs="{0.3,0.1}",
        histogram="{a,c}",
        most_common_elems="{p,q}",
        most_common_elem_freqs="{0.2,0.1,0.1,0.2,0}",
        elem_count_histogram="{1,2,3,1.75}",
    )
    columns = [
        _column("a", 1, collation="public.loose"),
        _column("b", 2),
        _column("c", 3, type_name="color", length_bytes=4),
    ]
    loose = Collation(oid=5, schema="public", name="loose", provider="i", deterministic=False)
    found = column_statistics(columns, {"b": row}, [loose])
    assert found["a"] == of_type("text", -1, "i", None, deterministic=False)
    assert not found["a"].shares_entries
    assert found["b"].values == ("x", "y", "a", "c")
    assert found["b"].element_frequencies == (0.2, 0.1)
    assert found["b"].elements_per_value == 1.75
    assert found["c"].average_width_bytes == 4
    assert not of_column(_column("d", 4, type_name="_int4", type_category="A"), None).shares_entries
    assert not of_column(_column("d", 4, type_name="pair", type_category="C"), None).shares_entries


def test_combinations_are_known_by_constraints_and_extended_statistics() -> None:
    columns = [_column(name, number) for number, name in enumerate("abcd", 1)]
    constraints = [
        Constraint(oid=1, table_oid=1, name="u", kind=ConstraintKind.UNIQUE, columns=("a", "b")),
        Constraint(
            oid=2,
            table_oid=1,
            name="f",
            kind=ConstraintKind.FOREIGN_KEY,
            columns=("b", "c"),
            referenced_oid=7,
            referenced_columns=("x", "y"),
        ),
    ]
    text = '{"3, 4": 17, "1, -1": 5, "9, 1": 3}'
    extended = [ExtendedStatistics(oid=3, relation_oid=1, schema="s", name="e", kinds=("ndistinct",), n_distinct=text)]
    found = distinct_counts(columns, 1e6, constraints, extended, {7: 100.0})
    assert found == pytest.approx({frozenset("ab"): 1e6, frozenset("bc"): 100.0, frozenset("cd"): 17.0})
    broken = ExtendedStatistics(oid=3, relation_oid=1, schema="s", name="e", kinds=("ndistinct",), n_distinct="{oops")
    assert distinct_counts(columns, 1e6, (), [broken]) == {}


def test_elements_are_no_more_than_the_different_values_bring() -> None:
    """Each document has one of its own, which says nothing of others where all documents are known."""

    def entries(count: int, common: int, n_distinct: float) -> int:
        column = _key(
            "jsonb",
            -1,
            values=tuple(json.dumps({"k": sha256(str(n).encode()).hexdigest()}) for n in range(count)),
            value_frequencies=(1 / max(n_distinct, 1),) * common,
            n_distinct=n_distinct,
        )
        key = IndexKey(column="a", operator_class="jsonb_path_ops", default_operator_class=False)
        index = IndexDefinition(schema="public", table="t", keys=(key,), access_method="gin")
        return _found(index, columns={"a": column}).n_entries

    assert entries(60, 60, 60) == 60
    assert entries(201, 100, 400) == pytest.approx(400, abs=5)
    assert entries(100, 0, -1) == pytest.approx(1e6, rel=0.01)
