"""How far a planner gives the plans that the audited server gave itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pgadvisor.model.plan_reading import read_plan
from pgadvisor.model.plans import PlanMethod
from pgadvisor.model.whatif_result import COST_WITHIN, Difference, Fidelity
from pgadvisor.plans.signature import differences, signature

if TYPE_CHECKING:
    from pgadvisor.advise.whatif_plans import Plans
    from pgadvisor.advise.whatif_shortcomings import Shortcomings
    from pgadvisor.facts import Facts
    from pgadvisor.planner.protocol import Question
    from pgadvisor.progress import Progress
    from pgadvisor.statement_facts import StatementPlan

# A planner that is not the server's own has other system catalogs, on which plans say nothing of the workload.
_SYSTEM = frozenset(("pg_catalog", "information_schema", "pg_toast"))
# Below it costs differ by what EXPLAIN rounds.
_ROUNDED = 0.01


def fidelity_of(
    facts: Facts,
    plans: Plans,
    questions: Mapping[str, Question],
    shortcomings: Shortcomings,
    text: Callable[[str], str],
    progress: Progress,
) -> Fidelity:
    """Compares plans for unknown values, statement by statement.

    Those that the planner refuses are left out, and those on the system's catalogs, which it has of its own.

    text gives a statement's text as it is shown.
    """
    observed = {each: plan for each in questions if (plan := _observed(facts, each)) is not None}
    compared = same = near = on_catalogs = 0
    largest = 0.0
    found = []
    for done, (query_id, plan) in enumerate(observed.items()):
        progress("Comparing with the plans observed", done, len(observed))
        if any(node.schema in _SYSTEM for node in plan.root.walk()):
            on_catalogs += 1
            continue
        answer = plans.as_is(questions[query_id])
        if answer.plan is None:
            continue
        compared += 1
        given = read_plan(answer.plan).root
        is_same = signature(given) == signature(plan.root)
        off = _off(given.total_cost, plan.root.total_cost)
        if is_same:
            same += 1
            near += off <= COST_WITHIN
            largest = max(largest, off)
        if not is_same or off > COST_WITHIN:
            difference = Difference(
                query_id=query_id,
                text=text(query_id),
                cost_observed=plan.root.total_cost,
                cost_given=given.total_cost,
                changes=differences(given, plan.root),
                marks=shortcomings.touching(query_id, questions[query_id].text),
            )
            found.append((is_same, -off, difference))
    found.sort(key=lambda each: (*each[:2], each[2].query_id))
    told = tuple(difference for _, _, difference in found)
    return Fidelity(compared=compared, same=same, near=near, largest=largest, on_catalogs=on_catalogs, differences=told)


def _off(given: float, observed: float) -> float:
    """The relative difference of two costs, beyond what is rounded."""
    off = abs(given - observed)
    return 0.0 if off <= _ROUNDED else off / max(observed, _ROUNDED)


def _observed(facts: Facts, query_id: str) -> StatementPlan | None:
    """The plan that the server made for unknown values, of the statement itself and as the role that runs it."""
    return next(
        (
            plan
            for plan in facts.plans(query_id)
            if plan.observed.method is PlanMethod.GENERIC
            and not plan.observed.equivalent_select
            and not plan.observed.role_missed
            and not plan.observed.rewritten
        ),
        None,
    )
