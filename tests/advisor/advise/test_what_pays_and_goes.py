"""What is taken out of a set again, and which existing indexes may go, where every plan is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from math import inf
from typing import Any, cast

import msgspec
import pytest

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.exchanges import Exchanges, exchanges
from pgadvisor.advise.index_advice import MAX_LEFT, advise_indexes
from pgadvisor.advise.paying import keep_what_pays
from pgadvisor.advise.proof import Proof, effects_of, workload_effect
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.search import Chosen, Selection
from pgadvisor.advise.verdicts import Verdicts
from pgadvisor.advise.wishes import Going
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.model.effects import Effect
from pgadvisor.model.index_advice import IndexPrice, LeftIndex, WhyNot, WorkloadEffect
from pgadvisor.model.proposals import DropIndex
from pgadvisor.model.server import SettingOverride
from pgadvisor.model.statements import ParameterSample
from support.fake_planner import FakePlanner
from support.snapshots import facts
from support.worlds import AS_IS, MB, Plans, World, index_on

# Days in which statements were counted that take milliseconds in all.
A_MOMENT = 0.001


def world(
    statements: Mapping[str, Plans], existing: Mapping[str, str], candidates: Sequence[str] = (), **given: Any
) -> World:
    columns = sorted({each for index in (*existing.values(), *candidates) for each in index.split(",")})
    table = {
        "columns": [f"{each} int" for each in columns],
        "rows": 1e6,
        "indexes": {name: f"btree ({index})" for name, index in existing.items()},
    }
    known = facts({"tables": {"public.t": table}, "statements_days": A_MOMENT})
    return World(statements, candidates, existing=existing, facts=known, **given)


def drop(shop: World, name: str, **given: Any) -> DropIndex:
    assert shop.facts is not None
    index = shop.facts.index_named("public", name)
    assert index is not None
    return DropIndex(schema="public", name=name, definition=index.definition, **given)


def made(
    shop: World,
    going: Sequence[Going],
    selection: Selection | None = None,
    evaluator: Evaluator | None = None,
    options: IndexesConfig | None = None,
) -> Exchanges:
    assert shop.facts is not None
    return exchanges(
        shop.facts,
        evaluator or shop.evaluator(),
        selection or Selection(),
        going,
        Prices(shop.facts),
        options or IndexesConfig(),
    )


def gone(found: Exchanges) -> list[str]:
    assert [each.name for each in found.configuration.drop] == [each.drop.name for each in found.made]
    return [each.drop.name for each in found.made]


def new(columns: str, size_bytes: int = MB) -> Chosen:
    return Chosen(Candidate(definition=index_on(columns)), IndexPrice(size_bytes=size_bytes, write_ms=0.0))


def test_an_index_stays_when_the_one_that_stood_in_for_it_does_not_pay() -> None:
    statements = {"q": {"": 5.0, "a": 0.05, "a,b": 0.05}, "r": {"": 100_000.0}, "s": {"": 80_000.0, "c,a": 10.0}}
    shop = world(statements, {"t_a": "a", "t_c": "c"}, ["a,b", "c,a"])
    assert shop.facts is not None
    old = [shop.facts.index_named("public", name) for name in ("t_a", "t_c")]
    selection = Selection(create=[new("a,b"), new("c,a")], drop=[each for each in old if each is not None])
    keep_what_pays(selection, shop.evaluator(), IndexesConfig())
    assert [each.candidate.definition for each in selection.create] == [index_on("c,a")]
    # The other's stand-in is still there.
    assert [each.name for each in selection.drop] == ["t_c"]
    assert [each.why for each in selection.left] == [WhyNot.NO_GAIN]


# What a range over dates of which there are more and more costs by an index on either column, and by one on both.
UNKNOWN: Plans = {"": 1641.0, "s": 874.0, "c": 967.0, "c,s": 861.0}
VALUES: Sequence[Plans] = (
    {"": 1641.0, "s": 1306.0, "c": 1014.0, "c,s": 955.0},
    {"": 1641.0, "s": 1306.0, "c": 113.0, "c,s": 62.0},
    {"": 1641.0, "c": 1015.0, "c,s": 1123.0},
    {"": 1641.0, "s": 31.0, "c": 1013.0, "c,s": 290.0},
)


def test_of_several_that_stand_in_for_each_other_the_best_stands() -> None:
    for ordered in permutations(("c", "s", "c,s")):
        shop = world({"q": UNKNOWN}, {}, ordered, values={"q": VALUES}, calls=2)
        served = LeftIndex(definition=index_on("s,c"), why=WhyNot.BETTER_ONE, sentence="", served_by="public.t (s)")
        other = msgspec.structs.replace(served, served_by="public.t (c, s)")
        selection = Selection(create=[new(each) for each in ordered], left=[served, other])
        keep_what_pays(selection, shop.evaluator(), IndexesConfig())
        assert [each.candidate.definition for each in selection.create] == [index_on("c,s")]
        # None is left for one that does not stand itself.
        *gone, unsaid, still = selection.left
        assert {each.why for each in (*gone, unsaid)} == {WhyNot.NO_GAIN}
        assert (unsaid.served_by, unsaid.sentence) == (
            "",
            "public.t (s) would do its work, and is not sure to pay either.",
        )
        assert still == other


def test_drops_of_the_search_are_held_against_all_that_is_left_of_the_set() -> None:
    shop = world({"q": {"": 500.0, "a": 5.0}}, {"t_a": "a"})
    assert shop.facts is not None
    old = shop.facts.index_named("public", "t_a")
    assert old is not None
    found = made(shop, (), Selection(drop=[old]))
    assert gone(found) == []
    assert [(each.name, each.why) for each in found.left] == [("public.t_a", WhyNot.STILL_NEEDED)]
    assert found.left[0].sentence == "Without it the statement q would cost 100 times as much."


def test_what_drops_cost_a_statement_does_not_add_up() -> None:
    letters = "abcdef"
    # Each index that goes makes it 9% dearer than the last.
    plans = {"": 1000 * 1.09**6} | {letter: 1000 * 1.09 ** (5 - number) for number, letter in enumerate(letters)}
    shop = world({"q": plans}, {f"t_{letter}": letter for letter in letters})
    # The best first: each drop after the other costs 9%. Those that are of no use beside one that stays go.
    going = [Going(drop(shop, f"t_{letter}"), ()) for letter in reversed(letters)]
    assert gone(made(shop, going)) == ["t_f", "t_d", "t_c", "t_b", "t_a"]
    # One that does nothing to the statement goes whatever others did to it.
    shop = world({"q": plans}, {f"t_{letter}": letter for letter in [*letters, "z"]})
    going = [Going(drop(shop, f"t_{letter}"), ()) for letter in "fez"]
    assert gone(made(shop, going)) == ["t_f", "t_z"]


@pytest.mark.parametrize(
    ("without", "spare", "goes"),
    [(100.0, False, True), (99.0, False, False), (101.0, False, False), (99.0, True, True)],
)
def test_an_index_of_expressions_goes_where_nothing_is_estimated_by_it(without: float, spare: bool, goes: bool) -> None:
    indexes = {"t_l": "btree (lower(b))"} | ({"t_spare": "btree (lower(b), a)"} if spare else {})
    known = facts({"tables": {"public.t": {"columns": ["a int", "b text"], "rows": 1e6, "indexes": indexes}}})
    shop = World({"q": {"": 100.0}}, facts=known)
    planner = shop.planner()
    # Nothing reads it; without its statistics the planner guesses.
    planner.tree = lambda _, tried: f"Result cost={without if tried.drop else 100.0}"
    found = made(shop, [Going(drop(shop, "t_l"), ("r:0",))], None, Evaluator(planner, shop.loads(), 100, known))
    assert gone(found) == (["t_l"] if goes else [])
    assert [each.sentence for each in found.left] == (
        []
        if goes
        else ["The planner estimates the statement q by what ANALYZE gathers on its expressions, or uses it."]
    )


def test_a_statement_of_which_no_plan_is_known_keeps_an_index() -> None:
    shop = world({"q": {"": 10.0}}, {"t_a": "a"})
    going = [Going(drop(shop, "t_a"), ("r:0",))]
    assert gone(made(shop, going)) == ["t_a"]
    selection = Selection(create=[new("b")])
    planner = cast("Any", shop.planner())
    answers = planner.tree

    # With the new index it cannot be planned, nor then without the old one.
    planner.tree = lambda question, tried: "!no" if tried.create else answers(question, tried)
    found = made(shop, going, selection, Evaluator(cast("FakePlanner", planner), shop.loads(), 100, shop.facts))
    assert gone(found) == []
    assert found.left[0].sentence == "Without it no plan of the statement q is known."


def test_what_nothing_uses_goes_first_the_largest_before_all() -> None:
    # Either serves the statement: the narrow one, or the wide one, which nothing was seen to use.
    statements: Mapping[str, Plans] = {"q": {"": 500.0, "a": 5.0, "a,b": 6.0}}
    existing = {"t_a": "a", "t_a_b": "a,b", "t_z": "z"}
    shop = world(statements, existing)
    narrow, wide = drop(shop, "t_a", because_of="public.t_a_b"), drop(shop, "t_a_b")
    for unused in (False, True):
        going = [Going(narrow, ("r:0",), unused=unused), Going(wide, ("r:1",), unused=True)]
        for ordered in permutations([*going, Going(drop(shop, "t_z"), ("r:2",), unused=True)]):
            found = made(shop, ordered, options=IndexesConfig(max_regression=0.3))
            assert set(gone(found)) == {"t_a_b", "t_z"}
            (stays,) = found.left
            assert (stays.name, stays.why, stays.findings) == ("public.t_a", WhyNot.STILL_NEEDED, ("r:0",))
            assert stays.sentence == (
                "Without it the statement q would cost 100 times as much."
                if unused
                else "public.t_a_b, which could do its work, goes itself."
            )
    # Where the wide one has to stay the narrow one may go.
    shop = world({"q": {"": 500.0, "a": 5.0, "a,b": 5.0}, "r": {"": 900.0, "a,b": 3.0}}, existing)
    found = made(shop, [Going(narrow, ("r:0",)), Going(wide, ("r:1",), unused=True)])
    assert gone(found) == ["t_a"]
    assert [each.name for each in found.left] == ["public.t_a_b"]
    # Of two that nothing uses and of which one will do the larger goes.
    for larger in ("t_a", "t_a_b"):
        table = {
            "columns": ["a int", "b int"],
            "rows": 1e6,
            "indexes": {"t_a": "btree (a)", "t_a_b": "btree (a, b)"},
            "index_bytes": {"t_a": 20 * MB, "t_a_b": 20 * MB} | {larger: 30 * MB},
        }
        plans = {"q": {"": 500.0, "a": 5.0, "a,b": 5.0}}
        shop = World(plans, existing={"t_a": "a", "t_a_b": "a,b"}, facts=facts({"tables": {"public.t": table}}))
        both = [Going(drop(shop, name), (), unused=True) for name in ("t_a", "t_a_b")]
        assert gone(made(shop, both)) == [larger]


def test_a_drop_for_which_another_stands_in_after_all_says_which() -> None:
    shop = world({"q": {"": 500.0, "a": 5.0, "a,c": 5.0}}, {"t_a": "a", "t_a_b": "a,b", "t_a_c": "a,c"})
    narrow = drop(shop, "t_a", because_of="public.t_a_b")
    found = made(shop, [Going(narrow, ()), Going(drop(shop, "t_a_b"), (), unused=True)])
    assert gone(found) == ["t_a_b", "t_a"]
    assert found.made[1].drop == drop(shop, "t_a", because_of="public.t_a_c")


def test_the_last_index_that_serves_a_foreign_key_stays() -> None:
    tables = {
        "public.p": {"columns": ["id int not null"], "constraints": {"p_pkey": "primary key (id)"}},
        "public.t": {
            "columns": ["a int", "b int"],
            "rows": 1e6,
            "indexes": {"t_a": "btree (a)", "t_a_b": "btree (a, b)"},
            "constraints": {"t_p": "foreign key (a) references public.p (id)"},
        },
    }
    shop = World({"q": {"": 5.0}}, existing={"t_a": "a", "t_a_b": "a,b"}, facts=facts({"tables": tables}))
    going = [Going(drop(shop, name), (), unused=True) for name in ("t_a", "t_a_b")]
    found = made(shop, going)
    assert gone(found) == ["t_a_b"]
    (stays,) = found.left
    assert stays.sentence == "With the others it would leave the foreign key t_p without an index."
    assert gone(made(shop, going, Selection(create=[new("a")]))) == ["t_a_b", "t_a"]


def with_calls(shop: World, number: int) -> World:
    """Of the values that are known so many are of real calls."""
    assert shop.facts is not None
    snapshot = shop.facts.snapshot
    assert snapshot.statements is not None
    calls = tuple(ParameterSample(query_id="q", values=(str(each),), source="log") for each in range(number))
    statements = msgspec.structs.replace(snapshot.statements, samples=calls)
    return replace(shop, facts=Facts(msgspec.structs.replace(snapshot, statements=statements), shop.facts.shapes))


def test_what_only_a_plan_for_unknown_values_loses_is_told_as_that() -> None:
    unknown: Plans = {"": 8000.0, "a": 300.0}
    served: Plans = {"": 9000.0, "p": 0.6, "a": 0.7}
    shop = world({"q": unknown}, {"t_a": "a", "t_p": "p"}, values={"q": [served, served]})
    text = "Without it only a plan of the statement q for unknown values would cost 26.7 times as much, which the "
    text += "server keeps only while it costs less than those for values do"
    used, unused = Going(drop(shop, "t_a"), ()), Going(drop(shop, "t_a"), (), unused=True)
    (stays,) = made(shop, [unused]).left
    assert stays.sentence == f"{text}: values of real calls, which are not known, would tell."
    # By values of real calls the server would not keep it; an index that was used stays all the same.
    (stays,) = made(with_calls(shop, 2), [used]).left
    assert stays.sentence == f"{text}."
    found = made(with_calls(shop, 2), [unused])
    assert (gone(found), found.for_known_values, found.made[0].for_known_values) == (["t_a"], {"q"}, True)
    # It would, where those for values cost more, or where it is told to.
    cheaper = world({"q": {"": 80.0, "a": 3.0}}, {"t_a": "a", "t_p": "p"}, values={"q": [{"": 90.0}, {"": 90.0}]})
    (stays,) = made(with_calls(cheaper, 2), [unused]).left
    assert "only a plan of the statement q for unknown values" in stays.sentence
    assert shop.facts is not None
    server = msgspec.structs.replace(
        shop.facts.server,
        overrides=(SettingOverride(database=None, role="r", name="plan_cache_mode", value="force_generic_plan"),),
    )
    shop.facts = Facts(msgspec.structs.replace(shop.facts.snapshot, server=server), shop.facts.shapes)
    (stays,) = made(with_calls(shop, 2), [unused]).left
    assert stays.sentence.endswith("times as much, and plan_cache_mode makes such plans.")


def test_what_is_lost_for_assumed_values_alone_is_told_as_that() -> None:
    lost: Plans = {"": 9000.0, "a": 9.0}
    shop = world({"q": {"": 50.0}}, {"t_a": "a"}, values={"q": [{"": 5.0}, lost]})
    going = [Going(drop(shop, "t_a"), (), unused=True)]
    start = "Without it the statement q would cost 1,000 times as much"
    assert [each.sentence for each in made(shop, going).left] == [f"{start} for values that are assumed."]
    found = made(with_calls(shop, 1), going)
    assert [each.sentence for each in found.left] == [f"{start} for values that no known call had."]
    assert [each.sentence for each in made(with_calls(shop, 2), going).left] == [f"{start}."]


def test_what_an_estimate_alone_speaks_for_is_said_to_be_redundant() -> None:
    shop = world({"q": {"": 900.0, "a": 9.0, "a,b": 90.0}}, {"t_a": "a", "t_a_b": "a,b"})
    (stays,) = made(shop, [Going(drop(shop, "t_a", because_of="public.t_a_b"), ())]).left
    assert stays.why is WhyNot.STILL_NEEDED
    assert stays.sentence == (
        "By its keys it is redundant beside public.t_a_b, and only the planner's estimate speaks for it: without it "
        "the statement q would cost 10 times as much. It takes rows to stand less in the order of an index that has "
        "more than one key, by a quarter. A trial on a copy would tell."
    )


def test_time_of_folded_statements_counts_once_where_a_loss_is_to_be_borne() -> None:
    # The loss is 11.2 ms: more than 0.1% of 8 s, less than that of 16 s.
    shop = world({"small": {"": 28.0, "a": 20.0}, "one": {"": 8000.0}, "other": {"": 8000.0}}, {"t_a": "a", "t_z": "z"})
    going = [Going(drop(shop, "t_a", because_of="public.t_b"), ())]
    # What another drop cost is no reason against one that costs nothing.
    assert gone(made(shop, [*going, Going(drop(shop, "t_z"), ())])) == ["t_a", "t_z"]
    evaluator = shop.evaluator()
    by_id = {each.load.query_id: each for each in evaluator.base}
    both = replace(by_id["one"].load, stands_for=("other",))
    evaluator.loads = (by_id["small"].load, both)
    evaluator.others = (by_id["other"],)
    assert gone(made(shop, going, evaluator=evaluator)) == []


def test_what_a_partial_index_does_in_the_place_of_another_is_told_by_known_values() -> None:
    unknown, rare, common = {"": 1000.0, "a": 300.0}, {"": 1000.0, "a": 10.0, "p": 10.0}, {"": 1000.0}
    shop = world({"q": unknown, "r": {"": 50.0}}, {"t_a": "a"}, ["p"], values={"q": [rare, common]})
    assert shop.facts is not None
    partial = msgspec.structs.replace(index_on("p"), predicate="a <> 1")
    evaluator = shop.evaluator()
    found = made(shop, [Going(drop(shop, "t_a", replaced=True), (), Candidate(definition=partial))], None, evaluator)
    assert (gone(found), found.for_known_values) == (["t_a"], {"q"})

    def proved(*query_ids: str) -> Proof:
        names = {partial: "idx_t_p"}
        return Proof(facts({}), evaluator, found.configuration, names, show_values=False, for_known_values=query_ids)

    told = proved("q")
    workload = told.workload()
    assert (workload.gain, workload.lose, workload.cost_before, workload.cost_after) == (0, 0, 555.0, 555.0)
    assert told.effects() == told.against(AS_IS)[1] == ()
    # For unknown values it does cost more, which is why it would be no exchange for a whole index.
    (effect,) = proved().effects()
    assert (effect.query_id, effect.effect) == ("q", Effect.LOSES)
    whole = Candidate(definition=index_on("p"))
    assert gone(made(shop, [Going(drop(shop, "t_a", replaced=True), (), whole)])) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (IndexesConfig(), ["t_a"]),
        (IndexesConfig(max_bytes=MB), []),
        (IndexesConfig(max_indexes=1), []),
    ],
)
def test_what_takes_the_place_of_one_that_goes_counts_to_the_budgets(
    options: IndexesConfig, expected: list[str]
) -> None:
    shop = world({"q": {"": 10.0}}, {"t_a": "a"}, ["a", "b"])
    exchange = Going(drop(shop, "t_a", replaced=True), (), Candidate(definition=index_on("a,b")))
    found = made(shop, [exchange], Selection(create=[new("b")]), options=options)
    assert gone(found) == expected
    assert [each.why for each in found.left] == ([] if expected else [WhyNot.TO_STAY, WhyNot.SERVED])


def test_all_that_is_left_counts_also_what_is_not_told() -> None:
    columns = [f"c{number:03}" for number in range(MAX_LEFT + 50)]
    shop = world({"q": {"": 10.0}}, {f"t_{each}": each for each in columns})
    assert shop.facts is not None
    drops = [drop(shop, f"t_{each}") for each in columns]
    going = [Going(each, ("r:0",)) for each in drops]
    decided = advise_indexes(shop.facts, shop.planner(), IndexesConfig(drop=False), going=going)
    assert (len(decided.advice.left), decided.advice.left_out) == (MAX_LEFT, 50)
    verdicts = Verdicts(decided)
    assert all(verdicts.left(each, ()) is not None for each in drops)


def test_costs_that_no_plan_is_known_of_are_told_as_none() -> None:
    shop = world({"q": {"": 100.0}, "r": {"": 50.0}}, {"t_a": "a"})
    base = shop.evaluator().base
    unknown = tuple(replace(each, costs=(inf,)) for each in base)
    for before, after in ((base, unknown), (unknown, base), (unknown, unknown)):
        assert effects_of(before, after, base) == ()
        found = workload_effect(before, after, base)
        assert (found.gain, found.lose, found.cost_before, found.cost_after) == (0, 0, 150.0, 150.0)
        assert msgspec.json.decode(msgspec.json.encode(found), type=WorkloadEffect) == found


def test_a_gain_that_is_next_to_nothing_is_not_told_and_a_loss_is() -> None:
    shop = world({"q": {"": 100_000.0}}, {"t_a": "a"})
    shop.values = {"q": ({"": 10.0},)}
    (base,) = shop.evaluator().base
    told = [effects_of([base], [replace(base, costs=(100_000.0, cost))]) for cost in (5.0, 50.0)]
    assert [[each.effect for each in effects] for effects in told] == [[], [Effect.LOSES]]
    (effect,) = effects_of([base], [replace(base, costs=(90_000.0, 10.0))])
    assert effect.effect is Effect.GAINS
    # What the first values gain does not hide what all of them lose.
    (effect,) = effects_of([base], [replace(base, costs=(90_000.0, 50_000.0))])
    assert effect.effect is Effect.LOSES


def test_an_index_with_which_a_statement_cannot_be_planned_is_not_had() -> None:
    shop = world({"q": {"": 100.0, "a": 10.0}, "r": {"": 100_000.0, "a": 10.0}}, {"t_z": "z"}, ["a"])
    answers = shop._tree
    planner = shop.planner()
    # With any new index one statement cannot be planned, whatever the other gains.
    selection = Selection(create=[new("b"), new("a")])
    planner.tree = lambda question, tried: (
        "!no" if tried.create and question.query_id == "q" else answers(question, tried)
    )
    keep_what_pays(selection, Evaluator(planner, shop.loads(), 100, shop.facts), IndexesConfig())
    assert [each.candidate.definition for each in selection.create] == []


def test_all_statements_that_gain_are_in_its_effects() -> None:
    statements = [
        {"id": str(number), "text": f"select {number} from public.t where a = 1", "total_ms": 1000.0}
        for number in range(60)
    ]
    table = {"columns": ["a int"], "rows": 1e6}
    known = facts({"tables": {"public.t": table}, "statements": statements, "statements_days": A_MOMENT})
    plans = {str(number): {"": 1000.0, "a": 10.0} for number in range(60)}
    shop = World(plans, ["a"], facts=known)
    (created,) = advise_indexes(known, shop.planner(), IndexesConfig()).created
    assert (created.together.gain, len(created.effects)) == (60, 60)


def test_an_index_that_nobody_would_tell_of_is_not_chosen() -> None:
    statements = [{"id": "q", "text": "select b from public.t where a = 1", "total_ms": 1000.0}]
    table = {"columns": ["a int", "b int"], "rows": 1e6}
    known = facts({"tables": {"public.t": table}, "statements": statements, "statements_days": A_MOMENT})
    shop = World({"q": {"": 1000.0, "a": 10.0}}, ["a"], facts=known)
    found = [
        advise_indexes(known, shop.planner(), IndexesConfig(), wished, only_wished=only).created
        for wished, only in (
            ((), False),
            ((), True),
            ([Candidate(definition=index_on("a"), findings=frozenset({"r:0"}))], True),
        )
    ]
    assert [len(each) for each in found] == [1, 0, 1]
