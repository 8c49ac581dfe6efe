"""Names resolved the way PostgreSQL resolves them."""

from __future__ import annotations

import pytest

from pgadvisor.workload.schema import MAX_NAME_BYTES, SchemaView, fold
from support.snapshots import snapshot

CATALOG = snapshot(
    {
        "tables": {
            "app.orders": {"columns": ["id bigint", "status text"]},
            "public.orders": {"columns": ["id bigint"], "constraints": {"orders_pkey": "primary key (id)"}},
            'public."Order"': {"columns": ["id bigint"]},
        }
    }
).catalog


@pytest.mark.parametrize(
    ("name", "quoted", "stored"),
    [
        ("Orders", False, "orders"),
        ("Orders", True, "Orders"),
        ("ÖÄ_A", False, "ÖÄ_a"),
        ("İ", False, "İ"),
        ("x" * 70, False, "x" * 63),
        ("ö" * 40, True, "ö" * 31),
        ("日" * 30, True, "日" * 21),
    ],
)
def test_folding(name: str, quoted: bool, stored: str) -> None:
    assert fold(name, quoted=quoted) == stored
    assert len(stored.encode()) <= MAX_NAME_BYTES


def test_the_search_path_is_walked_in_order() -> None:
    for path, schema in ((("app", "public"), "app"), (("public", "app"), "public"), (("nowhere", "app"), "app")):
        relation = SchemaView(CATALOG, path).relation(None, "orders")
        assert relation is not None
        assert relation.schema == schema


def test_a_schema_given_is_the_schema_taken() -> None:
    view = SchemaView(CATALOG, ("public",))
    relation = view.relation("app", "orders")
    assert relation is not None
    assert list(view.columns(relation.oid)) == ["id", "status"]
    assert view.relation("nowhere", "orders") is None
    assert view.relation(None, "order") is None
    assert view.relation(None, "Order") is not None


def test_columns_of_a_constraint() -> None:
    view = SchemaView(CATALOG, ("public",))
    relation = view.relation(None, "orders")
    assert relation is not None
    assert view.constraint_columns(relation.oid, "orders_pkey") == ("id",)
    assert view.constraint_columns(relation.oid, "other") == ()
