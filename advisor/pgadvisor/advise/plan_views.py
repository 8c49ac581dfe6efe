"""A plan made ready to be shown: what each node took by itself, where estimates went wrong, values of rows hidden."""

from __future__ import annotations

from pgadvisor.advise.values import masked_plan
from pgadvisor.masking import MASK, mask_literals
from pgadvisor.model.plan_nodes import PlanTrigger
from pgadvisor.model.plan_view import PlanNodeView, PlanView, TriggerView
from pgadvisor.model.plans import ParameterValue
from pgadvisor.plans.exclusive import NodeOwn, exclusive
from pgadvisor.plans.misestimates import Misestimate, misestimates, sentence
from pgadvisor.plans.wording import condition
from pgadvisor.statement_facts import StatementPlan


def plan_view(plan: StatementPlan, show_values: bool) -> PlanView:
    """The plan as a report shows it."""
    observed, typed = plan.observed, plan.plan
    judged = misestimates(typed.root)
    nodes = zip(exclusive(typed.root), judged, strict=True)
    return PlanView(
        method=observed.method.value,
        planner=observed.planner,
        equivalent_select=observed.equivalent_select,
        parameters=tuple(_parameter(parameter, show_values) for parameter in observed.parameters),
        plan=masked_plan(observed.plan, show_values),
        values="" if observed.values is None else observed.values.value,
        role=observed.role,
        role_missed=observed.role_missed,
        rewritten=observed.rewritten,
        run_ms=observed.run_ms,
        nodes=tuple(_node_view(own, error) for own, error in nodes),
        misjudged=_misjudged(judged, show_values),
        triggers=tuple(_trigger_view(trigger) for trigger in typed.triggers),
        jit_ms=None if typed.jit is None else typed.jit.total_ms,
        planning_ms=typed.planning_ms,
        execution_ms=typed.execution_ms,
    )


def _node_view(own: NodeOwn, error: Misestimate | None) -> PlanNodeView:
    return PlanNodeView(
        own_cost=own.own_cost,
        own_ms=None if own.own_ms is None else max(own.own_ms, 0.0),
        total_ms=own.total_ms,
        own_blocks=_sum(own.own.shared_hit_blocks, own.own.shared_read_blocks),
        own_temp_blocks=_sum(own.own.temp_read_blocks, own.own.temp_written_blocks),
        processes=own.processes,
        factor=None if error is None else error.factor if error.more else 1 / error.factor,
        guilty=error is not None and error.guilty,
    )


def _sum(*amounts: int | None) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return max(sum(known), 0) if known else None


def _misjudged(judged: tuple[Misestimate | None, ...], show_values: bool) -> str:
    guilty = next((each for each in judged if each is not None and each.guilty), None)
    if guilty is None:
        return ""
    kept = condition(guilty.node)
    return sentence(guilty, kept if show_values else mask_literals(kept))


def _trigger_view(trigger: PlanTrigger) -> TriggerView:
    name = trigger.constraint or trigger.name or "a trigger"
    where = f" on {trigger.relation}" if trigger.relation else ""
    return TriggerView(name=name + where, calls=trigger.calls, time_ms=trigger.time_ms)


def _parameter(parameter: ParameterValue, show_values: bool) -> str:
    value = "NULL" if parameter.value is None else parameter.value if show_values else MASK
    return f"${parameter.position} = {value} ({parameter.type}, {parameter.source})"
