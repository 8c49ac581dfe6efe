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
    """Compares plans for unknown values, statement by statement; those that the planner refuses are left out.

    text gives a statement's text as it is shown.
    """
    observed = {each: plan for each in questions if (plan := _observed(facts, each)) is not None}
    compared = same = near = 0
    largest = 0.0
    found = []
    for done, (query_id, plan) in enumerate(observed.items()):
        progress("Comparing with the plans observed", done, len(observed))
        answer = plans.as_is(questions[query_id])
        if answer.plan is None:
            continue
        compared += 1
        given = read_plan(answer.plan).root
        if signature(given) == signature(plan.root):
            same += 1
            off = abs(given.total_cost - plan.root.total_cost)
            off = 0.0 if off <= _ROUNDED else off / max(plan.root.total_cost, _ROUNDED)
            near += off <= COST_WITHIN
            largest = max(largest, off)
            continue
        found.append(
            Difference(
                query_id=query_id,
                text=text(query_id),
                cost_observed=plan.root.total_cost,
                cost_given=given.total_cost,
                changes=differences(given, plan.root),
                marks=shortcomings.touching(query_id, questions[query_id].text),
            )
        )
    return Fidelity(compared=compared, same=same, near=near, largest=largest, differences=tuple(found))


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
