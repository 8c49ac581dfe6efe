"""What keeps one statement from being faster, in sentences: read off its shape and its most telling plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pgadvisor.masking import mask_literals
from pgadvisor.model.explanation import ConditionView, Limitation, ShapeView, Use
from pgadvisor.model.findings import Evidence, Unit
from pgadvisor.model.plans import PlanMethod, ValueChoice
from pgadvisor.plans.exclusive import NodeOwn, exclusive
from pgadvisor.plans.misestimates import misestimates, sentence
from pgadvisor.plans.wording import condition, described

if TYPE_CHECKING:
    from pgadvisor.model.plan_nodes import PlanNode
    from pgadvisor.statement_facts import StatementPlan

# On smaller tables it does not matter how a row is found.
MIN_ROWS = 1_000
MAX_LIMITATIONS = 12
# A node with less of the plan's time or cost is not what limits it.
MIN_SHARE = 0.3
# Nor is one of a plan that is done at once: in milliseconds where it was executed, else in the planner's units.
MIN_MS = 1.0
MIN_COST = 500.0
# An estimate that is off by less rarely changes a plan.
MIN_MISESTIMATE = 10.0
_TELLING = (PlanMethod.EXECUTED, PlanMethod.LOGGED, PlanMethod.VALUES, PlanMethod.GENERIC)


def limitations(
    plans: Sequence[StatementPlan], shape: ShapeView | None, *, show_values: bool
) -> tuple[Limitation, ...]:
    """The weightiest first. Constants in conditions are masked unless values are shown."""
    found: list[Limitation] = []
    plan = _telling(plans)
    if plan is not None:
        found += _heavy(plan, show_values=show_values)
        found += _misjudged(plan.root, show_values=show_values)
        found += _memory(plan.root)
        found += _overhead(plan)
    found += () if shape is None else _hidden(shape, plan)
    return tuple(found[:MAX_LIMITATIONS])


def _telling(plans: Sequence[StatementPlan]) -> StatementPlan | None:
    """An executed plan, the slowest; else one for the values given; else the dearest for any; else the generic one."""
    for method in _TELLING:
        fitting = [plan for plan in plans if plan.observed.method is method]
        given = [plan for plan in fitting if plan.observed.values is ValueChoice.GIVEN]
        if fitting:
            return max(given or fitting, key=lambda plan: plan.root.actual_total_ms or plan.root.total_cost)
    return None


def _heavy(plan: StatementPlan, *, show_values: bool) -> Iterator[Limitation]:
    """The nodes that most of the time, or else of the cost, goes into."""
    root = plan.root
    executed = root.actual_total_ms is not None and root.actual_total_ms > 0
    total = root.actual_total_ms if executed else root.total_cost
    nodes = exclusive(root)
    if not total or total < (MIN_MS if executed else MIN_COST):
        return
    for own in sorted(nodes, key=lambda each: -_own(each, executed=executed)):
        share = _own(own, executed=executed) / total
        if share < MIN_SHARE:
            return
        what = "time" if executed else "cost"
        yield Limitation(
            sentence=f"{share:.0%} of its {what} goes into the {described(own.node)}{_kept(own.node, show_values)}.",
            evidence=tuple(_rows_of(own.node)),
        )


def _own(own: NodeOwn, *, executed: bool) -> float:
    return (own.own_ms or 0.0) if executed else own.own_cost


def _kept(node: PlanNode, show_values: bool) -> str:
    text = condition(node)
    return "" if not text else f", for {text if show_values else mask_literals(text)}"


def _rows_of(node: PlanNode) -> Iterator[Evidence]:
    if node.actual_rows is None or not node.loops:
        return
    removed = (node.rows_removed_by_filter or 0.0) + (node.rows_removed_by_join_filter or 0.0)
    if removed:
        yield Evidence(label="rows looked at", value=round((node.actual_rows + removed) * node.loops), unit=Unit.ROWS)
    yield Evidence(label="rows kept", value=round(node.actual_rows * node.loops), unit=Unit.ROWS)


def _misjudged(root: PlanNode, *, show_values: bool) -> Iterator[Limitation]:
    """The estimate that leads the planner astray."""
    for found in misestimates(root):
        if found is not None and found.guilty and found.factor >= MIN_MISESTIMATE:
            text = condition(found.node)
            told = sentence(found, text if show_values else mask_literals(text))
            yield Limitation(sentence=f"The planner misjudges how many rows come. {told}.")


def _memory(root: PlanNode) -> Iterator[Limitation]:
    """Steps that did not fit into work_mem."""
    for node in root.walk():
        size_kb = node.sort_space_kb if node.sort_space_type == "Disk" else node.disk_kb
        if size_kb:
            yield Limitation(
                sentence=f"The {described(node)} does not fit into work_mem and goes through temporary files.",
                evidence=(Evidence(label="on disk", value=size_kb * 1024, unit=Unit.BYTES),),
            )
        elif (node.hash_batches or 1) > 1:
            yield Limitation(
                sentence=f"The {described(node)} does not fit into work_mem and is split through temporary files.",
                evidence=(Evidence(label="batches", value=node.hash_batches),),
            )
        if node.lossy_heap_blocks:
            yield Limitation(
                sentence=f"The bitmap of the {described(node)} does not fit into work_mem, so whole pages are checked.",
                evidence=(Evidence(label="pages", value=node.lossy_heap_blocks),),
            )


def _overhead(plan: StatementPlan) -> Iterator[Limitation]:
    """What takes longer than the work itself."""
    whole = plan.plan
    if whole.execution_ms is None:
        return
    if whole.planning_ms is not None and whole.planning_ms > whole.execution_ms and whole.planning_ms >= 1:
        yield Limitation(
            sentence="Planning it takes longer than executing it: a prepared statement is planned less often.",
            evidence=(
                Evidence(label="planning", value=whole.planning_ms, unit=Unit.MILLISECONDS),
                Evidence(label="execution", value=whole.execution_ms, unit=Unit.MILLISECONDS),
            ),
        )
    jit_ms = 0.0 if whole.jit is None else whole.jit.total_ms or 0.0
    if jit_ms > MIN_SHARE * whole.execution_ms:
        yield Limitation(
            sentence="Compiling it (jit) takes much of its time: raise jit_above_cost, or set jit to off for it.",
            evidence=(Evidence(label="compilation", value=jit_ms, unit=Unit.MILLISECONDS),),
        )


def _hidden(shape: ShapeView, plan: StatementPlan | None) -> Iterator[Limitation]:
    """Conditions that no index can serve as they are written, on tables that are read whole for all that is known."""
    rows = {relation.alias: relation.row_count for relation in shape.relations}
    whole = None if plan is None else {node.relation for node in plan.root.walk() if node.node_type == "Seq Scan"}
    for item in shape.conditions:
        size = rows.get(item.alias)
        is_read_whole = whole is None or item.relation.rpartition(".")[2] in whole
        if item.use is Use.HIDDEN and is_read_whole and size is not None and size >= MIN_ROWS:
            yield Limitation(
                sentence=_why_hidden(item),
                evidence=(Evidence(label="rows of the table", value=round(size), unit=Unit.ROWS),),
            )


def _why_hidden(item: ConditionView) -> str:
    return f"No plain index on {item.column} of {item.relation} finds the rows of {item.text}: {item.reason}."
