"""Locales and collations of a twin: production's where its server has them, else the nearest, under every name."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.objects import Collation
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

COLLATIONS = (
    Collation(oid=1, schema="public", name="it's", provider="i", deterministic=False, locale="und-u-ks-level2"),
    Collation(oid=2, schema="pg_catalog", name="de-x-icu", provider="i", deterministic=True, locale="de"),
    Collation(oid=3, schema="pg_catalog", name="unicode", provider="i", deterministic=True, locale="und"),
    Collation(oid=4, schema="pg_catalog", name="pg_c_utf8", provider="b", deterministic=True, locale="C.UTF-8"),
)
NAMES = ('public."it\'s"', '"de-x-icu"', "unicode", "pg_c_utf8")


def test_every_collation_can_be_sorted_by(database: Database) -> None:
    database.execute("CREATE TABLE t (a text, b text, c text, d text); CREATE TABLE other (a int)")
    snapshot = snapshot_of(database.dsn)
    catalog = snapshot.catalog
    (table_oid,) = {relation.oid for relation in catalog.relations if relation.name == "t"}
    texts = [column for column in catalog.columns if column.relation_oid == table_oid]
    changed = msgspec.structs.replace(
        snapshot,
        server=msgspec.structs.replace(snapshot.server, locale_provider="b", locale="C.UTF-8", database="postgres"),
        catalog=msgspec.structs.replace(
            catalog,
            collations=COLLATIONS,
            columns=tuple(
                msgspec.structs.replace(column, collation=name) for column, name in zip(texts, NAMES, strict=True)
            ),
        ),
    )
    with Twin(Facts(changed, {})) as twin:
        for name in (*NAMES, '"C"'):
            answer = twin.plan(question(f"SELECT a FROM t ORDER BY a COLLATE {name}"))
            assert answer.plan is not None, (name, answer.refusal)
        for column in texts:
            answer = twin.plan(question(f"SELECT 1 FROM t ORDER BY {column.name}"))
            assert answer.plan is not None, (column.name, answer.refusal)
        # Both are in the order of bytes, whichever of them a twin has.
        assert not [each for each in twin.shortfalls if each.what.startswith(("locale", "collation pg_c"))]
        replaced = {each.what: each.relation_oids for each in twin.shortfalls if "collation" in each.what}
        assert twin._building is not None
        ((name, collate),) = twin._building.admin.execute(
            "SELECT datname::text, datcollate::text FROM pg_database WHERE datname = current_database()"
        ).fetchall()
    assert name == "postgres" and collate
    # A server without ICU has the C library's UTF-8 in place of each of its locales; one with it has them.
    assert set(replaced) in ({f"collation {each}" for each in NAMES[:3]}, set())
    assert set(replaced.values()) <= {(table_oid,)}
