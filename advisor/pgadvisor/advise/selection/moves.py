"""Ways to a better set of indexes, by what is known already: none of them asks the planner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush, nsmallest
from itertools import islice

from pgadvisor.advise.selection.known_plans import bits_of
from pgadvisor.advise.selection.state import Trial

# A page: what an index takes at least.
LEAST_BYTES = 8192
# Steps of a search that does not end by itself.
_MOST_STEPS = 200
# Of what may be added in a step so many are tried, those that gain most, each in the place of so many others.
_MOST_TRIED = 100
_ONE_FOR_ONE = 8


def grow(trial: Trial, there: int, least: float, *, per_byte: bool) -> int:
    """Adds indexes, those of one known plan at a time, as long as each gains more than the least; the best first."""
    values = trial.values(there)
    scores: dict[int, float] = {}
    # The best first, of equal ones the lowest; what has another score by now is passed by.
    heap: list[tuple[float, int]] = []
    changed: Iterable[int] = trial.sets
    while True:
        for some in changed:
            new = some & ~there
            gain = -trial.change(values, there, there | new) if new else 0.0
            if gain <= least * new.bit_count():
                scores.pop(some, None)
                continue
            scores[some] = gain / max(trial.bytes_of(new), LEAST_BYTES) if per_byte else gain
            heappush(heap, (-scores[some], some))
        best = _next_fitting(trial, there, heap, scores)
        if best == there:
            return there
        moved = trial.touched(there ^ best)
        values = trial.changed(values, there, best)
        there = best
        changed = trial.sets_touching(moved)


def _next_fitting(trial: Trial, there: int, heap: list[tuple[float, int]], scores: Mapping[int, float]) -> int:
    """A set with the best of what is left that fits; the same where nothing does: there is never more room later."""
    while heap:
        negative, some = heappop(heap)
        then = there | some
        if scores.get(some) == -negative and then != there and trial.fits(then):
            return then
    return there


def most_gaining(trial: Trial, count: int) -> list[int]:
    """Sets of the indexes of one plan alone that gain most."""
    values = trial.values(trial.as_is)
    fitting = [trial.as_is | some for some in trial.sets if trial.fits(trial.as_is | some)]
    return sorted(fitting, key=lambda there: (trial.change(values, trial.as_is, there), there))[:count]


def shrink(trial: Trial, there: int) -> int:
    """Takes indexes away until the set is within the budgets, each time the one that is missed least for its bytes."""
    values = trial.values(there)
    missed: dict[int, float] = {}
    while not trial.fits(there):
        for bit in bits_of(trial.added(there)):
            if bit not in missed:
                missed[bit] = trial.change(values, there, there & ~bit) / max(trial.bytes_of(bit), LEAST_BYTES)
        _, gone = min((loss, bit) for bit, loss in missed.items())
        moved = frozenset(trial.touched(gone))
        values = trial.changed(values, there, there & ~gone)
        there &= ~gone
        missed = {bit: loss for bit, loss in missed.items() if bit != gone and moved.isdisjoint(trial.touched(bit))}
    return there


def improve(trial: Trial, there: int, least: float) -> int:
    """Adds, drops and exchanges indexes as long as that makes it better."""
    values = trial.values(there)
    more: dict[int, float] = {}
    for _ in range(_MOST_STEPS):
        for some in trial.sets:
            if some not in more:
                more[some] = trial.change(values, there, there | some)
        best = _best_move(trial, values, there, least, more)
        if best == there:
            return there
        for some in trial.sets_touching(trial.touched(there ^ best)):
            more.pop(some, None)
        values = trial.changed(values, there, best)
        there = best
    return there


def _best_move(trial: Trial, values: Sequence[float], there: int, least: float, more_with: Mapping[int, float]) -> int:
    """The best set that is one move away; the same where none is better. more_with is what each known set adds."""
    missed = sorted(
        (trial.change(values, there, there & ~bit) / max(trial.bytes_of(bit), LEAST_BYTES), bit)
        for bit in bits_of(trial.added(there))
    )
    moves = [there & ~bit for _, bit in missed]
    # What gains nothing where there is room gains nothing where there is none.
    gaining = ((more, some) for some, more in more_with.items() if more < 0 and some & ~there)
    for _, some in nsmallest(_MOST_TRIED, gaining):
        moves += _with(trial, there, some, [bit for _, bit in missed])
    best, lowest = there, -1e-9
    for then in moves:
        more = trial.change(values, there, then)
        more += least * (trial.added(then).bit_count() - trial.added(there).bit_count())
        if more < lowest:
            best, lowest = then, more
    return best


def _with(trial: Trial, there: int, some: int, missed_least_first: Sequence[int]) -> list[int]:
    """A set with some more, and without what must go for them to fit: one other, or those that are missed least."""
    then = there | some
    missing = trial.bytes_of(some & ~there) - trial.room(there)
    crowded = trial.added(then).bit_count() > trial.limits.max_indexes
    if missing <= 0 and not crowded:
        return [then]
    others = [bit for bit in missed_least_first if not bit & some]
    enough = (then & ~bit for bit in others if trial.bytes_of(bit) >= missing)
    found = list(islice((each for each in enough if trial.fits(each)), _ONE_FOR_ONE))
    for bit in others:
        then &= ~bit
        missing -= trial.bytes_of(bit)
        if missing <= 0 and trial.fits(then):
            found.append(then)
            break
    return found
