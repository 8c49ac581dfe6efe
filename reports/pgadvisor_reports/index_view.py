"""What a report says of indexes, looked up and put in reading order for the page and the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pgadvisor.model.effects import Effect
from pgadvisor.model.index_advice import (
    FOREIGN_KEY_CHECK,
    AdvisedIndex,
    IndexAdvice,
    LeftIndex,
    StatementEffect,
    WhyNot,
    WorkloadEffect,
)
from pgadvisor.model.proposals import CreateIndex, DropIndex, RebuildIndex
from pgadvisor.model.report import RateUnit, Recommendation, Report, StatementView
from pgadvisor_reports import formatting

# What a reader can do something about comes first.
_ORDER = (
    WhyNot.OVER_BUDGET,
    WhyNot.TOO_COSTLY,
    WhyNot.SLOWS,
    WhyNot.STILL_NEEDED,
    WhyNot.TO_STAY,
    WhyNot.NOT_EXAMINED,
    WhyNot.BETTER_ONE,
    WhyNot.NO_GAIN,
    WhyNot.SERVED,
    WhyNot.SMALL_TABLE,
    WhyNot.WOULD_FAIL,
    WhyNot.IMPOSSIBLE,
)


@dataclass(frozen=True)
class Scale:
    """How amounts over the statements' window are told: so many times themselves, per day, per hour or in all.

    unit follows every amount; over says once for all of them what they are over.
    """

    factor: float
    unit: str
    over: str

    def duration(self, ms: float | None) -> str:
        """A time over the window, as a rate where the window allows one."""
        return f"{formatting.duration(None if ms is None else ms * self.factor).text}{self.unit}"

    @property
    def bare(self) -> Scale:
        """The same without its unit, where that is said already."""
        return Scale(self.factor, "", self.over)


@dataclass(frozen=True)
class AdvisedRow:
    """An index that is advised, with what the table of all of them shows.

    size_bytes is less than nothing for one that goes. gain_ms is what it saves at least over the statements' window:
    in statements, or of one that goes in writes; price_ms what it takes to write, None where nobody knows. cost_share
    is how much of the workload's cost it saves within the set.
    """

    number: int
    action: Recommendation
    advised: AdvisedIndex
    size_bytes: int | None
    gain_ms: float | None
    price_ms: float | None
    cost_share: float

    @property
    def goes(self) -> bool:
        """Whether it is to be dropped."""
        return isinstance(self.advised.proposal, DropIndex)


@dataclass(frozen=True)
class LeftGroup:
    """Indexes left for one reason, those that would gain most first. sentence is theirs where all have the same."""

    why: WhyNot
    indexes: tuple[LeftIndex, ...]

    @property
    def sentence(self) -> str:
        """What is said of every one of them in the same words, "" where the words differ."""
        said = {each.sentence for each in self.indexes}
        return next(iter(said)) if len(said) == 1 and len(self.indexes) > 1 else ""


class IndexPage:
    """A report's advice on the indexes of one database, ready to be written down.

    actions are the recommendations in the order to run. database is "" in a report on one. advice is None where no
    planner was asked. number tells it from those on other databases.
    """

    def __init__(
        self,
        report: Report,
        actions: Sequence[Recommendation],
        advice: IndexAdvice | None,
        database: str = "",
        number: int = 1,
    ) -> None:
        self.report = report
        self.number = number
        self.advice = advice
        self.database = database
        self.actions = tuple(each for each in actions if each.database == database)
        self._texts = {each.query_id: each for each in reversed(report.statements) if each.database == database}

    @cached_property
    def rows(self) -> tuple[AdvisedRow, ...]:
        """What is advised and proved, in the order to run it."""
        proved = [(each, each.advised) for each in self.actions if each.advised is not None]
        return tuple(self._row(number, action, advised) for number, (action, advised) in enumerate(proved, start=1))

    @cached_property
    def unproved(self) -> tuple[Recommendation, ...]:
        """What is recommended of indexes and no planner was asked about."""
        about = CreateIndex | DropIndex | RebuildIndex
        return tuple(each for each in self.actions if isinstance(each.proposal, about) and each.advised is None)

    @cached_property
    def scale(self) -> Scale:
        """By what amounts over the statements' window are told: as the report does with its statements' times."""
        rates = [view.time for view in self.report.statements if view.time.total > 0]
        if rates and rates[0].per is not RateUnit.TOTAL:
            unit = rates[0].per.value
            return Scale(rates[0].value / rates[0].total, f" {unit}", unit)
        window = self.report.trust.statements_window
        seconds = None if window is None else window.seconds
        return Scale(1.0, "", "since an unknown time" if seconds is None else f"in {formatting.span(seconds)}")

    @cached_property
    def left(self) -> tuple[LeftGroup, ...]:
        """What was thought of and left, by reason."""
        advice = self.advice
        groups: dict[WhyNot, list[LeftIndex]] = defaultdict(list)
        for each in () if advice is None else advice.left:
            groups[each.why].append(each)
        return tuple(
            LeftGroup(why, tuple(sorted(groups[why], key=lambda each: -(each.gain_ms or 0.0))))
            for why in (*_ORDER, *(why for why in WhyNot if why not in _ORDER))
            if groups[why]
        )

    @property
    def was_tried(self) -> bool:
        """Whether this is the database that a copy of was tried."""
        return self.report.verification is not None and any(each.measured is not None for each in self.actions)

    @property
    def left_count(self) -> int:
        """How many were left, also those that the report does not name."""
        return 0 if self.advice is None else len(self.advice.left) + self.advice.left_out

    def view_of(self, query_id: str) -> StatementView | None:
        """A statement of the report; None where it holds none of this id."""
        return self._texts.get(query_id)

    def text_of(self, query_id: str) -> str:
        """What a statement says, or its id where its text is not in the report."""
        view = self._texts.get(query_id)
        if view is None and query_id.startswith(FOREIGN_KEY_CHECK):
            return "the server's own check of the key; its time is estimated"
        return query_id if view is None else view.text or view.missing_reason or query_id

    @cached_property
    def gain_ms(self) -> float:
        """What all of it together saves at least, over the statements' window."""
        return 0.0 if self.advice is None else least_gain(self.advice.workload, self.advice.effects)

    @property
    def advised(self) -> int:
        """How many indexes are to be created or dropped."""
        return 0 if self.advice is None else self.advice.created + self.advice.dropped

    @property
    def suffix(self) -> str:
        """What tells a caption of it from those on other databases."""
        return f" in {self.database}" if self.database else ""

    @cached_property
    def new_bytes(self) -> int:
        """What all new indexes take."""
        return sum(row.size_bytes or 0 for row in self.rows if not row.goes)

    @cached_property
    def room_bytes(self) -> int:
        """The bytes that sizes are drawn to: the budget, or where there is none what all new indexes take."""
        budget = None if self.advice is None else self.advice.budget_bytes
        return max(budget or 0, self.new_bytes)

    @cached_property
    def room_left(self) -> float:
        """The share of it that new indexes leave."""
        return 1.0 - self.new_bytes / self.room_bytes if self.room_bytes else 0.0

    @cached_property
    def most_ms(self) -> float:
        """The greatest gain or price of one index, to which bars are drawn."""
        return max((max(row.gain_ms or 0.0, row.price_ms or 0.0) for row in self.rows), default=0.0)

    def _row(self, number: int, action: Recommendation, advised: AdvisedIndex) -> AdvisedRow:
        price, together = advised.price, advised.together
        goes = isinstance(advised.proposal, DropIndex)
        whole = 0.0 if self.advice is None else self.advice.workload.cost_before
        size = price.size_bytes
        return AdvisedRow(
            number=number,
            action=action,
            advised=advised,
            size_bytes=-size if goes and size is not None else size,
            gain_ms=price.write_ms if goes else least_gain(together, advised.effects),
            price_ms=0.0 if goes else price.write_ms,
            cost_share=(together.cost_before - together.cost_after) / whole if whole else 0.0,
        )


def index_pages(report: Report, actions: Sequence[Recommendation]) -> tuple[IndexPage, ...]:
    """The advice on each database, in the report's order; one without any where no planner was asked."""
    if not report.databases:
        return (IndexPage(report, actions, report.index_advice),)
    return tuple(
        IndexPage(report, actions, report.index_advice_by_database.get(source.database), source.database, number)
        for number, source in enumerate(report.databases, start=1)
    )


def least_gain(effect: WorkloadEffect, effects: Sequence[StatementEffect]) -> float:
    """What statements take less at least, in ms over their window.

    Where some lose by nobody knows how much, it is what those that gain save.
    """
    if effect.estimated.high_ms is not None:
        return max(effect.before_ms - effect.estimated.high_ms, 0.0)
    gaining = [each for each in effects if each.effect is Effect.GAINS]
    saved = [(each.total_ms, each.estimated.high_ms) for each in gaining if each.estimated is not None]
    return sum(max(total - high, 0.0) for total, high in saved if high is not None)
