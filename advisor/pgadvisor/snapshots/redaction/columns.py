"""Statistics of columns with other values: common values, bounds, elements and ranges."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import msgspec

from pgadvisor.model.catalog import Column
from pgadvisor.model.objects import ExtendedStatistics
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statistics import PgStats
from pgadvisor.snapshots.redaction.arrays import elements, mapped_array
from pgadvisor.snapshots.redaction.literals import Texts
from pgadvisor.snapshots.redaction.values import ValueKind, kind_of_all, kind_of_type

# Columns of pg_stats_ext_exprs that hold values of the expression, those in sorted order, and that of its elements.
_COMMON, _SORTED, _ELEMENTS = "most_common_vals", "histogram_bounds", "most_common_elems"


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
        kind = ValueKind.OPAQUE if is_array else self._kind(column, row.most_common_vals, row.histogram)
        inner = self._element_kind(column, row.most_common_elems)
        change = (lambda text: self._array(text, inner)) if is_array else (lambda text: self._value(text, kind))
        self._note_order(kind, row.histogram)
        self._note_order(inner, row.most_common_elems)
        return msgspec.structs.replace(
            row,
            column=self._texts.names.of("column", row.column),
            most_common_vals=_changed(row.most_common_vals, change),
            histogram=_changed(row.histogram, change),
            most_common_elems=_changed(row.most_common_elems, lambda text: self._value(text, inner)),
            range_length_histogram=_changed(
                row.range_length_histogram, lambda text: self._value(text, ValueKind.NUMBER)
            ),
            range_bounds_histogram=_changed(row.range_bounds_histogram, lambda text: self._value(text, kind)),
        )

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
        samples = [text for key in (_COMMON, _SORTED) for text in elements(row.get(key) or "")]
        kind = kind_of_all(samples)
        self._note_order(kind, row.get(_SORTED))
        made = dict(row)
        for key in (_COMMON, _SORTED, _ELEMENTS):
            made[key] = _changed(row.get(key), lambda text: self._value(text, kind))
        names = {"schemaname": "schema", "tablename": "relation", "statistics_schemaname": "schema"}
        names |= {"statistics_name": "statistics", "statistics_owner": "role"}
        for key, what in names.items():
            if row.get(key) is not None:
                made[key] = self._texts.names.of(what, row[key] or "")
        if row.get("expr") is not None:
            made["expr"] = self._texts.sql(row["expr"] or "")
        return {key: made[key] for key in row}

    def _kind(self, column: Column | None, *samples: str | None) -> ValueKind:
        known = None
        if column is not None:
            known = self._texts.types.get(column.type_name) or kind_of_type(column.type_name, column.type_category)
        return known or kind_of_all([text for sample in samples for text in elements(sample or "")])

    def _element_kind(self, column: Column | None, sample: str | None) -> ValueKind:
        known = None
        if column is not None and column.type_name.startswith("_"):
            known = self._texts.types.get(column.type_name[1:]) or kind_of_type(column.type_name[1:])
        return known or kind_of_all(elements(sample or ""))

    def _value(self, text: str, kind: ValueKind) -> str:
        return self._texts.values.replaced(kind, text)

    def _array(self, text: str, kind: ValueKind) -> str:
        made = _changed(text, lambda element: self._value(element, kind))
        return self._value(text, ValueKind.OPAQUE) if made is None else made

    def _note_order(self, kind: ValueKind, literal: str | None) -> None:
        if literal is not None and self._texts.values.wants_order(kind):
            self._texts.values.in_order(elements(literal))


def _changed(literal: str | None, change: Callable[[str], str]) -> str | None:
    """An array with other elements; None where there is none, or what is there is no array."""
    return None if literal is None else mapped_array(literal, lambda text: None if text is None else change(text))
