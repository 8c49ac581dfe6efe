"""What was measured, held against what was promised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pgadvisor.model.effects import LEAST_COST, Effect
from pgadvisor.model.index_advice import StatementEffect
from pgadvisor.model.verification import MeasuredStatement, Promise, Verdict
from pgadvisor.verifying.running import Run

# Two measurements of the same differ by this at least, whatever two of them said.
LEAST_NOISE = 0.05
# So long does to begin and to end a run take, with nothing in between.
LEAST_NOISE_MS = 0.05
# Rounds that differ by more than this share are followed by another.
STEADY = 0.1
TOO_SLOW = "It takes longer than the timeout, without the indexes and with them. Raise --statement-timeout."


@dataclass(frozen=True)
class Timing:
    """One statement with some indexes away: its runs in each round, by sets of values."""

    rounds: tuple[tuple[Run, ...], ...]

    @property
    def _by_set(self) -> list[tuple[Run, ...]]:
        """Runs of all rounds, for each set of values."""
        return list(zip(*self.rounds, strict=True))

    @property
    def ms(self) -> float:
        """The fastest runs of any round, on average over the sets of values."""
        fastest = [min(run.best_ms for run in each) for each in self._by_set]
        return sum(fastest) / len(fastest)

    @property
    def timed_out(self) -> bool:
        """Whether it takes longer than that, for some values."""
        return any(all(run.timed_out for run in each) for each in self._by_set)

    @property
    def round_ms(self) -> list[float]:
        """What each round took, on average over the sets of values, the fastest first."""
        return sorted(sum(run.best_ms for run in each) / len(each) for each in self.rounds)

    @property
    def spread_ms(self) -> float:
        """By how much the two fastest rounds differ."""
        fastest = self.round_ms[:2]
        return fastest[-1] - fastest[0]

    @property
    def is_steady(self) -> bool:
        """Whether measuring it once more would tell little."""
        return self.spread_ms <= max(STEADY * self.ms, LEAST_NOISE_MS)

    @property
    def runs(self) -> int:
        """How often it was measured for one set of values at least."""
        return min(sum(run.runs for run in each) for each in self._by_set)

    @property
    def cost(self) -> float:
        """The planner's, on average over the sets of values."""
        return sum(run.cost for run in self.rounds[-1]) / len(self.rounds[-1])

    @property
    def indexes(self) -> frozenset[str]:
        """Names of the indexes in its plans."""
        return frozenset().union(*(run.indexes for run in self.rounds[-1]))


def promise_of(effect: StatementEffect) -> Promise | None:
    """What a planner's word on a statement promises of its time; None where it promises no change.

    The root of the ratio of costs bounds a gain from above and a loss from below (advise/whatif_judging.estimated); the
    ratio itself is what the planner expects.
    """
    if effect.effect not in (Effect.GAINS, Effect.LOSES):
        return None
    ratio = max(effect.cost_after, LEAST_COST) / max(effect.cost_before, LEAST_COST)
    low_ms = None if effect.estimated is None else effect.estimated.low_ms
    high_ms = None if effect.estimated is None else effect.estimated.high_ms
    known = effect.total_ms > 0 and effect.estimated is not None
    if effect.effect is Effect.GAINS:
        high = high_ms / effect.total_ms if known and high_ms is not None else ratio**0.5
        return Promise(low=min(ratio, high), high=high)
    low = low_ms / effect.total_ms if known and low_ms else ratio**0.5
    return Promise(low=low, high=max(ratio, effect.worst, low))


def compared(
    statement: MeasuredStatement, before: Timing, after: Timing, promise: Promise | None, uses: Iterable[str]
) -> MeasuredStatement:
    """A statement with what was measured of it, and the verdict."""
    noise_ms = max(before.spread_ms, after.spread_ms)
    found = verdict(promise, before, after)
    return MeasuredStatement(
        query_id=statement.query_id,
        anchor=statement.anchor,
        calls=statement.calls,
        values=statement.values,
        equivalent=statement.equivalent,
        verdict=found,
        reason=TOO_SLOW if found is Verdict.NOT_RUN else "",
        promise=promise,
        before_ms=before.ms,
        after_ms=after.ms,
        timed_out_before=before.timed_out,
        timed_out_after=after.timed_out,
        noise=noise_ms / before.ms if before.ms else None,
        runs=min(before.runs, after.runs),
        cost_before=before.cost,
        cost_after=after.cost,
        uses=tuple(sorted(uses)),
    )


def verdict(promise: Promise | None, before: Timing, after: Timing) -> Verdict:
    """Whether a promise was kept, as far as the noise lets it be told."""
    if before.timed_out and after.timed_out:
        return Verdict.NOT_RUN
    if promise is None:
        return Verdict.UNPROMISED
    was = before.ms
    # Where the plan is the same, so is the time, whatever was measured of it.
    is_same = before.cost == after.cost and before.indexes == after.indexes
    now = was if is_same else after.ms
    now_spread_ms = 0.0 if is_same else after.spread_ms

    def slack_ms(bound: float) -> float:
        return max(LEAST_NOISE_MS, LEAST_NOISE * bound * was, bound * before.spread_ms + now_spread_ms)

    if promise.high is not None and now > promise.high * was + slack_ms(promise.high):
        # Before it takes longer than what is known, so what it may take after is not known either.
        return Verdict.NOISE if before.timed_out else Verdict.WORSE
    # Slower than promised by no more than the noise is neither kept nor broken.
    if after.timed_out or (promise.high is not None and now > promise.high * was):
        return Verdict.NOISE
    if promise.low is not None and now < promise.low * was - slack_ms(promise.low):
        return Verdict.BETTER
    promises_change = promise.low is not None
    return Verdict.NOISE if promises_change and not _differ(before, after, is_same=is_same) else Verdict.KEPT


def _differ(before: Timing, after: Timing, *, is_same: bool) -> bool:
    """Whether a change is more than noise: every round with the one was faster than every round with the other."""
    apart = after.round_ms[-1] < before.round_ms[0] or before.round_ms[-1] < after.round_ms[0]
    return not is_same and apart and abs(after.ms - before.ms) > max(LEAST_NOISE_MS, LEAST_NOISE * before.ms)


def of_index(statements: Sequence[MeasuredStatement]) -> Verdict:
    """The verdict on an index by those of its statements: one broken promise is one too many."""
    found = {each.verdict for each in statements}
    order = (Verdict.WORSE, Verdict.KEPT, Verdict.BETTER, Verdict.NOISE, Verdict.UNPROMISED)
    return next((each for each in order if each in found), Verdict.NOT_RUN)
