"""What follows from plans that are known."""

from __future__ import annotations

from pgadvisor.advise.selection.known_plans import INFINITY, KnownPlans

A, B, C = 1, 2, 4


def test_a_plan_holds_wherever_its_indexes_are_and_no_better_one_can_be() -> None:
    known = KnownPlans(A | B | C, 0)
    known.learn(0, 100.0, 0)
    known.learn(A | B | C, 10.0, A | B)
    # C is not used: without it the plan is the same.
    assert known.exactly(A | B) == 10.0
    assert known.exactly(A) is None
    assert (known.at_most(A), known.at_least(A)) == (100.0, 10.0)
    known.learn(A, 40.0, A)
    assert known.exactly(A) == known.at_most(A | C) == 40.0
    assert known.exactly(A | C) is None
    assert known.plan_under(A | B | C) == A | B
    assert known.plan_under(A | B) is None


def test_a_planner_that_does_worse_with_more_is_believed() -> None:
    known = KnownPlans(A | B, 0)
    known.learn(0, 100.0, 0)
    known.learn(A | B, 150.0, A)
    assert known.at_most(A) == 100.0
    learnt = known.learnt
    assert known.exactly(A) == known.at_most(A) == 150.0
    # Who keeps what it counted has to look again.
    assert known.learnt > learnt


def test_indexes_that_cannot_bear_on_it_make_no_difference_until_a_plan_uses_one() -> None:
    known = KnownPlans(A, 0)
    known.learn(0, 100.0, 0)
    assert known.exactly(B) == 100.0
    known.learn(A | B, 20.0, B)
    assert known.exactly(B) == 20.0
    assert known.exactly(A) is None


def test_statistics_of_an_expression_change_plans_that_do_not_use_its_index() -> None:
    known = KnownPlans(A | B, B)
    known.learn(0, 100.0, 0)
    known.learn(A | B, 30.0, A)
    assert known.exactly(A) is None
    assert known.at_most(A) == 100.0
    assert known.at_least(A) == 0.0
    # Nothing is known of B's statistics without A: the best guess is a plan under others.
    assert known.exactly(B) is None
    assert known.at_most(B) == 100.0
    assert known.exactly(A | B) == 30.0


def test_what_is_refused_says_nothing_of_others() -> None:
    known = KnownPlans(A | B, 0)
    known.learn(0, 100.0, 0)
    known.learn(A | B, INFINITY, 0)
    assert known.exactly(A | B) == INFINITY
    assert known.exactly(A) is None
    assert known.at_most(A) == 100.0


def test_it_counts_at_least_no_more_than_is_known_to_be_had() -> None:
    """As with BRIN, whose plan the planner takes to cost much more than it does."""
    known = KnownPlans(A | B, 0)
    known.learn(0, 44_000.0, 0)
    known.learn(A | B, 15_000.0, A)
    known.learn(B, 19_000.0, B, -18_000.0)
    assert known.at_least(B) == known.at_most(B) == 1_000.0
