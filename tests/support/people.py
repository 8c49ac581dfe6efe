"""A table that is searched in every way that is no plain B-tree's, and statements as the index advisor weighs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.generate import generate
from pgadvisor.advise.selection.loads import Load
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import create_index
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.counters import Window
from pgadvisor.model.index_advice import LeftIndex
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import ParameterSample, Statements
from pgadvisor.planner.protocol import Planner
from support.twins import question

PEOPLE = """
CREATE EXTENSION pg_trgm;
CREATE EXTENSION hstore;
CREATE TABLE people (
    id bigint PRIMARY KEY, tenant int NOT NULL, name varchar(60) NOT NULL, email text, code char(8), seen timestamp,
    made timestamptz, status text, is_active boolean, deleted_at timestamptz, qty int, data jsonb, tags text[],
    bio text, words tsvector, during int4range, place point, url text, props hstore, parent int,
    "We""ird %s Ünï" text, sorted_c text COLLATE "C", address inet,
    token text
);
CREATE FUNCTION "Own ""f"(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.lower($1)';
SELECT setseed(0.5);
INSERT INTO people SELECT n, n % 20, 'Name ' || md5((n / 3)::text), 'User' || n || '@Example.com',
    lpad((n % 9000)::text, 8, 'x'), '2024-01-01'::timestamp + n * interval '7 min',
    '2024-01-01'::timestamptz + n * interval '7 min',
    CASE WHEN n % 200 = 0 THEN 'it''s </open> ü' WHEN n % 3 = 0 THEN 'done' ELSE 'closed' END, n % 40 = 0,
    CASE WHEN n % 10 <> 0 THEN '2025-01-01'::timestamptz END, n % 97,
    jsonb_build_object('kind', 'k' || n % 3000, 'a', jsonb_build_object('b', n % 5000),
        'tags', jsonb_build_array('t' || n % 900)),
    ARRAY['tag' || n % 700, 'tag' || n % 31], 'word' || n % 4000 || ' text of some length',
    to_tsvector('english', 'word' || n % 4000 || ' lorem'), int4range(n, n + 10),
    point(random() * 1000, random() * 1000), 'https://example.com/' || repeat(md5(n::text), 3),
    hstore('k' || n % 2000, 'v'), CASE WHEN n % 10 = 0 THEN n % 3000 END, 'w' || n, 'w' || n,
    ('10.0.' || n % 200 || '.' || n % 251)::inet,
    repeat(md5((-n)::text), 2)
FROM generate_series(1, 24000) AS n;
"""
OPTIONS = IndexesConfig(min_rows=1000)


@dataclass(frozen=True)
class Thought:
    """What was thought of for statements: candidates and what was left, by the end of their CREATE INDEX."""

    candidates: dict[str, Candidate]
    all_left: tuple[tuple[str, LeftIndex], ...]


def facts_of(snapshot: Snapshot, calls: Mapping[str, tuple[str, ...]]) -> Facts:
    """Facts with values of calls that were seen."""
    window = Window(since=None, until=snapshot.server.collected_at, source="test")
    samples = tuple(ParameterSample(query_id=text, values=values, source="log") for text, values in calls.items())
    return Facts(replace(snapshot, statements=Statements(window=window, samples=samples)), {})


def load_of(snapshot: Snapshot, text: str, *values: tuple[str | None, ...]) -> Load:
    """A statement that is asked about for unknown values and for those given."""
    unknown = question(text, snapshot)
    questions = (unknown, *(question(text, snapshot, each) for each in values))
    return Load(
        query_id=text,
        shape=unknown.shape,
        questions=questions,
        weights=(1 / len(questions),) * len(questions),
        calls=10,
        total_ms=1000.0,
    )


def thought_of(facts: Facts, planner: Planner, *loads: Load) -> Thought:
    """What is generated for some statements."""
    found = generate(facts, loads, (), OPTIONS, planner)
    return Thought(
        {spelt(each.definition): each for each in found.candidates},
        tuple((spelt(each.definition), each) for each in found.left),
    )


def spelt(definition: IndexDefinition) -> str:
    """A definition as CREATE INDEX has it, from the method or the keys on."""
    return create_index(definition, "i", concurrently=False).partition(definition.table)[2].strip(' ";')
