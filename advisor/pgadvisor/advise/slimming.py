"""A narrower index in the place of a new one, where that does about the same.

Each key and each included column takes something off some plan's cost, and where a statement reads a few pages, the
third of them is a third of it. No clock tells the two apart: what is sure is the disk, the entries written, and the
updates that are HOT no more since a column is held that they set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from msgspec import structs

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.existing import Existing
from pgadvisor.advise.exchanging import Weighing, exchanged, serving_keys, swap
from pgadvisor.advise.selection.least import least_gain
from pgadvisor.advise.selection.reasons import Chosen
from pgadvisor.indexes.algebra import covers, likeness
from pgadvisor.model.effects import LEAST_COST, STAYS_WITHIN

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
    from pgadvisor.advise.selection.prices import Prices
    from pgadvisor.advise.selection.search import Selection
    from pgadvisor.config import IndexesConfig
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import IndexDefinition

# In the place of one index so many are tried, the smallest first.
_TRIED = 12
# Of what the wide one gains so much may be lost, and so much of what it gains for some values.
_SHARE = 0.15
_SHARE_OF_VALUES = 0.5
# A statement may lose all that it gains where that is less than this share of what the wide one gains in all, and it
# then costs no more than so many times as much.
_LITTLE, _MODEST = 0.02, 1.5
# One is narrower that takes this share of the disk or less, or of the time to write.
_SMALLER = 0.95
# Of those that do, one that is larger by no more than this is had where it gains more.
_ABOUT_AS_SMALL = 1.25
# A call that costs less than so many pages out of order takes no time that is known from that of another such.
_FEW_PAGES = 10
_RANDOM_PAGE_COST = 4.0
# Where a value has more rows than this, and so many times more than others have, what comes behind it is needed.
_MANY_ROWS, _SKEWED = 200.0, 10.0


def slim(
    selection: Selection,
    candidates: Sequence[Candidate],
    evaluator: Evaluator,
    prices: Prices,
    options: IndexesConfig,
) -> None:
    """Exchanges new indexes for narrower ones of the same work: without what they include, without their last keys.

    All of it together loses less than an index is to gain, and each less than a modest share of what the wide one does.
    """
    if evaluator.facts is None or selection.cut_short:
        return
    narrowing = _Narrowing(evaluator, evaluator.facts, selection, candidates)
    weighing = _Weighing(selection, evaluator, options)
    # The widest first: what it loses is worth most.
    for chosen in sorted(selection.create, key=lambda each: -(each.price.size_bytes or 0)):
        forms = [each for each in narrowing.forms(chosen) if not _has_more(each, chosen)]
        sizes = evaluator.planner.sizes([each.definition for each in forms])
        priced = [
            Chosen(form, prices.of(form.definition, size.size_bytes))
            for form, size in zip(forms, sizes, strict=True)
            if size.size_bytes is not None
        ]
        one = weighing.best(chosen, [each for each in priced if _is_smaller(each, chosen)])
        if one is not None:
            swap(selection, [chosen], one, "is smaller and does about the same")


def _has_more(form: Candidate, chosen: Chosen) -> bool:
    """Whether a form holds a column that the wide one does not."""
    wide = chosen.candidate.definition
    return not {*form.definition.key_columns, *form.definition.include} <= {*wide.key_columns, *wide.include}


def _is_smaller(form: Chosen, chosen: Chosen) -> bool:
    """Whether a form takes less disk, or less to be written and no more disk."""
    small, wide = form.price.size_bytes or 0, chosen.price.size_bytes or 0
    writes, all_writes = form.price.write_ms or 0.0, chosen.price.write_ms or 0.0
    return small <= _SMALLER * wide or (small <= wide and writes < _SMALLER * all_writes)


class _Narrowing:
    """Narrower forms of new indexes, by what is known of the tables."""

    def __init__(
        self, evaluator: Evaluator, facts: Facts, selection: Selection, candidates: Sequence[Candidate]
    ) -> None:
        self._evaluator = evaluator
        self._selection = selection
        self._candidates = candidates
        self._by_likeness = {likeness(each.definition): each for each in candidates}
        self._existing = Existing(facts)

    def forms(self, chosen: Chosen) -> Iterator[Candidate]:
        """Narrower indexes that nothing else does the work of, and that stand in for what goes."""
        wide = chosen.candidate.definition
        others = [each.candidate.definition for each in self._selection.create if each is not chosen]
        going = [index.definition for index in self._selection.drop]
        instead = [each for each in going if covers(wide, each) and not any(covers(other, each) for other in others)]
        found = 0
        for form in self._all(chosen.candidate):
            definition = form.definition
            able = serving_keys(self._evaluator, self._selection, [chosen], form)
            if able is None or not all(covers(definition, each) for each in instead):
                continue
            if any(covers(each, definition) for each in others) or self._existing.serving(form):
                continue
            found += 1
            yield able
            if found == _TRIED:
                return

    def _all(self, candidate: Candidate) -> Iterator[Candidate]:
        wide = candidate.definition
        cut = list(_cut(wide))
        seen = {likeness(wide)}
        of_table = [each for each in self._candidates if _is_on(each, wide) and each.query_ids & candidate.query_ids]
        of_table.sort(key=lambda each: (len(each.definition.keys), len(each.definition.include), repr(each.definition)))
        partial = [each.definition for each in of_table if each.definition.predicate is not None]
        ranges = [each.definition for each in self._candidates if _is_of_ranges(each, candidate)]
        for definition in (*ranges, *cut, *partial):
            if likeness(definition) in seen:
                continue
            seen.add(likeness(definition))
            yield self._as_candidate(definition, candidate)

    def _as_candidate(self, definition: IndexDefinition, wide: Candidate) -> Candidate:
        """A form, wanted by all who want the wide one but for its findings, which are answered by it as by another."""
        known = self._by_likeness.get(likeness(definition))
        # Foreign keys are taken over by name, those that it serves.
        cut = (each.split(",")[0] for each in wide.reasons if not each.endswith("foreign key"))
        reasons = cut if known is None else known.reasons
        return Candidate(
            definition=definition if known is None else known.definition,
            query_ids=wide.query_ids,
            foreign_keys=frozenset() if known is None else known.foreign_keys,
            findings=frozenset() if known is None else known.findings,
            reasons=frozenset(reasons),
            partitioned=wide.partitioned,
            holds_values=wide.holds_values if known is None else known.holds_values,
        )


def _cut(wide: IndexDefinition) -> Iterator[IndexDefinition]:
    """The index without what it includes, then without its last keys, one after the other."""
    if wide.unique or wide.access_method != "btree":
        return
    for length in range(len(wide.keys), 0, -1):
        yield structs.replace(wide, keys=wide.keys[:length], include=())


def _is_on(candidate: Candidate, wide: IndexDefinition) -> bool:
    other = candidate.definition
    places = [(each.schema, each.table, each.access_method) for each in (other, wide)]
    return places[0] == places[1] and not other.unique


def _is_of_ranges(candidate: Candidate, wide: Candidate) -> bool:
    """Whether an index keeps of block ranges what a B-tree keeps of rows first of all."""
    ranges, rows = candidate.definition, wide.definition
    return (
        (ranges.schema, ranges.table, ranges.access_method) == (rows.schema, rows.table, "brin")
        and rows.access_method == "btree"
        and not rows.unique
        and ranges.keys[0].column == rows.keys[0].column
        and bool(candidate.query_ids & wide.query_ids)
    )


@dataclass(frozen=True)
class _Wide:
    """A new index with what all statements cost with it and without it, and what it gains."""

    chosen: Chosen
    now: Sequence[LoadCost]
    without: Sequence[LoadCost]
    gained: float


class _Weighing(Weighing):
    """What sets cost the statements, beside what they cost with one of the new indexes left out."""

    def __init__(self, selection: Selection, evaluator: Evaluator, options: IndexesConfig) -> None:
        super().__init__(selection, evaluator, options)
        self._left = least_gain(self.objective, options, evaluator.facts)
        self._small = _FEW_PAGES * _page_cost(evaluator.facts)

    def best(self, chosen: Chosen, forms: Sequence[Chosen]) -> Chosen | None:
        """The smallest form that does about the same in the place of an index, None where none does.

        What is lost by it may not be lost again by others.
        """
        if not forms:
            return None
        create = self.selection.create
        now, without = self.costs(create), self.costs([each for each in create if each is not chosen])
        wide = _Wide(chosen, now, without, self.amount(without) - self.amount(now))
        able: list[tuple[Chosen, float]] = []
        everyone = range(len(now))
        using = [at for at in everyone if now[at].costs != without[at].costs]
        bearable = min(self._left, _SHARE * wide.gained)
        for form in forms:
            # Most forms lose too much with those that the wide one is for: the others need not be asked about.
            if self._lost(wide, form, using) < bearable:
                lost = self._lost(wide, form, everyone)
                if lost < bearable:
                    able.append((form, lost))
        if not able:
            return None
        smallest = min(form.price.size_bytes or 0 for form, _ in able)
        near = [each for each in able if (each[0].price.size_bytes or 0) <= _ABOUT_AS_SMALL * smallest]
        form, lost = min(near, key=lambda each: (each[1], each[0].price.size_bytes or 0, repr(each[0])))
        self._left -= max(lost, 0.0)
        return form

    def _lost(self, wide: _Wide, form: Chosen, places: Sequence[int]) -> float:
        """What statements lose by a form; infinity where one would cost more than it may for some values."""
        chosen = wide.chosen
        lost = self.writes([form]) - self.writes([chosen])
        then = exchanged(self.selection.create, [chosen], form)
        steady = _is_steady(chosen, form, self.evaluator.facts)
        for at, becomes in zip(places, self.costs(then, places), strict=True):
            base, was, none = self.evaluator.base[at], wide.now[at], wide.without[at]
            if was.costs == becomes.costs:
                continue
            loses = self.counts(base, becomes) - self.counts(base, was)
            little = loses <= _LITTLE * wide.gained and becomes.mean <= _MODEST * was.mean
            if not (little and _is_as_it_was(base, becomes)) and not self._bearable(base, was, becomes, none):
                return inf
            if not (steady and self._is_speck(was.mean, becomes.mean, none.mean)):
                lost += loses
        return lost

    def _bearable(self, base: LoadCost, was: LoadCost, becomes: LoadCost, none: LoadCost) -> bool:
        """Whether no values cost more than they may, nor lose much of what they gain."""
        most = 1 + self.options.max_regression
        for first, before, after, alone in zip(base.costs, was.costs, becomes.costs, none.costs, strict=True):
            if after <= before:
                continue
            if not after <= first * most + LEAST_COST:
                return False
            if after > self._small and after - before > _SHARE_OF_VALUES * (alone - before):
                return False
        return True

    def _is_speck(self, was: float, becomes: float, none: float) -> bool:
        """Whether a call reads a few pages either way, and many without the one or the other."""
        return max(was, becomes) <= self._small and abs(becomes - was) <= _SHARE * (none - was)


def _is_as_it_was(base: LoadCost, becomes: LoadCost) -> bool:
    """Whether no values cost more than without any new index."""
    return all(
        after <= before * (1 + STAYS_WITHIN) + LEAST_COST
        for before, after in zip(base.costs, becomes.costs, strict=True)
    )


def _is_steady(chosen: Chosen, form: Chosen, facts: Facts | None) -> bool:
    """Whether no value has many more rows than others by the keys of a form, where some of the wide one's are gone."""
    definition = form.candidate.definition
    if facts is None or definition.keys == chosen.candidate.definition.keys:
        return True
    table = facts.relation_named(definition.schema, definition.table)
    rows = None if table is None else facts.row_count(table.oid)
    if table is None or not rows:
        return False
    for name in definition.key_columns:
        statistics = None if name is None else facts.statistics(table.oid, name)
        distinct = None if name is None else facts.distinct_values(table.oid, name)
        if statistics is not None and distinct:
            most = max(statistics.most_common_frequencies or (), default=0.0) * rows
            if most <= max(_MANY_ROWS, _SKEWED * (1 - statistics.null_fraction) * rows / distinct):
                return True
    return False


def _page_cost(facts: Facts | None) -> float:
    """What the planner takes a page to cost that is read out of order."""
    settings = () if facts is None else facts.server.settings
    return float(next((each.value for each in settings if each.name == "random_page_cost"), _RANDOM_PAGE_COST))
