"""The statements of PostgreSQL's own regression tests: none raises, nearly all are understood."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from pgadvisor.model.catalog import Catalog, Column, Relation, RelationKind
from pgadvisor.model.shape import NotUnderstood, StatementKind, StatementShape
from pgadvisor.workload.lexer import Kind, lex
from pgadvisor.workload.schema import SchemaView, fold
from pgadvisor.workload.understand import understand

CORPUS = Path(__file__).parents[2] / "data" / "statements.jsonl"
STATEMENTS = [
    (each["kind"], each["sql"]) for each in map(json.loads, CORPUS.read_text(encoding="utf-8").strip().split("\n"))
]
# Those that cannot be read, by the beginning of their SHA-256, with the reason.
KNOWN_FAILURES: dict[str, str] = json.loads((CORPUS.parent / "statements_not_understood.json").read_text())
KINDS = {
    "SelectStmt": StatementKind.SELECT,
    "InsertStmt": StatementKind.INSERT,
    "UpdateStmt": StatementKind.UPDATE,
    "DeleteStmt": StatementKind.DELETE,
    "MergeStmt": StatementKind.MERGE,
}
EMPTY = SchemaView(Catalog(), ("public",))


def everything_in(text: str) -> SchemaView:
    """A schema in which every word of a text is a table and, in a third of the tables, a column."""
    lexed = lex(text)
    names = sorted(
        {
            fold(lexed.of(token).strip('"'), quoted=token.kind is Kind.QUOTED)
            for token in lexed.tokens
            if token.kind in (Kind.WORD, Kind.QUOTED)
        }
    )[:40]
    return SchemaView(
        Catalog(
            relations=tuple(
                Relation(oid=oid, schema="public", name=name, kind=RelationKind.TABLE, owner="o")
                for oid, name in enumerate(names, start=1)
            ),
            columns=tuple(
                Column(
                    relation_oid=oid,
                    number=number,
                    name=name,
                    type="integer",
                    type_oid=23,
                    type_name="int4",
                    type_category="N",
                    not_null=False,
                )
                for oid in range(1, len(names) + 1)
                for number, name in enumerate(names, start=1)
                if (oid + number) % 3 == 0
            ),
        ),
        ("public",),
    )


@pytest.mark.parametrize("resolved", [False, True], ids=["empty catalog", "every word in the catalog"])
def test_nearly_all_are_understood(resolved: bool) -> None:
    total, understood = Counter[str](), Counter[str]()
    failures, not_understood = [], {}
    for kind, text in STATEMENTS:
        result = understand("1", text, everything_in(text) if resolved else EMPTY)
        # Under pytest sqlglot is stricter with itself, and fails over its own FOR ORDINALITY.
        if isinstance(result, NotUnderstood) and "failed" in result.reason and "FOR ORDINALITY" not in text:
            failures.append((text, result.reason))
        if kind in KINDS:
            total[kind] += 1
            if isinstance(result, StatementShape):
                understood[kind] += 1
                if " into " not in text.lower():
                    assert result.kind is KINDS[kind], text
            else:
                not_understood[hashlib.sha256(text.encode()).hexdigest()[:12]] = f"{result.reason}: {text}"
    assert failures == []
    assert total == {"SelectStmt": 1_136, "InsertStmt": 363, "UpdateStmt": 64, "DeleteStmt": 31, "MergeStmt": 7}
    assert {key: said for key, said in not_understood.items() if key not in KNOWN_FAILURES} == {}
    assert set(not_understood) == set(KNOWN_FAILURES), "one that is known is understood: take it out of the file"
    for kind, count in total.items():
        assert understood[kind] >= 0.99 * count, kind


def test_utilities_are_utilities() -> None:
    wrong = [
        (kind, text)
        for kind, text in STATEMENTS
        if kind not in KINDS and kind != "?" and understand("1", text, EMPTY) != _utility()
    ]
    assert wrong == []


def _utility() -> StatementShape:
    return StatementShape(query_id="1", kind=StatementKind.UTILITY)
