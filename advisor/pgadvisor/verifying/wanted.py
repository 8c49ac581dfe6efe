"""What of a report is to be tried: its recommended indexes, and the statements that they are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgadvisor.masking import MASK
from pgadvisor.model.index_advice import StatementEffect
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.report import Recommendation, Report, StatementView
from pgadvisor.model.verification import Promise
from pgadvisor.planner.refusals import NotDone
from pgadvisor.verifying.judging import promise_of
from pgadvisor.verifying.running import Runnable
from pgadvisor.workload.equivalent import equivalent_select
from pgadvisor.workload.lexer import first_keyword
from pgadvisor.workload.understand import MAX_PARSED_CHARS

if TYPE_CHECKING:
    from pgadvisor.model.index_advice import IndexAdvice

# So many of the costliest statements on a table have to bear that one of its indexes goes.
_ON_TABLE = 10
_WRITES = frozenset(("insert", "update", "delete", "merge"))


@dataclass(frozen=True)
class Wanted:
    """A recommended index. promises are those of each statement that it matters to, None where nobody made one."""

    recommendation: Recommendation
    proposal: CreateIndex | DropIndex
    promises: Mapping[str, Promise | None]

    @property
    def name(self) -> str:
        """What the report calls it."""
        advised = self.recommendation.advised
        if isinstance(self.proposal, DropIndex):
            return f"{self.proposal.schema}.{self.proposal.name}"
        return advised.name if advised is not None and advised.name else self.recommendation.title


@dataclass(frozen=True)
class Plan:
    """What is tried. statements are all that any index is for, the costliest first, at most so many as allowed.

    promises are those of all indexes together, other are titles of what is no index, left_out counts statements more
    than allowed.
    """

    indexes: tuple[Wanted, ...]
    statements: tuple[StatementView, ...]
    promises: Mapping[str, Promise | None]
    other: tuple[str, ...] = ()
    left_out: frozenset[str] = field(default_factory=frozenset)


def plan_of(report: Report, database: str, most: int, tolerance: float) -> Plan:
    """What of a report on one database is tried.

    database: "" in a report on one alone. most: so many statements. tolerance: by this share a statement may get slower
    where an index goes.
    """
    views = {view.query_id: view for view in report.statements if view.database == database}
    indexes, other = [], []
    for recommendation in report.recommendations:
        if recommendation.database != database:
            continue
        proposal = recommendation.proposal
        if isinstance(proposal, CreateIndex | DropIndex):
            promises = _promises(recommendation, proposal, report, views, tolerance)
            indexes.append(Wanted(recommendation, proposal, promises))
        else:
            other.append(recommendation.title)
    ids = {query_id for wanted in indexes for query_id in wanted.promises if query_id in views}
    ranked = sorted((views[query_id] for query_id in ids), key=lambda view: (-view.total_ms, view.query_id))
    return Plan(
        indexes=tuple(indexes),
        statements=tuple(ranked[:most]),
        promises=_together(report, database, indexes),
        other=tuple(other),
        left_out=frozenset(view.query_id for view in ranked[most:]),
    )


def _promises(
    recommendation: Recommendation,
    proposal: CreateIndex | DropIndex,
    report: Report,
    views: Mapping[str, StatementView],
    tolerance: float,
) -> dict[str, Promise | None]:
    """The statements that an index matters to, and what is promised of each."""
    effects = () if recommendation.advised is None else recommendation.advised.effects
    found: dict[str, Promise | None] = {effect.query_id: promise_of(effect) for effect in effects}
    if isinstance(proposal, DropIndex):
        table = f"{proposal.definition.schema}.{proposal.definition.table}"
        on_table = sorted(
            (view for view in views.values() if table in view.relations and _looks_rows_up(view)),
            key=lambda view: (-view.total_ms, view.query_id),
        )
        for view in on_table[:_ON_TABLE]:
            found.setdefault(view.query_id, Promise(high=1 + tolerance))
    elif recommendation.advised is None:
        named = {finding.key: finding for finding in report.findings}
        for key in recommendation.findings:
            for query_id in named[key].query_ids if key in named else ():
                found.setdefault(query_id, None)
    return found


def _looks_rows_up(view: StatementView) -> bool:
    """Whether a statement may get slower where an index goes; what inserts gets faster, and is not run."""
    return view.text is not None and first_keyword(view.text) not in ("insert", "merge")


def _together(report: Report, database: str, indexes: Sequence[Wanted]) -> dict[str, Promise | None]:
    """What is promised of all indexes together; of a statement that one alone matters to that is what this one does."""
    advice: IndexAdvice | None = report.index_advice_by_database.get(database) if database else report.index_advice
    effects: tuple[StatementEffect, ...] = () if advice is None else advice.effects
    found = {effect.query_id: promise_of(effect) for effect in effects}
    touching: dict[str, list[Promise | None]] = {}
    for wanted in indexes:
        for query_id, promise in wanted.promises.items():
            touching.setdefault(query_id, []).append(promise)
    for query_id, promises in touching.items():
        # That nothing gets slower holds of several indexes that go as it does of one.
        alike = len(promises) == 1 or all(each is not None and each.low is None for each in promises)
        if query_id not in found and alike:
            found[query_id] = promises[0]
    return found


def runnable_text(view: StatementView) -> Runnable:
    """The text of a statement that may be run in its place. Raises NotDone where there is none."""
    if view.text is None:
        raise NotDone("The report has no text of it")
    if len(view.text) > MAX_PARSED_CHARS:
        # Nobody understands what it searches, and to read it may take the server as long as it is let.
        raise NotDone(f"Its text is longer than {MAX_PARSED_CHARS:,} characters")
    if view.cut_bytes:
        raise NotDone("The report has not all of its text", "Raise report.max_text_bytes and make the report again.")
    if MASK in view.text:
        raise NotDone("The report masks values in it", "Make the report again with --show-values.")
    select = equivalent_select(view.text)
    if select is not None:
        return Runnable(view.query_id, select.text, None, equivalent=True)
    if first_keyword(view.text) in _WRITES:
        raise NotDone("It writes, and no SELECT finds the same rows; writes are not executed")
    return Runnable(view.query_id, view.text, None)
