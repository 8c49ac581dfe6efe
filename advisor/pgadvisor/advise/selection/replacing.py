"""Existing indexes that a new one can stand in for, so that they may go: those that neither enforce nor identify."""

from __future__ import annotations

from collections import defaultdict

from pgadvisor.facts import Facts
from pgadvisor.indexes.algebra import covers
from pgadvisor.model.catalog import Index, IndexDefinition


class Replaceable:
    """Indexes of a database that may be replaced, by their table."""

    def __init__(self, facts: Facts) -> None:
        self._by_table: dict[tuple[str, str], list[Index]] = defaultdict(list)
        for index in sorted(facts.indexes.values(), key=lambda each: (each.schema, each.name)):
            if _only_serves(facts, index):
                self._by_table[index.definition.schema, index.definition.table].append(index)

    def by(self, definition: IndexDefinition) -> list[Index]:
        """Those that an index can stand in for, by name: it serves every scan of theirs, whoever asks for it."""
        same_table = self._by_table.get((definition.schema, definition.table), [])
        return [index for index in same_table if covers(definition, index.definition)]


def _only_serves(facts: Facts, index: Index) -> bool:
    """Whether nothing hangs on an index but how fast it is; a partition's goes with its parent's."""
    usable = index.valid and index.ready and index.live and index.complete and not index.being_built
    if not usable or index.parent_oid is not None or index.definition.unique:
        return False
    return not any(
        each.primary
        or each.exclusion
        or each.replica_identity
        or each.clustered
        or each.constraint_oid is not None
        or facts.constraint_of_index(each) is not None
        or facts.referencing(each)
        for each in (index, *facts.child_indexes(index.oid))
    )
