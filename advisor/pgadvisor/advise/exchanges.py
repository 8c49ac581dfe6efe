"""Which existing indexes may go, as the planner says: no plan of the workload seen may get worse without them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.drops import LAST_FOR_KEY, NO_STAND_IN
from pgadvisor.advise.losses import Loss, Losses
from pgadvisor.advise.remaining import Named, Remaining
from pgadvisor.advise.selection.readers import Readers
from pgadvisor.advise.selection.search import Chosen
from pgadvisor.advise.statement_words import called
from pgadvisor.advise.wishes import Going
from pgadvisor.indexes.algebra import covers
from pgadvisor.model.catalog import Index, IndexDefinition
from pgadvisor.model.index_advice import IndexPrice, LeftIndex, WhyNot
from pgadvisor.model.proposals import DropIndex
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
    from pgadvisor.advise.selection.prices import Prices
    from pgadvisor.advise.selection.search import Selection
    from pgadvisor.config import IndexesConfig
    from pgadvisor.facts import Facts


_NO_ROOM = "What is to take its place is beyond the budget, or beyond the number of new indexes."
_TO_STAY = "Existing indexes are to stay: --no-drops, or drop = false in [indexes]."
_RESTS = "The planner estimates {} by what ANALYZE gathers on its expressions, or uses it."
# An index that another stands in for may cost a statement so many times more, and all of its calls this share of the
# time of all statements: the wider one has more pages.
_BEARABLE = 1.5
_BEARABLE_SHARE = 0.001


@dataclass(frozen=True)
class Exchange:
    """An index that goes, and the new one that takes its place, if any. price is what going gives back.

    for_known_values: a plan for unknown values would cost more without it, which the server would not keep.
    """

    drop: DropIndex
    price: IndexPrice
    findings: tuple[str, ...] = ()
    created: Chosen | None = None
    for_known_values: bool = False


@dataclass
class Exchanges:
    """What goes, under which configuration in the end, and what was to go and stays.

    untried are qualified names of those that the planner cannot leave out. for_known_values are query ids of statements
    that were held against what goes by their known values alone, as where a partial index takes another one's place.
    """

    configuration: Configuration
    made: list[Exchange] = field(default_factory=list)
    left: list[LeftIndex] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    for_known_values: set[str] = field(default_factory=set)


def exchanges(
    facts: Facts,
    evaluator: Evaluator,
    selection: Selection,
    going: Sequence[Going],
    prices: Prices,
    options: IndexesConfig,
) -> Exchanges:
    """What the search drops, and what rules would drop, one after the other under all that is decided before.

    What nothing uses goes first, the largest of it before all, and then what others stand in for: so that of a wide
    index that nothing uses and a narrow one that it covers the wide one goes, and the narrow one is looked at anew.

    Of each, every statement is held against the least that it costs as it is, with all that is created, and with the
    index, for all values that are known: so that what many drops cost a statement does not add up.
    """
    found = Exchanges(Configuration(create=selection.configuration.create))
    wanted = {(each.drop.schema, each.drop.name): each for each in going}
    check = _Check(facts, evaluator, selection, prices, options)
    for index in selection.drop:
        asked = wanted.pop((index.schema, index.name), None)
        chosen = Going(_drop_of(index, selection, facts), ()) if asked is None else replace(asked, create=None)
        check.attempt(chosen, found)
    for each in sorted(wanted.values(), key=lambda each: _unused_first(each, facts)):
        if options.drop:
            check.attempt(each, found)
        else:
            found.left += _stays(each, _TO_STAY, facts, WhyNot.TO_STAY)
    return found


class _Check:
    """Holds drops against all statements. Raises PlannerError where the planner is gone."""

    def __init__(
        self, facts: Facts, evaluator: Evaluator, selection: Selection, prices: Prices, options: IndexesConfig
    ) -> None:
        self._facts, self._evaluator, self._prices, self._options = facts, evaluator, prices, options
        self._created = {each.candidate.definition: each.price.size_bytes for each in selection.create}
        begun = Configuration(create=selection.configuration.create)
        self._every = evaluator.every
        self._readers = Readers(facts, evaluator, self._every)
        as_is, now = (evaluator.costs(each, self._every) for each in (AS_IS, begun))
        self._now = list(now)
        self._least = [tuple(map(min, one.costs, other.costs)) for one, other in zip(as_is, now, strict=True)]
        # Those that others stand for are in the time of these already.
        folded = {query_id for load in evaluator.loads for query_id in load.stands_for}
        self._whole_ms = sum(load.total_ms for load in evaluator.every if load.query_id not in folded)
        self._remaining = Remaining(facts)
        self._losses = Losses(facts, self._remaining)
        # What goes so far: of tens of thousands nothing is looked through for each.
        self._gone: set[Named] = set()
        self._dropped: dict[int | None, list[IndexName]] = defaultdict(list)

    def attempt(self, going: Going, found: Exchanges) -> None:
        """Makes an exchange under those made before, or says why not."""
        before, planner = found.configuration, self._evaluator.planner
        drop = self._as_it_stands(going, before.create)
        if drop is None:
            found.left += _stays(going, NO_STAND_IN.format(going.drop.because_of), self._facts)
            return
        going = replace(going, drop=drop)
        name = IndexName(schema=drop.schema, name=drop.name)
        new = () if going.create is None else (going.create.definition,)
        created = (*before.create, *(each for each in new if each not in before.create))
        key = self._remaining.foreign_key_without(drop, self._gone, created)
        if key is not None:
            found.left += _stays(going, LAST_FOR_KEY.format(key), self._facts)
            return
        # Of what is in the configuration already it was asked before.
        if planner.unable(Configuration(create=new, drop=(name,))):
            # Nobody can say: it stands as the rule has it.
            found.untried.append(f"{drop.schema}.{drop.name}")
            return
        sizes = {each: size.size_bytes for each, size in zip(new, planner.sizes(new), strict=True)} if new else {}
        if not self._within_budget(self._created | sizes):
            found.left += _stays(going, _NO_ROOM, self._facts, WhyNot.TO_STAY)
            return
        touched = self._readers.of((name, *new))
        now = self._readers.costs_without(touched, self._dropped, Configuration(create=created, drop=(name,)))
        guessed = self._guessed(drop, created, now, touched)
        if guessed is not None:
            found.left += _stays(going, _RESTS.format(called(guessed.load.query_id)), self._facts)
            return
        slower, for_known_values = self._slowest(going, now, touched)
        if slower is not None:
            found.left += _stays(going, self._losses.told(slower, drop), self._facts)
            return
        self._created |= sizes
        for at, cost in zip(touched, now, strict=True):
            self._now[at] = cost
        self._gone.add((name.schema, name.name))
        self._dropped[self._readers.family(name)].append(name)
        found.configuration = Configuration(create=created, drop=(*before.drop, name))
        found.for_known_values |= for_known_values
        found.made.append(self._made(going, sizes, for_known_values=bool(for_known_values)))

    def _made(self, going: Going, sizes: Mapping[IndexDefinition, int | None], *, for_known_values: bool) -> Exchange:
        given_back = _given_back(going.drop, self._facts, self._prices)
        if going.create is None:
            return Exchange(going.drop, given_back, going.findings, None, for_known_values)
        definition = going.create.definition
        created = Chosen(going.create, self._prices.of(definition, sizes[definition]))
        return Exchange(going.drop, given_back, going.findings, created)

    def _as_it_stands(self, going: Going, created: Sequence[IndexDefinition]) -> DropIndex | None:
        """A drop by what stands in for it after others are gone; None where nothing does, and it is not unused."""
        drop = self._remaining.as_is(going.drop, self._gone, unused=going.unused)
        if drop is None and any(covers(each, going.drop.definition) for each in created):
            return msgspec.structs.replace(going.drop, because_of=None, replaced=True)
        return drop

    def _guessed(
        self, drop: DropIndex, created: Sequence[IndexDefinition], now: Sequence[LoadCost], touched: Sequence[int]
    ) -> LoadCost | None:
        """A statement that is estimated otherwise where an index takes the statistics of its expressions with it.

        Whether it costs more or less then, nobody can say. None where there is none, or another index has them too.
        """
        expressions = _expressions(drop.definition)
        if not expressions:
            return None
        table = self._facts.relation_named(drop.definition.schema, drop.definition.table)
        standing = () if table is None else self._facts.indexes_of(table.oid)
        stays = (each for each in standing if (each.schema, each.name) not in self._gone)
        others = (each.definition for each in stays if (each.schema, each.name) != (drop.schema, drop.name))
        if not expressions.difference(*map(_expressions, (*created, *others))):
            return None
        return next((cost for at, cost in zip(touched, now, strict=True) if cost.costs != self._now[at].costs), None)

    def _within_budget(self, created: Mapping[IndexDefinition, int | None]) -> bool:
        """Whether so many new indexes may be had; what takes nobody knows how much goes into no budget."""
        if created.keys() == self._created.keys():
            return True
        most = self._options.max_bytes
        enough = most is None or sum(inf if size is None else size for size in created.values()) <= most
        return enough and len(created) <= self._options.max_indexes

    def _slowest(self, going: Going, now: Sequence[LoadCost], touched: Sequence[int]) -> tuple[Loss | None, set[str]]:
        """The statement that gets worse by most times, with these, for whichever values; None where none gets worse.

        now are costs of those that are touched, by their places; what becomes of the others is as it was. Losses for
        values of real calls come before those for others, and these before those of plans for unknown values.

        Beside it the query ids of those that would get worse for unknown values, which were left out: a partial index
        is for known values, which is said of it, and an index that nothing uses goes where the server would not keep
        such a plan (Losses.kept).
        """
        partial = going.create is not None and going.create.definition.predicate is not None
        # Where another index does the same work, only slower, a loss counts that can be felt.
        felt_ms, bearable = (_BEARABLE_SHARE * self._whole_ms, _BEARABLE) if going.drop.because_of else (0.0, 0.0)
        slower: Loss | None = None
        for_known_values = set()
        for at, cost in zip(touched, now, strict=True):
            was, first = self._now[at], self._least[at]
            for number, (after, before, least) in enumerate(zip(cost.costs, was.costs, first, strict=True)):
                times = self._losses.times(after, before, least)
                unknown = cost.load.questions[number].values is None and len(cost.costs) > 1
                if times < inf and unknown and partial:
                    if after > before:
                        for_known_values.add(cost.load.query_id)
                    continue
                much = times > 1 + self._options.max_regression
                if not much or (times <= bearable and cost.load.total_ms * (times - 1) < felt_ms):
                    continue
                if unknown and going.unused and not self._losses.kept(cost, number):
                    for_known_values.add(cost.load.query_id)
                    continue
                loss = self._losses.of(cost, number, times)
                slower = loss if slower is None or loss.rank > slower.rank else slower
        return slower, for_known_values


def _expressions(definition: IndexDefinition) -> set[str]:
    return {key.expression for key in definition.keys if key.expression is not None}


def _stays(going: Going, sentence: str, facts: Facts, why: WhyNot = WhyNot.STILL_NEEDED) -> Iterator[LeftIndex]:
    """That an index stays, and so that what was to take its place is not built."""
    drop = going.drop
    index = facts.index_named(drop.schema, drop.name)
    name = f"{drop.schema}.{drop.name}"
    yield LeftIndex(
        definition=drop.definition,
        why=why,
        sentence=sentence,
        name=name,
        size_bytes=None if index is None else facts.size_bytes(index.oid),
        findings=going.findings,
    )
    if going.create is not None:
        yield LeftIndex(
            definition=going.create.definition,
            why=WhyNot.SERVED,
            sentence=f"{name}, which it was to replace, stays: {sentence[:1].lower()}{sentence[1:]}",
            served_by=name,
            findings=going.findings,
        )


def _drop_of(index: Index, selection: Selection, facts: Facts) -> DropIndex:
    """The drop of an index that only the search would drop: for a new one on its table, where there is one."""
    table = facts.relations.get(index.table_oid)
    new = any(
        (each.candidate.definition.schema, each.candidate.definition.table)
        == (index.definition.schema, index.definition.table)
        for each in selection.create
    )
    return DropIndex(
        schema=index.schema,
        name=index.name,
        definition=index.definition,
        partitioned=table is not None and table.kind.value == "partitioned",
        replaced=new,
    )


def _unused_first(going: Going, facts: Facts) -> tuple[bool, int, int, str, str]:
    """What nothing uses, by size and then by width; the others stay in the rank order of their findings."""
    if not going.unused or going.create is not None:
        return (True, 0, 0, "", "")
    drop, index = going.drop, facts.index_named(going.drop.schema, going.drop.name)
    size = 0 if index is None else facts.size_bytes(index.oid) or 0
    width = len(drop.definition.keys) + len(drop.definition.include)
    return (False, -size, -width, drop.schema, drop.name)


def _given_back(drop: DropIndex, facts: Facts, prices: Prices) -> IndexPrice:
    """Disk and writes that an index costs now."""
    index = facts.index_named(drop.schema, drop.name)
    return IndexPrice() if index is None else prices.of_existing(index)
