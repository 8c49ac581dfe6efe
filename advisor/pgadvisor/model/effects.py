"""What a change does to statements, as a planner says."""

from __future__ import annotations

import enum

from pgadvisor.model.base import Model
from pgadvisor.model.plan_view import PlanView

# By so much of its cost a statement has to change for the change to be spoken of.
STAYS_WITHIN = 0.01
# A cost below this is one of a constant, of which no ratio says anything.
LEAST_COST = 0.01


class Effect(enum.StrEnum):
    """What a configuration does to a statement.

    A cost within STAYS_WITHIN of what it was is the same. Where costs before and after are in different units, it is
    told by plans alone: another one, or the same.
    """

    GAINS = "gains"
    LOSES = "loses"
    STAYS = "stays"
    OTHER_PLAN = "other plan"
    NOT_PLANNED = "not planned"


class TimeRange(Model, frozen=True, kw_only=True):
    """Milliseconds, estimated from ratios of costs: the truth may well lie between these two.

    low_ms is 0 and high_ms None where nothing bounds it: how much more than its least a gain or a loss is.
    """

    low_ms: float
    high_ms: float | None


class PlanPair(Model, frozen=True, kw_only=True):
    """The plans of a statement before and after; changes says in words how the second differs.

    planned_for is which values they are for, as ValuesCost has it, "" for unknown ones.
    """

    before: PlanView | None
    after: PlanView | None
    changes: tuple[str, ...] = ()
    planned_for: str = ""


class Reason(Model, frozen=True, kw_only=True):
    """Why statements could not be planned, and how many of them."""

    reason: str
    statements: int
    query_ids: tuple[str, ...] = ()


class Shortcoming(Model, frozen=True, kw_only=True):
    """What of the audited server the planner has not, or has otherwise, and how many of the statements it touches.

    number is what statements are marked with, from 1. prevents: they cannot be planned at all.
    """

    number: int
    what: str
    reason: str
    statements: int
    prevents: bool = False
