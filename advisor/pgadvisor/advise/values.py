"""Hides values of rows in what a report shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pgadvisor.masking import MASK, mask_literals
from pgadvisor.model.findings import Evidence, Unit

# Fields of EXPLAIN's JSON that hold names; any other text may be an expression with constants in it.
_NAMES_ONLY = frozenset(
    {"Node Type", "Schema", "Relation Name", "Alias", "Index Name", "CTE Name", "Function Name", "Subplan Name"}
)


def masked(evidence: Sequence[Evidence], show_values: bool) -> tuple[Evidence, ...]:
    """Evidence with values of rows and literals in its SQL hidden."""
    return tuple(evidence) if show_values else tuple(_masked(item) for item in evidence)


def masked_plan(plan: Any, show_values: bool, field: str = "") -> Any:  # noqa: ANN401  JSON
    """EXPLAIN's JSON with literals hidden in every text that is not a name."""
    if show_values:
        return plan
    if isinstance(plan, dict):
        return {name: masked_plan(value, show_values, name) for name, value in plan.items()}
    if isinstance(plan, list):
        return [masked_plan(value, show_values, field) for value in plan]
    return mask_literals(plan) if isinstance(plan, str) and field not in _NAMES_ONLY else plan


def _masked(item: Evidence) -> Evidence:
    if item.holds_values:
        return msgspec.structs.replace(item, value=MASK)
    if item.unit is Unit.SQL and isinstance(item.value, str):
        return msgspec.structs.replace(item, value=mask_literals(item.value))
    return item
