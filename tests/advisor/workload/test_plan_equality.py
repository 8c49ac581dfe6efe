"""What the parser says of the corpus is what the server's verbose plans show: relations, conditions and operators."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pgadvisor.model.shape import NotUnderstood, StatementKind, StatementShape
from pgadvisor.workload.plan_shape import plan_shape
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand
from support.databases import Database, fresh_database
from support.plan_equality import difference, generic_plan, whole_schema
from support.servers import Server

DATA = Path(__file__).parents[2] / "data"
DML = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
# Statements by the beginning of their SHA-256, with the reason why the plan shows something else.
KNOWN: dict[str, str] = json.loads((DATA / "plan_differences.json").read_text(encoding="utf-8"))
MAX_KNOWN = 30


def key_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def statements() -> list[str]:
    """In an order that has nothing to do with where they come from."""
    lines = (DATA / "statements.jsonl").read_text(encoding="utf-8").strip().split("\n")
    return sorted((each["sql"] for each in map(json.loads, lines) if each["kind"] in DML), key=key_of)


def make_tables(connection: psycopg.Connection[object]) -> None:
    for line in (DATA / "statements_schema.sql").read_text(encoding="utf-8").splitlines():
        # Types that came with a later version.
        if connection.info.server_version >= 140000 or "multirange" not in line:
            connection.execute(line.encode())


def compare(database: Database, wanted: int, *, system: bool) -> tuple[int, int, dict[str, str]]:
    """How many statements were compared, how many of them have conditions, and the differences by statement.

    system: those on the system's relations as well, whose views differ from version to version.
    """
    compared = with_conditions = 0
    differences: dict[str, str] = {}
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("set client_min_messages = error; set plan_cache_mode = force_generic_plan")
        connection.execute("set statement_timeout = '5s'")
        make_tables(connection)
        schema = whole_schema(connection)
        for text in statements():
            parsed = understand("1", text, schema)
            if isinstance(parsed, NotUnderstood) or parsed.kind is StatementKind.UTILITY or with_conditions == wanted:
                continue
            if not parsed.relations or not (system or _is_ours(parsed, schema)):
                continue
            try:
                plan = generic_plan(connection, text)
            except psycopg.Error:
                continue
            shown = plan_shape("1", plan, schema)
            compared += 1
            with_conditions += bool(parsed.predicates or parsed.joins)
            found = shown.reason if isinstance(shown, NotUnderstood) else difference(parsed, shown)
            if found:
                differences[key_of(text)] = f"{found}: {text}"
    return compared, with_conditions, differences


def _is_ours(shape: StatementShape, schema: SchemaView) -> bool:
    relations = (schema.by_oid(relation.relation_oid) for relation in shape.relations)
    return not shape.views and all(relation is not None and relation.oid >= 16_384 for relation in relations)


def test_shapes_are_what_plans_show(old_server: Callable[[int], Server]) -> None:
    """On one version, for the system's own views differ from version to version."""
    with fresh_database(old_server(18)) as database:
        compared, with_conditions, differences = compare(database, 1_000, system=True)
    assert compared >= 850 and with_conditions >= 300
    assert {key: said for key, said in differences.items() if key not in KNOWN} == {}
    assert len(KNOWN) <= MAX_KNOWN
    assert set(KNOWN) == set(differences), "a difference that is known is gone: take it out of the file"


@pytest.mark.slow
def test_shapes_are_what_plans_show_on_every_version(any_database: Database) -> None:
    compared, with_conditions, differences = compare(any_database, 1_000, system=False)
    assert compared >= 500 and with_conditions >= 100
    assert {key: said for key, said in differences.items() if key not in KNOWN} == {}
