"""The indexes that stand, as far as they spare another one."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.facts import Facts
from pgadvisor.indexes.standing import Standing
from pgadvisor.model.catalog import Index, Relation, RelationKind


class Existing:
    """Usable indexes of a database, by their tables; those being built count, those invalid otherwise do not."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._standing: dict[int, Standing[Index]] = {}
        self._unique: dict[int, tuple[tuple[frozenset[str | None], Index], ...]] = {}

    def serving(self, candidate: Candidate) -> str:
        """What does the work of a candidate already, as a name or several; "" where nothing does.

        A partitioned table is served where its own index does the work, or one of each of its partitions.
        """
        definition = candidate.definition
        table = self._facts.relation_named(definition.schema, definition.table)
        if table is None:
            return ""
        own = self._on(table, candidate)
        if own is not None:
            return _name(own)
        if table.kind is not RelationKind.PARTITIONED:
            return ""
        leaves = [leaf for leaf in self._facts.leaves(table.oid) if leaf.kind is not RelationKind.FOREIGN]
        found = [self._on(leaf, candidate) for leaf in leaves]
        if not found or None in found:
            return ""
        more = f" and those of {len(found) - 1} other partitions" if len(found) > 1 else ""
        return f"{_name(found[0])}{more}" if found[0] is not None else ""

    def finds(self, table: Relation, columns: Collection[str]) -> bool | None:
        """Whether rows are found by equality on all of these columns, on a partitioned table in each partition.

        None where an index might that could not be read whole.
        """
        own = self._finds_on(table, columns)
        leaves = [leaf for leaf in self._facts.leaves(table.oid) if leaf.oid != table.oid]
        if own or not leaves:
            return own
        verdicts = {self._finds_on(leaf, columns) for leaf in leaves}
        return False if False in verdicts else None if None in verdicts else True

    def _finds_on(self, table: Relation, columns: Collection[str]) -> bool | None:
        if any(self._of(table).serving_equality(columns)):
            return True
        unread = any(_usable(index) and not index.complete for index in self._facts.indexes_of(table.oid))
        return None if unread else False

    def _on(self, table: Relation, candidate: Candidate) -> Index | None:
        """The index of one table that serves; indexes of partitions are compared as if they were the parent's."""
        standing = self._of(table)
        definition = replace(candidate.definition, schema=table.schema, table=table.name)
        for index in standing.covering(definition):
            return index
        if not candidate.any_order or definition.include or definition.predicate is not None:
            return None
        columns = [name for name in definition.key_columns if name is not None]
        if len(columns) != len(definition.keys):
            return None
        for index in standing.serving_equality(columns):
            return index
        held = frozenset(columns)
        return next((index for unique, index in self._unique[table.oid] if unique <= held), None)

    def _of(self, table: Relation) -> Standing[Index]:
        found = self._standing.get(table.oid)
        if found is None:
            usable = [index for index in self._facts.indexes_of(table.oid) if _usable(index) and index.complete]
            found = self._standing[table.oid] = Standing((index, index.definition) for index in usable)
            self._unique[table.oid] = tuple(
                (frozenset(index.definition.key_columns), index)
                for index in usable
                if index.definition.unique and index.definition.predicate is None and index.valid
            )
        return found


def _usable(index: Index) -> bool:
    return (index.valid and index.ready and index.live) or index.being_built


def _name(index: Index) -> str:
    return f"{index.schema}.{index.name}"
