"""What an explanation says in words: shared by its page and the terminal."""

from __future__ import annotations

from pgadvisor.model.explanation import ConditionView, Explanation, ShapeView, Use

MAX_NAMED = 4


def title(explanation: Explanation) -> str:
    """What it does with which tables, in one phrase."""
    shape = explanation.shape
    if shape is None:
        return "A statement"
    names = list(dict.fromkeys(relation.name for relation in shape.relations))
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    on = f" on {', '.join(names[:MAX_NAMED])}{more}" if names else ""
    return f"{shape.kind.upper()}{on}"


def use(condition: ConditionView) -> str:
    """Whether an index finds the rows that meet a condition, and why not."""
    if condition.use is Use.SERVED:
        return f"yes: {', '.join(condition.indexes)}"
    return f"no: {condition.reason}"


def rest_of(shape: ShapeView) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The parts that are lists of SQL, with a label each; only those that are there."""
    parts = (
        ("Joined by", shape.joins),
        ("Grouped by", shape.group),
        ("Distinct", shape.distinct),
        ("In the order of", shape.sort),
        ("Limited", (shape.limit,) if shape.limit else ()),
        ("Locks rows", (shape.locking,) if shape.locking else ()),
        ("Assigns", shape.written),
        ("Calls", shape.functions),
        ("Not in the catalog", shape.others),
    )
    return tuple((label, texts) for label, texts in parts if texts)
