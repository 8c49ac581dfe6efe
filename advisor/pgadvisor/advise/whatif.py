"""Asks a planner, whichever it is, what a workload costs as it is and under another configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from pgadvisor import __version__
from pgadvisor.advise.compose import source_of
from pgadvisor.advise.keys import anchor
from pgadvisor.advise.whatif_caveats import caveats_of, used_names
from pgadvisor.advise.whatif_fidelity import fidelity_of
from pgadvisor.advise.whatif_judging import Costs, estimated, greatest, judged
from pgadvisor.advise.whatif_parts import changed_settings, created_indexes, dropped_indexes, names_of, other_units
from pgadvisor.advise.whatif_plans import Plans
from pgadvisor.advise.whatif_shortcomings import Shortcomings
from pgadvisor.advise.whatif_totals import in_order_of_appearance, rank, reasons_of, workload_of
from pgadvisor.advise.whatif_values import ValueSets
from pgadvisor.masking import mask_literals
from pgadvisor.model.coverage import Fact
from pgadvisor.model.effects import Effect
from pgadvisor.model.report import Tool
from pgadvisor.model.shape import NotUnderstood, StatementKind, StatementShape
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName
from pgadvisor.model.whatif_result import CreatedIndex, ValuesCost, WhatIfResult, WhatIfStatement
from pgadvisor.planner.protocol import Planner, Question
from pgadvisor.progress import Progress, silent
from pgadvisor.workload.role_settings import costliest_roles

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import Index
    from pgadvisor.statement_facts import Statement
    from pgadvisor.workload.index_text import GivenIndex

# A statement with values, None for unknown ones.
_Key = tuple[str, tuple[str | None, ...] | None]

# Statements that a planner is asked about at a time, between two words on how far it is.
_AT_A_TIME = 100
# Plans are shown of so many of the most changed statements.
MAX_PAIRS = 8
# What a change does to a statement that its plans are shown for.
CHANGED = (Effect.LOSES, Effect.GAINS, Effect.OTHER_PLAN)
_UNKNOWN_VALUES = "unknown values"
_NO_COSTS = Costs(None, None)
# What of the collection bears on a workload's costs.
_BEARING = frozenset((Fact.CONNECTION, Fact.CATALOG, Fact.COLUMN_STATISTICS, Fact.STATEMENTS, Fact.STATEMENT_TEXTS))
_UTILITY = "It is a utility command; it is not planned, nor is a query in it."


class Unable(Exception):  # noqa: N818  an answer
    """The planner cannot say what the configuration would do; the message says why."""


class Refused(Exception):  # noqa: N818  an answer
    """A statement that is asked about by its text cannot be planned as it is; the message says why."""


@dataclass(frozen=True)
class Change:
    """What is imagined: indexes that are there as well, indexes that are gone, settings that are otherwise."""

    create: tuple[GivenIndex, ...] = ()
    drop: tuple[Index, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def configuration(self) -> Configuration:
        """As a planner takes it."""
        return Configuration(
            create=tuple(dict.fromkeys(given.definition for given in self.create)),
            drop=tuple(dict.fromkeys(IndexName(schema=index.schema, name=index.name) for index in self.drop)),
            settings=tuple(sorted(dict(self.settings).items())),
        )


def whatif_of(
    facts: Facts,
    planner: Planner,
    change: Change,
    not_understood: Sequence[NotUnderstood] = (),
    *,
    asked: Sequence[str] = (),
    typed: Mapping[str, str] | None = None,
    show_values: bool = False,
    max_text_bytes: int = 4_000,
    progress: Progress = silent,
) -> WhatIfResult:
    """The workload before and after a change; asked are query ids whose plans are shown in any case; typed are
    the texts of those that were asked about by a text, which are shown as they are.

    Raises Unable where the planner cannot answer for the change, Refused where a text asked about is none that can be
    planned, PlannerError where the planner is gone.
    """
    if reason := planner.unable(change.configuration):
        raise Unable(reason)
    whatif = _WhatIf(facts, planner, change, frozenset(asked), typed or {}, show_values, max_text_bytes, progress)
    whatif.check_texts()
    return whatif.result({item.query_id: item.reason for item in not_understood})


class _WhatIf:
    """One workload before and after one change."""

    def __init__(
        self,
        facts: Facts,
        planner: Planner,
        change: Change,
        asked: frozenset[str],
        typed: Mapping[str, str],
        show_values: bool,
        max_text_bytes: int,
        progress: Progress,
    ) -> None:
        self.facts = facts
        self.planner = planner
        self.change = change
        self.asked = asked
        self.typed = typed
        self.show_values = show_values
        self.max_text_bytes = max_text_bytes
        self.progress = progress
        self.statements = [statement for statement in facts.statements.values() if statement.text is not None]
        self.questions = _questions(facts, self.statements)
        self.value_sets = ValueSets(facts, show_values)
        self.reasons: dict[_Key, str] = {}
        names = dict(names_of(change.create, facts))
        self.plans = Plans(facts, planner, change.configuration, names, show_values)
        # What plans do is then told by themselves: how each differs, for what could be planned before and after.
        self.units_differ = other_units(change.settings, facts)
        self.plan_changes: dict[_Key, tuple[str, ...]] = {}
        self.shortcomings = Shortcomings((), facts)

    def check_texts(self) -> None:
        """Raises Refused where a text asked about has no plan, unless the planner lacks something that it needs."""
        for query_id in sorted(self.asked & self.questions.keys()):
            question = self.questions[query_id]
            sets = [each.values for each in self.value_sets.of(query_id) if each.given]
            if not self._is_own(query_id):
                continue
            refusals = [self.planner.plan(replace(question, values=values)).refusal for values in (None, *sets)]
            lacking = {
                each.number for each in Shortcomings(self.planner.shortfalls, self.facts).told(()) if each.prevents
            }
            touching = Shortcomings(self.planner.shortfalls, self.facts).touching(query_id, question.text)
            if all(refusals) and not lacking & set(touching):
                raise Refused(f"{refusals[-1].rstrip('.')}.")

    def result(self, not_understood: dict[str, str]) -> WhatIfResult:
        """All that is told."""
        costs = self._costs()
        # What a planner has otherwise may come to light only when it is asked.
        self.shortcomings = Shortcomings(self.planner.shortfalls, self.facts)
        rows = [self._row(statement, costs, not_understood) for statement in self.statements]
        rows.sort(key=rank)
        created = self._created(costs)
        fidelity = fidelity_of(self.facts, self.plans, self.questions, self.shortcomings, self._text, self.progress)
        rows = self._with_plans(rows)
        shortcomings = self.shortcomings.told([row.marks for row in rows])
        rows, fidelity, shortcomings = in_order_of_appearance(rows, fidelity, shortcomings)
        return WhatIfResult(
            tool=Tool(name="pgadvisor", version=__version__),
            source=source_of(self.facts),
            planner=self.planner.identity,
            values_masked=not self.show_values,
            created=created,
            dropped=dropped_indexes(self.change.drop, self.facts, self.show_values),
            settings=changed_settings(self.change.settings, self.facts),
            workload=workload_of(rows, self.facts, units_differ=self.units_differ),
            statements=tuple(rows),
            reasons=reasons_of(rows),
            shortcomings=shortcomings,
            fidelity=fidelity,
            statements_window=self.facts.statements_window,
            left_out=len(self.facts.statements) - len(self.statements),
            gaps=tuple(gap for gap in self.facts.coverage.gaps if gap.fact in _BEARING),
            footprint=self.facts.coverage.footprint,
        )

    def _costs(self) -> dict[_Key, Costs]:
        """Costs before and after, of what could be planned; why the rest could not is noted."""
        change = self.change.configuration
        questions = [*self.questions.values()]
        for query_id in self.questions if change != AS_IS else self.asked & self.questions.keys():
            sets = self.value_sets.of(query_id)
            questions += [replace(self.questions[query_id], values=each.values) for each in sets]
        before = self._ask(questions, AS_IS, "Asking for plans as it is")
        planned = [each for each in questions if (each.query_id, each.values) in before]
        after = before if change == AS_IS else self._ask(planned, change, "Asking what if")
        for done, question in enumerate(planned if self.units_differ else ()):
            self.progress("Comparing plans", done, len(planned))
            self.plan_changes[question.query_id, question.values] = self.plans.changes(question)
        return {
            key: Costs(before[key], after.get(key), bool(self.plan_changes[key]) if self.units_differ else None)
            for key in before
        }

    def _ask(self, questions: Sequence[Question], configuration: Configuration, step: str) -> dict[_Key, float]:
        found: dict[_Key, float] = {}
        for start in range(0, len(questions), _AT_A_TIME):
            self.progress(step, start, len(questions))
            some = questions[start : start + _AT_A_TIME]
            for question, cost in zip(some, self.planner.costs(some, configuration), strict=True):
                if cost is not None:
                    found[question.query_id, question.values] = cost
                elif question.values is None or question.query_id in self.asked:
                    key = (question.query_id, question.values)
                    self.reasons[key] = self.planner.plan(question, configuration).refusal
        return found

    def _row(self, statement: Statement, costs: dict[_Key, Costs], not_understood: dict[str, str]) -> WhatIfStatement:
        query_id, shape = statement.query_id, self.facts.shapes.get(statement.query_id)
        unknown = costs.get((query_id, None), _NO_COSTS)
        known = self._by_values(query_id, costs)
        given = next((each for each in known if each.given), None) if query_id in self.asked else None
        first = unknown if given is None else self._costs_of(given)
        rest = [self._costs_of(each) for each in known if each is not given]
        effect, by_value = judged(first, rest if given is None else [unknown, *rest], alone=given is not None)
        if given is not None and unknown.before is not None:
            known += (_cost_for(_UNKNOWN_VALUES, (), unknown),)
        reason = ""
        if effect is Effect.NOT_PLANNED:
            why = _UTILITY if _is_utility(shape) else not_understood.get(query_id, "")
            values = next((each.values for each in self.value_sets.of(query_id) if each.given), None)
            told = self.reasons.get((query_id, None if given is None else values))
            reason = told or why or "The planner gives no reason."
            if first.before is not None:
                reason = f"Planned as it is, but not after the change: {reason}"
        role = self.questions[query_id].role if query_id in self.questions else None
        return WhatIfStatement(
            query_id=query_id,
            anchor=anchor(f"statement:{query_id}"),
            text=self._text(query_id),
            calls=statement.calls,
            total_ms=statement.total_ms,
            effect=effect,
            cost_before=first.before,
            cost_after=first.after,
            estimated=estimated(statement.total_ms, [first, unknown, *rest]),
            reason=reason,
            marks=self.shortcomings.touching(query_id, statement.text or ""),
            asked=query_id in self.asked,
            own=self._is_own(query_id),
            role="" if role is None else role.name,
            planned_for="" if given is None else given.label,
            by_value=by_value,
            by_values=known,
            plan_changes=self._how_other(query_id) if effect is Effect.OTHER_PLAN else (),
        )

    def _costs_of(self, each: ValuesCost) -> Costs:
        other_plan = each.effect is Effect.OTHER_PLAN if self.units_differ else None
        return Costs(each.cost_before, each.cost_after, other_plan)

    def _how_other(self, query_id: str) -> tuple[str, ...]:
        """How the plan differs: for the values given, else for unknown ones, else for the first for which it does."""
        given = [each.values for each in self.value_sets.of(query_id) if each.given and query_id in self.asked]
        sets = [*given, None, *(each.values for each in self.value_sets.of(query_id))]
        return next((told for each in sets if (told := self.plan_changes.get((query_id, each)))), ())

    def _by_values(self, query_id: str, costs: dict[_Key, Costs]) -> tuple[ValuesCost, ...]:
        """Costs for the values that are known, of those given and those that could be planned."""
        return tuple(
            _cost_for(each.label, each.shown, costs.get((query_id, each.values), _NO_COSTS), given=each.given)
            for each in self.value_sets.of(query_id)
            if (query_id, each.values) in costs or (each.given and query_id in self.asked & self.questions.keys())
        )

    def _created(self, costs: dict[_Key, Costs]) -> tuple[CreatedIndex, ...]:
        """The indexes imagined, with what is to be minded of them."""
        found = created_indexes(self.change.create, self.planner, self.facts)
        # A plan of the same cost, to the last digit, uses no index that there was not.
        other = [key for key, each in costs.items() if each.after is not None and each.before != each.after]
        questions = [replace(self.questions[query_id], values=values) for query_id, values in other]
        used = used_names(questions, self.planner, self.change.configuration) if found else None
        told = caveats_of(self.change.create, self.change.drop, self.facts, used, is_any=bool(costs))
        return tuple(
            msgspec.structs.replace(each, caveats=(*each.caveats, *caveats))
            for each, caveats in zip(found, told, strict=True)
        )

    def _is_own(self, query_id: str) -> bool:
        """Whether a statement is none of those collected, but was given as a text with the question."""
        statement = self.facts.statements[query_id]
        return query_id in self.asked and query_id.startswith("f") and not statement.calls

    def _text(self, query_id: str) -> str:
        """A statement's text as it is shown."""
        text = self.typed.get(query_id, self.facts.statements[query_id].text or "").encode(errors="replace")
        shown = text[: self.max_text_bytes].decode(errors="ignore")
        if query_id in self.typed or self._is_own(query_id):
            return shown
        # A command that is not understood may hold a password, which is shown to nobody.
        plannable = query_id in self.facts.shapes and not _is_utility(self.facts.shapes[query_id])
        return shown if self.show_values and plannable else mask_literals(shown)

    def _with_plans(self, rows: list[WhatIfStatement]) -> list[WhatIfStatement]:
        """The rows, with plans of those asked about and of the most changed."""
        changed = [row.query_id for row in rows if row.effect in CHANGED][:MAX_PAIRS]
        wanted = [row.query_id for row in rows if row.query_id in {*changed, *self.asked} & self.questions.keys()]
        pairs = {}
        by_id = {row.query_id: row for row in rows}
        for done, query_id in enumerate(wanted):
            self.progress("Asking for plans side by side", done, len(wanted))
            values, label = self._shown_for(by_id[query_id])
            pairs[query_id] = self.plans.side_by_side(replace(self.questions[query_id], values=values), label)
        return [
            msgspec.structs.replace(row, plans=pairs[row.query_id]) if row.query_id in pairs else row for row in rows
        ]

    def _shown_for(self, row: WhatIfStatement) -> tuple[tuple[str | None, ...] | None, str]:
        """The values that a statement's plans are shown for, by which it gains or loses, and what they are called."""
        label = row.planned_for
        other_plan = bool(self.plan_changes.get((row.query_id, None))) if self.units_differ else None
        if not label and Costs(row.cost_before, row.cost_after, other_plan).effect is not row.effect:
            alike = [each for each in row.by_values if each.effect is row.effect]
            label = greatest(alike).label if alike else ""
        values = next((each.values for each in self.value_sets.of(row.query_id) if each.label == label), None)
        return values, "" if values is None else label


def _cost_for(label: str, shown: tuple[str, ...], costs: Costs, *, given: bool = False) -> ValuesCost:
    return ValuesCost(
        label=label, values=shown, cost_before=costs.before, cost_after=costs.after, effect=costs.effect, given=given
    )


def _questions(facts: Facts, statements: Sequence[Statement]) -> dict[str, Question]:
    """A question for each statement that may have a plan, by query id, the costliest first."""
    known = facts.snapshot.statements
    roles = {} if known is None else costliest_roles(known)
    return {
        statement.query_id: Question(
            query_id=statement.query_id,
            text=statement.text or "",
            shape=facts.shapes.get(statement.query_id),
            role=roles.get(statement.query_id),
        )
        for statement in statements
        if not _is_utility(facts.shapes.get(statement.query_id))
    }


def _is_utility(shape: StatementShape | None) -> bool:
    return shape is not None and shape.kind is StatementKind.UTILITY
