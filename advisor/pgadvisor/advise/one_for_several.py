"""One new index in the place of several: a way to a better set that a search by single steps does not find.

Each of the several may be worth its while beside the others, and so none of them goes, and what does the work of all of
them gains next to nothing as long as they are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING

from pgadvisor.advise.exchanging import Weighing, exchanged, serving_keys, swap
from pgadvisor.advise.selection.least import least_gain
from pgadvisor.advise.selection.reasons import Chosen
from pgadvisor.indexes.algebra import likeness
from pgadvisor.model.effects import LEAST_COST

if TYPE_CHECKING:
    from pgadvisor.advise.candidates.candidate import Candidate
    from pgadvisor.advise.selection.evaluator import Evaluator
    from pgadvisor.advise.selection.prices import Prices
    from pgadvisor.advise.selection.search import Selection
    from pgadvisor.config import IndexesConfig

# For each table so many are tried, those of the most statements first.
_TRIED = 8


def one_for_several(
    selection: Selection,
    candidates: Sequence[Candidate],
    evaluator: Evaluator,
    prices: Prices,
    options: IndexesConfig,
) -> None:
    """Exchanges new indexes of the same statements for one, where that makes the workload and its indexes less.

    It is asked about, within the bounds of the search. Tables of which an index goes are left as they are.
    """
    if selection.cut_short:
        return
    weighing = _Weighing(selection, evaluator, options)
    for tried, others in _exchanges(selection, candidates):
        if any(each not in selection.create for each in others):
            continue
        able = serving_keys(evaluator, selection, others, tried)
        if able is None:
            continue
        (size,) = evaluator.planner.sizes([tried.definition])
        one = Chosen(able, prices.of(tried.definition, size.size_bytes))
        then = exchanged(selection.create, others, one)
        if weighing.whole(then) < weighing.whole(selection.create):
            swap(selection, others, one, "does the work of this and others better")


def _exchanges(selection: Selection, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, list[Chosen]]]:
    """Candidates that are not chosen, with the several chosen ones that are for no other statements."""
    going = {(index.schema, index.definition.table) for index in selection.drop}
    ordered = sorted(selection.create, key=lambda each: _table(each.candidate))
    for table, group in groupby(ordered, key=lambda each: _table(each.candidate)):
        there = list(group)
        if len(there) < 2 or table in going:
            continue
        taken = {likeness(each.candidate.definition) for each in there}
        found = []
        for candidate in candidates:
            if _table(candidate) == table and likeness(candidate.definition) not in taken:
                others = [each for each in there if each.candidate.query_ids <= candidate.query_ids]
                if len(others) > 1:
                    found.append((candidate, [each for each in selection.create if each in others]))
        found.sort(key=lambda each: (-len(each[1]), -len(each[0].definition.keys), repr(each[0].definition)))
        yield from found[:_TRIED]


def _table(candidate: Candidate) -> tuple[str, str]:
    return candidate.definition.schema, candidate.definition.table


class _Weighing(Weighing):
    """What sets come to with what each of their indexes is to save at least."""

    def __init__(self, selection: Selection, evaluator: Evaluator, options: IndexesConfig) -> None:
        super().__init__(selection, evaluator, options)
        self._least = least_gain(self.objective, options, evaluator.facts)

    def whole(self, create: Sequence[Chosen]) -> float:
        """What the workload takes with a set and what writing it does, and for each index what it is to save at least.

        Infinity where the set is over the budget, or a statement costs more than it may.
        """
        if not self.within_budget(create):
            return inf
        costs = self.costs(create)
        for before, after in zip(self.evaluator.base, costs, strict=True):
            for was, now in zip(before.costs, after.costs, strict=True):
                if not now <= was * (1 + self.options.max_regression) + LEAST_COST:
                    return inf
        return self.amount(costs) + self.writes(create) + self._least * len(create)
