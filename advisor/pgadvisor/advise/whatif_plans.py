"""The plans of one statement before and after, ready to be shown side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pgadvisor.advise.plan_views import plan_view
from pgadvisor.model.effects import PlanPair
from pgadvisor.model.plan_reading import read_plan
from pgadvisor.model.plan_view import PlanView
from pgadvisor.model.plans import ObservedPlan, PlanMethod
from pgadvisor.model.whatif import AS_IS, Configuration, PlannerIdentity
from pgadvisor.planner.index_names import with_index_names
from pgadvisor.planner.protocol import Answer, Planner, Question
from pgadvisor.plans.signature import differences
from pgadvisor.statement_facts import StatementPlan

if TYPE_CHECKING:
    from pgadvisor.facts import Facts


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
        self._as_is: dict[tuple[str, tuple[str | None, ...] | None], Answer] = {}

    def as_is(self, question: Question) -> Answer:
        """The plan of a statement as it is."""
        key = (question.query_id, question.values)
        if key not in self._as_is:
            self._as_is[key] = self._planner.plan(question)
        return self._as_is[key]

    def changes(self, question: Question) -> tuple[str, ...]:
        """How the plan after the change differs, in words; () where it is the same, or one of the two is refused."""
        before, after = self.as_is(question).plan, self._changed(question).plan
        if before is None or after is None:
            return ()
        return differences(read_plan(after).root, read_plan(before).root)

    def side_by_side(self, question: Question, planned_for: str = "") -> PlanPair:
        """Both plans of a statement; planned_for is what its values are called, "" for unknown ones."""
        first = self.as_is(question)
        second = None if self._configuration == AS_IS else self._changed(question)
        plans = [None if each is None or each.plan is None else read_plan(each.plan) for each in (first, second)]
        changes = () if plans[0] is None or plans[1] is None else differences(plans[1].root, plans[0].root)
        before, after = (self._view(each, question) for each in (first, second))
        return PlanPair(before=before, after=after, changes=changes, planned_for=planned_for)

    def _changed(self, question: Question) -> Answer:
        answer = self._planner.plan(question, self._configuration)
        plan = answer.plan
        return answer if plan is None else Answer({**plan, "Plan": with_index_names(plan["Plan"], self._names)})

    def _view(self, answer: Answer | None, question: Question) -> PlanView | None:
        if answer is None or answer.plan is None:
            return None
        observed = ObservedPlan(
            query_id=question.query_id,
            method=PlanMethod.GENERIC if question.values is None else PlanMethod.VALUES,
            plan=answer.plan,
            planner=planner_name(self._planner.identity),
            role="" if question.role is None else question.role.name,
        )
        return plan_view(StatementPlan(observed=observed, plan=read_plan(answer.plan)), self._show_values)


def planner_name(identity: PlannerIdentity) -> str:
    """A planner as a plan names it."""
    return f"{identity.kind.value}, PostgreSQL {identity.version}"
