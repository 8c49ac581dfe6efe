"""What can be turned in a statement: parameters whose value decides how many rows there are, and to which values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgadvisor.model.plans import ValueChoice
from pgadvisor.model.shape import Comparand, Predicate, StatementShape
from pgadvisor.planner.guard import ParameterType
from pgadvisor.planner.values import spelling
from pgadvisor.planner.values.choose import (
    EQUALITIES,
    LOWER_BOUNDS,
    PATTERNS,
    UPPER_BOUNDS,
    days_back,
    has_both_ends,
    takes_array,
)
from pgadvisor.planner.values.spread import (
    ENCLOSED,
    HALF_OPEN,
    MATCHING,
    UNKNOWN_ELEMENTS,
    Spread,
    combined,
    spread_of,
)

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

# Shares of the rows: a range that leaves few, one that leaves many, a pattern that occurs everywhere.
_FEW, _MANY, _EVERYWHERE = 0.01, 0.9, 0.2
# Between two bounds: the first that is wider than a bucket of the histogram.
_FEW_BETWEEN = (0.02, 0.1)
_LONG_ARRAY = 100


@dataclass(frozen=True)
class Option:
    """Values for the parameters of a knob, by position, each with its source, and the share of the rows they leave."""

    values: dict[int, tuple[str | None, str]]
    share: float


@dataclass(frozen=True)
class Knob:
    """Parameters whose values are chosen together. unknown_share is what the planner takes for unknown values."""

    table_rows: float
    unknown_share: float
    options: dict[ValueChoice, Option]

    @property
    def divergence(self) -> float:
        """The largest factor between the share for unknown values and that for one of the options, absent ones left
        out: a query for what does not exist is fast by any plan.
        """
        least = 0.1 / max(self.table_rows, 1.0)
        unknown = max(self.unknown_share, least)
        shares = (option.share for choice, option in self.options.items() if choice is not ValueChoice.ABSENT)
        return math.exp(max((abs(math.log(max(share, least) / unknown)) for share in shares), default=0.0))


def knobs(shape: StatementShape, types: Sequence[ParameterType] | None, facts: Facts) -> list[Knob]:
    """The knobs of a statement; what stands below an OR counts as well, what is negated does not."""
    taken: set[int] = set()
    found = _combinations(shape, facts, taken)
    for predicate in shape.predicates:
        if predicate.negated or not predicate.parameters or taken & set(predicate.parameters):
            continue
        spread = spread_of(predicate, facts)
        made = None if spread is None else _knob(predicate, spread, shape, types, facts)
        if made is not None and made.options:
            taken.update(*(option.values for option in made.options.values()))
            found.append(made)
    return found


def _knob(
    predicate: Predicate, spread: Spread, shape: StatementShape, types: Sequence[ParameterType] | None, facts: Facts
) -> Knob | None:
    operator = predicate.operator
    if operator == "between" or operator in LOWER_BOUNDS | UPPER_BOUNDS:
        return _range(predicate, spread, shape, types, facts)
    if spelling.change(predicate.hidden_by) is None:
        return None
    if predicate.comparand is Comparand.EXPRESSION and spelling.change(predicate.hidden_by) is str:
        return None
    if operator in EQUALITIES:
        first = None if types is None else types[predicate.parameters[0] - 1]
        if first is not None and takes_array(first, spread):
            return _array(predicate, spread)
        return _equality(predicate, spread)
    return _pattern(predicate, spread) if operator in PATTERNS and spread.category == "S" else None


def _equality(predicate: Predicate, spread: Spread) -> Knob | None:
    """One value, or as many as a list has members."""
    positions = predicate.parameters
    change = spelling.change(predicate.hidden_by) or str
    options = {}
    if spread.listed:
        members = [spread.listed[nth % len(spread.listed)] for nth in range(len(positions))]
        options[ValueChoice.COMMON] = Option(
            {
                position: (change(value), f"common value, in {_percent(share)} of the rows, of {spread.name}")
                for position, (value, share) in zip(positions, members, strict=True)
            },
            min(sum(dict(members).values()), 1.0),
        )
    for choice, value in ((ValueChoice.RARE, spread.rare()), (ValueChoice.ABSENT, spread.absent())):
        if value is None:
            continue
        share = spread.share_of(value)
        source = (
            f"rare value, in {_percent(share)} of the rows, of {spread.name}"
            if choice is ValueChoice.RARE
            else f"none of the values in the statistics of {spread.name}"
        )
        options[choice] = Option(dict.fromkeys(positions, (change(value), source)), share)
    unknown = min(spread.unknown_share * len(positions), 1.0)
    return Knob(spread.table_rows, unknown, options)


def _array(predicate: Predicate, spread: Spread) -> Knob | None:
    """An array of one rare value, and of many common ones."""
    (position, *_) = predicate.parameters
    change = spelling.change(predicate.hidden_by) or str
    many = [change(value) for value in spread.common[:_LONG_ARRAY]]
    rare = spread.rare()
    options = {}
    if many:
        share = min(sum(spread.share_of(value) for value in spread.common[:_LONG_ARRAY]), 1.0)
        source = f"the {len(many)} most common values, in {_percent(share)} of the rows, of {spread.name}"
        options[ValueChoice.HIGH] = Option({position: (spelling.array_literal(many), source)}, share)
    if rare is not None:
        share = spread.share_of(rare)
        source = f"one rare value, in {_percent(share)} of the rows, of {spread.name}"
        options[ValueChoice.LOW] = Option({position: (spelling.array_literal([change(rare)]), source)}, share)
    return Knob(spread.table_rows, min(spread.unknown_share * UNKNOWN_ELEMENTS, 1.0), options)


def _pattern(predicate: Predicate, spread: Spread) -> Knob | None:
    """A long prefix, and two characters that may stand anywhere."""
    (position, *_) = predicate.parameters
    rare = spread.rare()
    if rare is None or not spread.common:
        return None
    change = spelling.change(predicate.hidden_by) or str
    few = (spelling.prefix(change(rare), long=True), f"long prefix of a value of {spread.name}")
    many = (spelling.infix(change(spread.common[0])), f"two characters within a common value of {spread.name}")
    return Knob(
        spread.table_rows,
        MATCHING,
        {
            ValueChoice.LOW: Option({position: few}, spread.share_of(rare)),
            ValueChoice.HIGH: Option({position: many}, _EVERYWHERE),
        },
    )


def _range(
    predicate: Predicate, spread: Spread, shape: StatementShape, types: Sequence[ParameterType] | None, facts: Facts
) -> Knob | None:
    """A range that leaves few rows, and one that leaves many; both its bounds go together."""
    if spelling.change(predicate.hidden_by) is None:
        return None
    lower, upper = _ends(predicate, shape)
    both = lower is not None and upper is not None
    options: dict[ValueChoice, Option] = {}
    few = _FEW_BETWEEN if both else (_FEW,)
    for choice, share in ((ValueChoice.HIGH, _MANY), *((ValueChoice.LOW, each) for each in few)):
        start, end = ((1 - share) / 2, (1 + share) / 2) if both else (1 - share, share)
        values: dict[int, tuple[str | None, str]] = {}
        for position, point in ((lower, start), (upper, end)):
            if position is None or position in values:
                continue
            value = _bound(position, point, predicate, spread, types, facts)
            if value is None:
                return None
            values[position] = (value, f"{point:.0%} point of {spread.name}, with {share:.0%} of its rows in the range")
        if len({value for value, _ in values.values()}) == len(values):
            options.setdefault(choice, Option(values, share))
    return Knob(spread.table_rows, ENCLOSED if both else HALF_OPEN, options)


def _ends(predicate: Predicate, shape: StatementShape) -> tuple[int | None, int | None]:
    """The positions of the lower and the upper bound that belong together."""
    if predicate.operator == "between":
        if len(predicate.parameters) < 2:
            return predicate.parameters[0], None
        return predicate.parameters[0], predicate.parameters[1]
    is_lower = predicate.operator in LOWER_BOUNDS
    own, other = predicate.parameters[0], None
    if has_both_ends(predicate, shape):
        opposite = UPPER_BOUNDS if is_lower else LOWER_BOUNDS
        other = next(
            each.parameters[0]
            for each in shape.predicates
            if (each.alias, each.column) == (predicate.alias, predicate.column)
            and each.operator in opposite
            and each.parameters
        )
    return (own, other) if is_lower else (other, own)


def _bound(
    position: int,
    point: float,
    predicate: Predicate,
    spread: Spread,
    types: Sequence[ParameterType] | None,
    facts: Facts,
) -> str | None:
    """A point of a column as the value of a parameter: itself, or the interval that reaches back to it."""
    if types is not None and spelling.family(types[position - 1].name) == "T" and spread.category == "D":
        days = days_back(spread, point, facts)
        return None if days is None else f"{days} days"
    in_expression = predicate.comparand is Comparand.EXPRESSION and types is not None
    if in_expression and types and spelling.family(types[position - 1].name) != spread.category:
        return None
    return spread.quantile(point)


def _combinations(shape: StatementShape, facts: Facts, taken: set[int]) -> list[Knob]:
    """Knobs over columns of which extended statistics know the values that go together."""
    by_relation: dict[tuple[int, str], dict[str, int]] = {}
    for predicate in shape.predicates:
        plain = predicate.operator == "=" and predicate.comparand is Comparand.PARAMETER
        if plain and not (predicate.in_or or predicate.negated or predicate.hidden_by):
            positions = by_relation.setdefault((predicate.relation_oid, predicate.alias), {})
            positions.setdefault(predicate.column, predicate.parameters[0])
    found = []
    for (oid, _), positions in by_relation.items():
        known = combined(facts, oid, list(positions)) if len(positions) > 1 else []
        relation = facts.relations.get(oid)
        if not known or relation is None:
            continue
        options = {}
        for choice, (values, share) in ((ValueChoice.COMMON, known[0]), (ValueChoice.RARE, known[-1])):
            source = f"values that go together, in {_percent(share)} of the rows, of {relation.schema}.{relation.name}"
            options[choice] = Option(
                {positions[name]: (value, f"{source}.{name}") for name, value in values.items()}, share
            )
        unknown = math.prod(1.0 / max(facts.distinct_values(oid, name) or 1.0, 1.0) for name in positions)
        taken.update(positions.values())
        found.append(Knob(facts.row_count(oid) or 0.0, unknown, options))
    return found


def _percent(share: float) -> str:
    """A share of the rows for a sentence, after "in"; what would show as 0.00% is less than the least that shows."""
    if share >= 0.1:
        return f"{share:.0%}"
    return f"{share:.2%}" if share >= 0.0001 else "less than 0.01%"
