"""Asks a planner, whichever it is, what a workload costs as it is and under another configuration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgadvisor import __version__
from pgadvisor.advise.compose import source_of
from pgadvisor.advise.keys import anchor
from pgadvisor.advise.whatif_fidelity import fidelity_of
from pgadvisor.advise.whatif_parts import changed_settings, created_indexes, dropped_indexes, names_of
from pgadvisor.advise.whatif_plans import Asked, Plans
from pgadvisor.advise.whatif_shortcomings import Shortcomings
from pgadvisor.masking import mask_literals
from pgadvisor.model.coverage import Fact
from pgadvisor.model.report import Tool
from pgadvisor.model.shape import NotUnderstood, StatementKind, StatementShape
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName
from pgadvisor.model.whatif_result import (
    STAYS_WITHIN,
    Effect,
    Reason,
    TimeRange,
    WhatIfResult,
    WhatIfStatement,
    Workload,
)
from pgadvisor.planner.protocol import Planner, Question
from pgadvisor.progress import Progress, silent
from pgadvisor.workload.role_settings import costliest_roles

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import Index
    from pgadvisor.statement_facts import Statement
    from pgadvisor.workload.index_text import GivenIndex

# Statements that a planner is asked about at a time, between two words on how far it is.
_AT_A_TIME = 100
# Plans are shown of so many of the most changed statements.
MAX_PAIRS = 8
# A cost below this is one of a constant, of which no ratio says anything.
_LEAST_COST = 0.01
# What of the collection bears on a workload's costs.
_BEARING = frozenset((Fact.CONNECTION, Fact.CATALOG, Fact.COLUMN_STATISTICS, Fact.STATEMENTS, Fact.STATEMENT_TEXTS))
_UTILITY = "It is a utility command, of which a planner makes no plan."


class Unable(Exception):  # noqa: N818  an answer
    """The planner cannot say what the configuration would do; the message says why."""


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
    show_values: bool = False,
    max_text_bytes: int = 4_000,
    progress: Progress = silent,
) -> WhatIfResult:
    """The workload before and after a change; asked are query ids whose plans are shown in any case.

    Raises Unable where the planner cannot answer for the change, PlannerError where it is gone.
    """
    if reason := planner.unable(change.configuration):
        raise Unable(reason)
    return _WhatIf(facts, planner, change, frozenset(asked), show_values, max_text_bytes, progress).result(
        {item.query_id: item.reason for item in not_understood}
    )


class _WhatIf:
    """One workload before and after one change."""

    def __init__(
        self,
        facts: Facts,
        planner: Planner,
        change: Change,
        asked: frozenset[str],
        show_values: bool,
        max_text_bytes: int,
        progress: Progress,
    ) -> None:
        self.facts = facts
        self.planner = planner
        self.change = change
        self.asked = asked
        self.show_values = show_values
        self.max_text_bytes = max_text_bytes
        self.progress = progress
        self.statements = [statement for statement in facts.statements.values() if statement.text is not None]
        self.questions = _questions(facts, self.statements)
        self.reasons: dict[str, str] = {}
        self.shortcomings = Shortcomings((), facts)

    def result(self, not_understood: dict[str, str]) -> WhatIfResult:
        """All that is told."""
        before, after = self._costs()
        # What a planner has otherwise may come to light only when it is asked.
        self.shortcomings = Shortcomings(self.planner.shortfalls, self.facts)
        rows = [self._row(statement, before, after, not_understood) for statement in self.statements]
        rows.sort(key=_rank)
        names = dict(names_of(self.change.create, self.facts))
        plans = Plans(self.facts, self.planner, self.change.configuration, names, self.show_values)
        fidelity = fidelity_of(self.facts, plans, self.questions, self.shortcomings, self._text, self.progress)
        rows = self._with_plans(rows, plans)
        return WhatIfResult(
            tool=Tool(name="pgadvisor", version=__version__),
            source=source_of(self.facts),
            planner=self.planner.identity,
            values_masked=not self.show_values,
            created=created_indexes(self.change.create, self.planner, self.facts, self.show_values),
            dropped=dropped_indexes(self.change.drop, self.facts, self.show_values),
            settings=changed_settings(self.change.settings, self.facts),
            workload=_workload(rows, self.facts),
            statements=tuple(rows),
            reasons=_reasons(rows),
            shortcomings=self.shortcomings.told([row.marks for row in rows]),
            fidelity=fidelity,
            statements_window=self.facts.statements_window,
            left_out=len(self.facts.statements) - len(self.statements),
            gaps=tuple(gap for gap in self.facts.coverage.gaps if gap.fact in _BEARING),
            footprint=self.facts.coverage.footprint,
        )

    def _costs(self) -> tuple[dict[str, float], dict[str, float]]:
        """Costs by query id before and after, of what could be planned; why the rest could not is noted."""
        before = self._ask(AS_IS, "Asking for plans as it is")
        if self.change.configuration == AS_IS:
            return before, before
        return before, self._ask(self.change.configuration, "Asking what if")

    def _ask(self, configuration: Configuration, step: str) -> dict[str, float]:
        questions = [self.questions[each] for each in self.questions if each not in self.reasons]
        found: dict[str, float] = {}
        for start in range(0, len(questions), _AT_A_TIME):
            self.progress(step, start, len(questions))
            some = questions[start : start + _AT_A_TIME]
            for question, cost in zip(some, self.planner.costs(some, configuration), strict=True):
                if cost is None:
                    self.reasons[question.query_id] = self.planner.plan(question, configuration).refusal
                else:
                    found[question.query_id] = cost
        return found

    def _row(
        self, statement: Statement, before: dict[str, float], after: dict[str, float], not_understood: dict[str, str]
    ) -> WhatIfStatement:
        query_id, shape = statement.query_id, self.facts.shapes.get(statement.query_id)
        was, becomes = before.get(query_id), after.get(query_id)
        effect = Effect.NOT_PLANNED if was is None or becomes is None else _effect(was, becomes)
        reason = ""
        if effect is Effect.NOT_PLANNED:
            why = _UTILITY if _is_utility(shape) else not_understood.get(query_id, "")
            reason = self.reasons.get(query_id) or why or "The planner gives no reason."
        role = self.questions[query_id].role if query_id in self.questions else None
        return WhatIfStatement(
            query_id=query_id,
            anchor=anchor(f"statement:{query_id}"),
            text=self._text(query_id),
            calls=statement.calls,
            total_ms=statement.total_ms,
            effect=effect,
            cost_before=was,
            cost_after=becomes,
            estimated=None if was is None or becomes is None else _estimated(statement.total_ms, was, becomes),
            reason=reason,
            marks=self.shortcomings.touching(query_id, statement.text or ""),
            asked=query_id in self.asked,
            role="" if role is None else role.name,
        )

    def _text(self, query_id: str) -> str:
        """A statement's text as it is shown."""
        text = (self.facts.statements[query_id].text or "").encode(errors="replace")
        shown = text[: self.max_text_bytes].decode(errors="ignore")
        # A command that is not understood may hold a password, which is shown to nobody.
        plannable = query_id in self.facts.shapes and not _is_utility(self.facts.shapes[query_id])
        return shown if self.show_values and plannable else mask_literals(shown)

    def _with_plans(self, rows: list[WhatIfStatement], plans: Plans) -> list[WhatIfStatement]:
        """The rows, with plans of those asked about and of the most changed."""
        changed = [row.query_id for row in rows if row.effect in (Effect.GAINS, Effect.LOSES)][:MAX_PAIRS]
        wanted = [row.query_id for row in rows if row.query_id in {*changed, *self.asked} & self.questions.keys()]
        pairs = {}
        for done, query_id in enumerate(wanted):
            self.progress("Asking for plans side by side", done, len(wanted))
            pairs[query_id] = plans.side_by_side(Asked(self.questions[query_id], query_id in self.asked))
        return [plans.joined(row, pairs[row.query_id]) if row.query_id in pairs else row for row in rows]


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


def _effect(before: float, after: float) -> Effect:
    if abs(after - before) <= STAYS_WITHIN * before:
        return Effect.STAYS
    return Effect.GAINS if after < before else Effect.LOSES


def _estimated(total_ms: float, before: float, after: float) -> TimeRange:
    """What its time would become: it changes as its cost does at most, and as the root of that at least.

    Costs order plans well and measure them badly: a plan that costs a hundredth may take a tenth of the time.
    """
    if _effect(before, after) is Effect.STAYS:
        return TimeRange(low_ms=total_ms, high_ms=total_ms)
    ratio = max(after, _LEAST_COST) / max(before, _LEAST_COST)
    low, high = sorted((total_ms * ratio, total_ms * ratio**0.5))
    return TimeRange(low_ms=low, high_ms=high)


def _rank(row: WhatIfStatement) -> tuple[float, float, float, str]:
    """The greatest change of time first, then of cost; of those without any the costliest."""
    if row.cost_before is None or row.cost_after is None or row.effect is Effect.STAYS:
        return (0.0, 0.0, -row.total_ms, row.query_id)
    ratio = max(row.cost_after, _LEAST_COST) / max(row.cost_before, _LEAST_COST)
    change = abs(row.cost_after - row.cost_before) * max(row.calls, 1)
    return (-abs(row.total_ms * (1 - ratio)), -change, -row.total_ms, row.query_id)


def _workload(rows: Sequence[WhatIfStatement], facts: Facts) -> Workload:
    def having(effect: Effect) -> int:
        return sum(1 for row in rows if row.effect is effect)

    planned = [row for row in rows if row.effect is not Effect.NOT_PLANNED]
    ranges = [row.estimated for row in planned if row.estimated is not None]
    return Workload(
        statements=len(rows),
        gain=having(Effect.GAINS),
        lose=having(Effect.LOSES),
        stay=having(Effect.STAYS),
        not_planned=having(Effect.NOT_PLANNED),
        cost_before=sum((row.cost_before or 0.0) * row.calls for row in planned),
        cost_after=sum((row.cost_after or 0.0) * row.calls for row in planned),
        total_ms=sum(row.total_ms for row in planned),
        estimated=TimeRange(low_ms=sum(each.low_ms for each in ranges), high_ms=sum(each.high_ms for each in ranges)),
        share=facts.share_of_time(sum(facts.statements[row.query_id].own_ms for row in planned)),
    )


def _reasons(rows: Sequence[WhatIfStatement]) -> tuple[Reason, ...]:
    """Why statements could not be planned, the commonest reason first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.reason:
            groups[row.reason].append(row.query_id)
    ordered: Iterator[tuple[str, list[str]]] = iter(sorted(groups.items(), key=lambda each: (-len(each[1]), each[0])))
    return tuple(Reason(reason=reason, statements=len(ids), query_ids=tuple(ids)) for reason, ids in ordered)
