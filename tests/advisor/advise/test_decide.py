"""Each change once; nothing that undoes another."""

from __future__ import annotations

from pgadvisor.advise.decide import Decision, decide
from pgadvisor.advise.keys import keyed
from pgadvisor.facts import Facts
from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.findings import Finding, Impact, Outcome, Subject, SubjectKind
from pgadvisor.model.proposals import AddPrimaryKey, CreateIndex, DropIndex, Proposal, RebuildIndex
from support.snapshots import facts


def definition(*columns: str) -> IndexDefinition:
    return IndexDefinition(schema="public", table="t", keys=tuple(IndexKey(column=column) for column in columns))


def drop(name: str, *columns: str, because_of: str | None = None) -> DropIndex:
    return DropIndex(schema="public", name=name, definition=definition(*columns), because_of=because_of)


def create(*columns: str) -> CreateIndex:
    return CreateIndex(definition=definition(*columns))


def decided(shop: Facts, *proposals: tuple[Proposal, ...]) -> list[Decision]:
    found = tuple(
        Finding(
            subject=Subject(kind=SubjectKind.TABLE, schema="public", relation="t"),
            identity=f"{number:02}",
            sentence="It is so.",
            severity=Severity.WARNING,
            confidence=Confidence.ESTIMATED,
            proposals=each,
            impact=Impact(),
        )
        for number, each in enumerate(proposals)
    )
    return list(decide(keyed([Outcome(rule="r", findings=found)]), shop))


def shop(**indexes: str) -> Facts:
    columns = ["a bigint not null", "b bigint", "c bigint"]
    return facts({"tables": {"public.t": {"rows": 1e6, "columns": columns, "indexes": indexes}}})


def kept(decisions: list[Decision]) -> list[Proposal]:
    return [decision.proposal for decision in decisions if decision.reason is None]


def test_the_same_index_is_proposed_once_with_all_its_findings() -> None:
    (decision,) = decided(shop(), (create("a"),), (create("a"),))
    assert [finding.key for finding in decision.findings] == ["r:00", "r:01"]


def test_a_narrow_index_folds_into_a_wide_one_that_serves_it() -> None:
    decisions = decided(shop(), (create("a"),), (create("a", "b"),))
    assert kept(decisions) == [create("a", "b")]
    assert [finding.key for finding in decisions[0].findings] == ["r:00", "r:01"]
    assert "serves in its place" in str(decisions[1].reason)


def test_an_index_that_any_order_serves_folds_into_one_whose_order_matters() -> None:
    any_order = CreateIndex(definition=definition("b", "a"), any_order=True)
    for proposals in ((any_order,), (create("a", "b"),)), ((create("a", "b"),), (any_order,)):
        decisions = decided(shop(), *proposals)
        assert kept(decisions) == [create("a", "b")]
    assert kept(decided(shop(t="btree (a, b, c)"), (any_order,))) == []
    assert kept(decided(shop(t="btree (a, c, b)"), (any_order,))) == [any_order]


def test_an_index_with_other_leading_columns_stands_alone() -> None:
    assert len(kept(decided(shop(), (create("b"),), (create("a", "b"),)))) == 2


def test_what_exists_is_not_built_again() -> None:
    (decision,) = decided(shop(t_a="btree (a)"), (create("a"),))
    assert decision.reason == "public.t_a already serves."


def test_an_index_that_is_to_go_serves_nobody() -> None:
    decisions = decided(shop(t_a="btree (a)"), (drop("t_a", "a"), create("a")))
    assert kept(decisions) == [drop("t_a", "a"), create("a")]


def test_one_drop_for_two_reasons_keeps_the_one_that_names_a_stand_in() -> None:
    redundant = drop("t_a", "a", because_of="public.t_a_b")
    (decision,) = decided(shop(t_a="btree (a)", t_a_b="btree (a, b)"), (drop("t_a", "a"),), (redundant,))
    assert decision.proposal == redundant
    assert len(decision.findings) == 2


def test_of_a_pair_the_one_that_nothing_uses_goes_and_the_other_is_looked_at_anew() -> None:
    redundant, unused = drop("t_a", "a", because_of="public.t_a_b"), drop("t_a_b", "a", "b")
    pair = {"t_a": "btree (a)", "t_a_b": "btree (a, b)"}
    for proposals in ((unused,), (redundant,)), ((redundant,), (unused,)):
        decisions = decided(shop(**pair), *proposals)
        assert kept(decisions) == [unused]
        assert {each.reason for each in decisions} == {None, "public.t_a_b, which could do its work, goes itself."}
    # It goes as well where another stands in for it, or nothing uses it either.
    decisions = decided(shop(**pair, t_a_c="btree (a, c)"), (unused,), (redundant,))
    assert kept(decisions) == [unused, drop("t_a", "a", because_of="public.t_a_c")]
    decisions = decided(shop(**pair), (unused,), (redundant,), (drop("t_a", "a"),))
    assert kept(decisions) == [unused, drop("t_a", "a")]
    # What goes does not stand in for it.
    others = ((unused,), (drop("t_a_c", "a", "c"),), (redundant,))
    assert kept(decided(shop(**pair, t_a_c="btree (a, c)"), *others)) == [unused, drop("t_a_c", "a", "c")]


def test_of_a_pair_that_serves_a_foreign_key_the_one_that_nothing_uses_goes() -> None:
    tables = {
        "public.p": {"columns": ["id bigint not null"], "constraints": {"p_pkey": "primary key (id)"}},
        "public.t": {
            "columns": ["a bigint", "b bigint"],
            "indexes": {"t_a": "btree (a)", "t_a_b": "btree (a, b)"},
            "constraints": {"t_p": "foreign key (a) references public.p (id)"},
        },
    }
    redundant, unused = drop("t_a", "a", because_of="public.t_a_b"), drop("t_a_b", "a", "b")
    assert kept(decided(facts({"tables": tables}), (redundant,), (unused,))) == [unused]
    both = decided(facts({"tables": tables}), (unused,), (redundant,), (drop("t_a", "a"),))
    assert kept(both) == [unused]
    assert [each.reason for each in both][1:] == [
        "With the others it would leave the foreign key t_p without an index."
    ]


def test_a_chain_of_redundant_indexes_goes_as_a_whole() -> None:
    first, second = drop("x", "a", because_of="public.y"), drop("y", "a", "b", because_of="public.z")
    told = drop("x", "a", because_of="public.z")
    for proposals in ((first,), (second,)), ((second,), (first,)):
        decisions = decided(shop(x="btree (a)", y="btree (a, b)", z="btree (a, b, c)"), *proposals)
        # What stays stands in for both.
        assert {each.name: each for each in kept(decisions) if isinstance(each, DropIndex)} == {"x": told, "y": second}


def test_of_copies_that_stand_in_for_each_other_one_stays() -> None:
    indexes = {"w": "btree (a, b)", "n1": "btree (a)", "n2": "btree (a)"}
    unused, first = drop("w", "a", "b"), drop("n1", "a", because_of="public.w")
    second = drop("n2", "a", because_of="public.n1")
    for others in ((first,), (second,)), ((second,), (first,)):
        names = [
            each.name for each in kept(decided(shop(**indexes), (unused,), *others)) if isinstance(each, DropIndex)
        ]
        assert len(names) == 2
        assert "w" in names
    del indexes["w"]
    back = drop("n1", "a", because_of="public.n2")
    assert kept(decided(shop(**indexes), (back,), (second,))) == [back]


def test_what_is_rebuilt_is_not_built_a_second_time() -> None:
    rebuild = RebuildIndex(schema="public", name="t_a", definition=definition("a"))
    decisions = decided(shop(t_a="invalid btree (a)"), (create("a"),), (rebuild,))
    assert kept(decisions) == [rebuild]
    assert [finding.key for finding in decisions[0].findings] == ["r:00", "r:01"]


def test_an_index_that_becomes_the_primary_key_stays() -> None:
    key = AddPrimaryKey(schema="public", table="t", columns=("a",), using_index="t_a")
    duplicate = drop("t_a", "a", because_of="public.t_a2")
    decisions = decided(shop(t_a="unique btree (a)", t_a2="unique btree (a)"), (key,), (duplicate,))
    assert kept(decisions) == [key]


def test_two_unused_indexes_that_serve_one_foreign_key_do_not_both_go() -> None:
    tables = {
        "public.p": {"columns": ["id bigint not null"], "constraints": {"p_pkey": "primary key (id)"}},
        "public.t": {
            "columns": ["a bigint", "b bigint"],
            "indexes": {"t_a": "btree (a)", "t_a_b": "btree (a, b)"},
            "constraints": {"t_p": "foreign key (a) references public.p (id)"},
        },
    }
    decisions = decided(facts({"tables": tables}), (drop("t_a", "a"),), (drop("t_a_b", "a", "b"),))
    assert kept(decisions) == [drop("t_a", "a")]
    assert "t_p" in str(decisions[1].reason)


def test_the_index_of_a_partition_goes_with_its_parent_and_stands_in_no_more() -> None:
    tables = {
        "public.m": {
            "columns": ["a bigint", "b bigint"],
            "partition_by": "range (a)",
            "indexes": {"m_a_b": "btree (a, b)"},
        },
        "public.m1": {
            "partition_of": "public.m",
            "rows": 1e6,
            "indexes": {"m1_a_b": "btree (a, b) partition of m_a_b", "m1_a": "btree (a)"},
        },
    }
    redundant = drop("m1_a", "a", because_of="public.m1_a_b")
    unused = drop("m_a_b", "a", "b")
    assert kept(decided(facts({"tables": tables}), (unused,), (redundant,))) == [unused]


def test_an_index_of_expressions_goes_only_where_a_planner_was_asked() -> None:
    lower = IndexDefinition(schema="public", table="t", keys=(IndexKey(expression="lower(b)"),))
    unused = DropIndex(schema="public", name="l", definition=lower)
    (decision,) = decided(shop(l="btree (lower(b))"), (unused,))
    assert "no planner has said that no plan" in (decision.reason or "")
    # Another that has the same has the statistics, too.
    spare = DropIndex(schema="public", name="l", definition=lower, because_of="public.m")
    assert kept(decided(shop(l="btree (lower(b))", m="btree (lower(b))"), (spare,))) == [spare]
