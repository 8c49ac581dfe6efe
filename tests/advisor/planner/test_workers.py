"""Several planners answer as one does, in the same order, and end together."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from pgadvisor.model.whatif import AS_IS, Configuration, Shortfall
from pgadvisor.planner.protocol import Planner, PlannerError
from pgadvisor.planner.workers import Workers
from support.fake_planner import FakePlanner
from support.twins import question

QUESTIONS = [question(f"select {number}") for number in range(7)]


def fake() -> FakePlanner:
    return FakePlanner(lambda asked, _: f"Result cost={asked.text.split()[1]} rows=1")


def test_answers_are_in_the_order_of_the_questions_and_the_work_is_shared() -> None:
    together = threading.Barrier(2, timeout=10)

    def meeting() -> FakePlanner:
        """A planner whose first question waits until the other one is asked too."""
        made = fake()
        plain = made.tree

        def tree(asked, configuration):  # type: ignore[no-untyped-def]
            if len(made.asked) == 1:
                together.wait()
            return plain(asked, configuration)

        made.tree = tree
        return made

    planners = [meeting(), meeting()]
    workers = Workers([lambda: planners[0], lambda: planners[1]])
    assert workers.costs(QUESTIONS) == tuple(float(number) for number in range(7))
    assert [len(each.asked) for each in planners] == [4, 3]
    assert workers.plan(QUESTIONS[3]).cost == 3.0
    lacks = [Shortfall(what=what, reason="It has it not.") for what in "ab"]
    planners[0].shortfalls, planners[1].shortfalls = (lacks[0],), tuple(lacks)
    assert workers.shortfalls == tuple(lacks)
    planners[1].unable_because = "It cannot."
    assert workers.unable(AS_IS) == "It cannot."
    workers.close()
    workers.close()
    assert all(each.closed for each in planners)
    with pytest.raises(PlannerError):
        workers.costs(QUESTIONS)


def test_configurations_are_dealt_out_whole_unless_one_is_most_of_what_is_asked() -> None:
    first, second = (Configuration(settings=(("work_mem", size),)) for size in ("1MB", "2MB"))
    planners = [fake(), fake()]
    with closing(Workers([lambda: planners[0], lambda: planners[1]])) as workers:
        asked = [
            *((each, AS_IS) for each in QUESTIONS[:4]),
            *((each, first) for each in QUESTIONS[4:6]),
            *((each, second) for each in QUESTIONS[6:]),
        ]
        told = workers.uses(asked)
    assert [None if use is None else use.cost for use in told] == [float(number) for number in range(7)]
    assert [[(asked.text, of.settings) for asked, of in each.asked] for each in planners] == [
        [("select 0", ()), ("select 2", ()), ("select 4", first.settings), ("select 5", first.settings)],
        [("select 1", ()), ("select 3", ()), ("select 6", second.settings)],
    ]


def test_where_one_cannot_be_had_none_is_left() -> None:
    def impossible() -> Planner:
        raise PlannerError("no server")

    for step in (1, -1):
        made = FakePlanner(lambda asked, _: "Result cost=1 rows=1")

        def possible(made: Planner = made) -> Planner:
            return made

        with pytest.raises(PlannerError, match="no server"):
            Workers([possible, impossible][::step])
        assert made.closed


def test_a_planner_that_dies_is_told() -> None:
    def dying() -> FakePlanner:
        def tree(asked, configuration):  # type: ignore[no-untyped-def]
            raise PlannerError("gone")

        return FakePlanner(tree)

    workers = Workers([fake, dying])
    with pytest.raises(PlannerError, match="gone"):
        workers.costs(QUESTIONS)
    workers.close()
