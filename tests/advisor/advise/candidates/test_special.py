"""Candidates that are no plain B-trees, from real plans: a twin plans with them, and a real server builds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pgadvisor.advise.candidates import block_ranges
from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.loads import Load
from pgadvisor.indexes.ddl import create_index
from pgadvisor.model.index_advice import WhyNot
from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database, fresh_database
from support.people import PEOPLE, Thought, facts_of, load_of, thought_of
from support.servers import Servers
from support.twin_storage import programs
from support.twins import snapshot_of

pytestmark = pytest.mark.server

# What is searched, values where the text has parameters that hang on them, and an index that serves it.
SERVED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    # Expressions.
    ("SELECT * FROM people WHERE lower(email) = $1", (), "((lower(email)))"),
    ("SELECT * FROM people p WHERE upper(p.name) = 'X' AND tenant = 3", (), "(tenant, (upper((name)::text)))"),
    ("SELECT * FROM people WHERE date_trunc('day', seen) = $1", (), "((date_trunc('day'::text, seen)))"),
    (
        "SELECT * FROM people WHERE date_trunc($1, seen) = $2",
        ("day", "2024-02-01"),
        "((date_trunc('day'::text, seen)))",
    ),
    ("SELECT * FROM people WHERE date(seen) = '2024-02-01'", (), "((date(seen)))"),
    ("SELECT * FROM people WHERE seen::date = '2024-02-01'", (), "(((seen)::date))"),
    ("SELECT * FROM people WHERE data ->> 'kind' = 'k7'", (), "((data ->> 'kind'::text))"),
    ("SELECT * FROM people WHERE data ->> $1 = $2", ("kind", "k7"), "((data ->> 'kind'::text))"),
    (
        "SELECT * FROM people WHERE (data -> 'a' ->> 'b')::int = 7",
        (),
        "(((((data -> 'a'::text) ->> 'b'::text))::integer))",
    ),
    ("SELECT * FROM people WHERE md5(url) = $1", (), "((md5(url)))"),
    ("SELECT * FROM people WHERE coalesce(parent, -1) = 7", (), "((COALESCE(parent, '-1'::integer)))"),
    ("SELECT * FROM people WHERE qty * 2 = $1 AND tenant = 2", (), "(tenant, (qty * 2))"),
    (
        "SELECT * FROM people WHERE lower(\"We\"\"ird %s Ünï\") = 'é''x'",
        (),
        '((lower("We""ird %s Ünï")))',
    ),
    ('SELECT * FROM people WHERE "Own ""f"(bio) = \'x\'', (), "((lower(bio)))"),
    ("SELECT * FROM people ORDER BY lower(url) DESC LIMIT 10", (), "((lower(url)) DESC)"),
    (
        "SELECT a.* FROM people AS a JOIN people AS b ON lower(a.email) = lower(b.email) WHERE b.id = 5",
        (),
        "((lower(email)))",
    ),
    # Parts of the table.
    ("SELECT * FROM people WHERE tenant = $1 AND deleted_at IS NULL", (), "(tenant) WHERE (deleted_at IS NULL)"),
    ("SELECT * FROM people WHERE is_active AND qty = 3", (), "(qty) WHERE is_active"),
    (
        "SELECT * FROM people WHERE status = 'it''s </open> ü' AND qty > 90",
        (),
        "(qty) WHERE (status = 'it''s </open> ü'::text)",
    ),
    (
        "SELECT * FROM people WHERE status = $1 AND seen > $2",
        ("it's </open> ü", "2024-02-01"),
        "(seen) WHERE (status = 'it''s </open> ü'::text)",
    ),
    (
        "SELECT * FROM people WHERE status = 'it''s </open> ü' AND lower(email) = $1",
        (),
        "((lower(email))) WHERE (status = 'it''s </open> ü'::text)",
    ),
    ("SELECT * FROM people WHERE parent = $1", (), "(parent) WHERE (parent IS NOT NULL)"),
    (
        "SELECT * FROM people WHERE deleted_at IS NULL ORDER BY seen LIMIT 20",
        (),
        "(seen) WHERE (deleted_at IS NULL)",
    ),
    # However few rows it leaves out, as a key it would end the order.
    (
        "SELECT * FROM people WHERE tenant = $1 AND parent IS NULL ORDER BY seen DESC LIMIT 20",
        ("3",),
        "(tenant, seen) WHERE (parent IS NULL)",
    ),
    (
        "SELECT * FROM people WHERE tenant = $1 AND parent IS NULL AND (seen, id) < ($2, $3) "
        "ORDER BY seen DESC, id DESC LIMIT 50",
        ("3", "2024-02-01", "77"),
        "(tenant, seen, id) WHERE (parent IS NULL)",
    ),
    (
        "SELECT * FROM people WHERE status IN ('done', 'open') ORDER BY made LIMIT 50",
        (),
        "(made) WHERE (status = ANY ('{done,open}'::text[]))",
    ),
    (
        "SELECT * FROM people WHERE data ->> $1 = $2 ORDER BY made DESC LIMIT 20",
        ("kind", "k7"),
        "((data ->> 'kind'::text), made DESC)",
    ),
    # Patterns.
    ("SELECT * FROM people WHERE email LIKE 'User55%'", (), "(email text_pattern_ops)"),
    ("SELECT * FROM people WHERE email LIKE $1 AND tenant = $2", ("User55%", "3"), "(tenant, email text_pattern_ops)"),
    ("SELECT * FROM people WHERE name LIKE 'Name 55%'", (), "(name varchar_pattern_ops)"),
    ("SELECT * FROM people WHERE code LIKE 'xx55%'", (), "(code bpchar_pattern_ops)"),
    ("SELECT * FROM people WHERE lower(email) LIKE 'user55%'", (), "((lower(email)) text_pattern_ops)"),
    ("SELECT * FROM people WHERE email LIKE '%er555%'", (), "USING gin (email public.gin_trgm_ops)"),
    ("SELECT * FROM people WHERE email ILIKE $1", ("%er555%",), "USING gin (email public.gin_trgm_ops)"),
    ("SELECT * FROM people WHERE email ~ '^User55'", (), "(email text_pattern_ops)"),
    ("SELECT * FROM people WHERE sorted_c LIKE 'w55%'", (), "(sorted_c)"),
    (
        "SELECT * FROM people WHERE email LIKE ANY (ARRAY['%er555%', '%er666%'])",
        (),
        "USING gin (email public.gin_trgm_ops)",
    ),
    ("SELECT * FROM people WHERE url % 'c4ca4238a0b923820dcc509a6f75849b'", (), "USING gin (url public.gin_trgm_ops)"),
    (
        "SELECT * FROM people WHERE lower(email) = (SELECT min(name) FROM people WHERE id < 3)",
        (),
        "((lower(email)))",
    ),
    (
        "SELECT * FROM people WHERE lower(code) = 'x' ORDER BY seen DESC LIMIT 5",
        (),
        "((lower((code)::text)), seen DESC)",
    ),
    ("SELECT * FROM people WHERE email ~ 'er55[0-9]5'", (), "USING gin (email public.gin_trgm_ops)"),
    (
        "SELECT * FROM people WHERE email ILIKE '%er5555%' OR url ILIKE '%er5555%'",
        (),
        "USING gin (email public.gin_trgm_ops, url public.gin_trgm_ops)",
    ),
    # Documents, arrays, full text.
    ('SELECT * FROM people WHERE data @> \'{"kind": "k7"}\'', (), "USING gin (data jsonb_path_ops)"),
    ("SELECT * FROM people WHERE data @? '$.a ? (@.b == 7)'", (), "USING gin (data jsonb_path_ops)"),
    ("SELECT * FROM people WHERE data ? 'no key'", (), "USING gin (data)"),
    ("SELECT * FROM people WHERE data -> 'tags' ? 't7'", (), "USING gin ((data -> 'tags'::text))"),
    ("SELECT * FROM people WHERE tags @> ARRAY['tag700']", (), "USING gin (tags)"),
    ("SELECT * FROM people WHERE tags && $1", (), "USING gin (tags)"),
    ("SELECT * FROM people WHERE words @@ to_tsquery('english', 'word7')", (), "USING gin (words)"),
    (
        "SELECT * FROM people WHERE to_tsvector('english', bio) @@ plainto_tsquery('english', $1)",
        (),
        "USING gin ((to_tsvector('english'::regconfig, bio)))",
    ),
    ("SELECT * FROM people WHERE props ? 'k7'", (), "USING gin (props)"),
    # What lies near, or overlaps.
    ("SELECT * FROM people WHERE during && int4range(5, 8)", (), "USING gist (during)"),
    ("SELECT * FROM people WHERE during @> 7", (), "USING gist (during)"),
    ("SELECT * FROM people WHERE address << '10.0.7.0/28'", (), "USING gist (address inet_ops)"),
    ("SELECT * FROM people ORDER BY place <-> point(3, 4) LIMIT 5", (), "USING gist (place)"),
    # Block ranges, hash.
    (
        "SELECT count(qty) FROM people WHERE made BETWEEN '2024-03-01' AND '2024-03-20'",
        (),
        "USING brin (made) WITH (pages_per_range = '16')",
    ),
    ("SELECT * FROM people WHERE token = $1", (), "USING hash (token)"),
)


@dataclass(frozen=True)
class World:
    """The database, its twin, and what was thought of for all statements at once."""

    database: Database
    twin: Twin
    thought: Thought
    loads: dict[str, Load]

    def candidate(self, text: str, index: str) -> Candidate:
        candidate = self.thought.candidates.get(index)
        own = sorted(name for name, each in self.thought.candidates.items() if text in each.query_ids)
        assert candidate is not None, (own, self.thought.all_left)
        assert text in candidate.query_ids
        return candidate


@pytest.fixture(scope="module", params=(pytest.param(13, marks=pytest.mark.slow), 18), ids="postgres{}".format)
def world(request: pytest.FixtureRequest, servers: Servers) -> Iterator[World]:
    with fresh_database(servers.of_major(request.param)) as database, pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_ranges, "MIN_BYTES", 1_000_000)
        database.execute(PEOPLE)
        database.execute("VACUUM ANALYZE people")
        asked: dict[str, tuple[str, ...]] = dict.fromkeys(QUIET, ())
        asked |= {text: values for text, values, _ in SERVED} | {text: values for text, values, *_ in LEFT}
        seen = {text: values for text, values in asked.items() if values and text != GUESSED}
        facts = facts_of(snapshot_of(database.dsn), seen)
        loads = {text: load_of(facts.snapshot, text, *([values] if values else [])) for text, values in asked.items()}
        with Twin(facts, server=programs(database)) as twin:
            yield World(database, twin, thought_of(facts, twin, *loads.values()), loads)


def used(plan: dict[str, Any] | None) -> set[str | None]:
    return set() if plan is None else {node.index for node in parse_plan(plan).walk()} - {None, "people_pkey"}


@pytest.mark.parametrize(("text", "index"), [(text, index) for text, _, index in SERVED])
def test_a_twin_plans_with_what_is_thought_of(world: World, text: str, index: str) -> None:
    definition = world.candidate(text, index).definition
    plan = world.twin.plan(world.loads[text].questions[-1], Configuration(create=(definition,))).plan
    assert used(plan), plan


# Of expressions whose values the server has not counted, and of documents of which few are known, sizes are guessed.
_GUESSED = ("to_tsvector", "integer", "props", "data")


def test_a_server_builds_what_is_thought_of_and_plans_with_it(world: World) -> None:
    """Every kind, by the SQL that is recommended; and how large it is as it was said to be."""
    wrong: list[object] = []
    for text, values, index in SERVED:
        definition = world.candidate(text, index).definition
        (size,) = world.twin.sizes([definition])
        with world.database.connect() as connection, connection.transaction(force_rollback=True):
            connection.execute(create_index(definition, "built", concurrently=False).encode())
            ((built,),) = connection.execute("SELECT pg_relation_size('built')").fetchall()
            if any(key.expression for key in definition.keys):
                # Without statistics nothing is known of an expression; of a sample they are enough.
                connection.execute("SET LOCAL default_statistics_target = 20")
                connection.execute("ANALYZE people")
            explain = f"EXPLAIN (FORMAT JSON) {with_values(text, values)}"
            ((plan,),) = connection.execute(explain.encode()).fetchall()
        if not used(plan[0]):
            wrong.append((index, "is not used", plan))
        guessed = any(word in index for word in _GUESSED)
        if not guessed and (size.size_bytes is None or not 0.6 < size.size_bytes / built < 1.5):
            wrong.append((index, size.size_bytes, built))
    assert not wrong


def with_values(text: str, values: tuple[str, ...]) -> str:
    """The statement with its values, or with some that it could have."""
    for number, value in enumerate(
        values or ("{tag7}" if "tags" in text else "2024-02-01" if "seen" in text else "7",), start=1
    ):
        text = text.replace(f"${number}", "'" + value.replace("'", "''") + "'")
    return text


# Nobody has seen it called with these.
GUESSED = "SELECT id FROM people WHERE data ->> $1 = $2"
LEFT: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    (
        "SELECT * FROM people WHERE date_trunc('day', made) = $1",
        (),
        "((date_trunc('day'::text, made)))",
        "Functions in index expression must be marked IMMUTABLE.",
    ),
    (
        "SELECT * FROM people WHERE to_tsvector(bio) @@ to_tsquery('word7')",
        (),
        "USING gin ((to_tsvector(bio)))",
        "Functions in index expression must be marked IMMUTABLE.",
    ),
    (
        GUESSED,
        ("kind", "k7"),
        "((data ->> $1))",
        "What it is searched by has a constant that is not in the statement's text: with a log of its calls "
        "(--workload), an index on it could be looked at.",
    ),
)


@pytest.mark.parametrize(("text", "index", "sentence"), [(each[0], *each[2:]) for each in LEFT])
def test_what_cannot_be_had_is_left_with_its_reason(world: World, text: str, index: str, sentence: str) -> None:
    left = next(each for name, each in world.thought.all_left if name == index and text in each.query_ids)
    assert (left.why, left.sentence) == (WhyNot.NOT_EXAMINED if text == GUESSED else WhyNot.IMPOSSIBLE, sentence)
    assert not any(text in each.query_ids for each in world.thought.candidates.values())


QUIET = (
    # A B-tree does it.
    "SELECT * FROM people WHERE bio = 'x' ORDER BY bio",
    # Nothing can; the GIN that there is for others is no less there.
    "SELECT * FROM people WHERE 'tag7' = ANY (tags)",
    "SELECT * FROM people WHERE lower(email) LIKE '%a'",
    "SELECT * FROM people WHERE email LIKE $1",
    "SELECT * FROM people WHERE email ILIKE '%er%'",
    "SELECT * FROM people WHERE lower(email) = lower(name)",
    "SELECT * FROM people WHERE qty + id > 7 + id",
    "SELECT * FROM people WHERE lower(email) IS NOT NULL",
    "SELECT * FROM people WHERE random() < 0.5 AND lower(email) <> 'x'",
    "SELECT * FROM people ORDER BY lower(email)",
    "SELECT tenant FROM people GROUP BY tenant HAVING sum(qty * 2) > 7 ORDER BY sum(qty * 2) LIMIT 3",
    # Few rows are left out, or the value is one of many.
    "SELECT * FROM people WHERE tenant = $1 AND deleted_at IS NOT NULL",
    "SELECT * FROM people WHERE qty = 3 AND tenant = $1",
    "SELECT * FROM people WHERE NOT is_active AND tenant = $1",
    "SELECT * FROM people WHERE status = $1 AND tenant = $2",
)


@pytest.mark.parametrize("text", QUIET)
def test_nothing_but_b_trees_on_columns_is_thought_of(world: World, text: str) -> None:
    found = [each.definition for each in world.thought.candidates.values() if text in each.query_ids]
    found += [each.definition for _, each in world.thought.all_left if text in each.query_ids]
    plain = [each for each in found if each.access_method == "btree" and each.predicate is None]
    assert found == [each for each in plain if not any(key.expression or key.operator_class for key in each.keys)]
