"""B-trees as nbtsort.c builds them: sorted entries, posting lists, leaves filled one after the other, levels above.

Sources: _bt_buildadd, _bt_load and _bt_uppershutdown (nbtsort.c), _bt_dedup_save_htid and _bt_form_posting
(nbtdedup.c), _bt_truncate (nbtutils.c).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from pgadvisor.indexes.sizes.groups import Group
from pgadvisor.indexes.sizes.layout import LINE_POINTER_BYTES, PAGE_HEADER_BYTES, TUPLE_HEADER_BYTES, Sizes, aligned

_SPECIAL_BYTES = 16
_ROW_POINTER_BYTES = 6
_INTERNAL_FILLFACTOR = 70
DEFAULT_FILLFACTOR = 90
# Pages that are filled one by one before the rest is taken to be like them.
_PAGES_TRIED = 8
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, kw_only=True)
class BTree:
    """Sizes of whole entries and of entries with a NULL key alone; pivot_bytes those of internal pages on average."""

    entries: Sizes
    null_entries: Sizes
    pivot_bytes: float
    shares_entries: bool
    fillfactor: int = DEFAULT_FILLFACTOR
    block_size_bytes: int = 8192

    def levels(self, groups: Iterable[Group]) -> list[int]:
        """Pages of each level, leaves first; the metapage is not in it."""
        leaves = sum(self._leaves(group) for group in (groups if self.shares_entries else self._unshared(groups)))
        return self._above(max(math.ceil(leaves - 1e-6), 1))

    def _above(self, leaves: int) -> list[int]:
        levels = [leaves]
        # The first entry of an inner page has no key. A page takes one entry more than the fill factor allows before it
        # is split, which then moves over to the next one; the last page, which may be the root, keeps it.
        rest = self._capacity(_INTERNAL_FILLFACTOR) - TUPLE_HEADER_BYTES - LINE_POINTER_BYTES
        fanout = max(1 + rest // (self.pivot_bytes + LINE_POINTER_BYTES), 2)
        while levels[-1] > 1:
            levels.append(max(math.ceil((levels[-1] - 1) / fanout), 1))
        return levels

    def _capacity(self, fillfactor: int) -> float:
        """Bytes of entries and line pointers that a page holds, the high key's line pointer aside."""
        usable = self.block_size_bytes - PAGE_HEADER_BYTES - _SPECIAL_BYTES - 2 * LINE_POINTER_BYTES
        return usable - self.block_size_bytes * (100 - fillfactor) // 100

    def _leaves(self, group: Group) -> float:
        """Pages of the entries of a group; not rounded, since others follow on the last one."""
        sizes = self.null_entries if group.null else self.entries
        if (not self.shares_entries or group.rows <= 1) and len(sizes.parts) == 1:
            ((size, _),) = sizes.parts
            return group.keys * group.rows / max(self._capacity(self.fillfactor) // (size + LINE_POINTER_BYTES), 2)
        items = self.items(group)
        rows = pages = 0.0
        free = full = self.block_size_bytes - PAGE_HEADER_BYTES - _SPECIAL_BYTES - 2 * LINE_POINTER_BYTES
        reserve = self.block_size_bytes * (100 - self.fillfactor) // 100
        on_page, last_size, last_extra = 0, 0, 0
        for step, repeats in enumerate(items):
            key = sizes.at((step * _GOLDEN) % 1.0)
            for size, extra, held in self.tuples(key, repeats):
                rows += held
                if on_page >= 2 and (free < size + 8 or free + last_extra < reserve):
                    # The last one goes over to the new page; a shorter copy of it stays as the high key.
                    pages += 1
                    free, on_page = full - last_size - LINE_POINTER_BYTES, 1
                free -= size + LINE_POINTER_BYTES
                on_page += 1
                last_size, last_extra = size, extra
                if pages >= _PAGES_TRIED:
                    # One key can have all rows of the table.
                    break
            if pages >= _PAGES_TRIED:
                break
        total = group.keys * group.rows
        if pages < 1:
            return (full - free) / self._capacity(self.fillfactor) * total / max(rows, 1.0)
        # What is on the page begun counts by how full it is.
        pages += (full - free) / self._capacity(self.fillfactor)
        return pages * total / rows

    def _unshared(self, groups: Iterable[Group]) -> list[Group]:
        """All rows as rows of one key, and NULLs: how many of them are equal makes no difference."""
        known = list(groups)
        counts = [(sum(each.keys * each.rows for each in known if each.null is null), null) for null in (False, True)]
        return [Group(1.0, rows, null) for rows, null in counts if rows >= 1]

    def items(self, group: Group) -> Iterator[int]:
        """Rows of one key after the other, spread as by chance about their average; without sharing each by itself."""
        if not self.shares_entries:
            yield from itertools.repeat(1, math.ceil(group.rows))
        elif group.keys <= 1:
            yield math.ceil(group.rows)
        else:
            yield from (spread(group.rows, step) for step in range(math.ceil(group.keys)))

    def tuples(self, key_bytes: int, repeats: int) -> Iterator[tuple[int, int, int]]:
        """Entries of one key with so many rows: bytes, bytes of it that are row pointers, rows."""
        most = aligned(self.block_size_bytes * 10 // 100 - 7) - LINE_POINTER_BYTES
        fits = max((most // 8 * 8 - key_bytes) // _ROW_POINTER_BYTES, 1)
        while repeats > 0:
            held = min(repeats, fits)
            size = key_bytes if held == 1 else aligned(key_bytes + held * _ROW_POINTER_BYTES)
            yield size, size - key_bytes, held
            repeats -= held

    def item_count(self, groups: Sequence[Group]) -> float:
        """Entries of all groups, shared ones counting once."""
        if not self.shares_entries:
            return sum(group.keys * group.rows for group in groups)
        fits = max((self.block_size_bytes // 10 - self.entries.mean) // _ROW_POINTER_BYTES, 1)
        return sum(group.keys * math.ceil(group.rows / fits) for group in groups)


def spread(mean: float, step: int) -> int:
    """How many rows the key of a step has, where rows fall on keys by chance and each key has at least one."""
    share = (step * _GOLDEN) % 1.0
    if mean > 40:
        return round(NormalDist(mean, math.sqrt(mean)).inv_cdf(min(max(share, 1e-4), 1 - 1e-4)))
    rate = _rate(mean)
    if rate < 1e-3:
        return 2 if share < mean - 1 else 1
    probability = rate * math.exp(-rate) / -math.expm1(-rate)
    rows = 1
    while share > probability and rows < 200:
        share -= probability
        rows += 1
        probability *= rate / rows
    return rows


@lru_cache(maxsize=256)
def _rate(mean: float) -> float:
    """The rate of a Poisson distribution whose values above zero have this mean."""
    rate = max(mean - 1, 0.0)
    for _ in range(30):
        if rate < 1e-6:
            return rate
        rate = mean * -math.expm1(-rate)
    return rate
