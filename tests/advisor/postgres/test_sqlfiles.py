"""The files of questions: what they ask, of whom, and in which words."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from psycopg import sql

from pgadvisor.model import activity, catalog, counters, objects, server, statements, statistics
from pgadvisor.postgres.reader import Collected, Reader, convert
from pgadvisor.postgres.session import MARKER
from pgadvisor.postgres.sqlfiles import NotOfferedError, Queries, SqlFile, needed_relations, parse, sql_files
from pgadvisor.progress import silent
from support.databases import Database
from support.reading import open_session

FILES = {f"{file.name}.{file.variant}".rstrip("."): file for file in sql_files()}
WHOLE = [name for name in FILES if not name.startswith("_")]
STRUCTS: dict[str, Any] = {
    name: struct
    for module in (activity, catalog, counters, objects, server, statements, statistics)
    for name, struct in vars(module).items()
    if isinstance(struct, type)
}
PARAMETERS: dict[str, object] = {
    "schemas": [],
    "exclude_schemas": ["nowhere"],
    "relations": ["pg_class"],
    "extension": "pg_stat_statements",
    "functions": ["pg_stat_statements"],
    "oids": [1259],
    "type_oids": [1],
    "names": ["rdsadmin"],
    "schema_names": ["pg_catalog"],
    "relation_names": ["pg_class"],
    "limit": 10,
    "name": "postgres",
    "marker": MARKER,
    "query_ids": [1],
    "database_oids": [1],
    "databases": [1],
    "wanted": 1,
    "schema": "public",
    "function": "pg_stat_statements(boolean)",
    "max_bytes": 1000,
    "long_transaction_s": 60,
    "max_long": 20,
    "max_waiting": 50,
}


class EverySchema:
    schemas: tuple[str, ...] = ()
    exclude_schemas: tuple[str, ...] = ()


def typed() -> list[str]:
    return [name for name in WHOLE if "type" in FILES[name].headers]


def test_there_are_files() -> None:
    assert len(WHOLE) > 20
    assert len(typed()) > 10


@pytest.mark.parametrize("name", typed())
def test_a_file_s_headers_name_a_type_and_its_fields(name: str) -> None:
    file = FILES[name]
    fields = {field.name for field in msgspec.structs.fields(STRUCTS[file.headers["type"]])}
    assert set(file.listed("without")) <= fields


@pytest.mark.parametrize("name", FILES)
def test_relations_and_functions_are_named_with_their_schema(name: str) -> None:
    text = re.sub(r"--.*|'[^']*'", "", FILES[name].text)
    local = set(re.findall(r"(\w+) AS (?:MATERIALIZED )?\(", text)) | {"LATERAL"}
    sources = re.findall(r"\b(?:FROM|JOIN)\s+(?!\()([\w.{}]+)", text)
    assert [s for s in sources if "." not in s and s not in local and not s.startswith("{")] == []
    calls = re.findall(r"(?<![\w.}])([a-z_]\w*)\(", text)
    assert set(calls) <= {"coalesce", "nullif", "greatest"}
    casts = re.findall(r"::\s*([\w.]+)", text)
    assert [cast for cast in casts if not cast.startswith("pg_catalog.")] == []


def test_of_the_variants_of_a_name_one_is_always_the_best() -> None:
    by_name: dict[str, list[SqlFile]] = {}
    for file in sql_files():
        by_name.setdefault(file.name, []).append(file)
    for name, files in by_name.items():
        counts = [len(file.needs) for file in files]
        exclusive = all(a.needs.isdisjoint(b.needs) for a in files for b in files if a is not b)
        assert len(set(counts)) == len(counts) or exclusive, name


def test_every_fragment_is_used() -> None:
    used = {f"_{name}" for file in sql_files() for name in file.placeholders}
    assert {file.name for file in sql_files() if file.name.startswith("_")} <= used


def test_headers_are_read_and_left_out_of_the_text() -> None:
    file = parse("name.variant", "-- needs: a.b, c.d\n-- Prose, with: a colon.\nSELECT 1 -- stays\n")
    assert (file.name, file.variant) == ("name", "variant")
    assert file.needs == {"a.b", "c.d"}
    assert file.text == "SELECT 1 -- stays"


def test_a_question_that_no_variant_fits_is_not_offered() -> None:
    with pytest.raises(NotOfferedError):
        Queries((), {"statements_schema": "public"})["statements"]


def test_a_schema_is_an_identifier_whatever_it_is_called() -> None:
    queries = Queries(("pg_stat_statements_info.stats_reset",), {"statements_schema": 'a"; DROP TABLE x;--'})
    assert '"a""; DROP TABLE x;--".pg_stat_statements_info' in queries["statements_window"].as_string()


@pytest.mark.server
def test_every_file_answers_with_the_fields_of_its_type(any_database: Database) -> None:
    columns: dict[str, set[str]] = {}
    with open_session(any_database.dsn) as session:
        reader = Reader(session, EverySchema(), Collected(), silent)
        reader.probe()
        for name in offered(reader, WHOLE):
            with session.transaction() as transaction:
                query = sql.SQL("SELECT * FROM ({}) AS asked LIMIT 0").format(reader.queries[name])
                cursor = session.connection.execute(query, PARAMETERS, prepare=False)
                columns[name] = {column.name for column in cursor.description or ()}
                convert_all(transaction.rows(reader.queries[name], PARAMETERS), reader.queries.choose(name))
    for file in (FILES[name] for name in typed() if FILES[name].name in columns):
        fields = {field.name for field in msgspec.structs.fields(STRUCTS[file.headers["type"]])}
        assert columns[file.name] == fields - set(file.listed("without")) | set(file.listed("also")), file.name


def offered(reader: Reader, stems: list[str]) -> list[str]:
    """The names of files that can be asked of this server; about what a version lacks altogether none can."""
    available = []
    for name in sorted({FILES[stem].name for stem in stems}):
        with suppress(NotOfferedError):
            available.append(reader.queries.choose(name).name)
    return available


def convert_all(rows: list[dict[str, Any]], file: SqlFile) -> None:
    if "type" in file.headers and not file.headers.get("without"):
        convert(rows, STRUCTS[file.headers["type"]])


@pytest.mark.server
def test_each_variant_has_a_server_that_takes_it(servers: Any) -> None:
    from support.servers import SUPPORTED

    taken: set[tuple[str, str]] = set()
    for major in SUPPORTED:
        server = servers.of_major(major)
        with server.connect() as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        with open_session(server.dsn()) as session:
            reader = Reader(session, EverySchema(), Collected(), silent)
            reader.probe()
            for name in offered(reader, list(FILES)):
                taken.add((name, reader.queries.choose(name).variant))
    missing = {(file.name, file.variant) for file in sql_files()} - taken
    # Left by pg_upgrade where nobody updated the extension.
    assert missing == {("_statement_times", "1_4"), ("_statement_total", "1_4")}
    assert "pg_stat_statements" in needed_relations()
