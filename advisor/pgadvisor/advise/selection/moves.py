"""Ways to a better set of indexes, by what is known already: none of them asks the planner."""

from __future__ import annotations

from collections.abc import Sequence
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
    gains: dict[int, float] = {}
    open_sets = [some for some in sorted(trial.sets) if some & ~there]
    while True:
        best: tuple[float, int] | None = None
        for some in open_sets:
            new = some & ~there
            if some not in gains:
                gains[some] = -trial.change(values, there, there | new)
            gain = gains[some]
            if gain <= least * new.bit_count():
                continue
            score = gain / max(trial.bytes_of(new), LEAST_BYTES) if per_byte else gain
            if (best is None or score > best[0]) and trial.fits(there | new):
                best = (score, there | new)
        if best is None:
            return there
        moved = frozenset(trial.touched(there ^ best[1]))
        values = trial.changed(values, there, best[1])
        there = best[1]
        open_sets = [some for some in open_sets if some & ~there]
        gains = {some: gain for some, gain in gains.items() if moved.isdisjoint(trial.touched(some))}


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
    for _ in range(_MOST_STEPS):
        best = _best_move(trial, values, there, least)
        if best == there:
            return there
        values = trial.changed(values, there, best)
        there = best
    return there


def _best_move(trial: Trial, values: Sequence[float], there: int, least: float) -> int:
    """The best set that is one move away; the same where none is better."""
    missed = sorted(
        (trial.change(values, there, there & ~bit) / max(trial.bytes_of(bit), LEAST_BYTES), bit)
        for bit in bits_of(trial.added(there))
    )
    moves = [there & ~bit for _, bit in missed]
    gaining = [(trial.change(values, there, there | some), some) for some in trial.sets if some & ~there]
    for more, some in sorted(gaining)[:_MOST_TRIED]:
        # What gains nothing where there is room gains nothing where there is none.
        if more < 0:
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
