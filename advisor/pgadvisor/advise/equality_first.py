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
from pgadvisor.advise.selection.objective import Objective
from pgadvisor.advise.selection.reasons import Chosen, described, passed_on
from pgadvisor.advise.whatif_judging import LEAST_COST
from pgadvisor.indexes.algebra import covers, likeness
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.model.whatif import Configuration

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
# In the place of one index so many are tried, those first that more columns limit.
_TRIED = 4


def equality_first(
    selection: Selection,
    candidates: Sequence[Candidate],
    evaluator: Evaluator,
    prices: Prices,
    options: IndexesConfig,
) -> None:
    """Exchanges new indexes that begin with a range or an order for such that begin with an equality.

    No statement that may use either costs more by more than that, by the mean of its values and for the worst of them,
    nor does all of it with what is written.
    """
    if evaluator.facts is None or selection.cut_short:
        return
    weighing = _Weighing(selection, evaluator, options)
    searched = _Searched(evaluator.facts, evaluator)
    for chosen in tuple(selection.create):
        serving = weighing.served(chosen)
        for form in searched.steadier(chosen.candidate.definition, serving, candidates):
            (size,) = evaluator.planner.sizes([form.definition])
            one = Chosen(form, prices.of(form.definition, size.size_bytes))
            if weighing.about_equal(chosen, one):
                _exchange(selection, chosen, one)
                break


def _exchange(selection: Selection, gone: Chosen, one: Chosen) -> None:
    name, same = described(one.candidate.definition), likeness(one.candidate.definition)
    served = LeftIndex(
        definition=gone.candidate.definition,
        why=WhyNot.BETTER_ONE,
        sentence=f"{name}, which is proposed, costs about the same and serves all values alike.",
        served_by=name,
        size_bytes=gone.price.size_bytes,
        write_ms=gone.price.write_ms,
        query_ids=tuple(sorted(gone.candidate.query_ids)),
        findings=tuple(sorted(gone.candidate.findings)),
    )
    rest = [each for each in selection.left if each.name or likeness(each.definition) != same]
    selection.left = [served, *(passed_on(each, [gone], one) for each in rest)]
    selection.create = [one if each is gone else each for each in selection.create]


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


class _Weighing:
    """What sets of new indexes cost the statements."""

    def __init__(self, selection: Selection, evaluator: Evaluator, options: IndexesConfig) -> None:
        self._selection = selection
        self._evaluator = evaluator
        self._options = options
        self._objective = Objective(evaluator.base, options.goal)

    def served(self, chosen: Chosen) -> list[str]:
        """Statements that cost otherwise without an index of the set."""
        both = zip(self._costs(), self._costs(without=chosen), strict=True)
        return [now.load.query_id for now, without in both if now.costs != without.costs]

    def about_equal(self, chosen: Chosen, one: Chosen) -> bool:
        """Whether the set is about as good with another in the place of an index."""
        create = [each for each in self._selection.create if each is not chosen]
        if not self._possible([*create, one]):
            return False
        now, then, without = self._costs(), self._costs(without=chosen, more=one), self._costs(without=chosen)
        for base, was, becomes in zip(self._evaluator.base, now, then, strict=True):
            if not becomes.mean <= was.mean * (1 + _ABOUT) + LEAST_COST:
                return False
            if not _worst(base, becomes) <= _worst(base, was) * (1 + _ABOUT):
                return False
        saved = self._amount(without) - self._amount(now)
        writes = [self._objective.of_writes(each.price.write_ms) for each in (chosen, one)]
        return self._amount(then) + writes[1] <= self._amount(now) + writes[0] + _ABOUT * saved

    def _possible(self, create: Sequence[Chosen]) -> bool:
        """Whether a set is within the budget, and stands in for all that goes."""
        sizes = [each.price.size_bytes for each in create]
        most = self._options.max_bytes
        if most is not None and (None in sizes or sum(each or 0 for each in sizes) > most):
            return False
        definitions = [each.candidate.definition for each in create]
        return all(any(covers(each, index.definition) for each in definitions) for index in self._selection.drop)

    def _costs(self, *, without: Chosen | None = None, more: Chosen | None = None) -> tuple[LoadCost, ...]:
        create = [more if each is without else each for each in self._selection.create]
        definitions = tuple(each.candidate.definition for each in create if each is not None)
        return self._evaluator.costs(Configuration(create=definitions, drop=self._selection.configuration.drop))

    def _amount(self, costs: Sequence[LoadCost]) -> float:
        both = zip(self._evaluator.base, costs, strict=True)
        return sum(
            self._objective.of_load(now.load.calls, now.load.total_ms, base.mean, now.mean) for base, now in both
        )


def _worst(base: LoadCost, costs: LoadCost) -> float:
    """The greatest of what each value's cost becomes, as a share of what it is."""
    return max(now / max(was, LEAST_COST) for was, now in zip(base.costs, costs.costs, strict=True))
