"""What a workload would cost under another configuration, statement by statement, as a planner says."""

from __future__ import annotations

from pgadvisor.model.base import Model
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Footprint, Gap
from pgadvisor.model.effects import Effect, PlanPair, Reason, Shortcoming, TimeRange
from pgadvisor.model.findings import Evidence
from pgadvisor.model.report import Source, Step, Tool
from pgadvisor.model.whatif import PlannerIdentity

WHATIF_FORMAT = 1


class Next(Model, frozen=True, kw_only=True):
    """What to run for a change that is wanted, as a recommendation has it: in this order, undone from the last.

    checks change nothing, and say in a comment when to run them.
    """

    steps: tuple[Step, ...]
    checks: tuple[Step, ...] = ()
    caveats: tuple[str, ...] = ()


class CreatedIndex(Model, frozen=True, kw_only=True):
    """An index that is imagined.

    sql creates it by one command, with the constants that its user gave; next is what builds it online. size_bytes is
    how large the planner takes it to be, None where it has no idea; size_guessed: without statistics of its columns.
    price is what else it costs. caveats are why it may not be had, or not be of use.
    """

    name: str
    table: str
    sql: str
    size_bytes: int | None = None
    size_guessed: bool = False
    price: tuple[Evidence, ...] = ()
    caveats: tuple[str, ...] = ()
    next: Next | None = None


class DroppedIndex(Model, frozen=True, kw_only=True):
    """An index that is imagined gone. name and table are qualified; caveats are why it cannot simply be dropped.

    next is what drops it, None where that cannot be done to it alone.
    """

    name: str
    table: str
    definition: str
    size_bytes: int | None = None
    caveats: tuple[str, ...] = ()
    next: Next | None = None


class ChangedSetting(Model, frozen=True, kw_only=True):
    """A setting that is imagined otherwise. before is the server's own value, None where it is not known.

    Both are as SHOW gives them, with their units. ways make it so, any one of them, the narrowest first.
    """

    name: str
    before: str | None
    after: str
    ways: tuple[Step, ...] = ()


class ValuesCost(Model, frozen=True, kw_only=True):
    """Costs of a statement for certain values, None where it could not be planned for them; values are masked.

    effect is what the change does for them. given: the user gave them with the question.
    """

    label: str
    values: tuple[str, ...]
    cost_before: float | None
    cost_after: float | None
    effect: Effect
    given: bool = False


class WhatIfStatement(Model, frozen=True, kw_only=True):
    """One statement before and after. Costs are the planner's units for one call.

    They are for the values that planned_for names, which are those given with the question, "" for unknown ones. So is
    effect; where these stay it is that for values that do not. by_value: it depends on the values, of which
    some have another effect or part far in how much.
    text is masked unless values are shown, and cut to a length. total_ms is what it took as measured, estimated what
    that would become. factor is cost_after over cost_before. reason says why it could not be planned. marks are the
    numbers of the shortcomings that touch it. asked: it was named by the user; own: by a text that is none of those
    collected, so that nobody knows its id. plans are there for those asked about and for the most changed, by_values
    where values are known. plan_changes say how the plan differs where that is what tells the effect (OTHER_PLAN).
    """

    query_id: str
    anchor: str
    text: str
    calls: int
    total_ms: float
    effect: Effect
    cost_before: float | None = None
    cost_after: float | None = None
    estimated: TimeRange | None = None
    reason: str = ""
    marks: tuple[int, ...] = ()
    asked: bool = False
    own: bool = False
    role: str = ""
    plans: PlanPair | None = None
    planned_for: str = ""
    by_value: bool = False
    by_values: tuple[ValuesCost, ...] = ()
    plan_changes: tuple[str, ...] = ()

    @property
    def factor(self) -> float | None:
        """How many times its cost it costs after; None where one of the two is not known, or nothing before."""
        if self.cost_after is None or not self.cost_before:
            return None
        return self.cost_after / self.cost_before


class Workload(Model, frozen=True, kw_only=True):
    """The statements that could be planned before and after, all together.

    cost_* are planner's costs weighted by calls; total_ms is their measured time, estimated what that would become.
    share is how much of the time of all statements of the database theirs is. by_value counts those for
    which it depends on the values. lost counts those of not_planned that could be planned before the change.
    units_differ: settings that are imagined are units of cost, so that costs before and after cannot be compared: what
    has another plan and what stays is told by plans, nothing gains or loses, and estimated is None.
    """

    statements: int
    gain: int
    lose: int
    stay: int
    not_planned: int
    cost_before: float
    cost_after: float
    total_ms: float
    estimated: TimeRange | None
    share: float
    by_value: int = 0
    lost: int = 0
    other_plan: int = 0
    units_differ: bool = False


class Difference(Model, frozen=True, kw_only=True):
    """A statement whose plan as it is differs from the one that the audited server gave; changes says how.

    Without any it is the same plan at another cost.
    """

    query_id: str
    text: str
    cost_observed: float
    cost_given: float | None
    changes: tuple[str, ...] = ()
    marks: tuple[int, ...] = ()


class Fidelity(Model, frozen=True, kw_only=True):
    """How far the planner gives the plans that the audited server gave itself, before anything is changed.

    compared are statements with a generic plan of the server's; same those for which the plan is the same, near those
    of these whose cost is within COST_WITHIN. largest is the greatest relative difference of cost among the same plans.
    on_catalogs are statements on the system's catalogs, which are not compared.
    """

    compared: int = 0
    same: int = 0
    near: int = 0
    largest: float = 0.0
    on_catalogs: int = 0
    differences: tuple[Difference, ...] = ()


# Costs this near to each other, relatively, are equal but for the last digits.
COST_WITHIN = 0.001


class WhatIfResult(Model, frozen=True, kw_only=True):
    """The workload before and after. statements are all, the greatest change of time first, then of cost.

    created, dropped and settings make the configuration; all empty, it is the workload as it is. left_out counts
    statements that have no text here, of which nothing is said.
    """

    format: int = WHATIF_FORMAT
    tool: Tool
    source: Source
    planner: PlannerIdentity
    values_masked: bool = True
    created: tuple[CreatedIndex, ...] = ()
    dropped: tuple[DroppedIndex, ...] = ()
    settings: tuple[ChangedSetting, ...] = ()
    workload: Workload
    statements: tuple[WhatIfStatement, ...] = ()
    reasons: tuple[Reason, ...] = ()
    shortcomings: tuple[Shortcoming, ...] = ()
    fidelity: Fidelity = Fidelity()
    statements_window: Window | None = None
    left_out: int = 0
    gaps: tuple[Gap, ...] = ()
    footprint: Footprint = Footprint()

    @property
    def changes_anything(self) -> bool:
        """Whether a change is asked about."""
        return bool(self.created or self.dropped or self.settings)
