"""Shapes and conditions from plans that the server showed."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg
import pytest

from pgadvisor.model.catalog import Catalog, Column, Relation, RelationKind
from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.model.plans import ObservedPlan, PlanMethod
from pgadvisor.model.shape import (
    ColumnRef,
    Comparand,
    Join,
    NotUnderstood,
    Predicate,
    ReadBy,
    ShapeRelation,
    SortKey,
    StatementKind,
    StatementShape,
)
from pgadvisor.workload.plan_conditions import plan_conditions
from pgadvisor.workload.plan_shape import plan_shape, understood_by_plans
from pgadvisor.workload.schema import SchemaView
from support.databases import Database
from support.plan_equality import generic_plan, whole_schema

NAMES = {1: "orders", 2: "users", 3: "orders_2024"}
SCHEMA = SchemaView(
    Catalog(
        relations=tuple(
            Relation(
                oid=oid,
                schema="shop",
                name=name,
                kind=RelationKind.TABLE,
                owner="o",
                parent_oid=1 if oid == 3 else None,
            )
            for oid, name in NAMES.items()
        ),
        columns=tuple(
            Column(
                relation_oid=oid,
                number=number,
                name=name,
                type=type_name,
                type_oid=number,
                type_name=type_name,
                type_category="U",
                not_null=False,
            )
            for oid in NAMES
            for number, (name, type_name) in enumerate(
                (("id", "int4"), ("user_id", "int4"), ("name", "varchar"), ("tags", "_text"), ("day", "date")), start=1
            )
        ),
    ),
    ("shop",),
)


def scan(relation: str = "orders", alias: str = "o", **more: Any) -> dict[str, Any]:
    return {"Node Type": "Seq Scan", "Schema": "shop", "Relation Name": relation, "Alias": alias, **more}


def shape_of(node: dict[str, Any]) -> StatementShape:
    shape = plan_shape("7", {"Plan": node}, SCHEMA)
    assert isinstance(shape, StatementShape), shape
    assert shape.read_by is ReadBy.PLAN and shape.query_id == "7"
    return shape


def told(predicate: Predicate) -> tuple[object, ...]:
    return (predicate.column, predicate.operator, predicate.comparand.value, predicate.hidden_by, predicate.parameters)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(o.id = $1)", [("id", "=", "parameter", "", (1,))]),
        ("((o.name)::text = $2)", [("name", "=", "parameter", "", (2,))]),
        ("((o.name)::text ~~ 'a%'::text)", [("name", "like", "constant", "", ())]),
        ("(lower((o.name)::text) = $1)", [("name", "=", "parameter", "function lower", (1,))]),
        ("(o.id = ANY ('{1,2}'::integer[]))", [("id", "in", "constant", "", ())]),
        ("(o.id = ANY (ARRAY[$1, $2]))", [("id", "in", "parameter", "", (1, 2))]),
        ("(o.id <> ALL ($1))", [("id", "not in", "parameter", "", (1,))]),
        ("(o.tags @> $1)", [("tags", "@>", "parameter", "", (1,))]),
        ("((o.id >= $1) AND (o.id <= $2))", [("id", ">=", "parameter", "", (1,)), ("id", "<=", "parameter", "", (2,))]),
        ("(o.day IS NOT NULL)", [("day", "is not null", "nothing", "", ())]),
        ("((o.day)::text = 'x'::text)", [("day", "=", "constant", "cast to text", ())]),
        ("(o.id = (InitPlan 1).col1)", [("id", "=", "expression", "", ())]),
        ("(ANY (o.id = (hashed SubPlan 1).col1))", [("id", "=", "expression", "", ())]),
        ("(NOT (hashed SubPlan 1))", []),
        ("(EXISTS(SubPlan 1) AND (o.id > 5))", [("id", ">", "constant", "", ())]),
        ("(alternatives: SubPlan 1 or hashed SubPlan 2)", []),
        ("(o.name OPERATOR(shop.===) $1)", [("name", "===", "parameter", "", (1,))]),
    ],
)
def test_conditions_are_taken_apart(condition: str, expected: list[tuple[object, ...]]) -> None:
    assert [told(predicate) for predicate in shape_of(scan(Filter=condition)).predicates] == expected


def test_a_number_that_an_init_plan_returns_is_no_parameter() -> None:
    inner = {**scan("users", "u"), "Subplan Name": "InitPlan 1 (returns $0)"}
    shape = shape_of(scan(Filter="((o.id = $0) AND (o.user_id = $1))", Plans=[inner]))
    assert [(each.column, each.comparand) for each in shape.predicates] == [
        ("id", Comparand.EXPRESSION),
        ("user_id", Comparand.PARAMETER),
    ]


def test_a_whole_plan() -> None:
    join = {
        "Node Type": "Hash Join",
        "Join Type": "Left",
        "Hash Cond": "(o.user_id = u.id)",
        "Join Filter": "(o.day > '2024-01-01'::date)",
        "Plans": [scan(Filter="(o.id = 1)"), {"Node Type": "Hash", "Plans": [scan("users", "u")]}],
    }
    keys = ["o.day DESC", "u.id NULLS FIRST", "lower((o.name)::text)"]
    root = {
        "Node Type": "Limit",
        "Output": ["o.tags"],
        "Plans": [{"Node Type": "Sort", "Sort Key": keys, "Plans": [join]}],
    }
    shape = shape_of(root)
    assert shape.kind is StatementKind.SELECT and shape.has_limit
    assert set(shape.relations) == {
        ShapeRelation(relation_oid=1, alias="o"),
        ShapeRelation(relation_oid=2, alias="u"),
    }
    assert shape.joins == (
        Join(left=ColumnRef(relation_oid=1, column="user_id"), right=ColumnRef(relation_oid=2, column="id")),
    )
    assert [(each.column, each.in_or) for each in shape.predicates] == [("day", True), ("id", False)]
    assert shape.sort == (
        SortKey(relation_oid=1, column="day", descending=True, nulls_first=True),
        SortKey(relation_oid=2, column="id", nulls_first=True),
    )
    assert {ref.column for ref in shape.columns_read if ref.relation_oid == 1} == {
        "day",
        "id",
        "name",
        "tags",
        "user_id",
    }


def test_partitions_stand_for_the_table_that_was_named() -> None:
    children = [scan("orders_2024", "o_1", Filter="(o_1.id = $1)")]
    above = {"Node Type": "Sort", "Sort Key": ["o.day"], "Plans": [{"Node Type": "Append", "Plans": children}]}
    shape = shape_of(above)
    assert [key.column for key in shape.sort] == ["day"]
    assert [(each.relation_oid, each.alias) for each in shape.relations] == [(1, "o")]
    assert [(each.relation_oid, each.alias, each.column) for each in shape.predicates] == [(1, "o", "id")]
    named = shape_of(scan("orders_2024", "orders_2024", Filter="(orders_2024.id = $1)"))
    assert [each.relation_oid for each in named.relations] == [3]


def test_a_bitmap_is_read_by_what_it_rechecks() -> None:
    parts = [{"Node Type": "Bitmap Index Scan", "Index Cond": f"(o.id = {n})"} for n in (1, 2)]
    bitmap = {"Node Type": "BitmapOr", "Plans": parts}
    heap = scan() | {"Recheck Cond": "((o.id = 1) OR (o.id = 2))", "Plans": [bitmap], "Node Type": "Bitmap Heap Scan"}
    assert [each.in_or for each in shape_of(heap).predicates] == [True, True]
    # Node by node, nothing is left out.
    kinds = [(each.node, each.kind) for each in plan_conditions(parse_plan({"Plan": heap}), SCHEMA)]
    assert kinds == [(0, "Recheck Cond"), (2, "Index Cond"), (3, "Index Cond")]


def test_what_writes() -> None:
    update = {
        "Node Type": "ModifyTable",
        "Operation": "Update",
        "Schema": "shop",
        "Relation Name": "orders",
        "Alias": "o",
    }
    shape = shape_of({**update, "Plans": [scan(Filter="(o.id = $1)")]})
    assert shape.kind is StatementKind.UPDATE
    assert shape.relations == (ShapeRelation(relation_oid=1, alias="o", written=True),)


@pytest.mark.parametrize(
    "plan", [{}, {"Plan": 1}, {"Plan": {}}, {"Plan": scan(Filter="((o.id =")}, {"Plan": scan(Filter="'")}]
)
def test_what_is_no_plan_is_not_understood(plan: dict[str, Any]) -> None:
    assert isinstance(plan_shape("1", plan, SCHEMA), NotUnderstood)


def test_plans_fill_in_for_texts() -> None:
    missed = [NotUnderstood(query_id=query_id, reason="the parser stops at x") for query_id in ("1", "2", "3")]

    def observed(query_id: str, method: PlanMethod, condition: str) -> ObservedPlan:
        return ObservedPlan(query_id=query_id, method=method, plan={"Plan": scan(Filter=condition)}, planner="p")

    plans = [
        observed("1", PlanMethod.VALUES, "(o.id = 4)"),
        observed("1", PlanMethod.GENERIC, "(o.id = $1)"),
        observed("2", PlanMethod.GENERIC, "((o.id"),
        msgspec.structs.replace(observed("3", PlanMethod.GENERIC, "(o.id = $1)"), equivalent_select=True),
    ]
    shapes: dict[str, StatementShape] = {}
    assert understood_by_plans(shapes, missed, plans, SCHEMA) == missed[1:]
    assert [told(each) for each in shapes["1"].predicates] == [("id", "=", "parameter", "", (1,))]


def test_what_the_server_shows(newest_database: Database) -> None:
    """Partitions, a view, an aggregate and subqueries, as every version shows them."""
    newest_database.execute(
        "create table customer (id int, region text);"
        " create table sale (id int, customer_id int, day date, note varchar) partition by range (day);"
        " create table sale_1 partition of sale for values from ('2024-01-01') to ('2025-01-01');"
        " create table sale_2 partition of sale for values from ('2025-01-01') to ('2026-01-01');"
        " create view recent as select s.*, c.region from sale s join customer c on c.id = s.customer_id where s.id > 3"
    )
    text = (
        "select region, count(*) from recent where note like $1 and lower(region) = $2 and day <> $3"
        " and id not in (select id from customer where region = $4) group by region"
        " having count(*) > $5 order by region desc"
    )
    with psycopg.connect(newest_database.dsn, autocommit=True) as connection:
        connection.execute("set plan_cache_mode = force_generic_plan; set enable_hashagg = off")
        schema = whole_schema(connection)
        shape = plan_shape("1", generic_plan(connection, text), schema)
        pruned = plan_shape("1", generic_plan(connection, "select from sale where day = $1"), schema)
    assert isinstance(pruned, NotUnderstood) and "partitions" in pruned.reason
    assert isinstance(shape, StatementShape)
    found_relations = [schema.by_oid(each.relation_oid) for each in shape.relations]
    names = {relation.name: relation.oid for relation in found_relations if relation is not None}
    assert set(names) == {"sale", "customer"}
    found = {(each.relation_oid, each.column, each.operator, each.parameters) for each in shape.predicates}
    assert {
        (names["sale"], "note", "like", (1,)),
        (names["sale"], "day", "<>", (3,)),
        (names["sale"], "id", ">", ()),
        (names["customer"], "region", "=", (2,)),
        (names["customer"], "region", "=", (4,)),
    } <= found
    assert [(join.left.column, join.right.column) for join in shape.joins] in (
        [("customer_id", "id")],
        [("id", "customer_id")],
    )
    assert shape.group == (ColumnRef(relation_oid=names["customer"], column="region"),)


def test_plans_of_any_size_take_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    long = " OR ".join(f"(orders.id = {number})" for number in range(20_000))
    wide = [{"Node Type": "Seq Scan", "Filter": "(a = 1)"} for _ in range(3_000)]
    plans: list[dict[str, Any]] = [
        {"Plan": {"Node Type": "Seq Scan", "Filter": long}},
        {"Plan": {"Node Type": "Append", "Plans": wide}},
        {"Plan": {"Node Type": "Result", "Output": [f"f({number})" for number in range(3_000)]}},
    ]
    for plan in plans:
        assert plan_shape("1", plan, SCHEMA) == NotUnderstood(query_id="1", reason="its plan is too long to read")
    missed = [NotUnderstood(query_id=str(number), reason="no") for number in range(100)]
    monkeypatch.setattr("pgadvisor.workload.plan_shape.MAX_ALL_CHARS", 200)
    each = "(orders.id = 5)"
    observed = [
        ObservedPlan(
            query_id=item.query_id,
            method=PlanMethod.LOGGED,
            planner="log",
            plan={"Plan": {"Node Type": "Seq Scan", "Alias": "orders", "Filter": each}},
        )
        for item in missed
    ]
    left = understood_by_plans({}, missed, observed, SCHEMA)
    assert 0 < len(left) < len(missed)
