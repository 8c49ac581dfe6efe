"""One trial: indexes are built, and statements run without them and with them in turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.proposals import CreateIndex
from pgadvisor.model.report import StatementView
from pgadvisor.model.shape import StatementShape
from pgadvisor.model.verification import MeasuredIndex, MeasuredStatement, Promise, Verdict
from pgadvisor.planner.refusals import NotDone
from pgadvisor.verifying.building import Builder, Built, holds_expression
from pgadvisor.verifying.judging import Timing, compared, of_index
from pgadvisor.verifying.running import Chosen, Run, Runnable, Runner
from pgadvisor.verifying.wanted import Plan, Wanted, runnable_text

if TYPE_CHECKING:
    from pgadvisor.progress import Progress

# Each is measured twice without and twice with, in turns, so that noise can be told; more often where it is much.
ROUNDS, MOST_ROUNDS = 2, 5


@dataclass
class Standing:
    """A recommended index within a trial: built, or there and to be dropped; reason says why it is neither.

    unanalyzed says why no statistics of its expressions were gathered, "" where they were, or it has none.
    """

    wanted: Wanted
    built: Built | None = None
    drop: str = ""
    reason: str = ""
    unanalyzed: str = ""

    @property
    def is_tried(self) -> bool:
        """Whether statements can be run without it and with it."""
        return bool(self.drop)

    @property
    def is_created(self) -> bool:
        """Whether what is recommended is that it be there."""
        return isinstance(self.wanted.proposal, CreateIndex)


@dataclass
class Tried:
    """What a trial has got so far. together and each are measured statements by query id, of all and of each index."""

    plan: Plan
    standing: list[Standing] = field(default_factory=list)
    analyzed: list[str] = field(default_factory=list)
    together: dict[str, MeasuredStatement] = field(default_factory=dict)
    each: list[dict[str, MeasuredStatement]] = field(default_factory=list)


def build_all(tried: Tried, builder: Builder, progress: Progress) -> None:
    """Builds what is to be created and finds what is to go; gathers statistics of expressions."""
    wanted = tried.plan.indexes
    for done, each in enumerate(wanted):
        progress("Building indexes on the copy", done, len(wanted))
        standing = Standing(each)
        try:
            if isinstance(each.proposal, CreateIndex):
                standing.built = builder.build(each.proposal.definition)
                # What no plan may use, statements need not be run for.
                standing.drop = "" if standing.built.note else standing.built.drop
            else:
                standing.drop = _once(tried, builder.standing(each.proposal))
        except NotDone as refusal:
            standing.reason = _sentence(refusal)
        tried.standing.append(standing)
        tried.each.append({})
    _analyze_all(tried, builder, progress)


def _once(tried: Tried, drop: str) -> str:
    """A command that takes an index away. Raises NotDone where another recommendation does: it is there but once."""
    if any(each.drop == drop for each in tried.standing):
        raise NotDone("Another recommendation takes it away already")
    return drop


def _analyze_all(tried: Tried, builder: Builder, progress: Progress) -> None:
    """Gathers statistics of the expressions of what was built, of each table once."""
    reasons: dict[str, str] = {}
    for standing in tried.standing:
        definition = standing.wanted.proposal.definition
        if standing.built is None or not holds_expression(definition):
            continue
        name = qualified(definition.schema, definition.table)
        if name not in reasons:
            progress(f"Gathering statistics of {name}")
            reasons[name] = builder.analyze(definition)
            if not reasons[name]:
                tried.analyzed.append(name)
        standing.unanalyzed = reasons[name]


def run_all(tried: Tried, runner: Runner, shapes: Mapping[str, StatementShape], progress: Progress) -> None:
    """Runs the statements, without and with the indexes."""
    statements = tried.plan.statements
    for done, view in enumerate(statements):
        progress("Executing statements on the copy, without the indexes and with them", done, len(statements))
        _run_one(tried, runner, view, shapes.get(view.query_id))
    progress("Executing statements on the copy, without the indexes and with them", len(statements), len(statements))


def _run_one(tried: Tried, runner: Runner, view: StatementView, shape: StatementShape | None) -> None:
    empty = MeasuredStatement(query_id=view.query_id, anchor=view.anchor, verdict=Verdict.NOT_RUN, calls=view.calls)
    mine = [
        number
        for number, standing in enumerate(tried.standing)
        if standing.is_tried and view.query_id in standing.wanted.promises
    ]
    try:
        if not mine:
            raise NotDone("None of the indexes that it is for could be tried")
        timings, chosen = _timings(tried, runner, replace(runnable_text(view), shape=shape), mine)
    except NotDone as refusal:
        tried.together[view.query_id] = replace_reason(empty, _sentence(refusal))
        for number in mine:
            tried.each[number][view.query_id] = tried.together[view.query_id]
        return
    start = MeasuredStatement(
        query_id=view.query_id,
        anchor=view.anchor,
        verdict=Verdict.NOT_RUN,
        calls=view.calls,
        values=chosen.labels,
        equivalent=chosen.statement.equivalent,
    )
    after = timings[ALL]
    uses = _uses(tried.standing, after.indexes)
    promise = _promise_together(tried, view.query_id)
    tried.together[view.query_id] = compared(start, timings[NONE], after, promise, uses)
    for number in mine:
        promise = tried.standing[number].wanted.promises[view.query_id]
        tried.each[number][view.query_id] = compared(start, timings[number], after, promise, uses)


def _promise_together(tried: Tried, query_id: str) -> Promise | None:
    """What is promised of all indexes together; nothing where one that it counts on could not be tried."""
    if any(not each.is_tried and query_id in each.wanted.promises for each in tried.standing):
        return None
    return tried.plan.promises.get(query_id)


# Which indexes a statement is run with, beside numbers of single indexes that are left out: none recommended, or all.
NONE, ALL = -1, -2


def _timings(
    tried: Tried, runner: Runner, statement: Runnable, mine: Sequence[int]
) -> tuple[dict[int, Timing], Chosen]:
    """How long it takes with none of the changes, with all, and with all but each that matters to it.

    And with which values, and by which text, which is one that the copy can read.
    """
    chosen = runner.chosen(statement)
    ways = [NONE, *(mine if len(mine) > 1 else ()), ALL]
    rounds: dict[int, list[tuple[Run, ...]]] = {way: [] for way in ways}
    timings: dict[int, Timing] = {}
    for number in range(1, MOST_ROUNDS + 1):
        for way in ways:
            rounds[way].append(runner.run(chosen, _without(tried.standing, way)))
        timings = {way: Timing(tuple(runs)) for way, runs in rounds.items()}
        if number >= ROUNDS and all(each.is_steady or each.timed_out for each in timings.values()):
            break
    if len(mine) == 1:
        # Others do not matter to it, so that without this one is without any.
        timings[mine[0]] = timings[NONE]
    return timings, chosen


def _without(standing: Sequence[Standing], way: int) -> list[str]:
    """Commands that take away what is not there: the old ones that go, and the new ones that are not built yet."""
    return [
        each.drop
        for number, each in enumerate(standing)
        if each.is_tried and (each.is_created if way in (NONE, number) else not each.is_created)
    ]


def _uses(standing: Sequence[Standing], names: frozenset[str]) -> list[str]:
    return [each.wanted.name for each in standing if each.built is not None and each.built.names & names]


def measured_indexes(tried: Tried) -> dict[tuple[str, str], MeasuredIndex]:
    """What came of each recommendation, by its database and its key."""
    found = {}
    for standing, statements in zip(tried.standing, tried.each, strict=True):
        advised = standing.wanted.recommendation.advised
        built = standing.built
        measured = tuple(statements.values())
        note = "" if built is None else built.note
        reasons = (standing.reason or note or _why_nothing(standing, measured), standing.unanalyzed)
        recommendation = standing.wanted.recommendation
        found[recommendation.database, recommendation.key] = MeasuredIndex(
            verdict=of_index(measured),
            build_ms=None if built is None else built.build_ms,
            size_bytes=None if built is None else built.size_bytes,
            promised_bytes=None if advised is None or not standing.is_created else advised.price.size_bytes,
            statements=measured,
            reason=" ".join(filter(None, reasons)),
        )
    return found


def _why_nothing(standing: Standing, measured: Sequence[MeasuredStatement]) -> str:
    if any(each.verdict is not Verdict.NOT_RUN for each in measured):
        return ""
    if measured:
        return "None of its statements could be run."
    return "Nothing that it is for could be run: the report does not have it."


def replace_reason(statement: MeasuredStatement, reason: str) -> MeasuredStatement:
    """A statement that was not run, and why."""
    return MeasuredStatement(
        query_id=statement.query_id,
        anchor=statement.anchor,
        calls=statement.calls,
        verdict=Verdict.NOT_RUN,
        reason=reason,
    )


def _sentence(refusal: NotDone) -> str:
    """A refusal, with what can be done."""
    return f"{refusal.reason.rstrip('.')}. {refusal.remedy}".rstrip()
