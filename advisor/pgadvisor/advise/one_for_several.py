"""One new index in the place of several: a way to a better set that a search by single steps does not find.

Each of the several may be worth its while beside the others, and so none of them goes, and what does the work of all of
them gains next to nothing as long as they are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from pgadvisor.advise.selection.least import least_gain
from pgadvisor.advise.selection.objective import Objective
from pgadvisor.advise.selection.reasons import Chosen, described, passed_on
from pgadvisor.advise.whatif_judging import LEAST_COST
from pgadvisor.indexes.algebra import likeness
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.model.whatif import Configuration

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
        (size,) = evaluator.planner.sizes([tried.definition])
        one = Chosen(tried, prices.of(tried.definition, size.size_bytes))
        then = [each for each in selection.create if each not in others]
        # It is worth what they were, and stands where the first of them stood.
        then.insert(selection.create.index(others[0]), one)
        if weighing.amount(then) < weighing.amount(selection.create):
            selection.create = then
            served = [_served(each, one) for each in others]
            same = likeness(tried.definition)
            rest = [each for each in selection.left if each.name or likeness(each.definition) != same]
            selection.left = [*served, *(passed_on(each, others, one) for each in rest)]


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


class _Weighing:
    """What sets of new indexes come to, beside the existing ones that go."""

    def __init__(self, selection: Selection, evaluator: Evaluator, options: IndexesConfig) -> None:
        self._drop = selection.configuration.drop
        self._evaluator = evaluator
        self._options = options
        self._objective = Objective(evaluator.base, options.goal)
        self._least = least_gain(self._objective, options, evaluator.facts)

    def amount(self, create: Sequence[Chosen]) -> float:
        """What the workload takes with a set and what writing it does, and for each index what it is to save at least.

        Infinity where the set is over the budget, or a statement costs more than it may.
        """
        sizes = [each.price.size_bytes for each in create]
        most = self._options.max_bytes
        if most is not None and (None in sizes or sum(each or 0 for each in sizes) > most):
            return float("inf")
        configuration = Configuration(create=tuple(each.candidate.definition for each in create), drop=self._drop)
        whole = sum(self._objective.of_writes(each.price.write_ms) + self._least for each in create)
        costs = self._evaluator.costs(configuration)
        for before, after in zip(self._evaluator.base, costs, strict=True):
            for was, now in zip(before.costs, after.costs, strict=True):
                if not now <= was * (1 + self._options.max_regression) + LEAST_COST:
                    return float("inf")
            whole += self._objective.of_load(after.load.calls, after.load.total_ms, before.mean, after.mean)
        return whole


def _served(gone: Chosen, one: Chosen) -> LeftIndex:
    name = described(one.candidate.definition)
    return LeftIndex(
        definition=gone.candidate.definition,
        why=WhyNot.BETTER_ONE,
        sentence=f"{name}, which is proposed, does the work of this and others better.",
        served_by=name,
        size_bytes=gone.price.size_bytes,
        write_ms=gone.price.write_ms,
        query_ids=tuple(sorted(gone.candidate.query_ids)),
        findings=tuple(sorted(gone.candidate.findings)),
    )
