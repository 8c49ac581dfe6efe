"""Hash indexes as hash.c builds them: buckets for the rows of the whole table, and overflow pages.

Sources: _hash_init, _hash_init_metabuffer, _hash_spareindex and _hash_get_totalbuckets (hashpage.c, hashutil.c).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist

from pgadvisor.indexes.sizes.groups import Group
from pgadvisor.indexes.sizes.layout import LINE_POINTER_BYTES, PAGE_HEADER_BYTES

# Header and hash code, aligned, with the line pointer; the key itself is not stored.
_ENTRY_BYTES = 16 + LINE_POINTER_BYTES
_SPECIAL_BYTES = 16
DEFAULT_FILLFACTOR = 75
_ONE_PHASE_BUCKETS = 512


def hash_pages(groups: Iterable[Group], table_rows: float, fillfactor: int, block_size_bytes: int) -> int:
    """Metapage, a page for the bitmap, buckets and their overflow. groups are of the index, without NULLs."""
    known = list(groups)
    entries = sum(group.keys * group.rows for group in known)
    per_bucket = max(block_size_bytes * fillfactor // 100 // _ENTRY_BYTES, 10)
    buckets = _buckets(max(table_rows, entries) / per_bucket)
    per_page = (block_size_bytes - PAGE_HEADER_BYTES - _SPECIAL_BYTES) // _ENTRY_BYTES
    overflow = _overflow(known, buckets, per_page)
    bits = (block_size_bytes - PAGE_HEADER_BYTES - _SPECIAL_BYTES) * 8
    return 1 + buckets + math.ceil(overflow) + max(math.ceil(overflow / bits), 1)


def _buckets(wanted: float) -> int:
    """Powers of two; from 512 on they grow in four steps to the next."""
    needed = max(math.ceil(wanted), 2)
    power = 1 << (needed - 1).bit_length()
    if power <= _ONE_PHASE_BUCKETS:
        return power
    step = power // 8
    return power // 2 + step * math.ceil((needed - power // 2) / step)


def _overflow(groups: list[Group], buckets: int, per_page: int) -> float:
    """Pages beyond the first of each bucket.

    Between two powers of two the buckets not yet split have twice the share of the others (_hash_hashkey2bucket).
    """
    power = 1 << (buckets - 1).bit_length()
    whole, half = power - buckets, 2 * buckets - power
    return sum(
        _overflow_of(groups, number, number * times / power, per_page)
        for number, times in ((whole, 2), (half, 1))
        if number
    )


def _overflow_of(groups: list[Group], buckets: int, share: float, per_page: int) -> float:
    """Overflow of buckets that have together this share of the keys; keys with much of a page are placed one by one."""
    large = [group for group in groups if group.rows * 2 >= per_page and group.keys * share < buckets]
    small = [group for group in groups if group not in large]
    mean = share * sum(group.keys * group.rows for group in small) / buckets
    # Keys fall on buckets by chance, each with all its rows, of which some have more than others.
    variance = share * sum(group.keys * group.rows * (group.rows + (group.rows > 1)) for group in small) / buckets
    overflow = touched = 0.0
    for group in large:
        keys = group.keys * share
        # Several large keys may share a bucket.
        hit = -buckets * math.expm1(-keys / buckets)
        each = group.rows * keys / hit
        overflow += hit * _pages(mean + each, variance + each * (keys / hit - 1) * group.rows, per_page)
        touched += hit
    return overflow + max(buckets - touched, 0.0) * _pages(mean, variance, per_page)


def _pages(mean: float, variance: float, per_page: int) -> float:
    """Overflow pages of a bucket whose entries are spread so: how often it goes beyond the first, second ... page."""
    if variance <= 0:
        return max(math.ceil(mean / per_page) - 1, 0)
    spread = NormalDist(mean, math.sqrt(variance))
    total, page = 0.0, 1
    while page * per_page < mean - 6 * spread.stdev:
        page = max(int((mean - 6 * spread.stdev) / per_page), page + 1)
        total = page - 1.0
    while (share := 1 - spread.cdf(page * per_page)) > 1e-6:
        total += share
        page += 1
    return total
