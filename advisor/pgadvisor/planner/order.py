"""Which statements to execute first: those of which an execution tells the most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgadvisor.planner.values import divergence

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.planner.observation import Candidate


def most_telling(candidates: Sequence[Candidate], plans: Mapping[str, dict[str, Any]], facts: Facts) -> list[Candidate]:
    """The candidates in the order in which their execution is worth most.

    That is the time that the server has spent on a statement, in ms, times what the planner may be wrong about, for
    where the estimates are right an execution tells what is known already: one and the decimal logarithms of two
    factors. The first is by how much the rows that the plan expects differ from those that the server has counted per
    call. The second is by how much the selectivity for real values may differ from the one for unknown values, by
    which the plan was made. plans: the generic ones, by query id.
    """

    def worth(candidate: Candidate) -> float:
        plan = plans.get(candidate.query_id)
        factors = (_misestimate(candidate, plan), divergence(candidate.shape, None, facts))
        return candidate.calls * candidate.mean_ms * (1 + sum(math.log10(max(factor, 1.0)) for factor in factors))

    return sorted(candidates, key=lambda candidate: (-worth(candidate), candidate.query_id))


def _misestimate(candidate: Candidate, plan: dict[str, Any] | None) -> float:
    """By which factor expected and counted rows differ, either way; 1 where one of them is not known."""
    if plan is None or candidate.rows is None or not candidate.calls:
        return 1.0
    expected = max(float(plan["Plan"]["Plan Rows"]), 1.0)
    counted = max(candidate.rows / candidate.calls, 1.0)
    return max(expected / counted, counted / expected)
