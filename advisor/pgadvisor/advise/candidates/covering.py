"""B-trees that hold all that a statement reads of a table, so that the table need not be visited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgadvisor.advise.candidates.columns import key
from pgadvisor.advise.candidates.demands import Demand
from pgadvisor.advise.candidates.wishes import Wish

# An index-only scan visits the table for each row on a page that is not all-visible (manual, "Index-Only Scans").
LEAST_VISIBLE = 0.5
MOST_INCLUDED = 6
# An index that holds more than this of an average row is another copy of the table.
_MOST_BYTES = 96.0
_MOST_SHARE_OF_ROW = 0.5
# A statement that reads the whole table gains by an index alone where that is this much narrower.
_NARROW = 0.25
_MOST_COVERED = 6


def covering(demand: Demand, wishes: Sequence[Wish], max_columns: int) -> Iterator[Wish]:
    """The first of the wishes with what else the statement reads, where that is little and pages are all-visible."""
    columns = demand.columns
    if demand.needed is None or not demand.needed or columns.visible_share() < LEAST_VISIBLE:
        return
    # A copy of documents and arrays, of which some may be too wide for an entry, is no way to read fewer pages.
    compared = {name for wish in wishes for name in wish.columns}
    if any(columns.holds_many(name) for name in demand.needed if name not in compared):
        return
    for wish in wishes[:_MOST_COVERED]:
        rest = tuple(name for name in demand.needed if name not in wish.columns)
        if rest and modest(demand, wish.columns, rest):
            yield replace(wish, include=rest, reason=f"{wish.reason}, index-only", any_order=False)
            yield from _as_keys(demand, wish, rest, max_columns)
    if not wishes and columns.width(demand.needed) <= _NARROW * columns.row_width():
        names = columns.usable(demand.needed)
        if len(names) == len(demand.needed) and len(names) <= max_columns:
            fewest_first = tuple(reversed(columns.telling(names)))
            yield Wish(keys=tuple(map(key, fewest_first)), reason="index-only scan of few columns")


def modest(demand: Demand, keys: Sequence[str], included: Sequence[str]) -> bool:
    """Whether an index of these columns is no second copy of the table."""
    held = (*keys, *included)
    width = demand.columns.width(held)
    return (
        len(included) <= MOST_INCLUDED
        and width <= _MOST_BYTES
        and (width <= _MOST_SHARE_OF_ROW * demand.columns.row_width() or width <= 2 * 8)
        and not demand.columns.too_wide(held)
    )


def _as_keys(demand: Demand, wish: Wish, rest: tuple[str, ...], max_columns: int) -> Iterator[Wish]:
    """The same with all columns as keys, where equal ones then share an entry, which included columns never do.

    (Manual, "Deduplication": INCLUDE indexes can never use it.)
    """
    held = (*wish.columns, *rest)
    few = len(held) <= max_columns and len(demand.columns.usable(rest)) == len(rest)
    if few and demand.columns.shares_entries(held):
        keys = (*wish.keys, *map(key, rest))
        yield replace(wish, keys=keys, reason=f"{wish.reason}, index-only", any_order=False)
