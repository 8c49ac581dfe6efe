"""The partitions of a table, as a step-by-step build of their indexes has to know them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from pgadvisor.indexes.algebra import equal
from pgadvisor.model.catalog import Index, IndexDefinition, Relation, RelationKind


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A partition with its own partitions.

    index is the (schema, name) of its index that belongs, or could belong, to the parent's: attached says which,
    valid whether it is usable, definition how it is built, so that an undo can build it again. foreign tables have
    no indexes.
    """

    schema: str
    name: str
    partitioned: bool = False
    foreign: bool = False
    index: tuple[str, str] | None = None
    attached: bool = False
    valid: bool = True
    definition: IndexDefinition | None = None
    children: tuple[Partition, ...] = ()


def partition_tree(
    table_oid: int,
    definition: IndexDefinition,
    children: Callable[[int], Iterable[Relation]],
    indexes_of: Callable[[int], Iterable[Index]],
    index_oid: int | None = None,
) -> tuple[Partition, ...]:
    """The partitions directly below a table, each with the index that is, or could be, part of the parent's.

    children and indexes_of tell what is directly below a table, and on it, by its oid. index_oid is the parent's index
    where it exists. An index of a partition that is built alike and belongs to no parent can be attached instead of
    building another.
    """

    def below(oid: int, parent_index: int | None) -> tuple[Partition, ...]:
        found = []
        partitions = (child for child in children(oid) if child.is_partition)
        for child in sorted(partitions, key=lambda relation: (relation.schema, relation.name)):
            index = _belonging(child, definition, indexes_of(child.oid), parent_index)
            found.append(
                Partition(
                    schema=child.schema,
                    name=child.name,
                    partitioned=child.kind is RelationKind.PARTITIONED,
                    foreign=child.kind is RelationKind.FOREIGN,
                    index=None if index is None else (index.schema, index.name),
                    attached=index is not None and index.parent_oid is not None,
                    valid=index is None or index.valid,
                    definition=None if index is None else index.definition,
                    children=below(child.oid, None if index is None else index.oid),
                )
            )
        return tuple(found)

    return below(table_oid, index_oid)


def _belonging(
    child: Relation, definition: IndexDefinition, indexes: Iterable[Index], parent_index: int | None
) -> Index | None:
    indexes = list(indexes)
    if parent_index is not None:
        for index in indexes:
            if index.parent_oid == parent_index:
                return index
    wanted = replace(definition, schema=child.schema, table=child.name)
    for index in indexes:
        free = index.parent_oid is None and index.constraint_oid is None
        # A partitioned table's index may be invalid only because it is not complete.
        usable = index.valid or child.kind is RelationKind.PARTITIONED
        if free and usable and index.complete and equal(index.definition, wanted):
            return index
    return None
