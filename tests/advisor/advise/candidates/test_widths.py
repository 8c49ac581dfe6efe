"""Entries that a B-tree may not hold, as a server says when it is to build one."""

from __future__ import annotations

import psycopg
import pytest

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.generate import generate
from pgadvisor.advise.candidates.widths import widest
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import create_index
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.index_advice import WhyNot
from support.databases import Database
from support.twins import snapshot_of

_PAGES = """
CREATE TABLE pages (id int PRIMARY KEY, title text, body text, made timestamptz, data jsonb, short varchar(40),
    kept text, spans int4range);
ALTER TABLE pages ALTER kept SET STORAGE EXTERNAL;
INSERT INTO pages SELECT n, 'title ' || n, texts.one, now() - n * interval '1 min',
    jsonb_build_object('description', left(texts.one, 700), 'kind', 'k' || n % 300), 'short ' || n,
    texts.one || texts.one || texts.one || texts.one, int4range(n, n + 5)
FROM generate_series(1, 1200) AS n,
    LATERAL (SELECT string_agg(md5((n * 1000 + k)::text), '') AS one FROM generate_series(1, 100) AS k) AS texts;
ANALYZE pages;
"""


def _index(key: str) -> IndexDefinition:
    is_column = key.isidentifier()
    keys = (IndexKey(column=key) if is_column else IndexKey(expression=key),)
    return IndexDefinition(schema="public", table="pages", keys=keys)


@pytest.mark.server
def test_an_index_is_left_where_a_server_would_not_build_it(database: Database) -> None:
    database.execute(_PAGES)
    facts = Facts(snapshot_of(database.dsn), {})
    # Values are out of line: so little does ANALYZE count for them.
    (statistics,) = [facts.statistics(each.oid, "kept") for each in facts.relations.values() if each.name == "pages"]
    assert statistics is not None
    assert statistics.average_width_bytes == 18
    keys = {
        "title": True,
        "short": True,
        "body": False,
        "kept": False,
        "lower(kept)": False,
        "md5(kept)": True,
        '"left"(kept, 40)': True,
        "lower((short)::text)": True,
        "date_trunc('day'::text, (made AT TIME ZONE 'UTC'::text))": True,
        "(data ->> 'kind'::text)": True,
        "spans": True,
    }
    found = generate(facts, (), [Candidate(_index(key)) for key in keys], IndexesConfig(min_rows=100))
    possible = {each.definition for each in found.candidates}
    left = {each.definition: each for each in found.left}
    for key, fits in keys.items():
        definition = _index(key)
        assert (definition in possible) is fits, key
        if not fits:
            assert left[definition].why is WhyNot.WOULD_FAIL
            assert "third of a page" in left[definition].sentence
        try:
            database.execute(create_index(definition, "tried", concurrently=False))
            database.execute("DROP INDEX tried")
        except psycopg.errors.ProgramLimitExceeded:
            assert not fits, key
        else:
            assert fits, key
    # It would be built, but descriptions of more than 2 kB are not far from those of 700 bytes.
    risky = generate(facts, (), [Candidate(_index("(data ->> 'description'::text)"))], IndexesConfig(min_rows=100))
    assert [each.why for each in risky.left] == [WhyNot.WOULD_FAIL]


def test_an_expression_is_as_wide_as_its_columns_but_for_what_is_of_fixed_width() -> None:
    columns = {"a": 1000.0, 'b"c': 500.0, "data": 9000.0}
    fields = {"k": 70.0}
    for expression, width in {
        "lower(a)": 1000.0,
        '((a || \' a "b""c" \'::text) || "b""c")': 1500.0,
        "(lower(a) || md5(a))": 1036.0,
        "(((data ->> 'n'::text))::integer)": 8.0,
        "(data ->> 'k'::text)": 70.0,
        "((data -> 'k'::text) ->> 'l'::text)": 32.0,
        "(a IS NULL)": 1.0,
        "(a = 'x'::text)": 1.0,
        "substr(a, 1, 20)": 80.0,
        "SUBSTRING(a FROM 2 FOR 20)": 80.0,
        "substr(a, 5)": 1000.0,
        "SUBSTRING(a FROM 5)": 1000.0,
        '"left"(a, 3)': 12.0,
        # So the server writes negative numbers.
        "\"left\"(a, '-3'::integer)": 1000.0,
        "\"right\"(a, '-3'::integer)": 1000.0,
        '"left"(a, (length(a) - 3))': 1004.0,
        '"left"(a, length(a) - 3)': 1004.0,
        "EXTRACT(year FROM a)": 16.0,
        "(a)::timestamp without time zone": 20.0,
        'COALESCE(a, "b""c", \'\'::text)': 1500.0,
        ")": 0.0,
    }.items():
        assert widest(expression, columns.get, lambda _, name: fields.get(name, 32.0)) == width, expression
