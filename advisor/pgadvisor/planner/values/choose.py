"""A typical value for each parameter, of the statistics of the column that it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from pgadvisor.model.plans import ParameterValue
from pgadvisor.model.shape import Comparand, Predicate, StatementShape
from pgadvisor.planner.guard import ParameterType
from pgadvisor.planner.values import spelling
from pgadvisor.planner.values.constants import constant, places
from pgadvisor.planner.values.spread import Spread, spread_of
from pgadvisor.workload.lexer import lex

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

TRIAL_LIMIT = 10
LOWER_BOUNDS = frozenset((">", ">="))
UPPER_BOUNDS = frozenset(("<", "<="))
EQUALITIES = frozenset(("=", "in", "= any", "any"))
PATTERNS = frozenset(("like", "ilike", "~~", "~~*"))
_INEQUALITIES = frozenset(("<>", "!=", "not in"))
_EXPRESSIONS = frozenset(("~", "~*"))
_CONTAINMENTS = frozenset(("@>", "<@", "&&", "?", "?|", "?&", "@@"))
# Where both ends are open to choice, a tenth of the rows lies between them.
_LOW, _MIDDLE, _HIGH = 0.45, 0.5, 0.55
ARRAY_LENGTH = 3
# So much of a column's history is asked for where an interval is subtracted from the present.
_RECENT = 0.9
# A type that has not been asked for yet.
ANY_TYPE = ""


def choose_values(
    shape: StatementShape | None, types: Sequence[ParameterType], facts: Facts, text: str = ""
) -> tuple[tuple[ParameterValue, ...], tuple[int, ...]]:
    """A value for each parameter that statistics, or its place in the text, give one for; positions of those without.

    What they give is good enough to execute a statement with: nothing is made up that chooses rows.
    """
    placed = places(lex(text)) if text else {}
    chosen, missing = [], []
    for position, type_ in enumerate(types, start=1):
        value = None if shape is None else typical(position, type_, shape, facts)
        if value is None and position in placed and spelling.family(type_.name) in (ANY_TYPE, "S", "T"):
            value = given(position, type_, *placed[position])
        if value is None:
            missing.append(position)
        else:
            chosen.append(value)
    return tuple(chosen), tuple(missing)


def filled(
    shape: StatementShape, types: Sequence[ParameterType], facts: Facts, text: str
) -> tuple[ParameterValue, ...]:
    """A value for every parameter, to plan with: where nothing tells of one, a constant of its type."""
    values, missing = choose_values(shape, types, facts, text)
    known = {value.position: value for value in values}
    for position in missing:
        type_ = types[position - 1]
        known[position] = given(position, type_, *constant(type_, facts))
    return tuple(known[position] for position in sorted(known))


def typical(position: int, type_: ParameterType, shape: StatementShape, facts: Facts) -> ParameterValue | None:
    """A typical value of one parameter; None where no statistics tell of it."""
    if position in shape.limit_parameters:
        return given(position, type_, str(TRIAL_LIMIT), "a small LIMIT")
    if position in shape.offset_parameters:
        return given(position, type_, "0", "the first page")
    for predicate in shape.predicates:
        if position not in predicate.parameters:
            continue
        spread = spread_of(predicate, facts)
        value = None
        if spread is not None and predicate.comparand is Comparand.PARAMETER:
            value = _compared(position, type_, predicate, shape, spread)
        elif spread is not None and predicate.comparand is Comparand.EXPRESSION:
            value = _in_expression(position, type_, predicate, shape, spread, facts)
        if value is not None:
            return value
    return None


def given(position: int, type_: ParameterType, value: str | None, source: str) -> ParameterValue:
    """A value of a parameter."""
    return ParameterValue(position=position, type=type_.name, value=value, source=source)


def takes_array(type_: ParameterType, spread: Spread) -> bool:
    """Whether a parameter holds several values of its column, as in = ANY ($1)."""
    return type_.is_array and spread.category != "A"


def has_both_ends(predicate: Predicate, shape: StatementShape) -> bool:
    """Whether other bounds on the same column, open to choice as well, enclose a range with this one."""
    others = {
        other.operator
        for other in shape.predicates
        if (other.alias, other.column) == (predicate.alias, predicate.column) and other.parameters
    }
    return bool(others & (UPPER_BOUNDS if predicate.operator in LOWER_BOUNDS else LOWER_BOUNDS))


def _compared(
    position: int, type_: ParameterType, predicate: Predicate, shape: StatementShape, spread: Spread
) -> ParameterValue | None:
    """The value of a parameter that stands alone on its side of a comparison."""
    change = spelling.change(predicate.hidden_by)
    if change is None:
        return None
    if takes_array(type_, spread):
        values = [change(value) for value in spread.common[:ARRAY_LENGTH]]
        source = f"common values of {spread.name}"
        return given(position, type_, spelling.array_literal(values), source) if values else None
    picked = _pick(predicate, predicate.parameters.index(position), shape, spread, type_)
    if picked is None:
        return None
    value, source = picked
    return given(position, type_, change(value), f"{source} {spread.name}")


def _in_expression(
    position: int, type_: ParameterType, predicate: Predicate, shape: StatementShape, spread: Spread, facts: Facts
) -> ParameterValue | None:
    """The value of a parameter that is part of what a column is compared with.

    An interval reaches back from now; the first of the others is taken for a value of the column if it is of a like
    type, which lower($1) and $1 - interval '1 day' bear out.
    """
    kind = spelling.family(type_.name)
    if kind == "T" and spread.category == "D":
        days = days_back(spread, _RECENT, facts)
        return (
            None if days is None else given(position, type_, f"{days} days", f"back to the 90% point of {spread.name}")
        )
    first = predicate.parameters.index(position) == 0
    if first and kind in (spread.category, ANY_TYPE):
        return _compared(position, type_, predicate, shape, spread)
    return None


def days_back(spread: Spread, share: float, facts: Facts) -> int | None:
    """How many days before the collection a share of a column's rows had been reached; None where unknown."""
    bound = spread.quantile(share)
    try:
        reached = date.fromisoformat((bound or "")[:10])
    except ValueError:
        return None
    return max((facts.server.collected_at.date() - reached).days, 1)


def _pick(
    predicate: Predicate, nth: int, shape: StatementShape, spread: Spread, type_: ParameterType
) -> tuple[str, str] | None:
    """A value for the nth parameter of a predicate, and what it is of the column."""
    operator, common = predicate.operator, spread.common
    if operator in _CONTAINMENTS:
        return _contained(operator, spread, type_)
    if not common:
        return None
    first = (
        ("most common value of" if spread.statistics.most_common_values else "median of")
        if nth == 0
        else "common value of"
    )
    if operator in _INEQUALITIES:
        # What is ruled out is the exception: to rule out the most common value would leave the rest alone.
        return common[-1 - nth % len(common)], "least common value of"
    if operator in EQUALITIES:
        return common[nth % len(common)], first
    if operator in PATTERNS:
        return spelling.prefix(common[0]), f"prefix of the {first}"
    if operator in _EXPRESSIONS:
        return (spelling.regular_expression(common[0]), f"beginning of the {first}") if spread.category == "S" else None
    share = _share(predicate, nth, shape)
    if share is None:
        return None
    bounds = spread.statistics.histogram_bounds
    if not bounds:
        return common[0], first
    return bounds[round(share * (len(bounds) - 1))], f"{share:.0%} point of"


def _contained(operator: str, spread: Spread, type_: ParameterType) -> tuple[str, str] | None:
    """A value that a document, an array or a text contains."""
    if spread.category == "A" and spread.elements and type_.is_array:
        return spelling.array_literal(spread.elements[:1]), "most common element of"
    if spread.type_name == "tsvector" and spread.elements:
        return f"'{spread.elements[0].replace(chr(92), chr(92) * 2).replace(chr(39), chr(39) * 2)}'", (
            "most common word of"
        )
    if spread.type_name != "jsonb" or not spread.common:
        return None
    if operator in ("@>", "<@"):
        part = spelling.containment(spread.common[0]) if operator == "@>" else spread.common[0]
        return part, "part of the most common document of"
    key = spelling.document_key(spread.common[0])
    if key is None or operator not in ("?", "?|", "?&"):
        return None
    return (spelling.array_literal([key]) if type_.is_array else key), "key in the most common document of"


def _share(predicate: Predicate, nth: int, shape: StatementShape) -> float | None:
    """Below which share of the rows a bound is to lie; None for operators that compare otherwise."""
    operator = predicate.operator
    if operator == "between":
        return _LOW if nth == 0 else _HIGH
    if operator not in LOWER_BOUNDS | UPPER_BOUNDS:
        return None
    both = has_both_ends(predicate, shape)
    if operator in LOWER_BOUNDS:
        return _LOW if both else _MIDDLE
    return _HIGH if both else _MIDDLE
