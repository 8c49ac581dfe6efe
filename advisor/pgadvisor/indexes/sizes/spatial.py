"""GiST and SP-GiST: entries of known width on pages that are as full as builds were seen to leave them.

How full depends on how the operator class splits pages; the shares are measured (benchmarks/index_sizes.py).
"""

from __future__ import annotations

import math

from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.elements import trigrams
from pgadvisor.indexes.sizes.layout import LINE_POINTER_BYTES, PAGE_HEADER_BYTES, TUPLE_HEADER_BYTES, aligned

_GIST_SPECIAL_BYTES = 16
_SPGIST_SPECIAL_BYTES = 8
_BOX_BYTES = 32
_SPGIST_HEADER_BYTES = 16
_RANGES = frozenset({"int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"})
_TEXTS = frozenset({"text", "varchar", "bpchar"})
_GIST_BOXED = frozenset({"point", "box"})
# btree_gist keeps a least and a greatest value of these; of other widths it keeps two varlena values, equal in a leaf.
_SCALARS = frozenset(
    {"int2", "int4", "int8", "float4", "float8", "date", "time", "timestamp", "timestamptz", "interval", "oid", "uuid"}
    | {"money", "macaddr", "macaddr8", "bool"}
)
# Shares of a page that are full in the end. A build sorts where the operator class can (points since 14; ranges and the
# classes of btree_gist since 18), else it inserts row by row: less full where these come in order.
_SORTED_SCALARS_FILL = 0.99
_SORTED_POINTS_FILL = 0.67
# 14 fills pages in the order of the sort; later ones split sorted pages once more, to overlap less.
_PACKED_POINTS_FILL = 0.89
# Anything between 0.55 and 0.99, by how ranges overlap.
_SORTED_RANGES_FILL = 0.75
_INSERTED_FILL = 0.58
_INSERTED_IN_ORDER_FILL = 0.45
_BOXES_FILL = 0.71
_TEXTS_FILL = 0.70
_ADDRESSES_FILL = 0.86
_IN_ORDER = 0.9
_SPGIST_FILLS = {"point": 0.79, "text": 0.80, "inet": 0.84, "box": 0.80}
_SPGIST_KD_FILL = 0.68
_SPGIST_RANGES_FILL = 0.52


def gist_pages(
    keys: list[tuple[KeyStatistics, str]], included: list[KeyStatistics], rows: float, major: int, block_size_bytes: int
) -> int | None:
    """Pages of a GiST index; None where how an operator class keeps its keys is not known.

    keys are statistics with the operator class's name, "" for the default.
    """
    content = 0.0
    for key, name in keys:
        width = _gist_key_bytes(key, name.rpartition(".")[2])
        if width is None:
            return None
        content += (aligned(width, 4) if len(keys) > 1 else width) * (1 - key.null_fraction)
    content += sum(each.average_width_bytes for each in included)
    key, name = keys[0]
    fill = _gist_fill(key, name.rpartition(".")[2], major)
    usable = block_size_bytes - PAGE_HEADER_BYTES - _GIST_SPECIAL_BYTES
    entry = aligned(TUPLE_HEADER_BYTES + content) + LINE_POINTER_BYTES
    return _with_levels(rows * entry / (usable * fill), max(usable * fill / entry, 2))


def spgist_pages(
    key: KeyStatistics, operator_class: str, included: list[KeyStatistics], rows: float, block_size_bytes: int
) -> int | None:
    """Pages of an SP-GiST index, the three of its head and those of inner tuples in them; None as for GiST."""
    width = key.average_width_bytes
    kind = "text" if key.type_name in _TEXTS else "inet" if key.type_name in ("inet", "cidr") else key.type_name
    if kind in _RANGES:
        fill = _SPGIST_RANGES_FILL
    elif kind in _SPGIST_FILLS:
        fill = _SPGIST_KD_FILL if operator_class.endswith("kd_point_ops") else _SPGIST_FILLS[kind]
    else:
        return None
    if kind == "text" and rows > 1:
        # What leads to a leaf is not kept in it: about as many letters as tell so many values apart.
        width = max(width - math.log(max(key.distinct(rows), 2.0), 16), 2.0)
    content = width * (1 - key.null_fraction) + sum(each.average_width_bytes for each in included)
    entry = aligned(_SPGIST_HEADER_BYTES + content) + LINE_POINTER_BYTES
    usable = block_size_bytes - PAGE_HEADER_BYTES - _SPGIST_SPECIAL_BYTES
    return 3 + math.ceil(rows * entry / (usable * fill))


def _gist_key_bytes(key: KeyStatistics, name: str) -> float | None:
    if name.startswith("gist_trgm"):
        return _trigram_key_bytes(key)
    if key.type_name in _GIST_BOXED:
        return float(_BOX_BYTES)
    if key.type_name == "tsvector":
        # Hashes of four bytes, of as many lexemes as the width lets expect.
        return 5.0 + 4 * max((key.average_width_bytes - 8) / 14, 1.0)
    if key.type_name in _RANGES or key.type_name.endswith("multirange"):
        return key.average_width_bytes
    if key.type_name in ("inet", "cidr"):
        # Beside the address the family and the bits in common.
        return key.average_width_bytes + 2
    if key.type_name in _SCALARS:
        return 2.0 * max(key.length_bytes, 4)
    if key.type_name in _TEXTS or key.type_name in ("numeric", "bytea", "bit", "varbit"):
        return 8.0 + aligned(key.average_width_bytes, 4)
    return None


def _trigram_key_bytes(key: KeyStatistics) -> float:
    """Three bytes for each different trigram of a value, after a header."""
    if not key.values:
        return 5.0 + 3 * max(key.average_width_bytes, 1.0)
    counts = [len(set(trigrams(value))) for value in key.values]
    return 5.0 + 3 * sum(counts) / len(counts)


def _gist_fill(key: KeyStatistics, name: str, major: int) -> float:
    in_order = key.correlation is not None and abs(key.correlation) > _IN_ORDER
    inserted = _INSERTED_IN_ORDER_FILL if in_order else _INSERTED_FILL
    if name.startswith("gist_trgm") or key.type_name == "tsvector":
        return _TEXTS_FILL
    if key.type_name == "point":
        return inserted if major < 14 else _PACKED_POINTS_FILL if major == 14 else _SORTED_POINTS_FILL
    if key.type_name == "box":
        return _BOXES_FILL
    if key.type_name in ("inet", "cidr"):
        return _ADDRESSES_FILL
    if key.type_name in _RANGES:
        return _SORTED_RANGES_FILL if major >= 18 else inserted
    return _SORTED_SCALARS_FILL if major >= 18 else inserted


def _with_levels(leaves: float, fanout: float) -> int:
    pages = level = max(math.ceil(leaves), 1)
    while level > 1:
        level = math.ceil(level / fanout)
        pages += level
    return pages
