"""Of two new indexes that serve statements about equally, the one that begins with what these search for equality.

Plans are asked for values that are typical or were seen. Where these are those of nearly all rows, or the newest, a
range alone leaves as few rows as it does with an equality before it, and no cost tells the two apart: the equality
keeps it so for all other values. Likewise the first rows in some order, which are taken to be found soon: of a queue
those that wait come after all that are done. (Manual, "Multicolumn Indexes": only equality on leading columns, and one
range after them, limit the part of an index that is read.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.columns import Columns
from pgadvisor.advise.candidates.demands import Demand, demands_of
from pgadvisor.advise.exchanging import Weighing, exchanged, serving_keys, swap
from pgadvisor.advise.selection.reasons import Chosen
from pgadvisor.indexes.algebra import covers
from pgadvisor.model.effects import LEAST_COST

if TYPE_CHECKING:
    from pgadvisor.advise.candidates.candidate import Candidate
    from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
    from pgadvisor.advise.selection.prices import Prices
    from pgadvisor.advise.selection.search import Selection
    from pgadvisor.config import IndexesConfig
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import IndexDefinition

# Costs that differ by less are the same, as far as they are known.
_ABOUT = 0.02
# What those of some values may differ by, where the mean does not by more than that.
_ABOUT_FOR_VALUES = 0.05
# In the place of one index so many are tried, those first that more columns limit.
_TRIED = 4


def equality_first(
    selection: Selection,
    candidates: Sequence[Candidate],
    evaluator: Evaluator,
    prices: Prices,
    options: IndexesConfig,
) -> bool:
    """Exchanges new indexes that begin with a range or an order for such that begin with an equality; whether it did.

    No statement that may use either costs more by more than that, by the mean of its values and for each of them, nor
    does all of it with what is written. What the other does the work of goes with it.
    """
    if evaluator.facts is None or selection.cut_short:
        return False
    weighing = _Weighing(selection, evaluator, options)
    searched = _Searched(evaluator.facts, evaluator)
    found = False
    for chosen in tuple(selection.create):
        if chosen not in selection.create:
            continue
        serving = weighing.served(chosen)
        for form in searched.steadier(chosen.candidate.definition, serving, candidates):
            gone = _done_by(form, chosen, selection)
            able = serving_keys(evaluator, selection, gone, form) if gone else None
            if able is None:
                continue
            (size,) = evaluator.planner.sizes([form.definition])
            one = Chosen(able, prices.of(form.definition, size.size_bytes))
            if size.size_bytes is not None and weighing.about_equal(gone, one):
                swap(selection, gone, one, "costs about the same and serves all values alike")
                found = True
                break
    return found


def _done_by(form: Candidate, chosen: Chosen, selection: Selection) -> list[Chosen]:
    """The index with the others that a form does the work of; none where another does that of the form."""
    others = [each for each in selection.create if each is not chosen]
    if any(covers(each.candidate.definition, form.definition) for each in others):
        return []
    return [chosen, *(each for each in others if covers(form.definition, each.candidate.definition))]


class _Searched:
    """What the loads search each table by."""

    def __init__(self, facts: Facts, evaluator: Evaluator) -> None:
        columns = Columns(facts)
        self._demands: dict[tuple[str, str], dict[str, list[Demand]]] = defaultdict(lambda: defaultdict(list))
        for load in evaluator.loads:
            if load.shape is not None:
                for each in demands_of(facts, columns, load.shape, load.query_id, load.total_ms):
                    self._demands[each.table.schema, each.table.name][load.query_id].append(each)

    def steadier(
        self, definition: IndexDefinition, serving: Sequence[str], candidates: Sequence[Candidate]
    ) -> Iterator[Candidate]:
        """Candidates that begin with an equality where an index does not, for statements that it serves."""
        of_table = self._demands[definition.schema, definition.table]
        ranged = [each for query_id in serving for each in of_table[query_id] if _is_ranged(definition, each)]
        if not ranged or definition.access_method != "btree":
            return
        found = []
        for candidate in candidates:
            other = candidate.definition
            place = (other.schema, other.table, other.access_method, other.predicate)
            if place == (definition.schema, definition.table, definition.access_method, definition.predicate):
                limits = [_limited(other, each) for each in ranged]
                if all(limit.equal for limit in limits):
                    found.append((-min(limit.columns for limit in limits), len(other.keys), repr(other), candidate))
        for *_, candidate in sorted(found, key=lambda each: each[:-1])[:_TRIED]:
            yield candidate


@dataclass(frozen=True)
class _Limit:
    """How many of an index's first columns are searched for equality, and of them all that limit what is read of it."""

    equal: int
    columns: int


def _limited(definition: IndexDefinition, demand: Demand) -> _Limit:
    equal = 0
    for name in definition.key_columns:
        if name not in demand.equal:
            break
        equal += 1
    rest = definition.key_columns[equal : equal + 1]
    return _Limit(equal, equal + (bool(rest) and rest[0] in _others(demand)))


def _is_ranged(definition: IndexDefinition, demand: Demand) -> bool:
    # What finds a row by its key needs no other index.
    searched = bool(demand.equal) and not demand.identified(demand.equal)
    return searched and definition.keys[0].column in _others(demand)


def _others(demand: Demand) -> set[str | None]:
    """Columns of ranges, and the first that rows are sorted by: an index that begins so finds but what lies first."""
    ordered = {each.column for each in demand.order[:1]} - set(demand.equal)
    return {*demand.ranges, *ordered}


class _Weighing(Weighing):
    """What sets cost each value of each statement, beside others."""

    def served(self, chosen: Chosen) -> list[str]:
        """Statements that cost otherwise without an index of the set."""
        create = self.selection.create
        both = zip(self.costs(create), self.costs([each for each in create if each is not chosen]), strict=True)
        return [now.load.query_id for now, without in both if now.costs != without.costs]

    def about_equal(self, gone: Sequence[Chosen], one: Chosen) -> bool:
        """Whether the set is about as good with another in the place of some, for each value of each statement."""
        create = self.selection.create
        then = exchanged(create, gone, one)
        if not (self.within_budget(then) and self.stands_in(then)):
            return False
        was, becomes = self.costs(create), self.costs(then)
        if not all(self._is_about(*each) for each in zip(self.evaluator.base, was, becomes, strict=True)):
            return False
        saved = self.amount(self.costs([each for each in create if each not in gone])) - self.amount(was)
        lost = self.amount(becomes) + self.writes(then) - self.amount(was) - self.writes(create)
        return lost <= _ABOUT * saved

    def _is_about(self, base: LoadCost, was: LoadCost, becomes: LoadCost) -> bool:
        """Whether a statement costs about the same by the mean and for each value, and none more than it may."""
        if not becomes.mean <= was.mean * (1 + _ABOUT) + LEAST_COST:
            return False
        for first, before, after in zip(base.costs, was.costs, becomes.costs, strict=True):
            most = min(before * (1 + _ABOUT_FOR_VALUES), first * (1 + self.options.max_regression))
            if not (after <= before or after <= most + LEAST_COST):
                return False
        return True
