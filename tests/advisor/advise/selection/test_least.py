"""What an index is to save at least: of the workload, of what the others leave of it, and in a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.advise.paying import keep_what_pays
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.search import Chosen, Selection
from pgadvisor.config import IndexesConfig
from pgadvisor.model.index_advice import Goal, IndexPrice
from support.snapshots import facts
from support.worlds import MB, Plans, World, chosen, index_on

TABLE = {"columns": ["a int", "b int"], "rows": 1e6}
# What is sure to be saved of a second is nine tenths of it.
PLANS: Mapping[str, Plans] = {"q": {"": 1000.0, "a": 10.0}}


def shop(days: float | str) -> World:
    statements = [{"id": "q", "text": "select b from public.t where a = 1", "total_ms": 1000.0}]
    known = facts({"tables": {"public.t": TABLE}, "statements": statements, "statements_days": days})
    return World(PLANS, ["a"], facts=known)


def new_on(columns: str) -> Chosen:
    return Chosen(Candidate(definition=index_on(columns)), IndexPrice(size_bytes=MB, write_ms=0.0))


@pytest.mark.parametrize(
    ("days", "options", "created"),
    [
        # A thirtieth of a second a day, and nearly one.
        (30.0, {}, 0),
        (0.95, {}, 0),
        (0.8, {}, 1),
        (30.0, {"min_gain_s_per_day": 0.02}, 1),
        (30.0, {"min_gain_s_per_day": 0}, 1),
        # Costs are no time; and nobody knows in how many days.
        (30.0, {"goal": Goal.COST}, 1),
        ("unknown", {}, 1),
    ],
)
def test_a_share_of_next_to_nothing_is_nothing(days: float | str, options: dict[str, Any], created: int) -> None:
    world = shop(days)
    assert world.facts is not None
    found = advise_indexes(world.facts, world.planner(), IndexesConfig(**options))
    assert len(found.created) == created
    if not created:
        (left,) = [each for each in found.left if each.definition == index_on("a")]
        assert left.sentence.startswith("It would gain 90% of the workload; indexes.min_gain_s_per_day asks for ")


def test_what_falls_short_of_its_share_is_told_so() -> None:
    plans = {**PLANS, "r": {"": 1e6}}
    found = World(plans, ["a"], facts=shop(0.1).facts).select(goal=Goal.TIME)
    (left,) = found.left
    assert left.sentence == ("It would gain 0.0899% of the workload; indexes.min_gain asks for 0.1%.")


@pytest.mark.parametrize(("takes", "days", "kept"), [(400.0, 0.01, "ab"), (40.0, 0.01, "a"), (400.0, 0.6, "a")])
def test_beside_others_an_index_is_to_save_a_share_of_what_they_leave(takes: float, days: float, kept: str) -> None:
    # The first saves nearly all of 100 seconds, of which half a second were too much for the other to save.
    plans: Mapping[str, Plans] = {"q": {"": 100_000.0, "a": 1.0}, "r": {"": takes, "b": takes / 100}}
    known = facts({"tables": {"public.t": TABLE}, "statements_days": days})
    selection = Selection(create=[new_on(each) for each in "ab"])
    keep_what_pays(selection, World(plans, ["a", "b"], facts=known, calls=2).evaluator(), IndexesConfig())
    assert chosen(selection) == list(kept)


# What ran once in half an hour, or twice.
@pytest.mark.parametrize(
    ("calls", "takes", "days", "options", "kept"),
    [
        (1, 1000.0, 0.02, {}, ""),
        (2, 1000.0, 0.02, {}, "a"),
        # It is worth it even as one call a day; in a day or more one call is a rate as any.
        (1, 2000.0, 0.02, {}, "a"),
        (1, 1500.0, 1.0, {}, "a"),
        (1, 1000.0, 0.02, {"min_gain_s_per_day": 0}, "a"),
        (1, 1000.0, 0.02, {"goal": Goal.COST}, "a"),
        (1, 1000.0, "unknown", {}, "a"),
    ],
)
def test_one_call_is_no_rate(calls: int, takes: float, days: float | str, options: dict[str, Any], kept: str) -> None:
    known = facts({"tables": {"public.t": TABLE}, "statements_days": days})
    selection = Selection(create=[new_on("a")])
    world = World({"q": {"": takes, "a": takes / 100}}, ["a"], facts=known, calls=calls)
    keep_what_pays(selection, world.evaluator(), IndexesConfig(**options))
    assert chosen(selection) == list(kept)
    if not kept:
        (left,) = selection.left
        assert left.sentence == (
            "Where what ran once is taken to run once a day, it is not sure to save what an index is to save"
            " (indexes.min_gain_s_per_day)."
        )


def test_what_ran_once_counts_once_beside_what_ran_often() -> None:
    # Each saves eighteen milliseconds of the twenty that are asked for.
    known = facts({"tables": {"public.t": TABLE}, "statements_days": 0.02})
    plans: Mapping[str, Plans] = {"q": {"": 1000.0, "a": 10.0}, "r": {"": 20.0, "a": 0.2}}
    world = World(plans, ["a"], facts=known)
    once, often = world.loads()
    for loads, kept in (([once, replace(often, calls=2)], "a"), ([once], ""), ([replace(often, calls=2)], "")):
        selection = Selection(create=[new_on("a")])
        keep_what_pays(selection, Evaluator(world.planner(), loads, 1000, known), IndexesConfig())
        assert chosen(selection) == list(kept)
