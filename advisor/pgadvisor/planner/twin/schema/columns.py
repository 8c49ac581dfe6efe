"""Columns of a table as SQL: what each must have, and parts that it can do without."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Column, Constraint, ConstraintKind, Relation
from pgadvisor.model.objects import Sequence as OwnedSequence
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.dependencies import element_type
from pgadvisor.planner.twin.schema.making import expression, known_types, type_sql
from pgadvisor.planner.twin.schema.sequences import sequence_options
from pgadvisor.planner.twin.schema.types import collate

# What is as wide and as aligned as a type of a fixed length that the twin has not (pg_type.typlen); else it is text.
_STAND_INS = {
    1: '"char"',
    2: "smallint",
    4: "integer",
    6: "macaddr",
    8: "bigint",
    12: "time with time zone",
    16: "uuid",
    24: "circle",
    32: "box",
    64: "name",
}
_VIRTUAL_SINCE = 18
# From this version on a partition has its parent's identity columns, and none of its own.
_IDENTITY_OF_PARENT_SINCE = 17
_NAMED_NOT_NULL_SINCE = 18

# Where a part stands that belongs to no column: among the columns, or after them.
INSIDE = 0
AFTER = -1


@dataclass(frozen=True)
class Part:
    """Something that a table can be made without. place is the number of its column, INSIDE or AFTER.

    sql gives its text and may raise ValueError. loss says what it means that it is missing, as a sentence's second
    half. later gives a command that adds it to the finished table: what it calls may be made in between.
    """

    place: int
    what: str
    sql: Callable[[], str]
    loss: str
    later: Callable[[], str] | None = None


@dataclass(frozen=True)
class Types:
    """Types of columns on the twin, by what format_type wrote: itself, or what stands in for it."""

    known: frozenset[str]

    def of(self, column: Column) -> str:
        """The type of a column as SQL."""
        if column.type in self.known:
            return column.type
        array = "[]" if column.type.endswith("[]") else ""
        return (array and "text[]") or _STAND_INS.get(column.length_bytes, "text")

    def stands_in(self, column: Column) -> bool:
        """Whether a column is of another type than in production."""
        return column.type not in self.known


class ColumnTexts:
    """Writes the columns of tables."""

    def __init__(self, building: Building) -> None:
        catalog = building.facts.snapshot.catalog
        self._building = building
        self.types = Types(frozenset(known_types(building, (column.type for column in catalog.columns))))
        self._sequences: Mapping[tuple[int | None, str | None], OwnedSequence] = {
            (sequence.owner_relation_oid, sequence.owner_column): sequence for sequence in catalog.sequences
        }
        self._not_null: dict[tuple[int, str], Constraint] = {
            (constraint.table_oid, column): constraint
            for constraint in catalog.constraints
            if constraint.kind is ConstraintKind.NOT_NULL
            for column in constraint.columns
        }

    def refresh(self, relations: Sequence[Relation]) -> None:
        """Looks again for types that were not there: row types of tables made since."""
        missing = {
            column.type
            for relation in relations
            for column in self._building.facts.columns(relation.oid)
            if self.types.stands_in(column)
        }
        if missing:
            self.types = Types(self.types.known | known_types(self._building, missing))

    def must(self, column: Column) -> str:
        """Name and type. Raises ValueError for what no server writes."""
        return f"{quote_identifier(column.name)} {type_sql(self.types.of(column))}"

    def parts(self, relation: Relation, column: Column) -> list[Part]:
        """What else a column has."""
        parts: list[Part] = []
        stands_in = self.types.stands_in(column)
        if column.collation and not stands_in:
            parts.append(self._collation(relation, column))
        if column.not_null and self._is_enforced(column):
            parts.append(self._not_null_part(relation, column))
        if column.identity and not (relation.is_partition and self._building.major >= _IDENTITY_OF_PARENT_SINCE):
            parts.append(self._identity(relation, column))
        elif column.default is not None and not stands_in:
            parts.append(self._generated(relation, column) if column.generated else _default(relation, column))
        return parts

    def _is_enforced(self, column: Column) -> bool:
        """Not one that is not validated, which comes later."""
        constraint = self._not_null.get((column.relation_oid, column.name))
        return constraint is None or constraint.validated

    def _not_null_part(self, relation: Relation, column: Column) -> Part:
        constraint = self._not_null.get((column.relation_oid, column.name))

        def sql() -> str:
            if constraint is None or self._building.major < _NAMED_NOT_NULL_SINCE:
                return "NOT NULL"
            inherited = " NO INHERIT" if constraint.no_inherit else ""
            return f"CONSTRAINT {quote_identifier(constraint.name)} NOT NULL{inherited}"

        return Part(column.number, f"NOT NULL of {_label(relation, column)}", sql, "it may be NULL there")

    def _collation(self, relation: Relation, column: Column) -> Part:
        def sql() -> str:
            collation = collate(self._building, column.collation)
            return f"COLLATE {collation}" if collation else ""

        return Part(column.number, f"collation of {_label(relation, column)}", sql, "it has the default one there")

    def _identity(self, relation: Relation, column: Column) -> Part:
        def sql() -> str:
            always = "ALWAYS" if column.identity == "a" else "BY DEFAULT"
            sequence = self._sequences.get((column.relation_oid, column.name))
            if sequence is None:
                return f"GENERATED {always} AS IDENTITY"
            name = qualified(sequence.schema, sequence.name)
            return f"GENERATED {always} AS IDENTITY (SEQUENCE NAME {name} {sequence_options(sequence)})"

        return Part(column.number, f"identity of {_label(relation, column)}", sql, "it is a plain column there")

    def _generated(self, relation: Relation, column: Column) -> Part:
        kept = "VIRTUAL" if column.generated == "v" and self._building.major >= _VIRTUAL_SINCE else "STORED"
        return Part(
            column.number,
            f"expression of generated column {_label(relation, column)}",
            lambda: f"GENERATED ALWAYS AS {expression(column.default or '')} {kept}",
            "it is a plain column there",
        )


def _default(relation: Relation, column: Column) -> Part:
    def later() -> str:
        table = qualified(relation.schema, relation.name)
        default = expression(column.default or "")
        return f"ALTER TABLE {table} ALTER COLUMN {quote_identifier(column.name)} SET DEFAULT {default}"

    return Part(
        column.number,
        f"default of {_label(relation, column)}",
        lambda: f"DEFAULT {expression(column.default or '')}",
        "it has no default there",
        later,
    )


def note_stand_ins(building: Building, types: Types) -> None:
    """Says which columns are of another type than in production, by their types, and which lost what makes them."""
    by_type: dict[str, list[Column]] = defaultdict(list)
    unread: dict[str, list[int]] = defaultdict(list)
    stored: list[int] = []
    for column in building.facts.snapshot.catalog.columns:
        if types.stands_in(column):
            by_type[element_type(column.type)].append(column)
        elif column.generated and column.default is None:
            unread[column.generated].append(column.relation_oid)
        elif column.generated == "v" and building.major < _VIRTUAL_SINCE:
            stored.append(column.relation_oid)
    for text, columns in sorted(by_type.items()):
        instead = " or ".join(sorted({types.of(column) for column in columns}))
        building.shortfalls.append(
            Shortfall(
                what=f"type {text}",
                reason=f"The twin has no such type; columns of it are {instead} there, without its operators.",
                relation_oids=tuple(sorted({column.relation_oid for column in columns})),
            )
        )
    for oids in unread.values():
        building.shortfalls.append(
            Shortfall(
                what="expressions of generated columns",
                reason="They could not be read; the columns are plain ones on the twin.",
                relation_oids=tuple(sorted(set(oids))),
            )
        )
    if stored:
        building.shortfalls.append(
            Shortfall(
                what="virtual generated columns",
                reason="The twin's server has none; they are stored there.",
                relation_oids=tuple(sorted(set(stored))),
            )
        )


def _label(relation: Relation, column: Column) -> str:
    return f"{relation.schema}.{relation.name}.{column.name}"
