"""B-trees by the columns that a statement searches a table by: equality first, then one range; joins likewise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from pgadvisor.advise.candidates.columns import key
from pgadvisor.advise.candidates.demands import Demand
from pgadvisor.advise.candidates.wishes import Wish

# Of a statement's many ranges, joins and arms of OR on one table so many are tried.
_MOST_RANGES = 3
_MOST_JOINS = 6
_MOST_ARMS = 4
# Of a set of columns searched by equality, so many orders beside the most telling first.
_MOST_ORDERS = 3
_MOST_SHARED = 6


def searched(demand: Demand, shared: Mapping[frozenset[str], float], max_columns: int) -> Iterator[Wish]:
    """Wishes of one statement for one table, the fullest first.

    shared are sets of columns that statements search this table by for equality, with the time of these: an order that
    begins with another's set serves both.
    """
    columns = demand.columns
    equal = demand.telling(demand.equal)
    if equal and demand.identified(equal):
        yield _wish(equal[:max_columns], "equality", any_order=True)
        return
    if equal and equal[0] not in demand.nulls and columns.finds_one(equal[0]):
        equal = equal[:1]
    if equal:
        yield _wish(equal[:max_columns], "equality", any_order=_free(demand, equal))
    for ranged in demand.ranges[:_MOST_RANGES]:
        yield _then(equal, (ranged,), "equality and range" if equal else "range", max_columns)
    rows = [name for name in demand.rows if name not in equal]
    if rows[1:]:
        yield _wish((*equal, *rows)[:max_columns], "comparison of rows")
    yield from _joins(demand, equal, max_columns)
    checked = [name for name in demand.ranges if name not in equal]
    if len(checked) > 1 and len(equal) < max_columns - 1:
        # What the first range leaves is checked in the index before the table is visited.
        yield _wish((*equal, *checked)[:max_columns], "ranges in the index")
    for order in _orders(equal, shared):
        yield _then(order, demand.ranges[:1], "equality, in an order that others share", max_columns)
    if len(equal) > 1:
        for name in equal:
            yield _wish((name,), "equality", any_order=_free(demand, (name,)))
    if equal:
        for ranged in demand.ranges[:_MOST_RANGES]:
            yield _wish((ranged,), "range")
    for name in demand.either[:_MOST_ARMS]:
        yield _wish((name,), "one arm of OR")
    if len(demand.either) > 1:
        yield _wish(demand.either[:max_columns], "arms of OR")


def _joins(demand: Demand, equal: Sequence[str], max_columns: int) -> Iterator[Wish]:
    """The inner side of a nested loop: found by the other side's values, with the table's own conditions."""
    columns = demand.columns
    for names in demand.joined[:_MOST_JOINS]:
        joined = columns.telling(names)
        yield _wish(joined[:max_columns], "join", any_order=True)
        if demand.identified(joined):
            continue
        own = [name for name in equal if name not in joined]
        if own:
            # Both are equal to something on the inner side alone; on the other the conditions must come first.
            free = _free(demand, (*joined, *own))
            yield _then(joined, own, "join and conditions", max_columns, any_order=free)
            yield _then(own, joined, "conditions and join", max_columns)
        for ranged in demand.ranges[:1]:
            yield _then((*joined, *own), (ranged,), "join and range", max_columns)


def _orders(equal: Sequence[str], shared: Mapping[frozenset[str], float]) -> Iterator[tuple[str, ...]]:
    """Orders of columns that begin with what other statements search by, the costliest of these first."""
    found: list[tuple[float, tuple[str, ...]]] = []
    few = equal[:_MOST_SHARED]
    for length in range(1, len(few)):
        for first in combinations(few, length):
            weight = shared.get(frozenset(first))
            order = (*first, *(name for name in equal if name not in first))
            if weight is not None and order != tuple(equal):
                found.append((weight, order))
    found.sort(key=lambda each: -each[0])
    for _, order in found[:_MOST_ORDERS]:
        yield order


def _free(demand: Demand, names: Sequence[str]) -> bool:
    """Whether the order of columns makes no difference, and an index that is unique on some of them does as well.

    Of NULLs a unique index may have many.
    """
    return demand.identified(names) or not demand.columns.identified(names)


def _then(first: Sequence[str], last: Sequence[str], reason: str, max_columns: int, *, any_order: bool = False) -> Wish:
    """The last columns behind as many of the first as there is room for."""
    last = [name for name in last if name not in first][: max(max_columns - 1, 1)]
    kept = list(first)[: max_columns - len(last)]
    return _wish((*kept, *last), reason, any_order=any_order)


def _wish(names: Sequence[str], reason: str, *, any_order: bool = False) -> Wish:
    return Wish(keys=tuple(map(key, names)), reason=reason, any_order=any_order)
