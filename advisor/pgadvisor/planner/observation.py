"""What goes into an observation of plans, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgadvisor.model.base import Model
from pgadvisor.model.coverage import Gap
from pgadvisor.model.plans import ObservedPlan
from pgadvisor.model.shape import StatementShape
from pgadvisor.model.statements import StatementRole


class Runs(Model, frozen=True, kw_only=True):
    """How often and how fast a server has run a statement, by its own count."""

    calls: int
    mean_ms: float
    max_ms: float


class Candidate(Model, frozen=True, kw_only=True):
    """A statement to plan: its normalised text, its shape where it was understood, and how it ran.

    rows is how many it gave in all its calls. role is the one that it took the most time for. Both are None where they
    are not known. counted is what the server itself counted, where files say more, which anybody may have written.
    """

    query_id: str
    text: str
    shape: StatementShape | None
    calls: int
    mean_ms: float
    max_ms: float
    rows: int | None = None
    role: StatementRole | None = None
    counted: Runs | None = None

    @property
    def history(self) -> Runs:
        """How the server itself ran it."""
        return self.counted or Runs(calls=self.calls, mean_ms=self.mean_ms, max_ms=self.max_ms)


@dataclass
class Observation:
    """What was observed so far; filled in place, so that an interruption loses nothing.

    explained and executed count EXPLAINs without and with ANALYZE, also those that failed; value_explains those of the
    former that were made for values on which plans may depend. executed_ms is the time spent waiting for the latter.
    scans_added counts, per qualified table or index, the scans that executed plans added to its counters.
    statement_entries is how many entries all this added to pg_stat_statements at most. watch_queries and watch_ms are
    what the connection that watches over us asked, and how long it waited for the answers.
    """

    plans: list[ObservedPlan] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    explained: int = 0
    value_explains: int = 0
    executed: int = 0
    executed_ms: float = 0.0
    scans_added: dict[str, int] = field(default_factory=dict)
    statement_entries: int = 0
    watch_queries: int = 0
    watch_ms: float = 0.0
