"""Plans of one statement for several values, set against each other and against the one for unknown values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgadvisor.rules_api import Facts, PlanMethod, PlanNode, Statement, StatementPlan, ValueChoice

# What does not exist is found missing fast by any plan, and a typical value is what other rules go by.
_TELLING = (ValueChoice.COMMON, ValueChoice.RARE, ValueChoice.LOW, ValueChoice.HIGH, ValueChoice.LOGGED)
_SCANS = frozenset(
    ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Bitmap Index Scan", "Nested Loop", "Hash Join",
     "Merge Join")
)  # fmt: skip
# Nodes that read all of their input before they give the first row.
_ALL_FIRST = frozenset(("Sort", "Incremental Sort", "Aggregate", "Hash", "WindowAgg"))


@dataclass(frozen=True)
class Difference:
    """How one plan is dearer than another for the same values, or for other ones.

    cost is that of the dearer plan for the values of `by`, which are those of the finding; generic: it is the plan for
    unknown values, and scaled: its cost for these values was worked out from its rows. relation is where they differ.
    """

    by: StatementPlan
    dearer: StatementPlan
    cost: float
    relation: tuple[str, str]
    generic: bool
    scaled: bool

    @property
    def ratio(self) -> float:
        """How many times as much the dearer one costs."""
        return self.cost / max(self.by.root.total_cost, 1.0)


def differences(facts: Facts, statement: Statement) -> Iterator[Difference]:
    """Where plans of a statement differ in shape, the plan for unknown values first."""
    plans = facts.plans(statement.query_id)
    generic = next((plan for plan in plans if plan.observed.method is PlanMethod.GENERIC), None)
    for_values = [
        plan for plan in plans if plan.observed.method is PlanMethod.VALUES and plan.observed.values in _TELLING
    ]
    for plan in for_values:
        relation = None if generic is None else _where(generic.root, plan.root)
        if generic is not None and relation is not None:
            cost = generic_cost(generic.root, plan.root, relation)
            scaled = cost != generic.root.total_cost
            yield Difference(plan, generic, cost, relation, generic=True, scaled=scaled)
    for plan in for_values:
        for other in for_values:
            relation = _where(other.root, plan.root)
            if relation is not None and other.root.total_cost > plan.root.total_cost:
                yield Difference(plan, other, other.root.total_cost, relation, generic=False, scaled=False)


def generic_cost(generic: PlanNode, plan: PlanNode, relation: tuple[str, str]) -> float:
    """What the plan for unknown values would cost for the values of another plan.

    A scan of the whole table costs what it costs. One by an index grows, or shrinks, with the rows that the values
    have, of which the other plan tells, and with it what a nested loop does for each of them; all else is taken to
    stay as it is, so that a growth is rather too small than too large.
    """
    path, other = _path(generic, relation), _scan(plan, relation)
    if not path or other is None or _ends_early(path):
        return generic.total_cost
    scan = path[-1]
    if scan.index_condition is None and scan.node_type != "Bitmap Heap Scan":
        return generic.total_cost
    varies = scan.total_cost - (0.0 if scan.node_type == "Bitmap Heap Scan" else scan.startup_cost)
    for above, below in itertools.pairwise(path):
        if above.node_type == "Nested Loop" and above.children[0] is below:
            varies += sum(inner.total_cost for inner in above.children[1:]) * max(below.estimated_rows, 1.0)
    factor = max(other.estimated_rows, 1.0) / max(scan.estimated_rows, 1.0)
    return generic.total_cost + (factor - 1.0) * min(varies, generic.total_cost)


def _ends_early(path: Sequence[PlanNode]) -> bool:
    """Whether a LIMIT stops the scan at the end of a path before it has read all that it would."""
    kinds = [node.node_type for node in path]
    return "Limit" in kinds and not _ALL_FIRST & set(kinds[kinds.index("Limit") :])


def shape(root: PlanNode) -> tuple[tuple[str, str, str], ...]:
    """How a plan reads and joins its relations; sorts, aggregates and processes that share work are left out."""
    return tuple(
        (node.node_type, f"{node.schema or ''}.{node.relation or ''}", node.index or "")
        for node in root.walk()
        if node.node_type in _SCANS
    )


def described(root: PlanNode) -> str:
    """How a plan reads its relations, in words."""
    parts = []
    for node in root.walk():
        if node.relation is not None:
            by = f" by {node.index}" if node.index else ""
            parts.append(f"{node.node_type} on {node.schema}.{node.relation}{by}")
        elif node.node_type == "Bitmap Index Scan" and node.index:
            parts.append(f"{node.node_type} by {node.index}")
    return ", ".join(parts)


def _where(one: PlanNode, other: PlanNode) -> tuple[str, str] | None:
    """The first relation that two plans read in different ways, or in another order; None where they are alike."""
    if shape(one) == shape(other):
        return None
    others = [_way(node) for node in other.walk() if node.relation is not None]
    nodes = [node for node in one.walk() if node.relation is not None]
    differing = [node for node in nodes if _way(node) not in others] or nodes
    return (differing[0].schema or "", differing[0].relation or "") if differing else None


def _way(node: PlanNode) -> tuple[str, str | None, str | None, str | None]:
    return node.node_type, node.schema, node.relation, node.index


def _path(root: PlanNode, relation: tuple[str, str]) -> list[PlanNode]:
    """The nodes from the root down to the scan of a relation; none where there is no scan of it."""
    if (root.schema or "", root.relation) == relation:
        return [root]
    below = (_path(child, relation) for child in root.children)
    found = next((path for path in below if path), None)
    return [root, *found] if found else []


def _scan(root: PlanNode, relation: tuple[str, str]) -> PlanNode | None:
    return next((node for node in root.walk() if (node.schema or "", node.relation) == relation), None)
