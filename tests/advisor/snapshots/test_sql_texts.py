"""Predicates and expressions in a file end up in SQL that a DBA runs: none of them makes more of it than one index."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pgadvisor.analyze import analyze
from pgadvisor.config import Config
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.catalog import Index, IndexDefinition
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.registry import load_rules
from pgadvisor.snapshots.check import problem
from pgadvisor.snapshots.file import SnapshotError, read_snapshots, write_snapshots
from pgadvisor.snapshots.redaction import redacted
from pgadvisor.snapshots.sealing import sealed
from pgadvisor.snapshots.sql_texts import sealed_off
from pgadvisor.workload.expressions import is_expression
from pgadvisor.workload.lexer import lex
from support.databases import Database
from support.reading import read_database
from support.snapshots import snapshot

RULES = load_rules()

HOSTILE = (
    "true; DROP TABLE t; --",
    "true; \\! touch x\n--",
    "true \\gexec",
    "kind)); DROP TABLE t; CREATE INDEX x ON t ((id",
    "true) --",
    "a /* b */",
    "/* a",
    "(a",
    "(a]",
    "'a",
    '"a',
    "E'a\\'",
    # Split otherwise by a lexer that takes 1e for one word, or by one that continues the first string.
    "1e'\\'; DROP TABLE t; --'",
    "E'a'\n'\\'; DROP TABLE t; --'",
    "'a'E'\\''",
    "U&'\\0027'",
    "b'\\'",
    "$a$;$a$",
    "a$1",
    "$1",
    # Variables of psql, among them the name of the database.
    ":DBNAME",
    "(:x)",
    "(a)[1:DBNAME]",
    "(a)[1:(:x)]",
    "a\rb",
    "a\vb",
    "a\0",
    "'a\0'",
    "{a}",
    "",
    " \n",
)
WRITTEN = (
    "(a > 0)",
    "(note = 'a;b -- \\ /* $$ '' '::text)",
    "(note = E'a\\'b;')",
    'lower("Nä;\\--""me")',
    "(flags = B'101'::\"bit\")",
    "(a)[1:2]",
    "(a)[low:((high + 1))]",
    "(a)['-1'::integer:COALESCE(b, 1)]",
    '(a)[1:"b:c"]',
    "((doc ->> 'x'::text) ?& ARRAY['a'::text, 'b'::text])",
    "(a OPERATOR(other.@>) 'x'::other.kind)",
    "CASE\n    WHEN a THEN 1\n    ELSE 2\nEND",
    '(note COLLATE "C")',
    "make_interval(days => 1)",
    "((a - '-1'::integer) < 1.5e+10)",
    "(note)::character varying(3)[]",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile(text: str) -> None:
    assert not is_expression(text)


@pytest.mark.parametrize("text", WRITTEN)
def test_written(text: str) -> None:
    assert is_expression(text)


def _with(made: Snapshot, number: int, definition: IndexDefinition) -> Snapshot:
    indexes = list(made.catalog.indexes)
    indexes[number] = msgspec.structs.replace(indexes[number], definition=definition)
    return msgspec.structs.replace(made, catalog=msgspec.structs.replace(made.catalog, indexes=tuple(indexes)))


def _shop() -> Snapshot:
    return snapshot(
        {
            "tables": {
                "public.t": {
                    "rows": 1e6,
                    "columns": ["id bigint not null", "kind int", "note text"],
                    "indexes": {"one": "btree (kind)", "two": "btree (kind)", "bad": "invalid btree (id)"},
                    "counters": {"rows_updated": 100_000},
                },
                "public.e": {
                    "partition_by": "range (at)",
                    "columns": ["at date not null", "k int"],
                    "indexes": {"e_k": "invalid btree (k)"},
                },
                "public.e_1": {"partition_of": "public.e", "rows": 1e5, "columns": ["at date not null", "k int"]},
            },
        }
    )


def _changed(index: Index, text: str) -> Iterator[IndexDefinition]:
    """A definition with the text in the place of each of those that SQL is made of as they stand."""
    definition = index.definition
    yield msgspec.structs.replace(definition, predicate=text)
    key = msgspec.structs.replace(definition.keys[0], column=None, expression=text)
    yield msgspec.structs.replace(definition, keys=(key,))
    yield msgspec.structs.replace(definition, keys=(*definition.keys, key))


def _refused(tmp_path: Path, made: Snapshot) -> str:
    write_snapshots(tmp_path / "s", [made])
    with pytest.raises(SnapshotError) as caught:
        read_snapshots(tmp_path / "s")
    return str(caught.value)


def test_a_file_with_hostile_texts_is_refused(tmp_path: Path) -> None:
    made = _shop()
    for number, index in enumerate(made.catalog.indexes):
        for text in HOSTILE:
            for definition in _changed(index, text):
                assert f"of index {index.oid} is not one expression" in (problem(_with(made, number, definition)) or "")
    definition = msgspec.structs.replace(made.catalog.indexes[0].definition, predicate=HOSTILE[0])
    assert "is not one expression as a server writes it" in _refused(tmp_path, _with(made, 0, definition))


def test_names_and_options_that_cannot_be_quoted_are_refused() -> None:
    made = _shop()
    definition = made.catalog.indexes[0].definition
    replace, key = msgspec.structs.replace, definition.keys[0]
    wrong = [
        replace(definition, access_method=""),
        replace(definition, access_method="a\0"),
        replace(definition, options=("=70",)),
        replace(definition, options=("fillfactor=\0",)),
        replace(definition, tablespace="\0"),
        *(
            replace(definition, keys=(replace(key, **changed),))
            for changed in (
                {"operator_class": ".", "default_operator_class": False},
                {"operator_class": "a\0", "default_operator_class": False},
                {"collation": "a.", "default_collation": False},
                {"operator_class": "a", "operator_class_options": ("=1",)},
            )
        ),
    ]
    for each in wrong:
        assert "is empty or holds a NUL" in (problem(_with(made, 0, each)) or "")


texts = st.lists(
    st.sampled_from((*" \n();,.:[]'\"\\$-*/aE1?", "--", "/*", "*/", "::", "E'", "U&'", "$$", "1e", ":A", "''", "true")),
    max_size=12,
).map("".join)
spelled = texts | texts.map(lambda text: f"('{text}' = note)") | st.sampled_from(WRITTEN + HOSTILE)


@settings(derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck))
@given(spelled, spelled, texts.filter(bool))
def test_whatever_loads_makes_single_commands(predicate: str, expression: str, name: str) -> None:
    """Every step and every undo is one command for each that was meant."""
    replace, made = msgspec.structs.replace, _shop()
    names = {"access_method": name, "options": (f"{name}={name}",), "tablespace": name}
    for number, index in enumerate(made.catalog.indexes):
        key = replace(
            index.definition.keys[0], collation=name, default_collation=False, operator_class=name,
            default_operator_class=False, operator_class_options=(f"a={name}",),
        )  # fmt: skip
        keys = (key, replace(key, column=None, expression=expression))
        made = _with(made, number, replace(index.definition, keys=keys, predicate=predicate, **names))
    assume(problem(made) is None)
    found = analyze(made, Config(), RULES).recommendations
    assert found
    for step in (step for each in found for step in (*each.steps, *each.checks)):
        for sql in (step.sql, step.undo):
            starts = sum(line.endswith(";") for line in sql.split("\n")) if "\n" in sql else 1
            assert lex(sql).commands <= max(starts, 1), sql
            assert lex(sql).balanced


@pytest.mark.server
@settings(derandomize=True, max_examples=150, suppress_health_check=list(HealthCheck))
@given(text=spelled)
def test_the_server_reads_one_command(database: Database, text: str) -> None:
    """The server's own parser is asked: what it does not understand it refuses as a whole, and runs no part of it."""
    assume(is_expression(text))
    for command in (f"CREATE INDEX ON t (a) WHERE {text};", f"CREATE INDEX ON t (({text}));"):
        with database.connect() as connection, pytest.raises(psycopg.Error) as caught:
            connection.autocommit = True
            connection.execute("SET standard_conforming_strings = on")
            connection.execute(command.encode(), prepare=True)
        assert "multiple commands" not in str(caught.value), command


@pytest.mark.server
def test_what_servers_write_is_read(any_database: Database, tmp_path: Path) -> None:
    """Strings of every kind, operators of strangers, names that must be quoted, slices, sub-fields."""
    any_database.execute(
        r"""
        SET standard_conforming_strings = on;
        CREATE SCHEMA "o;\ther";
        CREATE TYPE "o;\ther"."kind $" AS ENUM ('a''b', 'c\d');
        CREATE TYPE pair AS (x int, "y;" text);
        CREATE FUNCTION "o;\ther"."f(""$"(a text, b int DEFAULT 1) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
        CREATE FUNCTION same(int, int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 = $2';
        CREATE OPERATOR "o;\ther".`?&# (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
        CREATE TABLE t (
            a int, low int, "hi:gh" int, n numeric, note text, "größe;--" text, list int[], grid int[][], doc jsonb,
            flags bit(3), kind "o;\ther"."kind $", p pair, at timestamptz, day date, span int4range, raw bytea,
            c char(3), name varchar(9), f float8
        )
        """
    )
    predicates = (
        r"note = 'a\b'", r"note = E'a\\b\'\n;'", r"note ~ E'^\\d+$' AND note !~~ 'x%'", "note = U&'\\0041'",
        "note = $$a'b;--/*$$", "note = 'line\nbreak\r\ttab'", "note LIKE 'a' || ':x'", "list[1:2] = '{1,2}'",
        'list[low:"hi:gh"] = list', "grid[1:1][low:2] = '{{1}}'", "doc @> '{\"a\": \"b\"}'", "doc ?& ARRAY['a', 'b']",
        "doc ? 'x' OR doc ?| '{a}'", "doc #>> '{a,b}' = 'x'", "flags = B'101'", "flags = X'5'::bit(3)",
        "kind = 'a''b'", r"kind <> 'c\d'", "(p).x > 1", "(p).\"y;\" = ''", "n > -1.5e10", "n = 'NaN'", "f <> -0.0",
        "f = '-Infinity'", "a IS DISTINCT FROM 3", "a IN (1, -2, 3)", "a = ANY ('{1,2}')", "NOT (a > 1 AND low < 2)",
        "day >= DATE '2020-01-01'", "at > '2020-01-01 00:00:00+00'", "span && '[1,2)'", r"raw = '\x00ff'", "c = 'x'",
        "name = 'y'", "day + 1 > '2020-01-01'", "a BETWEEN 1 AND 3", "note COLLATE \"C\" > 'a'",
        "CASE WHEN a > 1 THEN note = 'x' WHEN a IS NULL THEN false ELSE true END",
        "CASE a WHEN 1 THEN true ELSE false END", "COALESCE(note, 'a', '') <> ''", "NULLIF(a, 1) IS NULL",
        "GREATEST(a, low) > 1", "ROW(a, low) < ROW(1, 2)", "ROW(a, note) IS NOT NULL", "(a, low) = (1, 2)",
        '"größe;--" IS NOT NULL', 'a OPERATOR("o;\\ther".`?&#) 2', "note SIMILAR TO 'a%'",
        "substring(note from 2 for 3) = 'x'", "extract(year from day) = 2020", "position('a' in note) > 0",
        "trim(both ' ' from note) = ''", "overlay(note placing 'x' from 1) = ''", "note IS NFC NORMALIZED",
        "(at AT TIME ZONE 'UTC') > '2020-01-01'", "xmlserialize(content xmlelement(name a, note) as text) = ''",
        "note IS DOCUMENT", "make_interval(days => a) > '1 day'", "a::bigint::text::varchar(3) = ''", "(- a) = - (- 1)",
        "'{1,2}'::int[] = list AND ARRAY[a, 1] = list AND ARRAY[]::int[] = list", "a % 2 = 0", "@ a = |/ 4",
        "a # 1 <> 0", "list[-1:coalesce(a, 1)] IS NOT NULL", "list[:case when a > 1 then 1 end] = '{}'",
        "interval '1-2' year to month = make_interval(months => a)", "note::name = 'x'", "time '10:00' < '11:00'",
    )  # fmt: skip
    expressions = (
        '"o;\\ther"."f(""$"(note)', "lower(note) || ':a;'", "(list)[1:3]", "(p).\"y;\"", "CASE WHEN a > 1 THEN 2 END",
        "(note || 'x') COLLATE \"C\"", "(doc -> 'a' ->> 'b')", "date_trunc('day', at AT TIME ZONE 'UTC')", "abs(a) + 1",
        "substring(note from '#\"%#\"_' for '#')", "ARRAY[a, low]", "(note || E'\\\\')", "coalesce(note, '')",
    )  # fmt: skip
    made = 0
    for text in predicates:
        # Older versions lack some of it, and some is not immutable.
        with contextlib.suppress(psycopg.Error):
            any_database.execute(f"CREATE INDEX ON t (a) WHERE {text}")
            made += 1
    for text in expressions:
        any_database.execute(f"CREATE INDEX ON t (({text}))")
    assert made >= 60
    any_database.execute(f"ALTER DATABASE {quote_identifier(any_database.name)} SET standard_conforming_strings = off")
    seen = read_database(any_database.dsn)
    written = [index.definition for index in seen.indexes.values()]
    assert len(written) == made + len(expressions)
    fragments = [each for d in written for each in (d.predicate, *(k.expression for k in d.keys)) if each is not None]
    assert [text for text in fragments if not is_expression(text)] == []
    assert len(fragments) == len(written)


def test_what_sealing_and_redaction_cut_short_is_masked() -> None:
    """A file of ours can always be read again."""
    made = _shop()
    definition = msgspec.structs.replace(
        made.catalog.indexes[0].definition, predicate="((api_key IS NOT NULL) OR (secret = 'a''b\\'::text))"
    )
    for hidden in (sealed(_with(made, 0, definition)), redacted(_with(made, 0, definition))):
        assert problem(hidden) is None
        assert "a''b" not in str(hidden.catalog.indexes[0].definition.predicate)
    broken = msgspec.structs.replace(definition, predicate="(secret = …")
    assert sealed_off(broken).predicate == "'…'"
