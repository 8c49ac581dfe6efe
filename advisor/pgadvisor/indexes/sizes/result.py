"""What is predicted of an index."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class IndexEstimate:
    """An index just built.

    pages are all of its file, entries is what the build writes into pg_class.reltuples. height is that of a B-tree, as
    btm_level in its metapage counts: 0 where the root is a leaf; 0 for other access methods. Of GIN: entry_pages,
    data_pages and n_entries as in its metapage (GinMetaPageData). revmap_pages are BRIN's.
    """

    pages: int
    entries: float
    height: int = 0
    entry_pages: int = 0
    data_pages: int = 0
    n_entries: int = 0
    revmap_pages: int = 0
