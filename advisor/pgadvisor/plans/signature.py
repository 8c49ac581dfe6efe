"""The shape of a plan, and in words how two differ: what is read how, joined in which order; no costs, no values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.plans.wording import described, operation, target

_SCANS_PART = "Bitmap Index Scan"
# They come with a join or a scan, and are told by it.
_HELPERS = frozenset(("Hash", _SCANS_PART, "BitmapAnd", "BitmapOr", "Bitmap Heap Scan"))


def signature(root: PlanNode) -> str:
    """The same for two plans exactly where they have the same nodes on the same objects in the same order."""
    pieces: list[str] = []
    stack: list[PlanNode | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            pieces.append(")")
            continue
        role = node.parent_relationship if node.parent_relationship in ("InitPlan", "SubPlan") else ""
        pieces.append(f"({role or ''}{described(node)!r}")
        stack.append(None)
        stack.extend(reversed(node.children))
    return "".join(pieces)


def differences(a: PlanNode, b: PlanNode) -> tuple[str, ...]:
    """What the first plan does instead of what the second does, in words, the reading of tables first.

    >>> from pgadvisor.model.plan_nodes import PlanNode
    >>> scan = PlanNode(node_type="Seq Scan", relation="orders")
    >>> differences(PlanNode(node_type="Index Scan", index="orders_status_idx", relation="orders"), scan)
    ('Index Scan using orders_status_idx instead of Seq Scan on orders',)
    """
    if signature(a) == signature(b):
        return ()
    first, second = _reads(a), _reads(b)
    found = [
        f"{_access(mine)} instead of {_access(second[key])} on {key}" if key in second else f"{_access(mine)} on {key}"
        for key, mine in first.items()
        if mine != second.get(key)
    ]
    found += [f"no {_access(theirs)} on {key}" for key, theirs in second.items() if key not in first]
    order, other_order = _order(first), _order(second)
    if order != other_order and sorted(order) == sorted(other_order):
        found.append(f"{_list(order)} in this order instead of {_list(other_order)}")
    found += _counted(a, b)
    return tuple(found) or ("the same steps in another arrangement",)


def _reads(root: PlanNode) -> dict[str, tuple[str, ...]]:
    """How each table is read: its scans, with indexes; partitions and several uses by their aliases."""
    reads: dict[str, tuple[str, ...]] = {}
    stack: list[tuple[PlanNode, str]] = [(root, "")]
    while stack:
        node, of = stack.pop()
        if node.node_type == _SCANS_PART:
            reads[of] = (*reads.get(of, ()), f"using {node.index}")
        elif node.node_type.endswith(" Scan") and node.node_type != "Subquery Scan":
            of = target(node)
            words = operation(node) + (f" using {node.index}" if node.index else "")
            reads[of] = (*reads.get(of, ()), words)
        stack.extend((child, of) for child in reversed(node.children))
    return reads


def _access(scans: Sequence[str]) -> str:
    return " ".join(scans[:4]) + (f" and {len(scans) - 4} more" if len(scans) > 4 else "")


def _order(reads: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(reads)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _counted(a: PlanNode, b: PlanNode) -> list[str]:
    """Joins and other steps that one has more of."""
    mine, theirs = _steps(a), _steps(b)
    more, fewer = mine - theirs, theirs - mine
    found = []
    joins, other_joins = ([name for name in steps.elements() if _is_join(name)] for steps in (more, fewer))
    for join, other in zip(joins, other_joins, strict=False):
        found.append(f"{join} instead of {other}")
    found += [f"another {name}" for name in joins[len(other_joins) :]]
    found += [f"no {name}" for name in other_joins[len(joins) :]]
    for steps, word in ((more, "with"), (fewer, "without")):
        found += [f"{word} {name}" for name in steps if not _is_join(name)]
    return found


def _steps(root: PlanNode) -> Counter[str]:
    return Counter(
        operation(node)
        for node in root.walk()
        if node.node_type not in _HELPERS and not node.node_type.endswith(" Scan")
    )


def _is_join(name: str) -> bool:
    return name.endswith((" Join", "Nested Loop"))
