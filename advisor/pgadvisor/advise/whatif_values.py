"""Values that a statement is planned for beside unknown ones: those given with it, of observed plans and real calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pgadvisor.advise.explain import label_of
from pgadvisor.advise.plan_views import plan_view
from pgadvisor.masking import MASK
from pgadvisor.model.plans import ValueChoice
from pgadvisor.model.statements import ParameterSample

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

THE_VALUES_GIVEN = "the values given"
# Sets of values of one statement that are asked about.
_MAX_SETS = 6


@dataclass(frozen=True)
class ValueSet:
    """Values of a statement's parameters: what they stand for, themselves, as they are shown, and who chose them.

    given: the user did, with the question. real: a call had them that was seen in a log or a file.
    """

    label: str
    values: tuple[str | None, ...]
    shown: tuple[str, ...]
    given: bool = False
    real: bool = False


class ValueSets:
    """The sets of values that are known of each statement, those given first."""

    def __init__(self, facts: Facts, show_values: bool) -> None:
        self._facts = facts
        self._show_values = show_values

    def of(self, query_id: str) -> tuple[ValueSet, ...]:
        """Those of one statement, each once."""
        found: dict[tuple[str | None, ...], ValueSet] = {}
        for each in self._all(query_id):
            known = found.setdefault(each.values, each)
            if each.real and not known.real:
                found[each.values] = replace(known, real=True)
        return tuple(found.values())[:_MAX_SETS]

    def _all(self, query_id: str) -> Iterator[ValueSet]:
        samples = self._samples.get(query_id, ())
        given = [sample for sample in samples if sample.source == ValueChoice.GIVEN.value]
        for sample in given:
            yield ValueSet(THE_VALUES_GIVEN, sample.values, self._shown(sample), given=True)
        for plan in self._facts.plans(query_id):
            parameters = sorted(plan.observed.parameters, key=lambda each: each.position)
            positions = [each.position for each in parameters]
            if parameters and positions == list(range(1, len(parameters) + 1)):
                shown = plan_view(plan, self._show_values).parameters
                values = tuple(each.value for each in parameters)
                # Whether the server executed it then says nothing of what a planner is asked now.
                label, _, _ = label_of(plan, has_parameters=True).partition(", executed")
                yield ValueSet(label, values, shown)
        seen = [sample for sample in samples if sample not in given]
        for number, sample in enumerate(seen, start=1):
            yield ValueSet(f"call {number} in a {sample.source}", sample.values, self._shown(sample), real=True)

    def _shown(self, sample: ParameterSample) -> tuple[str, ...]:
        told = ["NULL" if value is None else value if self._show_values else MASK for value in sample.values]
        return tuple(f"${number} = {value}" for number, value in enumerate(told, start=1))

    @cached_property
    def _samples(self) -> dict[str, list[ParameterSample]]:
        statements = self._facts.snapshot.statements
        found: dict[str, list[ParameterSample]] = {}
        for sample in () if statements is None else statements.samples:
            found.setdefault(sample.query_id, []).append(sample)
        return found
