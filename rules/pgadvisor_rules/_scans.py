"""Sequential scans with a filter in the plans of a statement, and what part of its time goes into them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from pgadvisor.rules_api import (
    Facts,
    PlanMethod,
    PlanNode,
    Relation,
    RelationKind,
    Statement,
    StatementPlan,
    ValueChoice,
)
from pgadvisor_rules._remember import per_facts

# The most telling first: what was executed, what was planned for values, what was planned for none. Last what logs
# hold, which are the slowest calls.
METHODS = (PlanMethod.EXECUTED, PlanMethod.VALUES, PlanMethod.GENERIC, PlanMethod.LOGGED)
_USUAL = (None, ValueChoice.TYPICAL, ValueChoice.GIVEN)


@dataclass(frozen=True)
class Scan:
    """One table that a plan reads whole to filter it, with all its partitions that are read so.

    table is the root, rows what the scanned relations hold, kept_fraction the share of rows that pass the filter
    (measured where executed, else the planner's), time_share the share of the statement's time.
    """

    statement: Statement
    table: Relation
    leaves: tuple[int, ...]
    alias: str
    filters: tuple[str, ...]
    method: PlanMethod
    rows: float
    kept_fraction: float
    time_share: float

    @property
    def time_ms(self) -> float:
        """Time of the statement that goes into the scan."""
        return self.statement.total_ms * self.time_share


@dataclass(frozen=True)
class _Visit:
    """A node with how often it runs for one execution of the statement, and in how many processes."""

    node: PlanNode
    loops: float
    workers: int


def scans(facts: Facts, statement: Statement) -> Iterator[Scan]:
    """Scans in the most telling plans of a statement; of several plans for other values, the worst of each scan.

    Plans for values out of the common, such as a rare one, do not tell where the statement's time goes.
    """
    plans = [
        plan
        for plan in facts.plans(statement.query_id)
        if plan.observed.method is not PlanMethod.VALUES or plan.observed.values in _USUAL
    ]
    method = next((each for each in METHODS if any(plan.observed.method is each for plan in plans)), None)
    worst: dict[tuple[int, str], Scan] = {}
    for plan in plans:
        if plan.observed.method is not method:
            continue
        for scan in _scans_of(facts, statement, plan):
            key = (scan.table.oid, scan.alias)
            if key not in worst or scan.time_share > worst[key].time_share:
                worst[key] = scan
    yield from worst.values()


def _scans_of(facts: Facts, statement: Statement, plan: StatementPlan) -> Iterator[Scan]:
    found: dict[tuple[int, str], list[tuple[_Visit, Relation]]] = defaultdict(list)
    for visit in _walk(plan.root, 1.0, 0):
        node = visit.node
        if node.node_type != "Seq Scan" or node.filter is None or node.loops == 0:
            continue
        relation = facts.relation_named(node.schema, node.relation or "")
        root = None if relation is None else facts.root(relation.oid)
        if relation is not None and root is not None:
            found[root.oid, _alias(node.alias or relation.name)].append((visit, relation))
    for (table_oid, alias), visits in found.items():
        kept, read = 0.0, 0.0
        for visit, relation in visits:
            rows = _kept_and_read(facts, visit, relation)
            kept, read = kept + rows[0], read + rows[1]
        leaves = tuple(dict.fromkeys(relation.oid for _, relation in visits))
        if read > 0:
            yield Scan(
                statement=statement,
                table=facts.relations[table_oid],
                leaves=leaves,
                alias=alias,
                filters=tuple(visit.node.filter or "" for visit, _ in visits),
                method=plan.observed.method,
                rows=sum(facts.row_count(leaf) or 0.0 for leaf in leaves),
                kept_fraction=min(kept / read, 1.0),
                time_share=min(sum(_share(visit, plan.root) for visit, _ in visits), 1.0),
            )


def _alias(alias: str) -> str:
    """The alias in the statement: EXPLAIN numbers those of partitions and those used twice."""
    return re.sub(r"_\d+$", "", alias)


def _walk(node: PlanNode, loops: float, workers: int) -> Iterator[_Visit]:
    yield _Visit(node, loops, workers)
    workers = node.workers_planned or workers
    for child in node.children:
        yield from _walk(child, loops * _repeats(node, child), workers)


def _repeats(parent: PlanNode, child: PlanNode) -> float:
    """How often a child runs each time its parent does, by the planner's estimates; at least so often."""
    if child.parent_relationship == "SubPlan":
        hashed = f"hashed {child.subplan_name}" in (parent.filter or "")
        return 1.0 if hashed else max(parent.estimated_rows, 1.0)
    if (
        parent.node_type == "Nested Loop"
        and child.parent_relationship == "Inner"
        and child.node_type not in ("Materialize", "Memoize")
    ):
        outer = next((each for each in parent.children if each.parent_relationship == "Outer"), None)
        return 1.0 if outer is None else max(outer.estimated_rows, 1.0)
    return 1.0


def _share(visit: _Visit, root: PlanNode) -> float:
    """The share of the whole plan's time, or of its cost where no times were taken."""
    node = visit.node
    if node.actual_total_ms is not None and node.loops is not None and root.actual_total_ms:
        # Each process counts as a loop, but they run side by side.
        processes = visit.workers + 1 if node.parallel_aware else 1
        return node.actual_total_ms * max(node.loops / processes, 1.0) / root.actual_total_ms
    return node.total_cost * visit.loops / root.total_cost if root.total_cost else 0.0


def _kept_and_read(facts: Facts, visit: _Visit, relation: Relation) -> tuple[float, float]:
    node = visit.node
    if node.actual_rows is not None:
        loops = node.loops or 1.0
        return node.actual_rows * loops, (node.actual_rows + (node.rows_removed_by_filter or 0.0)) * loops
    kept = node.estimated_rows * (_parallel_divisor(visit.workers) if node.parallel_aware else 1.0)
    return kept, facts.row_count(relation.oid) or 0.0


def _parallel_divisor(workers: int) -> float:
    """By how much the planner divides rows among processes: the leader helps the less, the more workers there are.

    https://www.postgresql.org/docs/current/how-parallel-query-works.html; the figure is that of costsize.c.
    """
    return workers + max(1.0 - 0.3 * workers, 0.0)


def may_be_pruned(facts: Facts, scan: Scan) -> bool:
    """Whether values could spare the scan some partitions, which a plan made without values does not show."""
    if scan.table.kind is not RelationKind.PARTITIONED or scan.method is not PlanMethod.GENERIC:
        return False
    shape = facts.shapes.get(scan.statement.query_id)
    if shape is None:
        return True
    used = {p.column for p in shape.predicates if _in_table(facts, p.relation_oid, scan) and not p.in_or}
    used |= {
        side.column
        for join in shape.joins
        for side in (join.left, join.right)
        if _in_table(facts, side.relation_oid, scan)
    }
    return any(column is None or column in used for column in _partitioned_by(facts, scan.table.oid))


@per_facts
def _partitioned_by(facts: Facts, table_oid: int) -> frozenset[str | None]:
    """The columns in the partition keys of a table and of its partitions, all levels; None stands for expressions."""
    columns: set[str | None] = set()
    levels = [facts.relations[table_oid]]
    while levels:
        level = levels.pop()
        columns.update(level.partition_columns)
        levels += (r for r in facts.children(level.oid) if r.is_partition and r.kind is RelationKind.PARTITIONED)
    return frozenset(columns)


def _in_table(facts: Facts, relation_oid: int, scan: Scan) -> bool:
    root = facts.root(relation_oid)
    return root is not None and root.oid == scan.table.oid
