"""Statistics of columns with other values: common values, bounds, elements and ranges."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import msgspec

from pgadvisor.model.catalog import Column
from pgadvisor.model.objects import ExtendedStatistics
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statistics import PgStats
from pgadvisor.snapshots.redaction.arrays import elements, flat_array, flat_elements, mapped_array
from pgadvisor.snapshots.redaction.literals import Texts
from pgadvisor.snapshots.redaction.values import ValueKind, kind_of_all, kind_of_type

# Columns of pg_stats_ext_exprs that hold values of the expression, those in sorted order, and that of its elements.
_COMMON, _SORTED, _ELEMENTS = "most_common_vals", "histogram_bounds", "most_common_elems"
# An array: its elements where it has one dimension, of which NULL is None; else as text.
_Parts = list[str | None] | str | None


class ColumnValues:
    """Rewrites statistics, knowing the types of a snapshot's columns."""

    def __init__(self, snapshot: Snapshot, texts: Texts) -> None:
        self._texts = texts
        self._columns: Mapping[tuple[int, str], Column] = {
            (column.relation_oid, column.name): column for column in snapshot.catalog.columns
        }

    def statistics(self, row: PgStats) -> PgStats:
        """A row of pg_stats with other values."""
        column = self._columns.get((row.relation_oid, row.column))
        is_array = column is not None and column.type_category == "A"
        common, bounds, members = map(_taken_apart, (row.most_common_vals, row.histogram, row.most_common_elems))
        kind = ValueKind.OPAQUE if is_array else self._kind(column, common, bounds)
        inner = self._element_kind(column, members)
        self._note_order(kind, bounds)
        self._note_order(inner, members)
        name = self._texts.names.of("column", row.column)
        outer = inner if is_array else kind
        made = {
            "most_common_vals": self._changed(common, outer, are_arrays=is_array),
            "histogram": self._changed(bounds, outer, are_arrays=is_array),
            "most_common_elems": self._changed(members, inner),
            "range_length_histogram": self._changed(_taken_apart(row.range_length_histogram), ValueKind.NUMBER),
            "range_bounds_histogram": self._changed(_taken_apart(row.range_bounds_histogram), kind),
        }
        return msgspec.structs.replace(row, column=name, **made)

    def extended(self, row: ExtendedStatistics) -> ExtendedStatistics:
        """Statistics on several columns with other values; the order of columns is that of the values."""
        kinds = [self._kind(self._columns.get((row.relation_oid, column))) for column in row.columns]
        common = row.most_common_values
        if common is not None:
            width = len(row.columns) + len(row.expressions)
            place = itertools.cycle(range(max(width, 1)))

            def change(text: str | None) -> str | None:
                at = next(place)
                if text is None:
                    return None
                return self._value(text, kinds[at] if at < len(kinds) else ValueKind.OPAQUE)

            common = mapped_array(common, change)
        return msgspec.structs.replace(
            row,
            most_common_values=common,
            expression_statistics=tuple(self._of_expression(each) for each in row.expression_statistics),
        )

    def _of_expression(self, row: dict[str, str | None]) -> dict[str, str | None]:
        apart = {key: _taken_apart(row.get(key)) for key in (_COMMON, _SORTED, _ELEMENTS)}
        kind = kind_of_all([text for key in (_COMMON, _SORTED) for text in _texts_of(apart[key])])
        self._note_order(kind, apart[_SORTED])
        made = dict(row)
        for key, parts in apart.items():
            made[key] = self._changed(parts, kind)
        names = {"schemaname": "schema", "tablename": "relation", "statistics_schemaname": "schema"}
        names |= {"statistics_name": "statistics", "statistics_owner": "role"}
        for key, what in names.items():
            if row.get(key) is not None:
                made[key] = self._texts.names.of(what, row[key] or "")
        if row.get("expr") is not None:
            made["expr"] = self._texts.sql(row["expr"] or "")
        return {key: made[key] for key in row}

    def _kind(self, column: Column | None, *samples: _Parts) -> ValueKind:
        known = None
        if column is not None:
            known = self._texts.types.get(column.type_name) or kind_of_type(column.type_name, column.type_category)
        return known or kind_of_all([text for sample in samples for text in _texts_of(sample)])

    def _element_kind(self, column: Column | None, sample: _Parts) -> ValueKind:
        known = None
        if column is not None and column.type_name.startswith("_"):
            known = self._texts.types.get(column.type_name[1:]) or kind_of_type(column.type_name[1:])
        return known or kind_of_all(_texts_of(sample))

    def _value(self, text: str, kind: ValueKind) -> str:
        return self._texts.values.replaced(kind, text)

    def _array(self, text: str, kind: ValueKind) -> str:
        made = self._changed(_taken_apart(text), kind)
        return self._value(text, ValueKind.OPAQUE) if made is None else made

    def _changed(self, parts: _Parts, kind: ValueKind, *, are_arrays: bool = False) -> str | None:
        """An array with other elements; None where there is none, or what is there is no array."""
        if parts is None:
            return None
        if not isinstance(parts, str) and not are_arrays:
            return flat_array(self._texts.values.all_replaced(kind, parts))
        change = self._array if are_arrays else self._value
        if isinstance(parts, str):
            return mapped_array(parts, lambda text: None if text is None else change(text, kind))
        return flat_array([None if text is None else change(text, kind) for text in parts])

    def _note_order(self, kind: ValueKind, parts: _Parts) -> None:
        if parts is not None and self._texts.values.wants_order(kind):
            self._texts.values.in_order(_texts_of(parts))


def _taken_apart(literal: str | None) -> _Parts:
    """The elements of an array of one dimension, once for all that is done with them; any other text as it is."""
    if literal is None:
        return None
    flat = flat_elements(literal)
    return literal if flat is None else flat


def _texts_of(parts: _Parts) -> Sequence[str]:
    """The elements without NULLs."""
    if parts is None:
        return ()
    return elements(parts) if isinstance(parts, str) else [text for text in parts if text is not None]
