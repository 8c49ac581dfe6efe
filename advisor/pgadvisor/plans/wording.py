"""A node of a plan in words, as EXPLAIN's text format has them."""

from __future__ import annotations

from pgadvisor.model.plan_nodes import PlanNode

_AGGREGATES = {"Hashed": "HashAggregate", "Sorted": "GroupAggregate", "Mixed": "MixedAggregate"}


def operation(node: PlanNode) -> str:
    """What it does: "Parallel Hash Left Join", "Index Scan Backward"."""
    name = node.node_type
    if node.join_type not in (None, "", "Inner"):
        name = f"{name.removesuffix(' Join')} {node.join_type} Join"
    elif name == "Aggregate":
        name = _AGGREGATES.get(node.strategy or "", name)
    elif name == "ModifyTable":
        name = node.operation or name
    elif name == "Custom Scan" and node.custom_provider:
        name = f"Custom Scan ({node.custom_provider})"
    if node.scan_direction == "Backward":
        name += " Backward"
    return f"Parallel {name}" if node.parallel_aware else name


def target(node: PlanNode) -> str:
    """What it reads or writes, without a preposition: "public.orders o", "" where it is nothing of its own."""
    name = node.relation or node.cte_name or node.function_name or node.table_function_name or node.tuplestore_name
    if not name:
        return node.alias or ""
    qualified = f"{node.schema}.{name}" if node.schema else name
    return qualified if node.alias in (None, name) else f"{qualified} {node.alias}"


def described(node: PlanNode) -> str:
    """Both: "Index Scan using orders_status on public.orders o"."""
    words = operation(node)
    if node.node_type == "Bitmap Index Scan":
        return f"{words} on {node.index}"
    if node.index:
        words += f" using {node.index}"
    read = target(node)
    return f"{words} on {read}" if read else words


def condition(node: PlanNode) -> str:
    """Which rows it keeps, as the server words it: with constants, which are values of rows. "" where all."""
    texts = (
        node.index_condition, node.tid_condition, node.filter, node.hash_condition, node.merge_condition,
        node.join_filter, node.one_time_filter,
    )  # fmt: skip
    kept = [text for text in texts if text]
    if not kept and node.recheck_condition:
        kept = [node.recheck_condition]
    if not kept and node.group_keys:
        return f"grouped by {', '.join(node.group_keys)}"
    return " and ".join(kept)
