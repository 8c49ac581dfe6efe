"""Promises against measurements, as far as the noise lets it be told."""

from __future__ import annotations

import pytest

from pgadvisor.model.effects import Effect, TimeRange
from pgadvisor.model.index_advice import StatementEffect
from pgadvisor.model.verification import MeasuredStatement, Promise, Verdict
from pgadvisor.verifying.judging import Timing, compared, of_index, promise_of, verdict
from pgadvisor.verifying.running import Run

GAIN = Promise(low=0.01, high=0.1)
LOSS = Promise(low=1.4, high=2.0)
GOES = Promise(high=1.1)


def timing(*rounds_ms: float, cost: float = 1.0, timed_out: bool = False) -> Timing:
    run = [Run(ms, cost, frozenset({f"i{cost}"}), runs=3, timed_out=timed_out) for ms in rounds_ms]
    return Timing(tuple((each,) for each in run))


@pytest.mark.parametrize(
    ("promise", "before", "after", "expected"),
    [
        (GAIN, (100.0, 101.0), (5.0, 5.1), Verdict.KEPT),
        (GAIN, (100.0, 101.0), (0.5, 0.5), Verdict.BETTER),
        (GAIN, (100.0, 101.0), (30.0, 30.1), Verdict.WORSE),
        # Three times the promised time is no matter of noise because the time before is long.
        (GAIN, (1000.0, 1001.0), (300.0, 301.0), Verdict.WORSE),
        (GAIN, (100.0, 101.0), (11.0, 15.0), Verdict.NOISE),
        (GAIN, (0.02, 0.021), (0.015, 0.016), Verdict.NOISE),
        (GAIN, (100.0, 400.0), (30.0, 30.0), Verdict.NOISE),
        (GAIN, (100.0, 400.0), (9.0, 9.0), Verdict.KEPT),
        # Five times the promised time, of what is over before it can be told.
        (GAIN, (0.110, 0.111), (0.055, 0.055), Verdict.NOISE),
        (GAIN, (100.0, 400.0), (30.0, 101.0), Verdict.NOISE),
        (GAIN, (100.0, 101.0), (140.0, 141.0), Verdict.WORSE),
        (Promise(low=0.95, high=0.98), (100.0, 104.0), (99.0, 101.0), Verdict.NOISE),
        (LOSS, (100.0, 101.0), (150.0, 151.0), Verdict.KEPT),
        (LOSS, (100.0, 101.0), (100.0, 101.0), Verdict.BETTER),
        (LOSS, (100.0, 101.0), (250.0, 251.0), Verdict.WORSE),
        (GOES, (100.0, 101.0), (100.0, 101.0), Verdict.KEPT),
        (GOES, (100.0, 101.0), (50.0, 51.0), Verdict.KEPT),
        (GOES, (100.0, 101.0), (130.0, 131.0), Verdict.WORSE),
        (None, (100.0, 101.0), (130.0, 131.0), Verdict.UNPROMISED),
    ],
)
def test_a_verdict(
    promise: Promise | None, before: tuple[float, ...], after: tuple[float, ...], expected: Verdict
) -> None:
    assert verdict(promise, timing(*before), timing(*after, cost=2.0)) is expected


def test_the_same_plan_takes_the_same_time() -> None:
    assert verdict(GOES, timing(100.0, 101.0), timing(150.0, 151.0)) is Verdict.KEPT
    assert verdict(GAIN, timing(100.0, 101.0), timing(5.0, 5.0)) is Verdict.WORSE


def test_a_timeout_bounds_what_it_cuts_short() -> None:
    cut, short = timing(1000.0, 1000.0, timed_out=True), timing(10.0, 10.0, cost=2.0)
    assert verdict(GAIN, cut, short) is Verdict.KEPT
    assert verdict(GAIN, cut, timing(500.0, 500.0, cost=2.0)) is Verdict.NOISE
    assert verdict(GOES, short, cut) is Verdict.WORSE
    assert verdict(LOSS, timing(900.0, 900.0, cost=2.0), cut) is Verdict.NOISE
    assert verdict(GAIN, cut, cut) is Verdict.NOT_RUN


def test_what_is_compared() -> None:
    empty = MeasuredStatement(query_id="1", anchor="a", verdict=Verdict.NOT_RUN, calls=7, values=("typical",))
    found = compared(empty, timing(100.0, 90.0, 110.0), timing(10.0, 9.0, cost=2.0), GAIN, ["b", "a"])
    assert (found.before_ms, found.after_ms) == (90.0, 9.0)
    assert found.noise == pytest.approx(1 / 9)
    assert (found.uses, found.runs, found.cost_before, found.cost_after) == (("a", "b"), 6, 1.0, 2.0)
    assert found.ratio == pytest.approx(0.1)


def effect(kind: Effect, after: float, estimated: TimeRange | None) -> StatementEffect:
    return StatementEffect(
        query_id="1", anchor="a", calls=1, total_ms=100.0, effect=kind, cost_before=100.0, cost_after=after,
        worst=after / 100, estimated=estimated,
    )  # fmt: skip


def test_what_a_planner_promises() -> None:
    assert promise_of(effect(Effect.STAYS, 100.0, None)) is None
    gain = promise_of(effect(Effect.GAINS, 4.0, TimeRange(low_ms=0.0, high_ms=20.0)))
    assert gain == Promise(low=0.04, high=0.2)
    assert promise_of(effect(Effect.GAINS, 4.0, None)) == Promise(low=0.04, high=0.2)
    loss = promise_of(effect(Effect.LOSES, 400.0, TimeRange(low_ms=200.0, high_ms=None)))
    assert loss == Promise(low=2.0, high=4.0)


def test_one_broken_promise_breaks_that_of_an_index() -> None:
    def with_verdict(each: Verdict) -> MeasuredStatement:
        return MeasuredStatement(query_id="1", anchor="a", verdict=each, calls=1)

    assert of_index([with_verdict(Verdict.KEPT), with_verdict(Verdict.WORSE)]) is Verdict.WORSE
    assert of_index([with_verdict(Verdict.BETTER), with_verdict(Verdict.KEPT)]) is Verdict.KEPT
    assert of_index([with_verdict(Verdict.NOISE), with_verdict(Verdict.BETTER)]) is Verdict.BETTER
    assert of_index([]) is Verdict.NOT_RUN
