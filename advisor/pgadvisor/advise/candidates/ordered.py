"""B-trees that give rows in the order a statement wants them: to sort, to group, for the first or last value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgadvisor.advise.candidates.columns import key
from pgadvisor.advise.candidates.demands import Demand
from pgadvisor.advise.candidates.wishes import Wish
from pgadvisor.model.catalog import IndexKey


def ordered(demand: Demand, max_columns: int) -> Iterator[Wish]:
    """Wishes of one statement for one table; columns with one value stand before the order and leave it as it is.

    A column that IS NULL does not: an order behind it is none to the planner.
    """
    if demand.identified(demand.equal):
        return
    fixed = demand.telling([name for name in demand.equal if name in demand.fixed])
    if demand.order:
        order = tuple(each for each in demand.order if each.column not in fixed)
        reason = "order with LIMIT" if demand.limited else "order"
        if order and len(order) <= max_columns:
            wish = _behind(fixed, order, reason, max_columns)
            yield wish
            # What the order's rows are checked for can be read in the index.
            checked = [name for name in (*demand.equal, *demand.ranges) if name not in wish.columns]
            if demand.limited and checked and len(wish.keys) < max_columns:
                more = tuple(map(key, checked[: max_columns - len(wish.keys)]))
                yield Wish(keys=(*wish.keys, *more), reason=f"{reason}, conditions in the index", in_order=True)
            if fixed and demand.limited:
                yield Wish(keys=order, reason=reason, in_order=True)
    group = tuple(key(name) for name in _as_ordered(demand) if name not in fixed)
    # Documents and arrays differ mostly: to group or to find the least of them in order saves nothing but the sort.
    if group and len(group) <= max_columns and not any(map(demand.columns.holds_many, demand.group)):
        yield _behind(fixed, group, "grouping", max_columns)
    for name in demand.extremes:
        if name not in fixed and not demand.columns.holds_many(name):
            yield _behind(fixed, (key(name),), "least or greatest value", max_columns)


def _as_ordered(demand: Demand) -> Sequence[str]:
    """Columns of GROUP BY, in the order of ORDER BY where that names them too: one index then serves both."""
    first = [each.column or "" for each in demand.order if each.column in demand.group]
    return list(dict.fromkeys((*first, *demand.group)))


def _behind(fixed: Sequence[str], order: tuple[IndexKey, ...], reason: str, max_columns: int) -> Wish:
    before = tuple(map(key, fixed[: max_columns - len(order)]))
    return Wish(keys=(*before, *order), reason=reason, in_order=True)
