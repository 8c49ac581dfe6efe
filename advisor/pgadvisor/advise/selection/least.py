"""What an index is to gain at least, in the unit in which a search adds up (objective.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgadvisor.model.index_advice import Goal

if TYPE_CHECKING:
    from pgadvisor.advise.selection.objective import Objective
    from pgadvisor.config import IndexesConfig
    from pgadvisor.facts import Facts

BY_TIME = "indexes.min_gain_s_per_day"

_SECONDS_PER_DAY = 86_400.0


def least_gain(objective: Objective, options: IndexesConfig, facts: Facts | None) -> float:
    """A share of the workload, and no less than so much time over the window in which its statements were counted."""
    return max(options.min_gain * objective.whole, least_time(options, facts))


def least_time(options: IndexesConfig, facts: Facts | None) -> float:
    """Milliseconds over the window; 0 where costs are the goal, which are no time, or nobody knows the window."""
    window = None if facts is None else facts.snapshot.calls_window
    if options.goal is Goal.COST or window is None or window.seconds is None:
        return 0.0
    return options.min_gain_s_per_day * 1000 * window.seconds / _SECONDS_PER_DAY


def once_counts(facts: Facts | None) -> float:
    """The part that is counted, for the least in a day, of what a statement gains that ran once in the window.

    One call is no rate: in less than a day it is taken as the one of that day. 1 where nobody knows the window.
    """
    window = None if facts is None else facts.snapshot.calls_window
    seconds = None if window is None else window.seconds
    return min(seconds / _SECONDS_PER_DAY, 1.0) if seconds else 1.0


def short_of(objective: Objective, options: IndexesConfig, facts: Facts | None) -> str:
    """The option that says what an index is to gain: what falls short of it falls short of that."""
    by_time = least_time(options, facts) > options.min_gain * objective.whole
    return BY_TIME if by_time else "indexes.min_gain"
