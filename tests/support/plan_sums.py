"""Whether what the nodes of a plan took by themselves adds up to what the root took."""

from __future__ import annotations

from pgadvisor.model.plan_nodes import Plan, Resources
from pgadvisor.plans.exclusive import exclusive

_EPSILON = 1e-6


def wrong_sums(plan: Plan) -> list[str]:
    """What does not add up, or is below nought, beyond what rounding can do. Changing CTEs may add to the sum."""
    nodes = exclusive(plan.root)
    changes = any(each.node.node_type == "ModifyTable" and each.depth for each in nodes)
    wrong = []
    if plan.root.actual_total_ms is not None:
        total = sum(each.own_ms or 0.0 for each in nodes)
        off = total - plan.root.actual_total_ms * (plan.root.loops or 0)
        if off < -sum(each.tolerance_ms for each in nodes) - _EPSILON or (
            not changes and off > sum(each.tolerance_ms for each in nodes) + _EPSILON
        ):
            wrong.append(f"times are {off} ms off")
        wrong += [
            f"{each.node.node_type} took {each.own_ms} ms, may be {each.tolerance_ms} off"
            for each in nodes
            if (each.own_ms or 0.0) < -each.tolerance_ms - _EPSILON
        ]
    for name in Resources.__struct_fields__:
        own = [getattr(each.own, name) or 0 for each in nodes]
        root = getattr(plan.root, name) or 0
        slack = _EPSILON if isinstance(root, int) else ROUNDED * len(nodes)
        if sum(own) < root - slack or (not changes and sum(own) > root + slack):
            wrong.append(f"{name}: {sum(own)} in nodes, {root} at the root")
        wrong += [
            f"{each.node.node_type}: {name} {value}" for each, value in zip(nodes, own, strict=True) if value < -slack
        ]
    cost = sum(each.own_cost for each in nodes)
    if abs(cost - plan.root.total_cost) > _EPSILON * max(plan.root.total_cost, 1.0):
        wrong.append(f"costs are {cost}, the root's {plan.root.total_cost}")
    wrong += [f"{each.node.node_type} cost {each.own_cost}" for each in nodes if each.own_cost < -_EPSILON]
    return wrong


# Times of I/O have three decimals, as other times do.
ROUNDED = 0.002
