"""From the plan that the server showed for a statement to its shape, where the parser could not read its text.

A plan says less than a text: which columns are written, what LIMIT is and an order that an index gives are not in it,
and what the planner has simplified is as it has simplified it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.model.plans import ObservedPlan, PlanMethod
from pgadvisor.model.shape import (
    ColumnRef,
    NotUnderstood,
    ReadBy,
    ShapeRelation,
    SortKey,
    StatementKind,
    StatementShape,
)
from pgadvisor.workload.plan_conditions import CONDITIONS, PlanScope
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.words import words

_KINDS = {
    "Insert": StatementKind.INSERT,
    "Update": StatementKind.UPDATE,
    "Delete": StatementKind.DELETE,
    "Merge": StatementKind.MERGE,
}
# Nodes that leave the order of their rows as it is.
_KEEP_ORDER = frozenset(
    {"Limit", "LockRows", "Result", "Unique", "Gather Merge", "Gather", "ProjectSet", "Subquery Scan", "ModifyTable"}
)
_SORTS = frozenset({"Sort", "Incremental Sort"})
_AFTER_KEY = words("asc desc nulls first last")
# To read a condition takes some 60 microseconds a character, and more where there are many tables. What a server shows
# of its own statements is far below this; a file of a stranger's may hold anything, many times.
MAX_PLAN_CHARS = 40_000
MAX_PLAN_TEXTS = 500
MAX_ALL_CHARS = 1_000_000


def plan_shape(query_id: str, plan: Mapping[str, Any], schema: SchemaView) -> StatementShape | NotUnderstood:
    """The shape of a statement from EXPLAIN (VERBOSE, FORMAT JSON)'s object. Never raises.

    Not understood is a plan that is none, or that has a condition which cannot be read.
    """
    try:
        return _shape(query_id, parse_plan(dict(plan)), schema)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        return NotUnderstood(query_id=query_id, reason=f"its plan cannot be read ({type(error).__name__})")


def understood_by_plans(
    shapes: dict[str, StatementShape],
    not_understood: Iterable[NotUnderstood],
    plans: Sequence[ObservedPlan],
    schema: SchemaView,
) -> list[NotUnderstood]:
    """Adds the shapes that plans show of statements whose texts could not be read; gives back what is left.

    Of several plans of a statement the generic one is taken, whose conditions have parameters for values.
    """
    by_id: dict[str, ObservedPlan] = {}
    for plan in plans:
        if plan.query_id not in by_id or plan.method is PlanMethod.GENERIC:
            by_id[plan.query_id] = plan
    left: list[NotUnderstood] = []
    chars = MAX_ALL_CHARS
    for each in not_understood:
        observed = by_id.get(each.query_id)
        usable = observed is not None and not observed.equivalent_select and chars > 0
        shape = plan_shape(each.query_id, observed.plan, schema) if observed is not None and usable else each
        chars -= _chars(observed.plan) if observed is not None and usable else 0
        if isinstance(shape, StatementShape):
            shapes[each.query_id] = shape
        else:
            left.append(each)
    return left


def _chars(plan: Mapping[str, Any]) -> int:
    """How many characters of a plan are read, at most."""
    try:
        return min(sum(map(len, _texts(parse_plan(dict(plan))))), MAX_PLAN_CHARS)
    except (KeyError, TypeError, ValueError, RecursionError):
        return 0


def _texts(root: PlanNode) -> list[str]:
    """All that is read as an expression."""
    found = list(root.output)
    for node in root.walk():
        found += [text for field in CONDITIONS if (text := getattr(node, field))]
        found += [*node.sort_keys, *node.group_keys]
    return found


def _shape(query_id: str, root: PlanNode, schema: SchemaView) -> StatementShape | NotUnderstood:
    texts = _texts(root)
    if len(texts) > MAX_PLAN_TEXTS or sum(map(len, texts)) > MAX_PLAN_CHARS:
        return NotUnderstood(query_id=query_id, reason="its plan is too long to read")
    scope = PlanScope(root, schema)
    conditions = list(scope.conditions())
    if not all(condition.readable for condition in conditions):
        return NotUnderstood(query_id=query_id, reason="a condition of its plan cannot be read")
    nodes = list(root.walk())
    if any(node.subplans_removed and not node.children for node in nodes):
        # Planned with NULLs for values, which are in no partition: what would be read of one is not shown.
        return NotUnderstood(query_id=query_id, reason="its plan shows none of a table's partitions")
    # A bitmap's parts may be joined by OR; the heap scan above it rechecks the whole.
    conditions = [each for each in conditions if nodes[each.node].node_type != "Bitmap Index Scan"]
    read: dict[ColumnRef, None] = dict.fromkeys(ref for each in conditions for ref in each.columns)
    sort = _sort(root, scope, read)
    group = _group(nodes, scope, read)
    for text in root.output:
        _column(text, scope, read)
    return StatementShape(
        query_id=query_id,
        kind=_KINDS.get(root.operation or "", StatementKind.SELECT),
        relations=_relations(nodes, scope),
        predicates=tuple(dict.fromkeys(predicate for each in conditions for predicate in each.predicates)),
        joins=tuple(dict.fromkeys(join for each in conditions for join in each.joins)),
        sort=sort,
        group=group,
        has_limit=any(node.node_type == "Limit" for node in nodes),
        columns_read=tuple(sorted(read, key=lambda ref: (ref.relation_oid, ref.column))),
        unresolved=tuple(scope.unresolved),
        is_distinct=any(node.node_type == "Unique" for node in nodes),
        functions=tuple(dict.fromkeys(name for each in conditions for name in each.functions if name != "subplan")),
        read_by=ReadBy.PLAN,
    )


def _relations(nodes: Sequence[PlanNode], scope: PlanScope) -> tuple[ShapeRelation, ...]:
    written: set[str | None] = set()
    for node in nodes:
        if node.node_type == "ModifyTable":
            aliases = [node.alias, *(target.alias for target in node.target_tables)]
            written |= {scope.aliases.get(alias or "") for alias in aliases}
    found: dict[ShapeRelation, None] = {}
    for alias, relation in scope.relations.items():
        shown = scope.aliases[alias]
        found[ShapeRelation(relation_oid=relation.oid, alias=shown, written=shown in written)] = None
    return tuple(found)


def _sort(root: PlanNode, scope: PlanScope, read: dict[ColumnRef, None]) -> tuple[SortKey, ...]:
    """The keys of the sort at the top, up to the first that is no base column."""
    node = root
    while node.node_type in _KEEP_ORDER and node.children:
        node = node.children[0]
    keys: list[SortKey] = []
    for text in node.sort_keys if node.node_type in _SORTS else ():
        # Direction and place of NULLs stand last, and only where they are not the default.
        parts = text.split()
        ends: list[str] = []
        while parts and parts[-1].lower() in _AFTER_KEY:
            ends.insert(0, parts.pop().lower())
        ref = _column(" ".join(parts), scope, read)
        if ref is None or "USING" in parts:
            break
        descending = "desc" in ends
        keys.append(
            SortKey(
                relation_oid=ref.relation_oid,
                column=ref.column,
                descending=descending,
                nulls_first="first" in ends or (descending and "last" not in ends),
            )
        )
    return tuple(keys)


def _group(nodes: Sequence[PlanNode], scope: PlanScope, read: dict[ColumnRef, None]) -> tuple[ColumnRef, ...]:
    """The base columns of the topmost grouping."""
    keys = next((node.group_keys for node in nodes if node.group_keys), ())
    refs = (_column(text, scope, read) for text in keys)
    return tuple(dict.fromkeys(ref for ref in refs if ref is not None))


def _column(text: str, scope: PlanScope, read: dict[ColumnRef, None]) -> ColumnRef | None:
    """The base column that a key or an output is; what it reads is noted. None where it is an expression."""
    found = scope.expression(text)
    if found is None:
        return None
    reader, node = found
    scope.note(reader, node)
    read.update(reader.gathered.read)
    while isinstance(node, exp.Paren):
        node = node.this
    return scope.column(reader, node)
