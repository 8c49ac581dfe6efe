"""What is thought of by what plans search by: whose values are in it, and what the database's texts are sorted by."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.expressions import expressions
from pgadvisor.advise.candidates.hashed import hashed
from pgadvisor.advise.candidates.inverted import inverted
from pgadvisor.advise.candidates.partial import partial
from pgadvisor.advise.candidates.patterns import patterns
from pgadvisor.advise.candidates.special import special
from pgadvisor.advise.selection.loads import loads_of
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.model.index_advice import LeftIndex
from pgadvisor.model.objects import Collation, TypeKind, UserType
from support.fake_planner import FakePlanner
from support.people import spelt
from support.searched import TABLE, searched, shown
from support.snapshots import facts

_DOCUMENTS = {"columns": [*TABLE["columns"], "data jsonb"]}
_TAGS = {"columns": [*TABLE["columns"], "tags text[]"]}
_TRGM: dict[str, Any] = {"extensions": {"pg_trgm": "1.6"}}


def test_values_of_calls_are_told_apart_in_all_that_is_made_of_them() -> None:
    known, found = searched(
        "(((t.data ->> $1) = $2) AND (t.off IS NULL))",
        values="(((t.data ->> 'bob'::text) = 'y'::text) AND (t.off IS NULL))",
        called=True,
        table=_DOCUMENTS,
        text="SELECT * FROM t WHERE status = $1 ORDER BY name LIMIT 1",
        sort="(lower(t.name))",
    )
    own = list(expressions(found, 4))
    flags = {spelt(each.definition): each.holds_values for each in (*own, *partial(found, own, known))}
    assert flags.pop("((lower(name)))") is False
    assert flags.pop("((lower(name))) WHERE (off IS NULL)") is False
    assert flags == dict.fromkeys(
        (
            "((data ->> 'bob'::text))",
            "((data ->> 'bob'::text), (lower(name)))",
            "((data ->> 'bob'::text)) WHERE (off IS NULL)",
            "((data ->> 'bob'::text), (lower(name))) WHERE (off IS NULL)",
        ),
        True,
    )


def test_constants_of_the_statement_itself_are_no_secret() -> None:
    condition = "((t.data ->> 'kind'::text) = {})"
    _, found = searched(condition.format("$1"), values=condition.format("'y'::text"), called=True, table=_DOCUMENTS)
    own = list(expressions(found, 4))
    assert [(spelt(each.definition), each.holds_values) for each in own] == [("((data ->> 'kind'::text))", False)]


def test_an_expression_comes_before_the_columns_that_rows_are_sorted_by() -> None:
    _, found = searched(
        "((lower(t.name) = $1) AND (t.status = $2))",
        text="SELECT * FROM t WHERE lower(name) = $1 AND status = $2 ORDER BY made DESC LIMIT 9",
        sort="t.made DESC",
    )
    assert "(status, (lower(name)), made DESC)" in shown(expressions(found, 4))
    assert not any("made" in each for each in shown(expressions(found, 2)))
    _, plain = searched("(t.status = $2)", text="SELECT * FROM t ORDER BY made DESC LIMIT 9", sort="t.made DESC")
    assert shown(expressions(plain, 4)) == []


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"collation": "C"}, ["(name)", "(status, name)"]),
        ({"collation": "C", "locale_provider": "c"}, ["(name)", "(status, name)"]),
        ({"collation": "en_US.utf8", "locale_provider": "b", "locale": "C.UTF-8"}, ["(name)", "(status, name)"]),
        (
            {"collation": "C", "locale_provider": "i", "locale": "en-US"},
            ["(name text_pattern_ops)", "(status, name text_pattern_ops)"],
        ),
        ({"collation": "en_US.utf8"}, ["(name text_pattern_ops)", "(status, name text_pattern_ops)"]),
    ],
)
def test_beginnings_are_found_as_the_database_sorts_texts(server: dict[str, str], expected: list[str]) -> None:
    known, found = searched("((t.name ~~ 'abc%'::text) AND (t.status = $1))", server=server)
    assert shown(patterns(found, known)) == expected
    of_lower, lower = searched("(lower(t.name) ~~ 'abc%'::text)", server=server)
    assert shown(patterns(lower, of_lower)) == [expected[0].replace("(name", "((lower(name))")]


def test_beginnings_are_found_as_a_column_sorts_its_texts() -> None:
    own = (
        Collation(oid=1, schema="public", name="Raw", provider="c", deterministic=True, collate="POSIX"),
        Collation(oid=2, schema="public", name="icu", provider="i", deterministic=True, locale="de"),
    )
    for collation, operator_class in (
        ('"C"', ""),
        ("pg_c_utf8", ""),
        ('public."Raw"', ""),
        ("public.icu", " text_pattern_ops"),
        ('"de_DE.utf8"', " text_pattern_ops"),
    ):
        known, found = searched("(t.name ~~ 'abc%'::text)", server={"collation": "en_US.utf8"})
        catalog = known.snapshot.catalog
        columns = tuple(
            structs.replace(each, collation=collation) if each.name == "name" else each for each in catalog.columns
        )
        catalog = structs.replace(catalog, columns=columns, collations=own)
        known = Facts(structs.replace(known.snapshot, catalog=catalog), known.shapes)
        assert shown(patterns(found, known)) == [f"(name{operator_class})"], collation


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(t.name ~ '^abcd1'::text)", ["(name text_pattern_ops)"]),
        ("(t.name ~ '^abcd1.*$'::text)", ["(name text_pattern_ops)"]),
        (r"(t.name ~ '^a\.b'::text)", ["(name text_pattern_ops)"]),
        ("(t.name ~ '^abcd*xyz'::text)", ["(name text_pattern_ops)", "USING gin (name public.gin_trgm_ops)"]),
        ("(t.name ~ '^a*xyz'::text)", ["USING gin (name public.gin_trgm_ops)"]),
        ("(t.name ~ '^abcd|xyz'::text)", ["USING gin (name public.gin_trgm_ops)"]),
        ("(t.name ~* '^abcd'::text)", ["USING gin (name public.gin_trgm_ops)"]),
        ("(t.name ^@ 'ab%d'::text)", ["(name text_pattern_ops)"]),
        ("(t.name ~~ ANY ('{%abcd%,\"%12 345%\"}'::text[]))", ["USING gin (name public.gin_trgm_ops)"]),
        ("(t.name ~~ ANY ('{%abcd%,%12%}'::text[]))", []),
        ("(t.name ~~ ALL ('{%abcd%,%12%}'::text[]))", []),
        ("(t.name ~~ ANY ($1))", []),
        ("(t.name % $1)", ["USING gin (name public.gin_trgm_ops)"]),
        ("($1 <% t.name)", ["USING gin (name public.gin_trgm_ops)"]),
        ("(t.name <% $1)", []),
        ("(t.id % $1)", []),
    ],
)
def test_patterns_of_all_kinds(condition: str, expected: list[str]) -> None:
    known, found = searched(condition, server={"collation": "en_US.utf8"}, **_TRGM)
    assert shown(patterns(found, known)) == expected


def test_no_extension_is_asked_for_where_rows_are_found_without_it() -> None:
    def thought(condition: str) -> list[str]:
        known, found = searched(condition, server={"collation": "en_US.utf8"})
        return [spelt(each.definition) for each in patterns(found, known) if isinstance(each, LeftIndex)]

    assert thought("((t.status = $1) AND (t.name ~~ '%abcd%'::text))") == ["USING gin (name gin_trgm_ops)"]
    assert thought("((t.id = $1) AND (t.name ~~ '%abcd%'::text))") == []
    # Nearly every row has one of its own.
    assert thought("((t.token = $1) AND (t.name ~~ '%abcd%'::text))") == []
    # By a B-tree on its beginning.
    assert thought("(t.name ~ '^abcd[0-9]xyz'::text)") == []


def test_elements_of_arrays_are_told_of_where_nothing_else_finds_the_rows() -> None:
    def thought(condition: str) -> list[str]:
        known, found = searched(condition, table=_TAGS)
        return shown(inverted(found, known))

    assert thought("('x'::text = ANY (t.tags))") == ["USING gin (tags)"]
    assert thought("((t.id = $1) AND ('x'::text = ANY (t.tags)))") == []


@pytest.mark.parametrize("there", ["wanted", "built", ""])
def test_what_is_there_for_others_is_not_impossible(there: str) -> None:
    indexes = {**TABLE["indexes"], **({"tags": "gin (tags)"} if there == "built" else {})}
    texts = ["SELECT 1 FROM t WHERE 'x' = ANY (tags)", "SELECT 1 FROM t WHERE tags @> ARRAY[status]"]
    known = facts(
        {
            "tables": {"public.t": {**TABLE, **_TAGS, "indexes": indexes}},
            "statements": [{"id": str(n), "text": text, "total_ms": 9 - n} for n, text in enumerate(texts)],
        }
    )

    def tree(question: Any, _: object) -> str:
        other = "(t.tags @> '{x}'::text[])" if there == "wanted" else "(t.tags IS NULL)"
        condition = "('x'::text = ANY (t.tags))" if "ANY" in question.text else other
        return f"Seq Scan on public.t cost=9 rows=9 filter: {condition}"

    found = list(special(known, FakePlanner(tree), loads_of(known), (), IndexesConfig(min_rows=1000)))
    left = [spelt(each.definition) for each in found if isinstance(each, LeftIndex)]
    assert left == ([] if there else ["USING gin (tags)"])
    wanted = [each for each in found if isinstance(each, Candidate) and each.definition.access_method == "gin"]
    assert len(wanted) == (there == "wanted")


def test_a_constant_that_nobody_has_seen_is_told_of_where_it_would_help() -> None:
    def thought(condition: str) -> list[tuple[str, str | None]]:
        known, _ = searched(condition, table=_DOCUMENTS)
        planner = FakePlanner(lambda *_: f"Seq Scan on public.t cost=9 rows=9 filter: {condition}")
        found = special(known, planner, loads_of(known), (), IndexesConfig(min_rows=1000))
        return [
            (spelt(each.definition), each.definition.keys[0].expression)
            for each in found
            if isinstance(each, LeftIndex)
        ]

    assert thought("((t.data ->> $1) = $2)") == [("((data ->> $1))", "data ->> $1")]
    assert thought("((t.id = $3) AND ((t.data ->> $1) = $2))") == []


def test_hash_is_for_no_value_that_many_rows_have() -> None:
    skewed = {"n_distinct": -0.6, "width": 40, "values": [""], "frequencies": [0.4]}
    for frequency, expected in ((0.4, []), (1e-6, ["USING hash (token)"])):
        stats = {"token": {**skewed, "frequencies": [frequency]}}
        known, found = searched("(t.token = $1)", table={"stats": stats})
        assert shown(hashed([found], known)) == expected


def test_words_are_known_by_what_they_are_compared_to() -> None:
    for condition, index in (
        (
            "(setweight(to_tsvector('english'::regconfig, t.name), 'A'::\"char\") @@ '''x'''::tsquery)",
            "((setweight(to_tsvector('english'::regconfig, name), 'A'::\"char\")))",
        ),
        ("(own(t.name) @@ '''x'''::tsquery)", "((own(name)))"),
        ("(own(t.name) @@ plainto_tsquery('english'::regconfig, $1))", "((own(name)))"),
    ):
        known, found = searched(condition)
        assert shown(inverted(found, known)) == [f"USING gin {index}"]


def test_domains_are_searched_as_what_they_are_made_of() -> None:
    types = [
        UserType(oid=90_000, schema="public", name="body", kind=TypeKind.DOMAIN, owner="o", base_type="public.doc"),
        UserType(oid=90_001, schema="public", name="doc", kind=TypeKind.DOMAIN, owner="o", base_type="jsonb"),
    ]
    table = {"columns": [*TABLE["columns"], "data body"]}
    known, found = searched("((t.data)::jsonb @> '{}'::jsonb)", table=table, types=types)
    assert shown(inverted(found, known)) == ["USING gin (data jsonb_path_ops)"]
