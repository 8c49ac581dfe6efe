"""The plans of one statement before and after, ready to be shown side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.explain import label_of
from pgadvisor.advise.plan_views import plan_view
from pgadvisor.masking import MASK
from pgadvisor.model.plan_reading import read_plan
from pgadvisor.model.plans import ObservedPlan, PlanMethod, ValueChoice
from pgadvisor.model.report import PlanView
from pgadvisor.model.whatif import AS_IS, Configuration, PlannerIdentity
from pgadvisor.model.whatif_result import PlanPair, ValuesCost, WhatIfStatement
from pgadvisor.planner.index_names import with_index_names
from pgadvisor.planner.protocol import Answer, Planner, Question
from pgadvisor.plans.signature import differences
from pgadvisor.statement_facts import StatementPlan

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

# Sets of values of one statement that are asked about.
_MAX_VALUES = 6


@dataclass(frozen=True)
class Asked:
    """A statement whose plans are to be shown; by_user: since its user asked for it, not for its change."""

    question: Question
    by_user: bool = False


@dataclass(frozen=True)
class Side:
    """What is shown of one statement beside its costs."""

    pair: PlanPair
    by_values: tuple[ValuesCost, ...]


class Plans:
    """Plans of a planner under one configuration and as it is.

    names are those that indexes are to have in plans, by those that the planner gives them.
    """

    def __init__(
        self,
        facts: Facts,
        planner: Planner,
        configuration: Configuration,
        names: Mapping[str, str],
        show_values: bool,
    ) -> None:
        self._facts = facts
        self._names = names
        self._planner = planner
        self._configuration = configuration
        self._show_values = show_values
        self._as_is: dict[str, Answer] = {}

    def as_is(self, question: Question) -> Answer:
        """The plan of a statement, for unknown values, as it is."""
        if question.query_id not in self._as_is:
            self._as_is[question.query_id] = self._planner.plan(question)
        return self._as_is[question.query_id]

    def side_by_side(self, asked: Asked) -> Side:
        """Both plans of a statement, and its costs for values that are known."""
        question = asked.question
        first = self.as_is(question)
        second = None if self._configuration == AS_IS else self._changed(question)
        plans = [None if each is None or each.plan is None else read_plan(each.plan) for each in (first, second)]
        changes = () if plans[0] is None or plans[1] is None else differences(plans[1].root, plans[0].root)
        return Side(
            PlanPair(before=self._view(first, question), after=self._view(second, question), changes=changes),
            tuple(self._by_values(question)),
        )

    def _changed(self, question: Question) -> Answer:
        answer = self._planner.plan(question, self._configuration)
        plan = answer.plan
        return answer if plan is None else Answer({**plan, "Plan": with_index_names(plan["Plan"], self._names)})

    def joined(self, row: WhatIfStatement, side: Side) -> WhatIfStatement:
        """A statement with its plans."""
        return msgspec.structs.replace(row, plans=side.pair, by_values=side.by_values)

    def _view(self, answer: Answer | None, question: Question) -> PlanView | None:
        if answer is None or answer.plan is None:
            return None
        observed = ObservedPlan(
            query_id=question.query_id,
            method=PlanMethod.GENERIC,
            plan=answer.plan,
            planner=planner_name(self._planner.identity),
            role="" if question.role is None else question.role.name,
        )
        return plan_view(StatementPlan(observed=observed, plan=read_plan(answer.plan)), self._show_values)

    def _by_values(self, question: Question) -> Iterator[ValuesCost]:
        """Costs for values of which the collection had plans, and for those given with the statement."""
        seen: set[tuple[str | None, ...]] = set()
        for label, values, shown in self._values(question.query_id):
            if values in seen or len(seen) >= _MAX_VALUES:
                continue
            seen.add(values)
            asked = replace(question, values=values)
            before = self._planner.plan(asked).cost
            after = before if self._configuration == AS_IS else self._planner.plan(asked, self._configuration).cost
            if before is not None or after is not None:
                yield ValuesCost(label=label, values=shown, cost_before=before, cost_after=after)

    def _values(self, query_id: str) -> Iterator[tuple[str, tuple[str | None, ...], tuple[str, ...]]]:
        """Labels, values, and the values as they are shown."""
        statements = self._facts.snapshot.statements
        for sample in () if statements is None else statements.samples:
            if sample.query_id == query_id and sample.source == ValueChoice.GIVEN.value:
                values = ("NULL" if value is None else value if self._show_values else MASK for value in sample.values)
                shown = tuple(f"${number} = {value}" for number, value in enumerate(values, start=1))
                yield "the values given", sample.values, shown
        for plan in self._facts.plans(query_id):
            parameters = sorted(plan.observed.parameters, key=lambda each: each.position)
            positions = [each.position for each in parameters]
            if parameters and positions == list(range(1, len(parameters) + 1)):
                shown = plan_view(plan, self._show_values).parameters
                yield label_of(plan, has_parameters=True), tuple(each.value for each in parameters), shown


def planner_name(identity: PlannerIdentity) -> str:
    """A planner as a plan names it."""
    return f"{identity.kind.value}, PostgreSQL {identity.version}"
