"""A statement is marked by what it reaches through views, policies and functions as well, and by what it writes."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.advise.whatif_shortcomings import Shortcomings
from pgadvisor.facts import Facts
from pgadvisor.model.objects import Function, Policy
from pgadvisor.model.whatif import Shortfall
from support.snapshots import facts

STATEMENTS = (
    "SELECT 1 FROM sorted",
    "SELECT 1 FROM guarded",
    "SELECT 1 FROM reader('x')",
    "SELECT 1 FROM over_guarded",
    "SELECT 1 FROM other",
    "INSERT INTO other VALUES (1)",
    "UPDATE other SET id = 1",
    "WITH gone AS (DELETE FROM other RETURNING id) UPDATE sorted SET id = 1",
    "INSERT INTO grouped VALUES (1)",
    "SELECT 1 FROM grouped",
    "SELECT 1 WHERE 1 === 2",
    "SELECT 1 FROM other FOR UPDATE",
)


@pytest.fixture
def seen() -> Facts:
    columns = {"columns": ["id bigint", "name text"]}
    found = facts(
        {
            "tables": {
                "public.sorted": columns,
                "public.guarded": columns,
                "public.other": columns,
                "public.over_guarded": {"kind": "view", "definition": "SELECT guarded.id FROM public.guarded"},
                "public.grouped": {"kind": "view", "definition": "SELECT o.id FROM public.other AS o GROUP BY o.id"},
            },
            "statements": [{"id": str(n), "text": text} for n, text in enumerate(STATEMENTS)],
        }
    )
    oids = {relation.name: relation.oid for relation in found.relations.values()}
    using = "(EXISTS ( SELECT 1 FROM public.sorted s WHERE s.id = guarded.id))"
    body = (
        "CREATE OR REPLACE FUNCTION public.reader(text) RETURNS bigint AS $function$ SELECT id FROM sorted $function$"
    )
    catalog = msgspec.structs.replace(
        found.snapshot.catalog,
        relations=tuple(
            msgspec.structs.replace(each, row_security=each.name == "guarded")
            for each in found.snapshot.catalog.relations
        ),
        policies=(Policy(oid=1, relation_oid=oids["guarded"], name="p", command="all", permissive=True, using=using),),
        functions=(
            Function(
                oid=2,
                schema="public",
                name="reader",
                language="sql",
                owner="o",
                volatility="s",
                cost=1,
                definition=body,
            ),
        ),
    )
    return Facts(msgspec.structs.replace(found.snapshot, catalog=catalog), found.shapes)


def touched(seen: Facts, shortfall: Shortfall) -> set[int]:
    found = Shortcomings((shortfall,), seen)
    return {n for n, text in enumerate(STATEMENTS) if found.touching(str(n), text)}


def test_what_is_reached_is_marked(seen: Facts) -> None:
    oids = {relation.name: relation.oid for relation in seen.relations.values()}

    def of(name: str, *events: str) -> set[int]:
        return touched(seen, Shortfall(what="x", reason="X.", relation_oids=(oids[name],), events=events))

    assert of("sorted") == {0, 1, 2, 3, 7}
    assert of("grouped") == {8, 9}
    assert of("over_guarded") == {3}
    assert of("other", "insert", "delete") == {5, 7}
    assert of("grouped", "insert") == {8}
    assert touched(seen, Shortfall(what="x", reason="X.", names=("===",))) == {10}
    # A name in a policy.
    assert touched(seen, Shortfall(what="x", reason="X.", names=("exists",))) == {1, 3}
    assert touched(seen, Shortfall(what="x", reason="X.", query_ids=("4",))) == {4}
    # Nothing is known of the statement but its words.
    unknown = Facts(seen.snapshot, {})
    assert Shortcomings((Shortfall(what="x", reason="X.", relation_oids=(oids["sorted"],)),), unknown).touching(
        "0", STATEMENTS[0]
    )
