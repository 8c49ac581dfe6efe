"""Puts together what is known about one statement: its shape, its plans side by side, and what rules say of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.limitations import limitations
from pgadvisor.advise.shape_views import shape_view
from pgadvisor.masking import mask_literals
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.explanation import Explanation, PlanSide
from pgadvisor.model.plans import PlanMethod, ValueChoice
from pgadvisor.model.shape import StatementKind
from pgadvisor.plans.signature import signature

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import Relation
    from pgadvisor.model.plan_nodes import PlanNode
    from pgadvisor.model.plan_view import PlanView
    from pgadvisor.model.report import Report, ReportFinding, StatementView
    from pgadvisor.model.shape import NotUnderstood, StatementShape
    from pgadvisor.statement_facts import StatementPlan

# What of the collection bears on one statement; gaps in other facts are told by an audit.
_BEARING = frozenset(
    (
        Fact.CONNECTION,
        Fact.CATALOG,
        Fact.COLUMN_STATISTICS,
        Fact.STATEMENTS,
        Fact.STATEMENT_TEXTS,
        Fact.SHAPES,
        Fact.PLANS,
        Fact.EXECUTED_PLANS,
    )
)
_LABELS = {
    ValueChoice.TYPICAL: "typical values",
    ValueChoice.COMMON: "a common value",
    ValueChoice.RARE: "a rare value",
    ValueChoice.LOW: "values that leave few rows",
    ValueChoice.HIGH: "values that leave many rows",
    ValueChoice.ABSENT: "a value that is not there",
    ValueChoice.LOGGED: "values of a real call",
    ValueChoice.GIVEN: "the values given",
}
_EXECUTED = {PlanMethod.EXECUTED: ", executed", PlanMethod.LOGGED: ", executed by the application"}


def explanation_of(
    report: Report,
    facts: Facts,
    query_id: str,
    given: str,
    not_understood: Sequence[NotUnderstood],
    *,
    shape: StatementShape | None,
    as_role: str,
    show_values: bool,
) -> Explanation:
    """The explanation of a statement in a report on a snapshot with its text and its plans.

    given is what was asked about, and shape the statement's with what that tells. as_role is the role that it was to be
    planned as, "" where none was named.
    """
    view = next((view for view in report.statements if view.query_id == query_id), None)
    tables = {f"{r.schema}.{r.name}" for r in _relations(facts, query_id)}
    findings = tuple(finding for finding in report.findings if query_id in finding.query_ids)
    keys = {key for finding in findings for key in finding.recommendations}
    plans = facts.plans(query_id)
    shown = None if shape is None else shape_view(shape, facts, show_values, plans)
    return Explanation(
        tool=report.tool,
        source=report.source,
        text=(None if view is None else view.text) or "",
        given=given if show_values else mask_literals(given),
        values_masked=not show_values,
        statement=view if view is not None and view.calls else None,
        shape=shown,
        not_understood=next((item.reason for item in not_understood if item.query_id == query_id), ""),
        planned_as=_planned_as(plans, as_role, report.source.role),
        plans=_sides(plans, view),
        limitations=limitations(plans, shown, show_values=show_values),
        findings=findings,
        recommendations=tuple(action for action in report.recommendations if action.key in keys),
        rules=tuple(text for text in report.rules if text.rule in {finding.rule for finding in findings}),
        other_findings=_others(report.findings, findings, tables),
        tables=tuple(table for table in report.tables if table.name in tables),
        statements_window=report.trust.statements_window,
        counters_window=report.trust.counters_window,
        gaps=(*_gaps(report.trust.gaps, query_id, tables if shape is not None else None), *_by_kind(shape)),
        footprint=report.trust.footprint,
    )


def _relations(facts: Facts, query_id: str) -> Iterator[Relation]:
    shape = facts.shapes.get(query_id)
    for used in () if shape is None else shape.relations:
        root = facts.root(used.relation_oid)
        if root is not None:
            yield root


def _others(
    all_findings: Sequence[ReportFinding], own: Sequence[ReportFinding], tables: set[str]
) -> tuple[ReportFinding, ...]:
    """Findings on the statement's tables that do not name it."""
    return tuple(
        finding
        for finding in all_findings
        if finding not in own and f"{finding.subject.schema}.{finding.subject.relation}" in tables
    )


def _gaps(gaps: Sequence[Gap], query_id: str, tables: set[str] | None) -> Iterator[Gap]:
    """Those that bear on the statement: of all of it, or of this one; tables are the statement's, None for unknown."""
    for gap in gaps:
        if gap.fact is Fact.COLUMN_STATISTICS and tables is not None and _is_elsewhere(gap.scope, tables):
            continue
        names_statements = gap.scope.startswith(("statement ", "statements ")) or gap.scope.endswith(" statements")
        if gap.fact in _BEARING and (not names_statements or query_id in gap.scope):
            by_policy = gap.fact is Fact.EXECUTED_PLANS and "collect.execute_m" in gap.remedy
            yield msgspec.structs.replace(gap, remedy="Use --run.") if by_policy else gap


def _is_elsewhere(scope: str, tables: set[str]) -> bool:
    """Whether what a gap is about are other tables than these; where it names some of many, that is not known."""
    return bool(scope) and not scope.endswith(" more") and not any(table in scope for table in tables)


def _by_kind(shape: StatementShape | None) -> tuple[Gap, ...]:
    """What is never done with statements of a kind."""
    if shape is None or shape.kind is StatementKind.SELECT:
        return ()
    if shape.kind is not StatementKind.UTILITY:
        return (Gap(fact=Fact.EXECUTED_PLANS, scope="", reason="It writes, and what writes is never executed"),)
    reason = "It is a utility command; it is not planned, nor is a query in it"
    return (Gap(fact=Fact.PLANS, scope="", reason=reason, remedy="If there is a query in it, give that alone."),)


def _planned_as(plans: Sequence[StatementPlan], as_role: str, ours: str) -> str:
    """As whom it was planned, where that was another role, or was to be."""
    roles = sorted({plan.observed.role for plan in plans if plan.observed.role})
    if roles:
        return f"Planned as {', '.join(roles)}."
    missed = sorted({plan.observed.role_missed for plan in plans if plan.observed.role_missed})
    wanted = as_role or ", ".join(missed)
    if not plans or not wanted or wanted == ours:
        return ""
    return (
        f"Planned as {ours}, which may not become {wanted}, under that role's settings as far as anybody may set them."
    )


def _sides(plans: Sequence[StatementPlan], view: StatementView | None) -> tuple[PlanSide, ...]:
    """The plans in the order of what they were made for: unknown values first."""
    views = () if view is None else view.plans
    has_parameters = view is not None and "$" in (view.text or "")
    pairs = sorted(
        ((plan, shown) for plan, shown in zip(plans, views, strict=True) if not _is_told(plan, plans)),
        key=lambda pair: _order(pair[0]),
    )
    first_of: dict[object, int] = {}
    sides = []
    for number, (plan, shown) in enumerate(pairs):
        alike = first_of.setdefault(signature(plan.root), number)
        sides.append(_side(plan, shown, alike, has_parameters=has_parameters))
    return tuple(sides)


def _is_told(plan: StatementPlan, plans: Sequence[StatementPlan]) -> bool:
    """Whether a plan for the same values tells more: one that was executed, or one that says more than "typical"."""
    if plan.observed.method is not PlanMethod.VALUES:
        return False
    same = [other for other in plans if other is not plan and _values(other) == _values(plan)]
    return any(
        other.observed.method is PlanMethod.EXECUTED
        or (
            other.observed.method is PlanMethod.VALUES
            and plan.observed.values is ValueChoice.TYPICAL is not other.observed.values
        )
        for other in same
    )


def _values(plan: StatementPlan) -> tuple[str | None, ...]:
    return tuple(parameter.value for parameter in plan.observed.parameters)


def _order(plan: StatementPlan) -> tuple[int, int, int]:
    choices = list(ValueChoice)
    values = plan.observed.values
    return (
        0 if plan.observed.method is PlanMethod.GENERIC else 1,
        -1 if values is None else choices.index(values),
        list(PlanMethod).index(plan.observed.method),
    )


def _side(plan: StatementPlan, shown: PlanView, alike: int, *, has_parameters: bool) -> PlanSide:
    root = plan.root
    return PlanSide(
        label=label_of(plan, has_parameters=has_parameters),
        values=shown.parameters,
        plan=shown,
        total_cost=root.total_cost,
        estimated_rows=root.estimated_rows,
        actual_rows=None if root.actual_rows is None else root.actual_rows * (root.loops or 1.0),
        execution_ms=root.actual_total_ms if plan.plan.execution_ms is None else plan.plan.execution_ms,
        summary=tuple(_summary(root)),
        alike=alike,
    )


def label_of(plan: StatementPlan, *, has_parameters: bool) -> str:
    """For which values a plan is, in words."""
    observed = plan.observed
    executed = _EXECUTED.get(observed.method, "")
    if observed.method is PlanMethod.GENERIC:
        return "unknown values" if has_parameters else "the statement"
    if not observed.parameters:
        return f"the statement{executed}"
    choice = observed.values or ValueChoice.TYPICAL
    told = [value.position for value in observed.parameters if value.source.startswith(f"{choice.value} value, ")]
    of = f" of ${told[0]}" if len(told) == 1 and len(observed.parameters) > 1 else ""
    return f"{_LABELS[choice]}{of}{executed}"


def _summary(root: PlanNode) -> Iterator[str]:
    """How each table is reached, in the plan's order."""
    for node in root.walk():
        if node.relation is not None:
            indexes = dict.fromkeys(below.index for below in _bitmaps(node) if below.index is not None)
            using = f" using {', '.join(indexes)}" if indexes else ""
            yield f"{node.node_type}{using} on {node.relation}"


def _bitmaps(node: PlanNode) -> Iterator[PlanNode]:
    """The node itself, and of a Bitmap Heap Scan the scans of indexes that it is fed by."""
    yield node
    if node.node_type == "Bitmap Heap Scan":
        yield from (below for below in node.walk() if below.node_type == "Bitmap Index Scan")
