"""Plans with other constants and names: what a key of EXPLAIN's JSON holds decides how its text is changed."""

from __future__ import annotations

from typing import Any

from pgadvisor.masking import MASK
from pgadvisor.snapshots.redaction.literals import Texts

# Words of EXPLAIN's own.
_KEPT = frozenset(
    (
        "Node Type", "Strategy", "Join Type", "Parent Relationship", "Partial Mode", "Operation", "Command",
        "Scan Direction", "Sort Method", "Sort Space Type", "Cache Mode", "Storage", "Custom Plan Provider",
        "Query Identifier", "Disabled", "Sampling Method", "Conflict Resolution",
    )
)  # fmt: skip
_NAMES = {
    "Schema": "schema",
    "Relation Name": "relation",
    "Index Name": "index",
    "Conflict Arbiter Indexes": "index",
    "Function Name": "function",
    "Trigger Name": "trigger",
    "Trigger": "trigger",
    "Constraint Name": "constraint",
    "Relation": "relation",
    "CTE Name": "alias",
    "Tuplestore Name": "alias",
    "Table Function Name": "function",
    "Server": "server",
}
_SETTINGS = "Settings"
_SUBPLAN = "Subplan Name"
# The query of a foreign server may be in any language.
_FOREIGN = ("Remote SQL", "Remote Plans")


def redacted_plan(plan: dict[str, Any], texts: Texts) -> dict[str, Any]:
    """EXPLAIN's object with other texts."""
    return {key: _part(part, texts, key) for key, part in plan.items()}


def _part(plan: object, texts: Texts, key: str) -> object:
    """What stands under a key, with other texts."""
    if isinstance(plan, dict):
        if key == _SETTINGS:
            return {
                name: texts.names.within(value) if isinstance(value, str) else value for name, value in plan.items()
            }
        return {name: _part(part, texts, name) for name, part in plan.items()}
    if isinstance(plan, list):
        return [_part(part, texts, key) for part in plan]
    if not isinstance(plan, str) or key in _KEPT:
        return plan
    if key in _FOREIGN:
        return MASK
    if key in _NAMES:
        return texts.names.of(_NAMES[key], plan)
    if key == "Alias":
        return texts.names.alias(plan)
    return _subplan(plan, texts) if key == _SUBPLAN else texts.sql(plan)


def _subplan(name: str, texts: Texts) -> str:
    """ "CTE recent" holds a name, "InitPlan 1 (returns $0)" none."""
    kind, space, rest = name.partition(" ")
    return f"{kind}{space}{texts.names.alias(rest)}" if kind == "CTE" else name
