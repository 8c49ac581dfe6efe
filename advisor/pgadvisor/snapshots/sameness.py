"""Which objects of one snapshot are the same in another: an oid alone does not make them so."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Protocol

from pgadvisor.masking import mask_literals
from pgadvisor.model.catalog import Index
from pgadvisor.model.snapshot import Snapshot


class _Named(Protocol):
    @property
    def oid(self) -> int: ...
    @property
    def schema(self) -> str: ...
    @property
    def name(self) -> str: ...


def same_indexes(one: Snapshot, other: Snapshot, *, renamed: bool = False) -> frozenset[int]:
    """The oids of indexes that both know by the same name, on the same table and with the same definition.

    One that was built again between the looks is not among them, nor one that either does not know. renamed: it may
    have another name. Of redacted snapshots only that is compared which redaction leaves as it is. How it is stored
    does not matter.
    """
    mine = {index.oid: index for index in one.catalog.indexes}
    theirs = {index.oid: index for index in other.catalog.indexes}
    values = not (one.contents.redacted or other.contents.redacted)
    names = not (one.contents.names_redacted or other.contents.names_redacted)
    return frozenset(
        oid
        for oid in mine.keys() & theirs.keys()
        if (renamed or not names or (mine[oid].schema, mine[oid].name) == (theirs[oid].schema, theirs[oid].name))
        and _index(mine[oid], theirs[oid].complete, values=values, names=names)
        == _index(theirs[oid], mine[oid].complete, values=values, names=names)
    )


def _index(index: Index, other_complete: bool, *, values: bool, names: bool) -> Hashable:
    definition = index.definition
    shape = (index.table_oid, definition.access_method, definition.unique, len(definition.include))
    order = tuple((key.column is None, key.descending, key.nulls_first) for key in definition.keys)
    if not names:
        return shape, order
    texts: tuple[str | None, ...] = ()
    # A lock may have kept them from being read in one place.
    if index.complete and other_complete:
        texts = (definition.predicate, *(key.expression for key in definition.keys))
    return (
        *(shape, order, definition.key_columns, definition.include),
        tuple((key.operator_class, key.collation) for key in definition.keys),
        texts if values else tuple(text and mask_literals(text) for text in texts),
    )


def different(one: Snapshot, other: Snapshot) -> frozenset[int]:
    """The oids of tables, sequences and functions that both know, by different names.

    Other cases are none of these: what only one of them knows may be there in the other all the same.
    """
    if one.contents.names_redacted or other.contents.names_redacted:
        return frozenset()
    found: set[int] = set()
    mine, theirs = one.catalog, other.catalog
    for known, there in (
        (mine.relations, theirs.relations),
        (mine.sequences, theirs.sequences),
        (mine.functions, theirs.functions),
    ):
        names, there_names = _names(known), _names(there)
        found.update(oid for oid in names.keys() & there_names.keys() if names[oid] != there_names[oid])
    return frozenset(found)


def _names(objects: Iterable[_Named]) -> Mapping[int, tuple[str, str]]:
    return {each.oid: (each.schema, each.name) for each in objects}
