"""Indexes arranged by what each can do, so that those that could serve are found without looking at all the others.

A table can have thousands of indexes; compared pair by pair they would take hours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from pgadvisor.indexes.algebra import (
    ANY_COLUMN_ALONE,
    KNOWN,
    bare,
    covers,
    either_direction,
    likeness,
    readable,
    serves_equality_on,
)
from pgadvisor.indexes.predicates import conditions
from pgadvisor.model.catalog import IndexDefinition

T = TypeVar("T")

# INDEX_MAX_KEYS as PostgreSQL is built: longer ones are found by their first keys, or not at all.
MAX_KEYS = 32


class Standing(Generic[T]):
    """Indexes that are there, each as an item of the caller's with its definition, in the order they were added."""

    def __init__(self, members: Iterable[tuple[T, IndexDefinition]] = ()) -> None:
        self._able: dict[Hashable, list[tuple[T, IndexDefinition]]] = defaultdict(list)
        self._searched: dict[frozenset[str], list[tuple[T, IndexDefinition]]] = defaultdict(list)
        for item, definition in members:
            self.add(item, definition)

    def add(self, item: T, definition: IndexDefinition) -> None:
        """One more."""
        member = (item, definition)
        for ability in _abilities(definition):
            self._able[ability].append(member)
        for columns in dict.fromkeys(first_columns(definition)):
            self._searched[columns].append(member)

    def covering(self, narrow: IndexDefinition) -> Iterator[T]:
        """Those that can stand in for an index (see covers), itself among them if it was added."""
        fewest = min((self._able.get(ability, []) for ability in _needs(narrow)), key=len)
        for item, wide in fewest:
            if covers(wide, narrow):
                yield item

    def serving_equality(self, columns: Collection[str]) -> Iterator[T]:
        """Those that find rows by equality on all of these columns (see serves_equality_on), whatever their table."""
        for item, definition in self._searched.get(frozenset(columns), ()):
            if serves_equality_on(definition, columns):
                yield item


def _abilities(definition: IndexDefinition) -> Iterator[Hashable]:
    """What an index covers must need one of these, and nothing else."""
    if definition.access_method not in KNOWN:
        yield likeness(definition)
        return
    place = _place(definition)
    if definition.access_method in ANY_COLUMN_ALONE:
        for key in set(bare(definition.keys)):
            yield place, key
    else:
        for length in range(1, min(len(definition.keys), MAX_KEYS) + 1):
            yield place, _beginning(definition, length)
    for column in readable(definition):
        yield place, column


def _needs(definition: IndexDefinition) -> Iterator[Hashable]:
    if definition.access_method not in KNOWN:
        yield likeness(definition)
        return
    place = _place(definition)
    if definition.access_method in ANY_COLUMN_ALONE:
        for key in bare(definition.keys):
            yield place, key
    else:
        yield place, _beginning(definition, min(len(definition.keys), MAX_KEYS))
    for column in definition.include:
        yield place, column


def _place(definition: IndexDefinition) -> Hashable:
    """What an index and all those that it covers have in common."""
    return definition.schema, definition.table, definition.access_method, conditions(definition.predicate).others


def _beginning(definition: IndexDefinition, length: int) -> Hashable:
    keys = definition.keys[:length]
    return either_direction(keys) if definition.access_method == "btree" else bare(keys)


def first_columns(definition: IndexDefinition) -> Iterator[frozenset[str]]:
    """The sets of columns that an index could serve equality on: its first, its first two, and so on."""
    columns: set[str] = set()
    for key in definition.keys[:MAX_KEYS]:
        if key.column is None:
            return
        columns.add(key.column)
        yield frozenset(columns)
