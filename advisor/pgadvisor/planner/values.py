"""Values for $1, $2, ... that the server's own statistics call typical."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgadvisor.model.plans import ParameterValue
from pgadvisor.model.shape import Comparand, Predicate, StatementShape
from pgadvisor.planner.guard import ParameterType

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgadvisor.facts import Facts
    from pgadvisor.model.statistics import ColumnStatistics

TRIAL_LIMIT = 10
_LOWER_BOUNDS = frozenset((">", ">="))
_UPPER_BOUNDS = frozenset(("<", "<="))
_EQUALITIES = frozenset(("=", "in", "<>", "!=", "= any", "any"))
_PATTERNS = frozenset(("like", "ilike", "~~", "~~*"))
# Where both ends are open to choice, a tenth of the rows lies between them.
_LOW, _MIDDLE, _HIGH = 0.45, 0.5, 0.55
_PATTERN_PREFIX = 3
_ARRAY_LENGTH = 3


def choose_values(
    shape: StatementShape | None, types: Sequence[ParameterType], facts: Facts
) -> tuple[tuple[ParameterValue, ...], tuple[int, ...]]:
    """A value for each parameter that a column's statistics give one for, and the positions of those without."""
    chosen, missing = [], []
    for position, type_ in enumerate(types, start=1):
        value = None if shape is None else _value(position, type_, shape, facts)
        if value is None:
            missing.append(position)
        else:
            chosen.append(value)
    return tuple(chosen), tuple(missing)


def _value(position: int, type_: ParameterType, shape: StatementShape, facts: Facts) -> ParameterValue | None:
    if position in shape.limit_parameters:
        return _given(position, type_, str(TRIAL_LIMIT), "a small LIMIT")
    if position in shape.offset_parameters:
        return _given(position, type_, "0", "the first page")
    for predicate in shape.predicates:
        if position in predicate.parameters and predicate.comparand is Comparand.PARAMETER:
            value = _typical(position, type_, predicate, shape, facts)
            if value is not None:
                return value
    return None


def _typical(
    position: int, type_: ParameterType, predicate: Predicate, shape: StatementShape, facts: Facts
) -> ParameterValue | None:
    statistics = facts.statistics(predicate.relation_oid, predicate.column)
    relation = facts.relations.get(predicate.relation_oid)
    column = facts.column(predicate.relation_oid, predicate.column)
    change = _change(predicate.hidden_by)
    if statistics is None or relation is None or column is None or change is None:
        return None
    name = f"{relation.schema}.{relation.name}.{predicate.column}"
    if type_.is_array and column.type_category != "A":
        values = [change(value) for value in _common(statistics)[:_ARRAY_LENGTH]]
        return _given(position, type_, _array(values), f"common values of {name}") if values else None
    picked = _pick(predicate, predicate.parameters.index(position), shape, statistics)
    if picked is None:
        return None
    value, source = picked
    return _given(position, type_, change(value), f"{source} {name}")


def _pick(
    predicate: Predicate, nth: int, shape: StatementShape, statistics: ColumnStatistics
) -> tuple[str, str] | None:
    """A value for the nth parameter of a predicate, and what it is of the column."""
    common = _common(statistics)
    if not common:
        return None
    first = (
        ("most common value of" if statistics.most_common_values else "median of") if nth == 0 else "common value of"
    )
    operator = predicate.operator
    if operator in _EQUALITIES:
        return common[nth % len(common)], first
    if operator in _PATTERNS:
        return _pattern(common[0]), f"prefix of the {first}"
    share = _share(predicate, nth, shape)
    if share is None:
        return None
    bounds = statistics.histogram_bounds
    if not bounds:
        return common[0], first
    return bounds[round(share * (len(bounds) - 1))], f"{share:.0%} point of"


def _share(predicate: Predicate, nth: int, shape: StatementShape) -> float | None:
    """Below which share of the rows a bound is to lie; None for operators that compare otherwise."""
    operator = predicate.operator
    if operator == "between":
        return _LOW if nth == 0 else _HIGH
    if operator not in _LOWER_BOUNDS | _UPPER_BOUNDS:
        return None
    others = {
        other.operator
        for other in shape.predicates
        if (other.alias, other.column) == (predicate.alias, predicate.column) and other.comparand is Comparand.PARAMETER
    }
    if operator in _LOWER_BOUNDS:
        return _LOW if others & _UPPER_BOUNDS else _MIDDLE
    return _HIGH if others & _LOWER_BOUNDS else _MIDDLE


def _common(statistics: ColumnStatistics) -> tuple[str, ...]:
    """Values worth asking for: the most common, else those from the middle of the column outwards."""
    if statistics.most_common_values:
        return statistics.most_common_values
    bounds = statistics.histogram_bounds or ()
    middle = len(bounds) // 2
    return (*bounds[middle:], *bounds[:middle])


def _change(hidden_by: str) -> Callable[[str], str] | None:
    """What makes a value of a column one of the expression it is compared through; None where that is not known."""
    if hidden_by == "function lower":
        return str.lower
    if hidden_by == "function upper":
        return str.upper
    return str if not hidden_by or hidden_by.startswith("cast to ") else None


def _pattern(value: str) -> str:
    prefix = value[:_PATTERN_PREFIX]
    for special in ("\\", "%", "_"):
        prefix = prefix.replace(special, f"\\{special}")
    return f"{prefix}%"


def _array(values: Sequence[str]) -> str:
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"


def _given(position: int, type_: ParameterType, value: str, source: str) -> ParameterValue:
    return ParameterValue(position=position, type=type_.name, value=value, source=source)
