"""Indexes, those that a constraint made among them, in the order of their oids.

Of indexes that cost the same the planner takes one by that order, so a table's indexes are made in it, constraints or
not. Those of partitions come first; a partitioned table's is made without its partitions' and these are attached, which
keeps their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from pgadvisor.indexes.ddl import attach, create_index
from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Constraint, ConstraintKind, Index, IndexDefinition, IndexKey, RelationKind
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.collations import collation_of_twin
from pgadvisor.planner.twin.schema.making import NotWrittenByServerError, Way, Wish, clause, make_all
from pgadvisor.planner.twin.schema.partitions import depths_of
from pgadvisor.workload.expressions import is_expression
from pgadvisor.workload.secrets import HIDDEN

_NULLS_NOT_DISTINCT_SINCE = 15
_WITHOUT_OVERLAPS_SINCE = 18
# Of these the planner reads no parameter, and the server none while they are built: they are written to the catalog
# afterwards (schema/catalogs.py), where no version minds those of another.
PARAMETERS_NOT_BUILT_IN = frozenset(("btree", "hash", "gist", "gin", "spgist"))


def create_indexes(building: Building, tablespaces: set[str]) -> None:
    """Makes all indexes, and attaches those of partitions; whether they are valid is the catalogs' to say."""
    facts = building.facts
    depths = depths_of(facts)
    indexes = sorted(
        (
            index
            for index in facts.indexes.values()
            if index.table_oid in facts.relations and index.table_oid not in building.failed
        ),
        key=lambda index: (-depths.get(index.table_oid, 0), index.oid),
    )
    writer = _Writer(building, tablespaces)
    make_all(building, (writer.wish(index) for index in indexes))
    attached = [index for index in indexes if index.parent_oid in facts.indexes and index.oid not in building.failed]
    make_all(building, (_attach(building, index) for index in attached if index.parent_oid not in building.failed))


@dataclass(frozen=True)
class _Writer:
    """Writes the commands for indexes."""

    building: Building
    tablespaces: set[str]

    def wish(self, index: Index) -> Wish:
        return Wish(
            what=f"index {index.schema}.{index.name}",
            ways=lambda: self._ways(index),
            without="statements on its table are planned without it",
            relation_oids=(index.table_oid,),
            oid=index.oid,
        )

    def _ways(self, index: Index) -> Sequence[Way]:
        """Raises ValueError where there is none."""
        texts = [index.definition.predicate, *(key.expression for key in index.definition.keys)]
        if not index.complete:
            if any(text is not None and HIDDEN in text for text in texts):
                raise ValueError("the snapshot has it without a constant, which may be a secret")
            raise ValueError("its expressions or its predicate could not be read")
        if not all(text is None or is_expression(text) for text in texts):
            raise NotWrittenByServerError
        definition = self._of_twin(index.definition)
        is_parent = self.building.facts.relations[index.table_oid].kind is RelationKind.PARTITIONED
        ways: list[Way] = []
        constraint = self.building.facts.constraint_of_index(index)
        if constraint is not None:
            text = self._constraint(index, constraint, definition, only=is_parent)
            ways += [Way(text)] if text else []
        if definition.unique and definition.access_method != "btree":
            definition = replace(definition, unique=False)
        ways.append(Way(_create(index, definition, only=is_parent), self._loss(index, constraint)))
        if definition.options:
            bare = replace(definition, options=())
            ways.append(Way(_create(index, bare, only=is_parent), "it has no parameters there"))
        return ways

    def _loss(self, index: Index, constraint: Constraint | None) -> str:
        """What a plain index lacks."""
        if index.definition.nulls_not_distinct and self.building.major < _NULLS_NOT_DISTINCT_SINCE:
            return "its NULLs are distinct there"
        return "" if constraint is None else "it is an index without its constraint there"

    def _of_twin(self, definition: IndexDefinition) -> IndexDefinition:
        """With the collations, the tablespace and the parameters that it has on the twin."""
        return replace(
            definition,
            keys=tuple(self._key(key) for key in definition.keys),
            tablespace=definition.tablespace if definition.tablespace in self.tablespaces else None,
            options=() if definition.access_method in PARAMETERS_NOT_BUILT_IN else definition.options,
            nulls_not_distinct=definition.nulls_not_distinct and self.building.major >= _NULLS_NOT_DISTINCT_SINCE,
        )

    def _key(self, key: IndexKey) -> IndexKey:
        if key.default_collation or not key.collation:
            return key
        collation = collation_of_twin(self.building, key.collation)
        return replace(key, collation=collation or None, default_collation=not collation)

    def _constraint(self, index: Index, constraint: Constraint, definition: IndexDefinition, *, only: bool) -> str:
        """ALTER TABLE that makes the index with its constraint; "" where that cannot say what the index is."""
        if constraint.name != index.name:
            return ""
        table = qualified(definition.schema, definition.table)
        start = f"ALTER TABLE {'ONLY ' if only else ''}{table} ADD CONSTRAINT {quote_identifier(constraint.name)}"
        if constraint.kind is ConstraintKind.EXCLUSION:
            return f"{start} {clause(constraint.definition, 'exclude')}" if constraint.definition is not None else ""
        columns = [quote_identifier(column) for column in definition.key_columns if column is not None]
        if not columns or len(columns) < len(definition.keys):
            return ""
        if index.definition.access_method != "btree":
            # A key over time: its last column is a range that overlaps no other.
            if self.building.major < _WITHOUT_OVERLAPS_SINCE:
                return ""
            columns[-1] += " WITHOUT OVERLAPS"
        words = [start, "PRIMARY KEY" if constraint.kind is ConstraintKind.PRIMARY_KEY else "UNIQUE"]
        words += ["NULLS NOT DISTINCT"] if definition.nulls_not_distinct else []
        words.append(f"({', '.join(columns)})")
        if definition.include:
            words.append(f"INCLUDE ({', '.join(map(quote_identifier, definition.include))})")
        if definition.tablespace:
            words.append(f"USING INDEX TABLESPACE {quote_identifier(definition.tablespace)}")
        return " ".join((*words, *deferrability(constraint)))


def _create(index: Index, definition: IndexDefinition, *, only: bool) -> str:
    return create_index(definition, index.name, concurrently=False, on_only=only).removesuffix(";")


def deferrability(constraint: Constraint) -> tuple[str, ...]:
    """DEFERRABLE and INITIALLY DEFERRED, where a constraint is."""
    return (
        *(("DEFERRABLE",) if constraint.deferrable else ()),
        *(("INITIALLY DEFERRED",) if constraint.deferred else ()),
    )


def _attach(building: Building, index: Index) -> Wish:
    parent = building.facts.indexes[index.parent_oid or 0]
    return Wish(
        what=f"index {index.schema}.{index.name}",
        ways=lambda: (Way(attach(parent.schema, parent.name, index.schema, index.name).removesuffix(";")),),
        without=f"it is no part of index {parent.schema}.{parent.name} there",
        relation_oids=(parent.table_oid, index.table_oid),
    )
