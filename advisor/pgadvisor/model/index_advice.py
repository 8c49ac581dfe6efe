"""Which indexes a workload is to have, what each gains and costs, and which were thought of and left."""

from __future__ import annotations

import enum

from pgadvisor.model.base import Model
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.effects import Effect, PlanPair, Reason, Shortcoming, TimeRange
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.whatif import PlannerIdentity

# What the ids of statements begin with that the server runs by itself to check a foreign key, whose name follows. Their
# calls are rows that were deleted or given other keys, and their time is estimated.
FOREIGN_KEY_CHECK = "foreign key "


class Goal(enum.StrEnum):
    """What a set of indexes is to make less: the time measured, or the planner's costs of all calls."""

    TIME = "time"
    COST = "cost"


class WhyNot(enum.StrEnum):
    """Why an index that was thought of is not proposed.

    IMPOSSIBLE is what no planner here can imagine or nobody can build yet, as without an extension; what WOULD_FAIL
    could not be built at all, or rows could not be written once it is there.
    """

    SERVED = "already served"
    SMALL_TABLE = "small table"
    NO_GAIN = "no gain"
    TOO_COSTLY = "too costly to write"
    OVER_BUDGET = "over budget"
    BETTER_ONE = "served by a better one"
    SLOWS = "makes a statement slower"
    IMPOSSIBLE = "cannot be had"
    WOULD_FAIL = "would fail"
    NOT_EXAMINED = "not examined"
    STILL_NEEDED = "still needed"
    TO_STAY = "to stay"


class IndexPrice(Model, frozen=True, kw_only=True):
    """What an index costs. None where nobody can say.

    entries are written over the statements' window, write_ms is what they take, wal_bytes what they write to the log.
    hot_updates are those that would stop being HOT, within write_ms. build_* are of the one build.
    """

    size_bytes: int | None = None
    entries: float | None = None
    write_ms: float | None = None
    wal_bytes: float | None = None
    hot_updates: float | None = None
    build_ms: float | None = None
    build_wal_bytes: int | None = None


class StatementEffect(Model, frozen=True, kw_only=True):
    """What becomes of one statement; costs are the planner's, over the values that are known by their weight.

    caution is what cost_after has beyond the planner's own, or less (planner/caution.py).
    worst is the greatest ratio of cost after to cost before of any values. plans are of the most changed.
    """

    query_id: str
    anchor: str
    calls: int
    total_ms: float
    effect: Effect
    cost_before: float
    cost_after: float
    worst: float
    caution: float = 0.0
    estimated: TimeRange | None = None
    marks: tuple[int, ...] = ()
    plans: PlanPair | None = None


class WorkloadEffect(Model, frozen=True, kw_only=True):
    """What becomes of the workload, summed over its statements.

    before_ms is what they took as measured, as far as their plans explain it.
    """

    gain: int
    lose: int
    cost_before: float
    cost_after: float
    before_ms: float
    estimated: TimeRange


class AdvisedIndex(Model, frozen=True, kw_only=True):
    """An index to create or to drop, proved by a planner.

    together is what would be lost if this alone were left out of all that is advised; alone what it does if it is the
    only change. effects are those of statements that gain or lose by it within the set, the greatest first.
    replaces are qualified indexes that go because of it; of a drop, because_of says what serves in its place.
    foreign_keys are those that it serves, findings the keys of findings that ask for it. reasons say in a few words
    what it is for.
    """

    proposal: CreateIndex | DropIndex
    name: str
    price: IndexPrice
    alone: WorkloadEffect
    together: WorkloadEffect
    effects: tuple[StatementEffect, ...] = ()
    replaces: tuple[str, ...] = ()
    foreign_keys: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    query_ids: tuple[str, ...] = ()


class LeftIndex(Model, frozen=True, kw_only=True):
    """An index that was thought of and is not proposed, or one that was to go and stays, and why.

    name is that of one that exists, "" else. served_by is what does its work. gain_ms is what it would save at least.
    """

    definition: IndexDefinition
    why: WhyNot
    sentence: str
    name: str = ""
    served_by: str = ""
    size_bytes: int | None = None
    gain_ms: float | None = None
    write_ms: float | None = None
    query_ids: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


class Compression(Model, frozen=True, kw_only=True):
    """How many statements stand for how many, and which share of the time is of those left out."""

    statements: int
    of_statements: int
    left_out_share: float = 0.0


class IndexAdvice(Model, frozen=True, kw_only=True):
    """How the best set of indexes was found for a workload, within its budgets, and what all of it does together.

    created and dropped count what is advised, which stands among the recommendations. workload is the effect of all
    together, effects that on statements which gain or lose by it, the greatest first. write_ms is what the new indexes
    take to write over the window, less what those dropped took; size_bytes likewise. writes_at_most: writes may have
    been counted for longer than the window, so that prices of writing are at most so much. left are those that were
    thought of, left_out counts more of them. unexplained_ms is what statements took beyond what their plans explain,
    such as waits for locks, or with a plan of before, which no index saves: workload is without it. explains counts
    questions put to the planner; without_values is the share of the time that is of statements of whose parameters
    nobody knows the values in calls, not_planned_share of those without a plan; cut_short says why the search ended
    before it was done, "" where it was not.
    """

    planner: PlannerIdentity
    goal: Goal = Goal.TIME
    budget_bytes: int | None = None
    created: int = 0
    dropped: int = 0
    left: tuple[LeftIndex, ...] = ()
    left_out: int = 0
    workload: WorkloadEffect
    unexplained_ms: float = 0.0
    effects: tuple[StatementEffect, ...] = ()
    size_bytes: int = 0
    write_ms: float | None = None
    writes_at_most: bool = False
    candidates: int = 0
    explains: int = 0
    without_values: float = 0.0
    cut_short: str = ""
    compression: Compression
    not_planned: tuple[Reason, ...] = ()
    not_planned_share: float = 0.0
    shortcomings: tuple[Shortcoming, ...] = ()


class IndexDecisions(Model, frozen=True, kw_only=True):
    """Which indexes to create and to drop, each in the order to be done, and how that was found.

    left are all that were thought of, of which the advice tells the first. untried are the qualified names of existing
    indexes that rules would drop and that the planner cannot leave out: nobody has looked into these.
    """

    created: tuple[AdvisedIndex, ...] = ()
    dropped: tuple[AdvisedIndex, ...] = ()
    left: tuple[LeftIndex, ...] = ()
    untried: tuple[str, ...] = ()
    advice: IndexAdvice
