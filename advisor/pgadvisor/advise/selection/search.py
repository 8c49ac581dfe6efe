"""The best set of indexes within a budget: the one that gains most per byte first, as long as one pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.evaluator import EndOfSearchError, Evaluator, LoadCost
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.model.catalog import Index
from pgadvisor.model.index_advice import Goal, IndexPrice, LeftIndex, WhyNot
from pgadvisor.model.whatif import Configuration
from pgadvisor.progress import Progress

if TYPE_CHECKING:
    from pgadvisor.config import IndexesConfig


@dataclass(frozen=True)
class Chosen:
    """A candidate that is to be built, at its price."""

    candidate: Candidate
    price: IndexPrice


@dataclass
class Selection:
    """What the search came to: what is built, in the order chosen, what goes, and what was left and why.

    cut_short says which bound ended the search before it was done, "" where none did.
    """

    create: list[Chosen] = field(default_factory=list)
    drop: list[Index] = field(default_factory=list)
    left: list[LeftIndex] = field(default_factory=list)
    cut_short: str = ""

    @property
    def configuration(self) -> Configuration:
        """All of it, as a planner takes it."""
        return Configuration(create=tuple(chosen.candidate.definition for chosen in self.create))


def value_of(costs: Sequence[LoadCost], base: Sequence[LoadCost], goal: Goal) -> float:
    """What a workload costs at these costs: in ms as they were measured, or in the planner's units of all calls."""
    total = 0.0
    for now, before in zip(costs, base, strict=True):
        if goal is Goal.COST:
            total += now.mean * max(now.load.calls, 1)
        elif before.mean:
            total += now.load.total_ms * now.mean / before.mean
    return total


def select(
    evaluator: Evaluator,
    candidates: Sequence[Candidate],
    prices: Prices,
    options: IndexesConfig,
    progress: Progress,
) -> Selection:
    """Greedy by gain per byte, each step proved under all that was chosen before."""
    selection = Selection()
    sizes = evaluator.planner.sizes([candidate.definition for candidate in candidates])
    priced = [
        Chosen(candidate, prices.of(candidate.definition, size.size_bytes))
        for candidate, size in zip(candidates, sizes, strict=True)
    ]
    try:
        _grow(selection, evaluator, priced, options, progress)
    except EndOfSearchError as error:
        selection.cut_short = str(error)
    return selection


def _grow(
    selection: Selection,
    evaluator: Evaluator,
    priced: Sequence[Chosen],
    options: IndexesConfig,
    progress: Progress,
) -> None:
    value = value_of(evaluator.base, evaluator.base, options.goal)
    least = options.min_gain * value
    rest = list(priced)
    while rest and len(selection.create) < options.max_indexes:
        progress("Choosing indexes", len(selection.create), options.max_indexes)
        best: tuple[float, float, Chosen] | None = None
        used = sum(chosen.price.size_bytes or 0 for chosen in selection.create)
        fits = [
            chosen
            for chosen in rest
            if options.max_bytes is None or used + (chosen.price.size_bytes or 0) <= options.max_bytes
        ]
        for chosen in fits:
            costs = evaluator.costs(_with(selection, chosen))
            gain = value - value_of(costs, evaluator.base, options.goal) - (chosen.price.write_ms or 0.0)
            slower = any(
                now > before * (1 + options.max_regression)
                for after, base in zip(costs, evaluator.base, strict=True)
                for now, before in zip(after.costs, base.costs, strict=True)
            )
            ratio = gain / max(chosen.price.size_bytes or 0, 8192)
            if not slower and gain > least and (best is None or ratio > best[0]):
                best = (ratio, gain, chosen)
        if best is None:
            break
        selection.create.append(best[2])
        rest.remove(best[2])
        value = value_of(evaluator.costs(selection.configuration), evaluator.base, options.goal)
    for chosen in rest:
        selection.left.append(
            LeftIndex(
                definition=chosen.candidate.definition,
                why=WhyNot.NO_GAIN,
                sentence="Beside what is chosen it gains less than it costs.",
                size_bytes=chosen.price.size_bytes,
                write_ms=chosen.price.write_ms,
                query_ids=tuple(sorted(chosen.candidate.query_ids)),
                findings=tuple(sorted(chosen.candidate.findings)),
            )
        )


def _with(selection: Selection, chosen: Chosen) -> Configuration:
    create = (*selection.configuration.create, chosen.candidate.definition)
    return Configuration(create=create)
