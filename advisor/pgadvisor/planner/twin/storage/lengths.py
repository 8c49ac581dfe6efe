"""How long the snapshot's relations are, and what pg_class says of them.

The planner takes the file's length as it is and scales the rows of pg_class by how much it has grown since
(estimate_rel_size, plancat.c), so both are carried over as they were at that time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Index, Relation, RelationKind

# What a relation can have at most (MaxBlockNumber), and what pg_class can say: int4 and float4.
_MOST_PAGES = 2**32 - 2
MOST_PAGES_TOLD = 2**31 - 1
MOST_ROWS = 3e38
_FEWEST_ROWS = 1e-30
_WITHOUT_FILE = frozenset({RelationKind.VIEW, RelationKind.PARTITIONED})


@dataclass(frozen=True)
class Standing:
    """A relation's row in pg_class. row_count None: never vacuumed nor analyzed."""

    pages: int
    row_count: float | None
    all_visible_pages: int = 0
    all_frozen_pages: int | None = None


class Lengths:
    """Lengths of the snapshot's tables and indexes, by the snapshot's oids."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def of(self, oid: int) -> int:
        """How many pages its file had when it was looked at, what pg_class said where that was not read; 0 of no file.

        A page is the audited server's, of whatever size.
        """
        relation = self._facts.relations.get(oid)
        if relation is not None and relation.kind in _WITHOUT_FILE:
            return 0
        found = self._sizes.get(oid)
        pages = self._object(oid).pages if found is None else found // self._facts.server.block_size_bytes
        return min(max(pages, 0), _MOST_PAGES)

    def standing(self, oid: int) -> Standing:
        """What pg_class says of it; an index of unknown rows has the table's."""
        found = self._object(oid)
        if isinstance(found, Relation):
            frozen = None if found.all_frozen_pages is None else _told(found.all_frozen_pages)
            return Standing(_told(found.pages), _rows(found.row_count), _told(found.all_visible_pages), frozen)
        row_count = found.row_count
        if row_count is None and found.definition.predicate is None and found.table_oid in self._facts.relations:
            row_count = self._facts.relations[found.table_oid].row_count
        return Standing(_told(found.pages), _rows(row_count))

    def rows_now(self, oid: int) -> float | None:
        """How many rows the planner takes a relation to have at its present length; None where it guesses."""
        standing = self.standing(oid)
        if standing.row_count is None or not standing.pages:
            return None
        return standing.row_count / standing.pages * self.of(oid)

    def _object(self, oid: int) -> Relation | Index:
        return self._facts.relations.get(oid) or self._facts.indexes[oid]

    @cached_property
    def _sizes(self) -> Mapping[int, int]:
        counters = self._facts.snapshot.counters
        return {} if counters is None else {row.oid: row.main_bytes for row in counters.sizes}


def _told(pages: int) -> int:
    """A number of pages that pg_class can hold, whatever a snapshot says."""
    return min(max(pages, 0), MOST_PAGES_TOLD)


def _rows(row_count: float | None) -> float | None:
    if row_count is None:
        return None
    return 0.0 if row_count < _FEWEST_ROWS else min(row_count, MOST_ROWS)
