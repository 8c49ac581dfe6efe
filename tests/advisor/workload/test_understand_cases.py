"""Every case in cases/*.toml: a statement and the shape it must have, in short texts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from pgadvisor.model.shape import Comparand, Predicate, StatementShape
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand
from support.databases import Database
from support.snapshots import SnapshotData, snapshot

CASES = Path(__file__).parent / "cases"
SCHEMA = tomllib.loads((CASES / "schema.toml").read_text(encoding="utf-8"))
CATALOG = snapshot(msgspec.convert(SCHEMA, SnapshotData)).catalog
NAMES = {each.oid: f"{each.schema}.{each.name}".removeprefix("public.") for each in CATALOG.relations}
SOURCES = {path.stem: path for path in sorted(CASES.glob("*.toml")) if path.stem not in ("schema", "equivalents")}
ALL: dict[str, dict[str, Any]] = {
    f"{source}: {case['name']}": case
    for source, path in SOURCES.items()
    for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
}


def told(shape: StatementShape) -> dict[str, Any]:
    """A shape in short texts; what is empty is left out, columns read too where all are."""

    def column(oid: int, name: str) -> str:
        return f"{NAMES[oid]}.{name}"

    texts: dict[str, Any] = {
        "kind": str(shape.kind),
        "relations": [
            f"{NAMES[each.relation_oid]} {each.alias}"
            + (" written" if each.written else "")
            + (f" through {' > '.join(name.removeprefix('public.') for name in each.through)}" if each.through else "")
            for each in shape.relations
        ],
        "predicates": [predicate(each) for each in shape.predicates],
        "joins": [
            " = ".join(column(side.relation_oid, side.column) for side in (each.left, each.right))
            for each in shape.joins
        ],
        "sort": [
            column(each.relation_oid, each.column)
            + (" desc" if each.descending else "")
            + ("" if each.nulls_first == each.descending else f" nulls {'first' if each.nulls_first else 'last'}")
            for each in shape.sort
        ],
        "group": [column(each.relation_oid, each.column) for each in shape.group],
        "limit": shape.has_limit,
        "limit_parameters": list(shape.limit_parameters),
        "offset_parameters": list(shape.offset_parameters),
        "read": [column(each.relation_oid, each.column) for each in shape.columns_read],
        "written": [column(each.relation_oid, each.column) for each in shape.columns_written],
        "conflict": [column(each.relation_oid, each.column) for each in shape.conflict_columns],
        "unresolved": list(shape.unresolved),
        "limit_count": shape.limit,
        "offset": shape.offset,
        "is_distinct": shape.is_distinct,
        "distinct": [column(each.relation_oid, each.column) for each in shape.distinct],
        "locking": shape.locking,
        "functions": list(shape.functions),
        "views": list(shape.views),
    }
    return {key: value for key, value in texts.items() if value or (value == 0 and key in ("limit_count", "offset"))}


def predicate(each: Predicate) -> str:
    """One predicate: `[or] [not] alias.column [{what hides it}] operator [comparand] [(no index)]`."""
    parameters = ", ".join(f"${n}" for n in each.parameters)
    other = {
        Comparand.PARAMETER: parameters,
        Comparand.CONSTANT: each.constant or "constant",
        Comparand.COLUMN: "column",
        Comparand.EXPRESSION: f"expression {parameters}".strip(),
        Comparand.NOTHING: parameters,
    }[each.comparand]
    parts = (
        "or" if each.in_or else "",
        "not" if each.negated else "",
        f"{each.alias}.{each.column}",
        f"{{{each.hidden_by}}}" if each.hidden_by else "",
        each.operator,
        other,
        "" if each.indexable else "(no index)",
    )
    return " ".join(part for part in parts if part)


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_the_shape_is_as_told(case: dict[str, Any]) -> None:
    shape = understand("1", case["sql"], SchemaView(CATALOG, ("public",)))
    assert isinstance(shape, StatementShape)
    assert told(shape) == {"kind": "select"} | {k: v for k, v in case.items() if k not in ("name", "sql", "server")}


@pytest.mark.server
def test_the_server_takes_every_statement(database: Database) -> None:
    """Cases are PostgreSQL's: each is prepared on a server that has the schema, which spells the views as told."""
    database.execute("CREATE SCHEMA audit; CREATE FUNCTION audit.check_it(bigint, text) RETURNS boolean RETURN true")
    definitions = {}
    for name, table in SCHEMA["tables"].items():
        database.execute(_creation(name, table))
        if "definition" in table and name != "public.odd":
            definitions[name] = " ".join(table["definition"].split())
    with database.connect() as connection:
        connection.execute("SET search_path TO pg_catalog")
        query = "SELECT pg_get_viewdef(%s::regclass)"
        spelled = {name: connection.execute(query, [name]).fetchall() for name in definitions}
        assert {name: " ".join(text.split()) for name, ((text,),) in spelled.items()} == definitions
        connection.execute("SET search_path TO public")
        refused = {}
        for case in ALL.values():
            if not case.get("server", True):
                continue
            result = connection.pgconn.prepare(b"", case["sql"].encode())
            if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                refused[case["name"]] = result.error_message.decode().partition("\n")[0]
    assert refused == {}


def _creation(name: str, table: dict[str, Any]) -> str:
    """The command that makes a relation of the schema."""
    kind = table.get("kind", "table")
    if "view" in kind:
        nulls = ", ".join(f"NULL::{column.split()[1]} AS {column.split()[0]}" for column in table["columns"])
        options = f"WITH ({', '.join(table['options'])})" if "options" in table else ""
        definition = f"SELECT {nulls}" if name == "public.odd" else table.get("definition", f"SELECT {nulls}")
        return f"CREATE {kind} {name} {options} AS {definition}"
    if "partition_of" in table:
        return f"CREATE TABLE {name} PARTITION OF {table['partition_of']} DEFAULT"
    constraints = "".join(f", CONSTRAINT {key} {text}" for key, text in table.get("constraints", {}).items())
    partition = f"PARTITION BY {table['partition_by']}" if "partition_by" in table else ""
    return f"CREATE TABLE {name} ({', '.join(table['columns'])}{constraints}) {partition}"
