"""Sets of values that are worth a plan each: not a cross product, but what one parameter at a time does to the plan.

LOW is a bound, or a list, that leaves few rows, HIGH one that leaves many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgadvisor.model.plans import ParameterValue, ValueChoice
from pgadvisor.model.shape import StatementShape
from pgadvisor.planner.guard import ParameterType
from pgadvisor.planner.values.choose import filled, given
from pgadvisor.planner.values.knobs import Knob, knobs

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.statements import ParameterSample

# By less than this factor from what the planner takes for an unknown value, a selectivity changes no plan.
SKEWED = 3.0
# Below so many rows any plan is as good as another.
_MIN_ROWS = 1_000.0
_MAX_KNOBS = 2
# By how much they may tell.
_ORDER = (
    ValueChoice.COMMON, ValueChoice.RARE, ValueChoice.HIGH, ValueChoice.LOW, ValueChoice.ABSENT,
)  # fmt: skip


@dataclass(frozen=True)
class ValueSet:
    """Values for all parameters of a statement, and what the set stands for."""

    choice: ValueChoice
    values: tuple[ParameterValue, ...]

    @property
    def texts(self) -> tuple[str | None, ...]:
        """The values, in the order of their positions."""
        return tuple(value.value for value in self.values)


def divergence(shape: StatementShape | None, types: Sequence[ParameterType] | None, facts: Facts) -> float:
    """By which factor the selectivity for a value may differ from that for an unknown one; 1 where it does not.

    types are those of the parameters, None where they are not known yet.
    """
    return max((knob.divergence for knob in _skewed(shape, types, facts)), default=1.0)


def has_sample(shape: StatementShape | None, facts: Facts) -> bool:
    """Whether there is a real call whose values decide which rows a statement is about."""
    statements = facts.snapshot.statements
    if shape is None or statements is None or not any(predicate.parameters for predicate in shape.predicates):
        return False
    return any(sample.query_id == shape.query_id for sample in statements.samples)


def value_sets(
    shape: StatementShape, types: Sequence[ParameterType], facts: Facts, *, text: str, most: int, logged: bool = True
) -> list[ValueSet]:
    """At most so many sets of values for a statement, the most telling first; none where none may change the plan.

    text is the statement's, from which some constants can be told. logged: values of real calls may be used, since
    the parameters are those of the text that was logged.
    """
    found = _logged(shape, types, facts) if logged and has_sample(shape, facts) else []
    skewed = _skewed(shape, types, facts)
    if skewed:
        base = filled(shape, types, facts, text)
        for choice in _ORDER:
            for knob in skewed[:_MAX_KNOBS] if choice is not ValueChoice.ABSENT else skewed[:1]:
                if choice in knob.options:
                    found.append(ValueSet(choice, _with(base, types, knob, choice)))
    return _distinct(found)[:most]


def _skewed(shape: StatementShape | None, types: Sequence[ParameterType] | None, facts: Facts) -> list[Knob]:
    """What to turn, the most telling first."""
    if shape is None:
        return []
    worth = [knob for knob in knobs(shape, types, facts) if knob.table_rows >= _MIN_ROWS and knob.divergence >= SKEWED]
    return sorted(worth, key=lambda knob: -math.log(knob.divergence) * knob.table_rows)


def _with(
    base: Sequence[ParameterValue], types: Sequence[ParameterType], knob: Knob, choice: ValueChoice
) -> tuple[ParameterValue, ...]:
    turned = knob.options[choice].values
    return tuple(
        given(value.position, types[value.position - 1], *turned[value.position]) if value.position in turned else value
        for value in base
    )


def real_call(query_id: str, types: Sequence[ParameterType], facts: Facts) -> ValueSet | None:
    """The values of a real call, one of middling duration where several are known; None where none is."""
    samples = sorted(_samples(query_id, len(types), facts), key=lambda sample: sample.duration_ms or 0.0)
    return _of_call(samples[len(samples) // 2], "middling", types) if samples and types else None


def _samples(query_id: str, count: int, facts: Facts) -> list[ParameterSample]:
    """Real calls of a statement with so many values."""
    statements = facts.snapshot.statements
    samples = () if statements is None else statements.samples
    return [sample for sample in samples if sample.query_id == query_id and len(sample.values) == count]


def _logged(shape: StatementShape, types: Sequence[ParameterType], facts: Facts) -> list[ValueSet]:
    """The slowest real call and the fastest, of those whose duration is known, else the first of all."""
    samples = _samples(shape.query_id, len(types), facts)
    timed = sorted((sample for sample in samples if sample.duration_ms is not None), key=lambda s: s.duration_ms or 0.0)
    named = [("slowest", timed[-1]), ("fastest", timed[0])] if timed else [("first", sample) for sample in samples[:1]]
    return [_of_call(sample, which, types) for which, sample in named if types]


def _of_call(sample: ParameterSample, which: str, types: Sequence[ParameterType]) -> ValueSet:
    return ValueSet(
        ValueChoice.GIVEN if sample.source == ValueChoice.GIVEN else ValueChoice.LOGGED,
        tuple(
            given(position, type_, value, _told(which, sample))
            for position, (type_, value) in enumerate(zip(types, sample.values, strict=True), start=1)
        ),
    )


def _told(which: str, sample: ParameterSample) -> str:
    return sample.source if sample.source == ValueChoice.GIVEN else f"{which} call in a {sample.source}"


def _distinct(sets: Sequence[ValueSet]) -> list[ValueSet]:
    seen: set[tuple[str | None, ...]] = set()
    kept = []
    for each in sets:
        if each.texts not in seen:
            seen.add(each.texts)
            kept.append(each)
    return kept
