"""What an explanation says in words: shared by its page and the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pgadvisor.model.explanation import ConditionView, Explanation, PlanSide, ShapeView, Use

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
        ("Writes", shape.written),
        ("Calls", shape.functions),
        ("Not in the catalog", shape.others),
    )
    return tuple((label, texts) for label, texts in parts if texts)


def common_values(plans: Sequence[PlanSide]) -> tuple[str, ...]:
    """Values that most of the plans for values have, so that they need not be told at each."""
    counts = Counter(value for side in plans for value in dict.fromkeys(side.values))
    several = sum(1 for side in plans if side.values)
    return tuple(value for value, count in counts.items() if count > 1 and 2 * count > several)


def own_values(side: PlanSide, plans: Sequence[PlanSide]) -> tuple[str, ...]:
    """The values of a plan that most do not have."""
    common = common_values(plans)
    return tuple(value for value in side.values if value not in common)


def advice(explanation: Explanation) -> dict[str, str]:
    """What to do, by rule, for findings without anything to run."""
    fixes = {text.rule: text.fix for text in explanation.rules}
    return {
        finding.rule: fixes[finding.rule]
        for finding in explanation.findings
        if not finding.recommendations and finding.rule in fixes
    }
