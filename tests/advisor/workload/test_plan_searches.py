"""What plans search tables by, read from the texts that a server shows."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.workload.plan_searches import TableSearches, searches_of
from support.snapshots import facts

_SEEN = {
    "tables": {
        "public.t": {
            "rows": 1e6,
            "columns": ["id bigint", "name varchar", "code char", "data jsonb", '"We""ird Ü" text', "on_hand boolean"],
        },
        "public.u": {"rows": 1e6, "columns": ["id bigint", "name text"]},
    }
}


@pytest.fixture(scope="module")
def seen() -> Facts:
    return facts(_SEEN)


def scan(**given: Any) -> PlanNode:
    return PlanNode(node_type="Seq Scan", schema="public", relation="t", alias="t", estimated_rows=7.0, **given)


def of_t(root: PlanNode, seen: Facts) -> TableSearches:
    return next(each for each in searches_of(root, seen).values() if each.relation.name == "t")


def read(text: str, seen: Facts) -> list[tuple[str, str, str, str]]:
    found = searches_of(scan(filter=text), seen)
    return [
        (s.subject.column or s.subject.expression or "", s.operator, s.comparand, s.condition)
        for each in found.values()
        for s in each.searches
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(t.id = 7)", [("id", "=", "7", "(id = 7)")]),
        ("('7'::bigint >= t.id)", [("id", "<=", "'7'::bigint", "('7'::bigint >= id)")]),
        ("((t.name)::text = 'x'::text)", [("name", "=", "'x'::text", "((name)::text = 'x'::text)")]),
        # To text a character(n) loses its blanks.
        ("((t.code)::text = $1)", [("((code)::text)", "=", "$1", "((code)::text = $1)")]),
        ("(lower((t.name)::text) = $1)", [("lower((name)::text)", "=", "$1", "(lower((name)::text) = $1)")]),
        (
            "((t.data ->> 'a b'::text) = ANY ('{x,y}'::text[]))",
            [
                (
                    "((data ->> 'a b'::text))",
                    "= any",
                    "'{x,y}'::text[]",
                    "((data ->> 'a b'::text) = ANY ('{x,y}'::text[]))",
                )
            ],
        ),
        (
            "(((t.data ->> 'n'::text))::integer > 5)",
            [("(((data ->> 'n'::text))::integer)", ">", "5", "(((data ->> 'n'::text))::integer > 5)")],
        ),
        (
            """(t."We""ird Ü" ~~ 'it''s (t.id = 1) AND %'::text)""",
            [
                (
                    """We"ird Ü""",
                    "~~",
                    "'it''s (t.id = 1) AND %'::text",
                    """("We""ird Ü" ~~ 'it''s (t.id = 1) AND %'::text)""",
                )
            ],
        ),
        (
            "(t.data OPERATOR(ext.@>) '{}'::jsonb)",
            [("data", "@>", "'{}'::jsonb", "(data OPERATOR(ext.@>) '{}'::jsonb)")],
        ),
        ("t.on_hand", [("on_hand", "is true", "", "on_hand")]),
        ("(NOT t.on_hand)", [("on_hand", "is false", "", "(NOT on_hand)")]),
        # So it stands where an index has the column.
        ("(t.on_hand = true)", [("on_hand", "is true", "", "on_hand")]),
        ("(t.on_hand = false)", [("on_hand", "is false", "", "(NOT on_hand)")]),
        ("(t.name IS NOT NULL)", [("name", "is not null", "", "(name IS NOT NULL)")]),
        ("(t.name IS NULL)", [("name", "is null", "", "(name IS NULL)")]),
        ("('x'::text = ANY (t.data))", [("data", "any =", "'x'::text", "('x'::text = ANY (data))")]),
        (
            "((t.id = 1) AND ((t.name IS NULL) AND t.on_hand))",
            [
                ("id", "=", "1", "(id = 1)"),
                ("name", "is null", "", "(name IS NULL)"),
                ("on_hand", "is true", "", "on_hand"),
            ],
        ),
        # What a plan has computed before: $0 until version 16.
        ("(t.id = (InitPlan 1).col1)", [("id", "=", "(InitPlan 1).col1", "(id = (InitPlan 1).col1)")]),
        ("(lower((t.name)::text) = $0)", [("lower((name)::text)", "=", "$0", "(lower((name)::text) = $0)")]),
        ("((t.data ->> (InitPlan 1).col1) = 'x'::text)", []),
        # What no index is searched for, or is not about the table alone.
        ("(t.id = (t.id + 1))", []),
        ("(t.id = (SubPlan 1))", []),
        ("(t.id = (hashed SubPlan 2).col1)", []),
        ("(ANY (t.id = (SubPlan 1).col1))", []),
        ("((ROW(t.id, t.name) < ROW($1, 'x'::text)))", []),
        ("(t.id IS DISTINCT FROM 5)", []),
        ("((t.data ->> $1) = 'x'::text)", []),
        ("(NOT (t.name ~~ 'x'::text))", []),
        ("(t.none = 5)", []),
        ("CASE WHEN (t.id = 1) THEN true ELSE false END", []),
        # Not what a server writes.
        ("((t.id = 1)", []),
        ("(t.id = 1); DROP TABLE t", []),
        ("t.id = 1 OR", [("id", "=", "1", "(id = 1)")]),
        ("", []),
        (")", []),
        ("'", []),
    ],
)
def test_conditions(text: str, expected: list[tuple[str, str, str, str]], seen: Facts) -> None:
    assert read(text, seen) == expected


@pytest.mark.parametrize("seed", range(4))
def test_no_text_is_too_much(seed: int, seen: Facts) -> None:
    pieces: tuple[str, ...] = (
        "(",
        ")",
        "[",
        "]",
        "t.id",
        "t.name",
        ".",
        "t",
        " = ",
        " ~~ ",
        "'x'::text",
        "$1",
        "::",
        '"',
        "'",
        "lower(",
    )
    pieces += (" AND ", " OR ", "NOT ", " IS NULL", " ANY ", "OPERATOR(ext.", "CASE", " END", "SubPlan 1", " AT ", "-")
    dice = random.Random(seed)
    for _ in range(1500):
        text = "".join(dice.choices(pieces, k=dice.randint(1, 14)))
        searches_of(scan(filter=text), seen)
        searches_of(scan(sort_keys=(text,)), seen)


def test_choices_are_told_apart_from_what_must_hold(seen: Facts) -> None:
    text = "((t.id > 5) AND ((t.name ~~* $1) OR (t.code = 'x'::bpchar)) AND ((t.id = 1) OR (t.id = 2)))"
    searches = list(of_t(scan(filter=text), seen).searches)
    by_choice: dict[int, list[str]] = {}
    for search in searches:
        by_choice.setdefault(search.choice, []).append(search.condition)
    assert by_choice.pop(0) == ["(id > 5)"]
    assert sorted(by_choice.values()) == [["(id = 1)", "(id = 2)"], ["(name ~~* $1)", "(code = 'x'::bpchar)"]]
    assert [(search.fixed, search.unknown) for search in searches if search.operator == "~~*"] == [(False, True)]


def test_what_is_unknown_within_an_expression_is_told(seen: Facts) -> None:
    assert list(of_t(scan(filter="((t.data ->> $1) = $2)"), seen).unknown) == ["(data ->> $1)"]
    assert not of_t(scan(filter="(t.id = $2)"), seen).unknown


def test_joins_search_both_sides(seen: Facts) -> None:
    other = PlanNode(node_type="Seq Scan", schema="public", relation="u", alias="u")
    join = PlanNode(
        node_type="Hash Join", hash_condition="((lower(u.name)) = (lower((t.name)::text)))", children=(scan(), other)
    )
    found = {
        each.relation.name: [s.subject.expression for s in each.searches] for each in searches_of(join, seen).values()
    }
    assert found == {"t": ["lower((name)::text)"], "u": ["lower(name)"]}


def test_sorts(seen: Facts) -> None:
    def sorted_by(key: str, below: PlanNode | None = None) -> list[tuple[str | None, str | None, bool, bool]]:
        root = PlanNode(node_type="Sort", sort_keys=(key, "t.id"), children=(below or scan(),))
        sorts = [sort for each in searches_of(root, seen).values() for sort in each.sorts]
        return [(s.subject.column, s.subject.expression, s.descending, s.nulls_first) for s in sorts]

    assert sorted_by("(lower((t.name)::text)) DESC") == [(None, "lower((name)::text)", True, True)]
    assert sorted_by("t.id DESC NULLS LAST") == [("id", None, True, False)]
    assert sorted_by("((t.id + 1)) NULLS FIRST") == [(None, "((id + 1))", False, True)]
    assert sorted_by('t.name COLLATE "C"') == []
    assert sorted_by("(sum(t.id))", PlanNode(node_type="Aggregate", children=(scan(),))) == []


@pytest.mark.parametrize(
    "alias", ["returns", "hashed", "alternatives", "subplan", "initplan", "at", "operator", "first"]
)
def test_tables_may_be_called_as_a_plan_calls_things(alias: str, seen: Facts) -> None:
    node = PlanNode(
        node_type="Sort",
        schema="public",
        relation="t",
        alias=alias,
        filter=f"((lower(({alias}.name)::text) = 'x'::text) AND (({alias}.id + 1) = 5))",
        sort_keys=(f"(lower(({alias}.name)::text)) DESC",),
    )
    found = of_t(node, seen)
    assert [search.subject.expression for search in found.searches] == ["lower((name)::text)", "((id + 1))"]
    assert [sort.subject.expression for sort in found.sorts] == ["lower((name)::text)"]


def test_what_a_plan_has_computed_is_not_known(seen: Facts) -> None:
    found = of_t(scan(filter="((t.id = (InitPlan 1).col1) AND ((t.data ->> (InitPlan 2).col1) = $1))"), seen)
    assert [(search.fixed, search.unknown) for search in found.searches] == [(False, True)]
    assert not found.unknown


def test_a_column_may_be_called_as_an_order_is() -> None:
    seen = facts({"tables": {"public.t": {"columns": ["last int", "first int"], "rows": 10}}})
    for key, expected in (
        ("t.last", ("last", False, False)),
        ("t.first DESC NULLS LAST", ("first", True, False)),
    ):
        root = PlanNode(node_type="Sort", schema="public", relation="t", alias="t", sort_keys=(key,))
        (sort,) = of_t(root, seen).sorts
        assert (sort.subject.column, sort.descending, sort.nulls_first) == expected


def test_what_is_above_an_append_names_the_partitioned_table() -> None:
    part = {"columns": ["x text", "n int"], "rows": 10}
    seen = facts(
        {
            "tables": {
                "public.p": {"kind": "partitioned table", "columns": part["columns"]},
                "public.p1": {**part, "partition_of": "public.p"},
                "public.p2": {**part, "partition_of": "public.p"},
                "public.q": {"kind": "partitioned table", "columns": part["columns"]},
                "public.q1": {**part, "partition_of": "public.q"},
                "public.t": part,
            }
        }
    )

    def scans(*names: tuple[str, str]) -> PlanNode:
        found = (PlanNode(node_type="Seq Scan", schema="public", relation=each, alias=alias) for each, alias in names)
        return PlanNode(node_type="Append", children=tuple(found))

    both = scans(("p1", "e_1"), ("p2", "e_2"))
    root = PlanNode(node_type="Sort", sort_keys=("(lower(e.x))",), children=(both,))
    ((table,),) = [list(searches_of(root, seen).values())]
    assert (table.relation.name, [sort.subject.expression for sort in table.sorts]) == ("p", ["lower(x)"])
    other = PlanNode(node_type="Seq Scan", schema="public", relation="t", alias="t")
    join = PlanNode(node_type="Hash Join", hash_condition="(upper(e.x) = t.x)", children=(both, other))
    assert {each.relation.name for each in searches_of(join, seen).values()} == {"p", "t"}
    # Of two tables one does not know which is meant.
    unlike = PlanNode(node_type="Sort", sort_keys=("e.x",), children=(scans(("p1", "e_1"), ("q1", "e_2")),))
    assert not any(table.sorts for table in searches_of(unlike, seen).values())


def test_partitions_are_the_table_that_a_statement_names() -> None:
    seen = facts(
        {
            "tables": {
                "public.p": {"kind": "partitioned table", "columns": ["x text"]},
                "public.p_1": {"columns": ["x text"], "partition_of": "public.p", "rows": 10},
            }
        }
    )
    root = PlanNode(
        node_type="Seq Scan", schema="public", relation="p_1", alias="p_1", filter="(lower(p_1.x) = 'a'::text)"
    )
    ((table,),) = [list(searches_of(root, seen).values())]
    assert table.relation.name == "p"
    assert [search.condition for search in table.searches] == ["(lower(x) = 'a'::text)"]
