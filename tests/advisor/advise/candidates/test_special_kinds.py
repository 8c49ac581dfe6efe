"""When each kind of index that is no plain B-tree is thought of, from statistics and what the server has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pgadvisor.advise.candidates.block_ranges import block_ranges
from pgadvisor.advise.candidates.columns import key
from pgadvisor.advise.candidates.hashed import hashed
from pgadvisor.advise.candidates.partial import partial
from pgadvisor.advise.candidates.patterns import patterns
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from support.people import spelt
from support.searched import TABLE, searched, shown


@pytest.mark.parametrize(
    ("column", "version", "rows", "expected"),
    [
        ("made", 180_000, 10_000_000, "(made)"),
        ("made", 180_000, 200_000, "(made) WITH (pages_per_range = '128')"),
        ("made", 180_000, 100_000, "(made) WITH (pages_per_range = '64')"),
        ("made", 180_000, 1, "(made) WITH (pages_per_range = '8')"),
        ("off", 180_000, 10_000_000, "(off timestamptz_minmax_multi_ops)"),
        ("off", 130_000, 10_000_000, ""),
        ("name", 180_000, 100_000, ""),
        ("id", 180_000, 100_000, ""),
    ],
)
def test_block_ranges_are_for_large_tables_in_order(column: str, version: int, rows: int, expected: str) -> None:
    known, found = searched(f"(t.{column} > $1)", rows=rows, version=version)
    plain = expected.replace(" WITH (pages_per_range = '128')", "")
    assert shown(block_ranges(found, known)) == ([f"USING brin {plain}"] if expected else [])
    small, of_small = searched(f"(t.{column} > $1)", rows=rows, version=version, table={"bytes": 90_000_000})
    assert shown(block_ranges(of_small, small)) == []


def test_hash_is_for_long_values_that_are_searched_for_equality_alone() -> None:
    known, by_token = searched("(t.token = $1)")
    _, by_name = searched("(t.name = $1)")
    _, by_status = searched("(t.status = $1)")
    _, by_range = searched("(t.token > $1)")
    _, by_lower = searched("(lower(t.token) = $1)")
    assert shown(hashed([by_token, by_name, by_status], known)) == ["USING hash (token)"]
    assert shown(hashed([by_token, by_range], known)) == shown(hashed([by_token, by_lower], known)) == []
    repeated, by_repeated = searched("(t.token = $1)", table={"stats": {"token": {"n_distinct": 90, "width": 64}}})
    assert shown(hashed([by_repeated], repeated)) == []


def test_trigrams_want_the_extension_and_three_characters_of_a_word() -> None:
    def thought(pattern: str, operator: str = "~~*", **seen: Any) -> list[str]:
        known, found = searched(f"(t.name {operator} '{pattern}'::text)", **seen)
        return shown(patterns(found, known))

    there: dict[str, Any] = {"extensions": {"pg_trgm": "1.6"}}
    assert thought("%abc%", **there) == ["USING gin (name public.gin_trgm_ops)"]
    for pattern in ("%ab%", "a_b_c", "%a b c%", "%"):
        assert thought(pattern, **there) == []
    assert thought("abc.*|d", "~", **there) == ["USING gin (name public.gin_trgm_ops)"]
    assert thought("[abc]{3}", "~", **there) == []
    known, found = searched("(t.name ~~ '%abc%'::text)")
    (left,) = patterns(found, known)
    assert isinstance(left, LeftIndex)
    assert (left.why, "CREATE EXTENSION pg_trgm" in left.sentence) == (WhyNot.IMPOSSIBLE, True)


def test_a_part_is_one_that_leaves_out_much() -> None:
    def parts(condition: str, values: str = "") -> list[tuple[str, bool]]:
        known, found = searched(condition, values=values)
        return [(spelt(each.definition), each.holds_values) for each in partial(found, (), known)]

    assert parts("((t.name = $1) AND (t.off IS NULL))") == [("(name) WHERE (off IS NULL)", False)]
    assert parts("((t.name = $1) AND (t.off IS NOT NULL))") == []
    assert parts("((t.name = $1) AND (t.status = 'done'::text))") == []
    assert parts("((t.name = $1) AND (t.status = 'it''s'::text))") == [("(name) WHERE (status = 'it''s'::text)", True)]
    assert parts("((t.name = $1) AND (t.status <> 'done'::text))") == [("(name) WHERE (status <> 'done'::text)", True)]
    some = "(status = ANY ('{open,new}'::text[]))"
    assert parts(f"((t.name = $1) AND {some.replace('status', 't.status')})") == [(f"(name) WHERE {some}", True)]
    # Nothing else to search by: the primary key.
    assert parts("(t.status = 'it''s'::text)") == [("(id) WHERE (status = 'it''s'::text)", True)]
    # One of many values.
    assert parts("((t.status = $1) AND (t.off = '2024-01-01'::timestamptz))") == []
    # Two conditions at once.
    assert [each for each, _ in parts("((t.name = $1) AND (t.off IS NULL) AND (t.status = 'open'::text))")] == [
        "(name, status) WHERE (off IS NULL)",
        "(name) WHERE (status = 'open'::text)",
        "(name) WHERE ((off IS NULL) AND (status = 'open'::text))",
    ]


def test_a_value_that_nobody_has_seen_is_no_part() -> None:
    generic = "((t.name = $2) AND (t.status = $1))"
    for value, expected in (("it''s", ["(name) WHERE (status = 'it''s'::text)"]), ("done", []), ("none", [])):
        known, found = searched(generic, values=f"((t.name = 'x'::text) AND (t.status = '{value}'::text))")
        candidates = list(partial(found, (), known))
        assert shown(candidates) == expected
        assert all(each.holds_values for each in candidates)


def test_rare_values_are_guessed_only_where_one_has_nearly_all_rows() -> None:
    even = {"status": {"n_distinct": 3, "values": ["done", "open", "it's"], "frequencies": [0.5, 0.48, 0.02]}}
    values = "((t.name = 'x'::text) AND (t.status = 'it''s'::text))"
    known, found = searched("((t.name = $2) AND (t.status = $1))", values=values, table={"stats": even})
    assert shown(partial(found, (), known)) == []
    seen = replace(found, is_seen=True)
    assert shown(partial(seen, (), known)) == ["(name) WHERE (status = 'it''s'::text)"]


def test_an_expression_made_of_a_guess_is_none() -> None:
    _, found = searched("((t.name || $1) = $2)", values="((t.name || 'guess'::text) = 'x'::text)")
    assert found.unknown == ("(name || $1)",)
    assert not [search for search in found.searches if search.subject.expression]


@pytest.mark.parametrize(
    ("asked", "called", "expected"),
    [
        ("{open,late}", True, ["(made) WHERE (status = ANY ('{open,late}'::text[]))"]),
        # Which values are looked up together is not guessed.
        ("{open,late}", False, []),
        ("{open,open}", True, []),
        ("{open,gone}", True, []),
        ("{open,done}", True, []),
    ],
)
def test_rows_of_several_values_are_those_that_calls_look_up_together(
    asked: str, called: bool, expected: list[str]
) -> None:
    stats = {"n_distinct": 4, "values": ["done", "new", "open", "late"], "frequencies": [0.9, 0.04, 0.03, 0.02]}
    known, found = searched(
        "(t.status = ANY ($1))",
        values=f"(t.status = ANY ('{asked}'::text[]))",
        called=called,
        table={"stats": {**TABLE["stats"], "status": stats}},
        text="SELECT * FROM t WHERE status = ANY ($1) ORDER BY made LIMIT 50",
        sort="t.made",
    )
    assert shown(partial(found, (), known)) == expected


@pytest.mark.parametrize(("nulls", "is_made"), [(0.94, True), (0.999, False), (0.1, True)])
def test_what_gives_an_order_is_made_partial_by_what_is_null_first_with_all_its_keys(
    nulls: float, is_made: bool
) -> None:
    known, found = searched(
        "((t.token = $1) AND (t.off IS NULL))",
        table={"stats": {**TABLE["stats"], "off": {"nulls": nulls}}},
        text="SELECT * FROM t WHERE token = $1 AND off IS NULL ORDER BY made DESC, id DESC LIMIT 20",
        sort="t.made DESC",
    )
    thought_of = [
        found.candidate(found.definition([key(name) for name in names]), "test")
        for names in (
            ("made", "id"),
            ("token", "status", "made", "id"),
            ("token", "made", "id"),
            ("token", "off", "made", "id"),
            ("name", "token", "off", "status", "id"),
        )
    ]
    made = shown(partial(found, thought_of, known))
    assert made[:1] == (["(token, made, id) WHERE (off IS NULL)"] if is_made else [])
    assert ("(made, id) WHERE (off IS NULL)" in made) is False
    # Who wants all rows sorts them.
    known, unlimited = searched(
        "((t.token = $1) AND (t.off IS NULL))",
        text="SELECT * FROM t WHERE token = $1 AND off IS NULL ORDER BY made",
        table={"stats": {**TABLE["stats"], "off": {"nulls": 0.94}}},
        sort="t.made",
    )
    assert shown(partial(unlimited, thought_of, known)) == []
