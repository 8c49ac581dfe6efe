"""The few pages of an index that the planner reads: they are patched in what CREATE INDEX wrote on an empty table.

B-tree: nbtree.h, nbtpage.c (_bt_getrootheight, _bt_getroot); the planner adds the height to each descent's cost, and
descends to find the real ends of a range (get_actual_variable_range). GIN: ginblock.h (GinMetaPageData), of which
gincostestimate takes shares. BRIN: brin_page.h (BrinMetaPageData); brincostestimate reads where the map of ranges ends.
Of hash, GiST and SP-GiST indexes the planner reads the length alone. All is the same from 13 to 18.
"""

from __future__ import annotations

import struct
from functools import cache

from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.planner.twin.storage.files import HollowFile

_PAGE_HEADER = struct.Struct("=QHHHHHHI")
_LAYOUT_VERSION = 4
_LINE_POINTER = struct.Struct("=I")
_NORMAL_ITEM = 1
# Where a page's own content begins.
_CONTENT = _PAGE_HEADER.size

_BTREE_MAGIC = 0x053162
_BTREE_ROOT = struct.Struct("=IIII")
_BTREE_ROOT_AT = _CONTENT + 8
_BTREE_SPECIAL = struct.Struct("=IIIHH")
_LEAF, _ROOT = 1, 2
_PIVOT = struct.Struct("=HHHH")
# INDEX_ALT_TID_MASK: the place of a row's number says how many key columns are left, here none.
_NO_KEYS = 0x2000

_GIN_COUNTS = struct.Struct("=IIIIq")
_GIN_COUNTS_AT = _CONTENT + 24
_MOST_GIN_COUNTS = (2**32 - 1, 2**32 - 1, 0, 2**62)

_BRIN_MAGIC = 0xA8109CFA
_BRIN_RANGES = struct.Struct("=II")
_BRIN_RANGES_AT = _CONTENT + 8
_MAGIC = struct.Struct("=I")
# REVMAP_PAGE_MAXITEMS: what a page has beside its header and eight bytes at its end, in row numbers of six bytes.
_REVMAP_ITEM_BYTES = 6
_REVMAP_SPECIAL_BYTES = 8


def write_btree(file: HollowFile, height: int) -> None:
    """Gives a B-tree of enough pages a height: a page per level, each leading to the next, and an empty leaf.

    A search for the least or greatest value thus finds nothing, and the planner keeps to the statistics. An index of
    height 0 stays without a root, which counts and costs as much. Raises OSError where the file is no such index.
    """
    _check(file, _BTREE_MAGIC)
    if height > 0:
        file.write(_BTREE_ROOT_AT, _BTREE_ROOT.pack(1, height, 1, height))
        file.write(file.block_size_bytes, _path_to_leaf(height, file.block_size_bytes))


def fewest_pages(height: int) -> int:
    """How many pages a B-tree of a height has at least: the metapage and one for each level."""
    return height + 2 if height else 1


def write_gin(file: HollowFile, pages: int, estimate: IndexEstimate | None) -> None:
    """Counts of a GIN index of so many pages, in the shares of an estimate; without one the planner assumes its own."""
    if estimate is None or not (estimate.pages and estimate.entry_pages and estimate.n_entries):
        return
    scale = pages / estimate.pages
    found = (estimate.entry_pages, estimate.data_pages, 0, estimate.n_entries)
    # Statistics may say anything, and an estimate of entries has no end.
    counts = (round(min(count * scale, most)) for count, most in zip(found, _MOST_GIN_COUNTS, strict=True))
    file.write(_GIN_COUNTS_AT, _GIN_COUNTS.pack(pages, *counts))


def write_brin(file: HollowFile, table_pages: int) -> None:
    """The end of the map of a BRIN index on a table of so many pages.

    Raises OSError where the file is no such index.
    """
    _check(file, _BRIN_MAGIC)
    per_range, _ = _BRIN_RANGES.unpack(file.read(_BRIN_RANGES_AT, _BRIN_RANGES.size))
    items = (file.block_size_bytes - _CONTENT - _REVMAP_SPECIAL_BYTES) // _REVMAP_ITEM_BYTES
    ranges = max(-(-table_pages // per_range), 1)
    file.write(_BRIN_RANGES_AT, _BRIN_RANGES.pack(per_range, -(-ranges // items)))


def _check(file: HollowFile, magic: int) -> None:
    if file.read(_CONTENT, _MAGIC.size) != _MAGIC.pack(magic):
        raise OSError(f"{file.name} of the twin does not begin as an index of its kind does")


@cache
def _path_to_leaf(height: int, block_size_bytes: int) -> bytes:
    """Pages 1 to height + 1: the root, what is below it, the leaf."""
    inner = (
        _page(block_size_bytes, height - above, _ROOT if above == 0 else 0, child=above + 2) for above in range(height)
    )
    return b"".join(inner) + _page(block_size_bytes, 0, _LEAF)


def _page(block_size_bytes: int, level: int, flags: int, child: int | None = None) -> bytes:
    """A B-tree page that has no neighbours, with one entry that leads to another page, or without any."""
    special = _BTREE_SPECIAL.pack(0, 0, level, flags, 0)
    special_at = block_size_bytes - len(special)
    pointer, entry = b"", b""
    if child is not None:
        entry = _PIVOT.pack(child >> 16, child & 0xFFFF, 0, _PIVOT.size | _NO_KEYS)
        pointer = _LINE_POINTER.pack(special_at - len(entry) | _NORMAL_ITEM << 15 | len(entry) << 17)
    lower, upper = _CONTENT + len(pointer), special_at - len(entry)
    header = _PAGE_HEADER.pack(0, 0, 0, lower, upper, special_at, block_size_bytes | _LAYOUT_VERSION, 0)
    return header + pointer + bytes(upper - lower) + entry + special
