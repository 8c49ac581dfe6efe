"""B-tree candidates from what statements search, join, sort and read by."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.advise.candidates import btrees
from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.generate import Generated, generate
from pgadvisor.advise.selection.loads import loads_of
from pgadvisor.config import IndexesConfig
from pgadvisor.model.index_advice import WhyNot
from support.snapshots import facts

_ORDERS: dict[str, Any] = {
    "rows": 1_000_000,
    "columns": [
        "id bigint not null",
        "customer_id bigint",
        "status text",
        "region int",
        "created_at timestamptz",
        "total numeric",
        "note text",
        "payload json",
        "place point",
    ],
    "stats": {
        "id": {"n_distinct": -1},
        "customer_id": {"n_distinct": 50_000},
        "status": {"n_distinct": 5, "width": 6},
        "region": {"n_distinct": 40},
        "created_at": {"n_distinct": -0.9},
        "total": {"n_distinct": -0.5},
        "note": {"n_distinct": -1, "width": 700},
    },
    "all_visible_pages": 1_000_000,
    "indexes": {"orders_pkey": "unique primary btree (id)"},
    "constraints": {"orders_pkey": "primary key (id)"},
}
Shown = tuple[tuple[str | None, ...], tuple[str, ...]]


def _of(
    *texts: str,
    orders: dict[str, Any] | None = None,
    tables: dict[str, Any] | None = None,
    options: IndexesConfig | None = None,
) -> Generated:
    seen = facts(
        {
            "tables": {
                "public.orders": {**_ORDERS, **(orders or {})},
                "public.customers": {"rows": 50_000, "columns": ["id bigint", "email text", "vip boolean"]},
                **(tables or {}),
            },
            "statements": [
                {"id": str(number), "text": text, "total_ms": 1000.0 - number} for number, text in enumerate(texts)
            ],
        }
    )
    return generate(seen, loads_of(seen), (), options or IndexesConfig())


def _shown(candidate: Candidate) -> Shown:
    return candidate.definition.key_columns, tuple(sorted(candidate.definition.include))


def _all(found: Generated, table: str = "orders") -> list[Shown]:
    return [_shown(each) for each in found.candidates if each.definition.table == table]


def _one(found: Generated, *columns: str, include: tuple[str, ...] = ()) -> Candidate:
    (one,) = [each for each in found.candidates if _shown(each) == (columns, include)]
    return one


def test_equality_stands_before_the_range_and_the_most_telling_first() -> None:
    found = _of(
        "SELECT note FROM orders WHERE status = $1 AND total > $2 AND customer_id = $3",
        "SELECT note FROM orders WHERE status = $1",
    )
    assert _one(found, "customer_id", "status", "total").reasons == {"equality and range"}
    # The order that begins with what the other statement searches by serves both.
    both = _one(found, "status", "customer_id", "total")
    assert both.query_ids == {"0", "1"}
    assert not both.any_order
    assert _one(found, "customer_id", "status").any_order
    assert all(columns[:1] != ("id",) for columns, _ in _all(found))


def test_what_is_looked_for_as_null_counts_by_how_many_rows_have_none() -> None:
    stats = {**_ORDERS["stats"], "created_at": {"n_distinct": -0.02, "nulls": 0.98}}
    found = _of("SELECT note FROM orders WHERE created_at IS NULL AND region = $1", orders={"stats": stats})
    # What is NULL in nearly all rows finds nothing.
    assert _all(found) == [(("region",), ())]
    stats["created_at"] = {"n_distinct": -0.3, "nulls": 0.7}
    found = _of("SELECT note FROM orders WHERE created_at IS NULL AND region = $1", orders={"stats": stats})
    assert _all(found)[0] == (("region", "created_at"), ())


def _with_nulls(nulls: float) -> dict[str, Any]:
    return {"stats": {**_ORDERS["stats"], "total": {"n_distinct": -0.5, "nulls": nulls}}}


@pytest.mark.parametrize("nulls", [0.94, 0.05])
def test_no_column_that_is_null_stands_before_an_order(nulls: float) -> None:
    latest = "SELECT note FROM orders WHERE customer_id = $1 AND total IS NULL ORDER BY created_at DESC LIMIT 20"
    assert _all(_of(latest, orders=_with_nulls(nulls)))[0] == (("customer_id", "created_at"), ())
    found = _of(
        latest,
        "SELECT note FROM orders WHERE customer_id = $1 AND total IS NULL AND (created_at, id) < ($2, $3) "
        "ORDER BY created_at DESC, id DESC LIMIT 50",
        "SELECT customer_id, count(*) FROM orders WHERE total IS NULL AND customer_id = ANY ($1) GROUP BY customer_id",
        "SELECT max(created_at) FROM orders WHERE region = $1 AND total IS NULL",
        orders=_with_nulls(nulls),
    )
    shown = _all(found)
    assert {(("customer_id", "created_at", "id"), ()), (("region", "created_at"), ())} <= set(shown)
    in_order = {"order with LIMIT", "order with LIMIT, conditions in the index", "grouping", "least or greatest value"}
    for each in found.candidates:
        columns = each.definition.key_columns if each.reasons & in_order else ()
        after = columns[columns.index("total") :] if "total" in columns else ()
        assert not {"created_at", "customer_id"} & set(after), columns
    # Where it leaves rows out it is searched by, and checked behind the order.
    assert ((("customer_id", "created_at", "total"), ()) in shown) is (nulls < 0.5)
    assert ((("customer_id", "total"), ()) in shown) is (nulls < 0.5)


def test_nothing_is_merged_in_between_an_order_and_what_it_stands_behind() -> None:
    found = _of(
        "SELECT note FROM orders WHERE customer_id = $1 AND region = $2",
        "SELECT note FROM orders WHERE customer_id = $1 ORDER BY created_at LIMIT 20",
    )
    assert _one(found, "customer_id", "created_at", "region").query_ids == {"0", "1"}
    assert (("customer_id", "region", "created_at"), ()) not in _all(found)


def test_rows_that_are_compared_are_compared_by_all_their_columns() -> None:
    row = "SELECT note FROM orders WHERE region = $1 AND (created_at, customer_id) > ($2, $3)"
    by_hand = "SELECT note FROM orders WHERE region = $1 AND created_at >= $2 AND (created_at > $2 OR customer_id > $3)"
    for text in (row, by_hand):
        found = _of(text)
        assert _one(found, "region", "created_at", "customer_id").reasons == {"comparison of rows"}
        assert (("customer_id",), ()) not in _all(found)
    # Columns in an OR that is no comparison of rows are arms as ever.
    either = _of("SELECT note FROM orders WHERE region >= $1 AND (customer_id < $2 OR created_at = $3)")
    assert (("customer_id",), ()) in _all(either)


def test_what_is_joined_is_no_condition_on_the_other_side() -> None:
    tags = {
        "rows": 300_000,
        "columns": ["task_id bigint not null", "tag_id int not null"],
        "stats": {"task_id": {"n_distinct": -0.7}, "tag_id": {"n_distinct": 300}},
        "indexes": {"tags_pkey": "unique primary btree (task_id, tag_id)"},
        "constraints": {"tags_pkey": "primary key (task_id, tag_id)"},
    }
    joined = "SELECT o.note FROM orders o JOIN tags g ON g.task_id = o.id WHERE g.tag_id = $1 AND o.customer_id = $2"
    found = _of(joined, tables={"public.tags": tags})
    assert not _one(found, "tag_id", "task_id").any_order
    assert ("task_id", "tag_id") not in [columns for columns, _ in _all(found, "tags")]
    # With both known the key finds the row.
    found = _of("SELECT tag_id FROM tags WHERE tag_id = $1 AND task_id = $2", tables={"public.tags": tags})
    assert not _all(found, "tags")
    assert {each.served_by for each in found.left} == {"public.tags_pkey"}


def test_no_more_columns_than_allowed_and_none_behind_one_that_finds_few_rows() -> None:
    text = "SELECT note FROM orders WHERE status = $1 AND region = $2 AND customer_id = $3 AND total = $4"
    assert max(len(columns) for columns, _ in _all(_of(text, options=IndexesConfig(max_columns=1)))) == 1
    several = "SELECT note FROM orders WHERE status = $1 AND region = $2 AND customer_id = $3"
    assert max(len(columns) for columns, _ in _all(_of(several, options=IndexesConfig(max_columns=2)))) == 2
    assert max(len(columns) for columns, _ in _all(_of(several))) == 3
    # A total is shared by two rows: nothing is gained behind it.
    assert (("total",), ()) in _all(_of(text))
    assert not any(columns[0] == "total" and len(columns) > 1 for columns, _ in _all(_of(text)))


def test_joins_are_searched_by_from_the_other_side_with_conditions_and_a_range() -> None:
    found = _of(
        "SELECT o.note FROM customers c JOIN orders o ON o.customer_id = c.id "
        "WHERE c.email = $1 AND o.status = $2 AND o.created_at > $3"
    )
    shown = _all(found)
    assert {
        (("customer_id",), ()),
        (("customer_id", "status"), ()),
        (("status", "customer_id"), ()),
        (("customer_id", "status", "created_at"), ()),
    } <= set(shown)
    assert _all(found, "customers")[0] == (("email",), ())


def test_an_order_with_limit_keeps_directions_and_nulls() -> None:
    found = _of(
        "SELECT note FROM orders WHERE status = $1 AND region > $2 ORDER BY created_at DESC NULLS LAST, total LIMIT 10"
    )
    first = found.candidates[0]
    assert _shown(first) == (("status", "created_at", "total"), ())
    assert first.reasons == {"order with LIMIT"}
    assert [(key.descending, key.nulls_first) for key in first.definition.keys] == [
        (False, False),
        (True, False),
        (False, False),
    ]
    assert (("status", "created_at", "total", "region"), ()) in _all(found)
    # An index is read backwards as well, so that one without directions serves what is sorted downwards.
    (first, *_) = _of("SELECT note FROM orders WHERE status = $1 ORDER BY created_at DESC LIMIT 1").candidates
    assert [(key.column, key.descending) for key in first.definition.keys] == [("status", False), ("created_at", False)]
    assert (("created_at", "total"), ()) in _all(found)


def test_groups_distinct_values_and_extremes_are_read_in_order() -> None:
    grouped = _all(_of("SELECT region, count(*) FROM orders WHERE status = $1 GROUP BY region"))
    assert (("status", "region"), ()) in grouped
    assert (("region",), ()) in _all(_of("SELECT DISTINCT region FROM orders"))
    assert (("status", "total"), ()) in _all(_of("SELECT max(total) FROM orders WHERE status = $1"))
    assert (("status", "total"), ()) not in _all(_of("SELECT note FROM orders WHERE status = $1"))


def test_what_else_is_read_is_included_where_it_is_little_and_pages_are_visible() -> None:
    text = "SELECT total FROM orders WHERE customer_id = $1"
    covered = (("customer_id",), ("total",))
    assert covered in _all(_of(text))
    assert covered not in _all(_of(text, orders={"all_visible_pages": 0}))
    assert (("customer_id",), ("note",)) not in _all(_of("SELECT note FROM orders WHERE customer_id = $1"))
    assert covered not in _all(_of(f"{text} FOR UPDATE"))
    assert covered not in _all(_of("DELETE FROM orders WHERE customer_id = $1 AND total > 5 RETURNING total"))
    # Equal keys share an entry, which included columns would prevent.
    assert (("status", "region"), ()) in _all(_of("SELECT region FROM orders WHERE status = $1"))


def test_indexes_that_serve_several_statements_are_one() -> None:
    found = _of(
        "SELECT total FROM orders WHERE customer_id = $1",
        "SELECT region FROM orders WHERE customer_id = $1 AND status = $2",
    )
    assert _one(found, "status").query_ids == {"1"}
    assert _one(found, "customer_id", "status").query_ids == {"0", "1"}
    union = _one(found, "customer_id", include=("region", "status", "total"))
    assert union.query_ids == {"0", "1"}
    assert "merged: columns of both" in union.reasons


def test_what_exists_is_not_proposed_again() -> None:
    text = "SELECT note FROM orders WHERE customer_id = $1 AND status = $2"
    other_order = {"other": "btree (status, customer_id)"}
    served = _of(text, orders={"indexes": other_order})
    (left,) = [each for each in served.left if each.definition.key_columns == ("customer_id", "status")]
    assert (left.why, left.served_by, left.query_ids) == (WhyNot.SERVED, "public.other", ("0",))
    assert left.sentence == "public.other does its work already."
    # A range behind is more than the other order can give.
    ranged = _of(f"{text} AND total > $3", orders={"indexes": other_order})
    assert (("customer_id", "status", "total"), ()) in _all(ranged)
    unique = _of("SELECT note FROM orders WHERE id = $1 AND status = $2")
    assert not unique.candidates
    assert [each.served_by for each in unique.left] == ["public.orders_pkey"]
    # A unique index may have many NULLs.
    nulls = _of("SELECT note FROM orders WHERE id IS NULL AND status = $1")
    assert (("id", "status"), ()) in _all(nulls)


def test_indexes_of_partitions_count_where_each_has_one() -> None:
    columns = {"columns": _ORDERS["columns"]}
    part = {**columns, "rows": 500_000, "partition_of": "public.orders"}
    text = "SELECT note FROM orders WHERE customer_id = $1"
    parent = {**columns, "partition_by": "list (region)", "stats": {}, "rows": 0, "indexes": {}, "constraints": {}}
    indexed = {**part, "indexes": {"p_customer": "btree (customer_id)"}}
    half = _of(text, orders=parent, tables={"public.p1": indexed, "public.p2": part})
    assert _one(half, "customer_id").partitioned
    other = {**part, "indexes": {"q_customer": "btree (customer_id, id)"}}
    whole = _of(text, orders=parent, tables={"public.p1": indexed, "public.p2": other})
    assert not whole.candidates
    assert whole.left[0].served_by == "public.p_customer and those of 1 other partitions"


def test_what_no_btree_can_hold_is_left_with_the_reason() -> None:
    virtual = _of("SELECT note FROM orders WHERE note = $1 AND total = $2")
    (left,) = [each for each in virtual.left if each.definition.key_columns == ("note",)]
    assert left.why is WhyNot.WOULD_FAIL
    assert "third of a page" in left.sentence
    assert all("note" not in columns for columns, _ in _all(virtual))
    sorted_by = _of("SELECT id FROM orders WHERE status = $1 ORDER BY ctid LIMIT 5")
    assert all("ctid" not in columns for columns, _ in _all(sorted_by))


def test_small_tables_get_none_and_the_reason_says_so() -> None:
    found = _of("SELECT note FROM orders WHERE status = $1 AND region = $2", orders={"rows": 9_999})
    assert not found.candidates
    (left,) = found.left
    assert (left.why, left.sentence) == (WhyNot.SMALL_TABLE, "The table has 9,999 rows, fewer than 10,000.")
    unknown = _of("SELECT note FROM orders WHERE status = $1", orders={"rows": -1})
    assert [each.sentence for each in unknown.left] == ["The table has an unknown number of rows."]


def test_arms_of_or_have_an_index_each() -> None:
    shown = _all(_of("SELECT note FROM orders WHERE customer_id = $1 OR region = $2"))
    assert {(("customer_id",), ()), (("region",), ())} <= set(shown)


def test_hostile_names_are_names() -> None:
    long = "ü" * 31
    table, quoted = f"public.{long}", 'a"b'
    found = _of(
        f'SELECT "x%y" FROM "{long}" WHERE "a""b" = $1 ORDER BY "Order" DESC LIMIT 3',
        tables={table: {"rows": 1e6, "columns": ['"a""b" int', '"Order" int', '"x%y" int']}},
    )
    (first, *_) = [each for each in found.candidates if each.definition.table == long]
    assert first.definition.key_columns == (quoted, "Order")


def test_the_same_input_gives_the_same_candidates_in_the_same_order() -> None:
    texts = [
        f"SELECT note FROM orders WHERE {a} = $1 AND {b} > $2 ORDER BY {c} LIMIT 5"
        for a in ("status", "region", "customer_id")
        for b in ("total", "created_at")
        for c in ("total", "region")
    ]
    assert _of(*texts) == _of(*texts)


def test_one_statement_or_table_does_not_flood_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [f"c{number}" for number in range(30)]
    wide = {"rows": 1e6, "columns": [f"{name} int" for name in columns], "all_visible_pages": 10**6}
    where = " AND ".join(f"{name} = ${number}" for number, name in enumerate(columns[:20], 1))
    ranges = " AND ".join(f"{name} > 5" for name in columns[20:])
    one = _of(f"SELECT c1 FROM wide WHERE {where} AND {ranges}", tables={"public.wide": wide})
    assert len(one.candidates) <= 6 * 8
    many = [f"SELECT c0 FROM wide WHERE {b} = $1 AND {c} > $2 AND {c} < $3" for b in columns[:6] for c in columns[6:]]
    monkeypatch.setattr(btrees, "_MOST_IN_ALL", 300)
    found = _of(*many, tables={"public.wide": wide})
    assert len(found.candidates) == 2 * len(many)
    assert {each.why for each in found.left} == {WhyNot.NOT_EXAMINED}
    best = {query_id for each in found.candidates for query_id in each.query_ids}
    assert len(best) == len(many)


def test_a_table_that_is_used_twice_under_one_name_is_searched_twice() -> None:
    claimed = (
        "UPDATE orders SET status = $1 WHERE id = (SELECT id FROM orders WHERE status = $2 ORDER BY created_at LIMIT 1"
        " FOR UPDATE SKIP LOCKED) RETURNING id"
    )
    found = _of(claimed)
    assert ("status", "created_at") in [columns for columns, _ in _all(found)]
    # Under one use what finds a row by its key is all.
    once = _of("SELECT note FROM orders WHERE id = $1 AND status = $2 ORDER BY created_at LIMIT 1")
    assert ("status", "created_at") not in [columns for columns, _ in _all(once)]


@pytest.mark.parametrize("name", ["tags", "data"])
def test_documents_and_arrays_are_keys_only_where_they_are_compared_as_a_whole(name: str) -> None:
    more = {"columns": [*_ORDERS["columns"], "tags text[]", "data jsonb"]}
    for text in (
        f"SELECT {name} FROM orders",
        f"SELECT id, {name} FROM orders WHERE region = $1",
        f"SELECT DISTINCT {name} FROM orders",
        f"SELECT max({name}) FROM orders",
        f"SELECT {name}, count(*) FROM orders GROUP BY {name}",
    ):
        found = _of(text, orders=more)
        assert [shown for shown in _all(found) if name in (*shown[0], *shown[1])] == []
    # What else is read is included all the same.
    compared = _all(_of(f"SELECT region FROM orders WHERE {name} = $1", orders=more))
    assert {((name,), ()), ((name,), ("region",))} <= set(compared)
