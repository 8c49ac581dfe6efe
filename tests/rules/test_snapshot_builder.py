"""The compact data of tests become what they say."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.model.catalog import RelationKind
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.shape import Comparand
from pgadvisor.model.snapshot import Snapshot
from support.notation import split_commas, split_name
from support.plan_text import explain
from support.snapshots import facts, snapshot

SHOP = {
    "tables": {
        "public.customers": {
            "rows": 1_000,
            "columns": ["id bigint not null", "email text"],
            "constraints": {"customers_pkey": "primary key (id)"},
        },
        'public."Order, all"': {
            "rows": 50_000,
            "columns": ["id bigint not null", "customer_id bigint", '"a ""b" text', "at timestamptz default"],
            "stats": {"customer_id": {"n_distinct": -0.1, "nulls": 0.5}},
            "indexes": {
                "x": 'unique invalid btree (lower("a ""b") desc, at desc nulls last,'
                ' "a ""b" collate "C" text_pattern_ops)'
                " include (id) nulls not distinct with (fillfactor=70) where (at IS NULL)"
            },
            "constraints": {
                "f": "foreign key (customer_id) references public.customers (id) on delete cascade not valid"
            },
            "counters": {"rows_deleted": 7},
        },
        "events": {"partition_by": "range (at, lower(x))", "columns": ["at date not null", "x text"], "rows": -1},
        "events_1": {"partition_of": "events", "rows": 10},
    },
    "statements": [
        {
            "id": "7",
            "text": "select 1",
            "calls": 4,
            "total_ms": 8,
            "shape": {
                "relations": ['public."Order, all" o', "public.customers c"],
                "predicates": ["o.customer_id = $1", "or lower(c.email) like 'x%'", "o.at is null"],
                "joins": ["o.customer_id = c.id"],
                "sort": ["o.at desc"],
            },
            "plans": [{"tree": 'Limit cost=2\n  Seq Scan on public."Order, all" o cost=1 filter: (at IS NULL)'}],
        }
    ],
    "absent": ["executed_plans"],
}


def test_objects_are_tied_together() -> None:
    seen = facts(SHOP)
    order = seen.relation_named("public", "Order, all")
    assert order is not None
    (key,) = seen.foreign_keys()
    (index,) = seen.indexes_of(order.oid)
    customers = seen.relation_named("public", "customers")
    assert customers is not None
    (primary,) = seen.indexes_of(customers.oid)
    assert (key.table_oid, key.referenced_oid, key.index_oid) == (order.oid, customers.oid, primary.oid)
    assert (key.on_delete, key.validated, seen.referencing(primary)) == ("c", False, (key,))
    assert primary.primary
    assert seen.constraint_of_index(primary) == seen.primary_key(customers.oid)
    assert seen.index_identity(index) == (
        'public.Order, all btree((lower("a ""b")) desc, at desc nulls last, a "b text_pattern_ops collate C)'
        " include(id) where (at IS NULL) unique nulls not distinct"
    )
    assert (index.valid, index.definition.options) == (False, ("fillfactor=70",))
    assert seen.distinct_values(order.oid, "customer_id") == 5_000
    assert seen.table_counters(order.oid)[0].rows_deleted == 7
    assert seen.counters_days() == 60


def test_partitions_and_unknown_rows() -> None:
    seen = facts(SHOP)
    events = seen.relation_named("public", "events")
    assert events is not None
    assert (events.kind, events.partition_columns) == (RelationKind.PARTITIONED, ("at", None))
    (leaf,) = seen.leaves(events.oid)
    assert (leaf.is_partition, seen.row_count(events.oid)) == (True, 10)
    assert [column.name for column in seen.columns(leaf.oid)] == ["at", "x"]


def test_shapes_and_plans() -> None:
    seen = facts(SHOP)
    first, second, third = seen.shapes["7"].predicates
    assert (first.comparand, first.parameters, first.indexable) == (Comparand.PARAMETER, (1,), True)
    assert (second.in_or, second.hidden_by, second.indexable) == (True, "function lower", False)
    assert third.comparand is Comparand.NOTHING
    (plan,) = seen.plans("7")
    assert [node.node_type for node in plan.root.walk()] == ["Limit", "Seq Scan"]
    assert plan.root.children[0].filter == "(at IS NULL)"
    assert seen.presence(Fact.EXECUTED_PLANS) is Presence.ABSENT
    assert seen.presence(Fact.PLANS) is Presence.PRESENT


def test_a_snapshot_can_be_stored() -> None:
    made = snapshot(SHOP)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Snapshot) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"table": {}},
        {"tables": {"a": {"rows": 1, "colums": []}}},
        {"tables": {"a": {"columns": ["x"]}}},
        {"tables": {"a": {"indexes": {"i": "btree id"}}}},
        {"tables": {"a": {"indexes": {"i": "shiny btree (id)"}}}},
        {"tables": {"a": {"constraints": {"c": "foreign key (x) references nowhere (id)"}}}},
        {"statements": [{"id": "1", "plans": [{"tree": "seq scan"}]}]},
    ],
)
def test_mistakes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((msgspec.ValidationError, ValueError)):
        snapshot(wrong)


def test_a_plan_keeps_its_tree() -> None:
    plan = explain(
        """
        Gather cost=10 rows=5
          Parallel Seq Scan on public.t cost=9 rows=2 actual=1.5 removed=10 ms=2 filter: (a = 1)
        [InitPlan 1] Index Scan using i on "T x" b cost=1 index cond: (id = 3) ; filter: (b IS NULL)
        """.replace("        [InitPlan", "          [InitPlan")
    )
    gather = plan["Plan"]
    scan, initial = gather["Plans"]
    assert (scan["Node Type"], scan["Parallel Aware"], scan["Actual Loops"]) == ("Seq Scan", True, 1.0)
    assert (initial["Relation Name"], initial["Alias"], initial["Parent Relationship"]) == ("T x", "b", "InitPlan")
    assert (initial["Index Cond"], initial["Filter"]) == ("(id = 3)", "(b IS NULL)")


def test_names_and_lists() -> None:
    assert split_name('"a.b"."c ""d"') == ("a.b", 'c "d')
    assert split_commas('a, f(b, c), "d,e"') == ["a", "f(b, c)", '"d,e"']
    assert split_commas("") == []
