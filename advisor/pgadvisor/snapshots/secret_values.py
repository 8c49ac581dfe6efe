"""Column statistics without values of columns that hold secrets: what the planner needs of them stays."""

from __future__ import annotations

from msgspec.structs import replace

from pgadvisor.model.catalog import Column, Relation
from pgadvisor.model.objects import ExtendedStatistics
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statistics import PgStats
from pgadvisor.snapshots.redaction.arrays import flat_array, flat_elements
from pgadvisor.snapshots.redaction.opaque import Codes, byte_strings, uuids
from pgadvisor.workload.secrets import without_secrets
from pgadvisor.workload.telling_names import holds_secrets, is_telling
from pgadvisor.workload.telling_texts import names_secrets

# pg_type.typcategory: texts, and numbers, which are secrets only where they are short ones.
_TEXTS, _NUMBERS = "S", "N"
# Of these categories nothing is a secret: boolean, date and time, enum.
_HARMLESS = frozenset("BDTE")
# A backslash, an x and what tells one from the other.
_BYTES_SHOWN = 10
_OF_EXPRESSIONS = ("most_common_vals", "most_common_freqs", "histogram_bounds", "most_common_elems")
_OF_ELEMENTS = ("most_common_elem_freqs", "elem_count_histogram")


class SecretValues:
    """What of a snapshot's statistics is of columns, or index expressions, that hold secrets."""

    def __init__(self, snapshot: Snapshot) -> None:
        catalog = snapshot.catalog
        names = {relation.oid: relation.name for relation in catalog.relations}
        self._columns: dict[tuple[int, str], Column] = {
            (column.relation_oid, column.name): column
            for column in catalog.columns
            if holds_secrets(names.get(column.relation_oid, ""), column.name) and _may_be_secret(column)
        }
        self._expressions = {
            index.oid
            for index in catalog.indexes
            if any(key.expression is not None and names_secrets(key.expression) for key in index.definition.keys)
        }
        self._parents = {
            relation.oid
            for relation in catalog.relations
            if any(map(is_telling, filter(None, relation.partition_columns)))
        }

    def is_secret(self, relation_oid: int, column: str) -> bool:
        """Whether values of a column, or of an index's expressions, are secrets."""
        return (relation_oid, column) in self._columns or relation_oid in self._expressions

    def snapshot(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot without values of such columns: in statistics, defaults and bounds of partitions."""
        catalog = snapshot.catalog
        return replace(
            snapshot,
            column_statistics=tuple(map(self.statistics, snapshot.column_statistics)),
            catalog=replace(
                catalog,
                columns=tuple(map(self._column, catalog.columns)),
                relations=tuple(map(self._relation, catalog.relations)),
                extended_statistics=tuple(map(self.extended, catalog.extended_statistics)),
            ),
        )

    def _column(self, column: Column) -> Column:
        if column.default is None or (column.relation_oid, column.name) not in self._columns:
            return column
        return replace(column, default=without_secrets(column.default, telling=True, numbers=True))

    def _relation(self, relation: Relation) -> Relation:
        bound = relation.partition_bound
        if bound is None or not self._parents.intersection(relation.parents or (relation.parent_oid,)):
            return relation
        return replace(relation, partition_bound=without_secrets(bound, telling=True))

    def statistics(self, row: PgStats) -> PgStats:
        """A row of pg_stats; texts have made-up values in the same order, other types none."""
        if not self.is_secret(row.relation_oid, row.column):
            return row
        column = self._columns.get((row.relation_oid, row.column))
        common = None if row.most_common_vals is None else flat_elements(row.most_common_vals)
        bounds = None if row.histogram is None else flat_elements(row.histogram)
        known = [text for text in (*(common or ()), *(bounds or ())) if text is not None]
        codes = _codes(column, known, [text for text in bounds or () if text is not None])
        none_left = codes is None or common is None
        return replace(
            row,
            most_common_vals=None if none_left else _coded(common, codes),
            most_common_freqs=None if none_left else row.most_common_freqs,
            histogram=None if codes is None or bounds is None else _coded(bounds, codes),
            most_common_elems=None,
            most_common_elem_freqs=None,
            elem_count_histogram=None,
            range_length_histogram=None,
            range_bounds_histogram=None,
        )

    def extended(self, row: ExtendedStatistics) -> ExtendedStatistics:
        """Statistics on several columns, of which common values go where one of them is secret."""
        tells = any(self.is_secret(row.relation_oid, column) for column in row.columns)
        if not tells and not any(names_secrets(expression) for expression in row.expressions):
            return row
        gone = dict.fromkeys((*_OF_EXPRESSIONS, *_OF_ELEMENTS))
        return replace(
            row,
            most_common_values=None,
            most_common_value_nulls=None,
            most_common_frequencies=None,
            most_common_base_frequencies=None,
            expression_statistics=tuple(
                {key: gone.get(key, value) for key, value in each.items()} for each in row.expression_statistics
            ),
        )


def _may_be_secret(column: Column) -> bool:
    """By its type: a key that is a number is one of a row, a number that is called pin or password is a secret."""
    if column.type_category in _HARMLESS:
        return False
    return column.type_category != _NUMBERS or not column.name.lower().endswith("key")


def _codes(column: Column | None, texts: list[str], in_order: list[str]) -> dict[str, str] | None:
    """For each value a made-up one; None where the type has none that would do."""
    if column is None:
        return None
    if column.type_name == "uuid":
        made = uuids(texts)
        return {text: made[text.lower()] for text in texts}
    if column.type_name == "bytea":
        return {text: made[:_BYTES_SHOWN] for text, made in byte_strings(texts).items()}
    if column.type_category != _TEXTS:
        return None
    codes = Codes()
    codes.note(texts)
    codes.note_chain(in_order)
    codes.settle()
    # Not as long as the values: that would say something of a password.
    return {text: codes.of(text).rstrip("x") for text in texts}


def _coded(parts: list[str | None] | None, codes: dict[str, str] | None) -> str | None:
    if parts is None or codes is None:
        return None
    return flat_array([None if text is None else codes[text] for text in parts])
