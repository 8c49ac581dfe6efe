"""Which existing indexes may go, as the planner says: no plan of the workload seen may get worse without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgadvisor.advise.selection.search import Chosen
from pgadvisor.model.catalog import Index
from pgadvisor.model.index_advice import IndexPrice, LeftIndex, WhyNot
from pgadvisor.model.proposals import DropIndex
from pgadvisor.model.whatif import Configuration, IndexName

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
    from pgadvisor.advise.selection.prices import Prices
    from pgadvisor.advise.selection.search import Selection
    from pgadvisor.advise.wishes import Going
    from pgadvisor.config import IndexesConfig
    from pgadvisor.facts import Facts


_LEAST_COST = 0.01
_TO_STAY = "Existing indexes are to stay: --no-drops, or drop = false in [indexes]."
# An index that another stands in for may cost a statement so many times more, and all of its calls this share of the
# time of all statements: the wider one has more pages.
_BEARABLE = 1.5
_BEARABLE_SHARE = 0.001
# The server's own default.
_RANDOM_PAGE_COST = 4.0


@dataclass(frozen=True)
class Exchange:
    """An index that goes, and the new one that takes its place, if any. price is what going gives back."""

    drop: DropIndex
    price: IndexPrice
    findings: tuple[str, ...] = ()
    created: Chosen | None = None


@dataclass
class Exchanges:
    """What goes, under which configuration in the end, and what was to go and stays."""

    configuration: Configuration
    made: list[Exchange] = field(default_factory=list)
    left: list[LeftIndex] = field(default_factory=list)


def exchanges(
    facts: Facts,
    evaluator: Evaluator,
    selection: Selection,
    going: Sequence[Going],
    prices: Prices,
    options: IndexesConfig,
) -> Exchanges:
    """What the search drops, and what rules would drop, one after the other under all that is decided before.

    Of each, every statement is held against what it costs with the index, for all values that are known.
    """
    found = Exchanges(selection.configuration)
    wanted = {(each.drop.schema, each.drop.name): each for each in going}
    for index in selection.drop:
        asked = wanted.pop((index.schema, index.name), None)
        drop = _drop_of(index, selection, facts) if asked is None else asked.drop
        found.made.append(Exchange(drop, _given_back(drop, facts, prices), () if asked is None else asked.findings))
    for each in wanted.values():
        if options.drop:
            _try(each, found, facts, evaluator, prices, options)
        else:
            found.left += _stays(each, _TO_STAY, facts, WhyNot.TO_STAY)
    return found


def _try(
    going: Going,
    found: Exchanges,
    facts: Facts,
    evaluator: Evaluator,
    prices: Prices,
    options: IndexesConfig,
) -> None:
    drop, before = going.drop, found.configuration
    name = IndexName(schema=drop.schema, name=drop.name)
    new = () if going.create is None else (going.create.definition,)
    after = Configuration(
        create=(*before.create, *(each for each in new if each not in before.create)), drop=(*before.drop, name)
    )
    if evaluator.planner.unable(after):
        # Nobody can say: it stands as the rule has it.
        return
    was, now = (evaluator.costs(each, evaluator.every) for each in (before, after))
    slower = _slowest(going, was, now, options, _page_cost(facts))
    if slower is not None:
        found.left += _stays(going, f"Without it {_costs_more(*slower)}.", facts)
        return
    created = None
    if going.create is not None:
        (size,) = evaluator.planner.sizes([going.create.definition])
        created = Chosen(going.create, prices.of(going.create.definition, size.size_bytes))
    found.configuration = after
    found.made.append(Exchange(drop, _given_back(drop, facts, prices), going.findings, created))


def _slowest(
    going: Going,
    before: Sequence[LoadCost],
    after: Sequence[LoadCost],
    options: IndexesConfig,
    page_cost: float,
) -> tuple[LoadCost, float] | None:
    """The statement that gets worse by most times, with these, for whichever values; None where none gets worse.

    One page more that is read, or less, is what two indexes of different sizes always differ by. A partial index is
    for known values: no plan for unknown ones can use it, which is said of it, so that these are left out where values
    are known.
    """
    partial = going.create is not None and going.create.definition.predicate is not None
    whole_ms = sum(each.load.total_ms for each in before)
    # Where another index does the same work, only slower, a loss counts that can be felt.
    bearable_ms, bearable_times = (_BEARABLE_SHARE * whole_ms, _BEARABLE) if going.drop.because_of else (0.0, 0.0)
    ratios = [
        (times, cost)
        for cost, known in zip(after, before, strict=True)
        for question, now, was in zip(cost.load.questions, cost.costs, known.costs, strict=True)
        if now - was > page_cost and not (partial and question.values is None and len(cost.costs) > 1)
        for times in (now / max(was, _LEAST_COST),)
        if times > 1 + options.max_regression
        and (times > bearable_times or cost.load.total_ms * (times - 1) >= bearable_ms)
    ]
    return max(((cost, times) for times, cost in ratios), key=lambda each: each[1], default=None)


def _page_cost(facts: Facts) -> float:
    """What the planner takes a page to cost that is read out of order."""
    known = (each.value for each in facts.server.settings if each.name == "random_page_cost")
    return float(next(known, _RANDOM_PAGE_COST))


def _costs_more(cost: LoadCost, times: float) -> str:
    if times == float("inf"):
        return f"the statement {cost.load.query_id} could not be planned"
    return f"the statement {cost.load.query_id} would cost {times:.3g} times as much"


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


def _given_back(drop: DropIndex, facts: Facts, prices: Prices) -> IndexPrice:
    """Disk and writes that an index costs now."""
    index = facts.index_named(drop.schema, drop.name)
    return IndexPrice() if index is None else prices.of_existing(index)
