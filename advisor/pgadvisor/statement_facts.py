"""One statement as rules see it: the sum of its entries, and its plans, typed."""

from __future__ import annotations

from pgadvisor.model.base import Model
from pgadvisor.model.plan_nodes import Plan, PlanNode
from pgadvisor.model.plans import ObservedPlan
from pgadvisor.model.statements import StatementRow


class Statement(Model, frozen=True, kw_only=True):
    """One statement of this database, summed over roles and nesting levels.

    nested_ms is the part of total_ms that other statements called for (track = all): it lies within the time of those.
    """

    query_id: str
    text: str | None
    calls: int
    total_ms: float
    mean_ms: float
    max_ms: float
    rows: int
    nested_ms: float = 0.0

    @property
    def own_ms(self) -> float:
        """Its time that is in no other statement's: what sums over statements are made of."""
        return self.total_ms - self.nested_ms


class StatementPlan(Model, frozen=True, kw_only=True):
    """An observed plan, typed."""

    observed: ObservedPlan
    plan: Plan

    @property
    def root(self) -> PlanNode:
        """Its topmost node."""
        return self.plan.root


def statement_of(query_id: str, text: str | None, rows: tuple[StatementRow, ...]) -> Statement:
    """The statement that some entries are, at least one: of several roles, nesting levels or spellings."""
    calls = sum(row.calls for row in rows)
    total_ms = sum(row.total_ms for row in rows)
    return Statement(
        query_id=query_id,
        text=text,
        calls=calls,
        total_ms=total_ms,
        mean_ms=total_ms / calls if calls else 0.0,
        max_ms=max(row.max_ms for row in rows),
        rows=sum(row.rows for row in rows),
        nested_ms=sum(row.total_ms for row in rows if row.toplevel is False),
    )
