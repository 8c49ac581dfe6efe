"""What an index costs to have: disk, and the time that writes take more, in the unit of the gain."""

from __future__ import annotations

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.index_advice import IndexPrice

# Milliseconds that one more entry takes a writer, its page in memory.
_ENTRY_MS = 0.005


class Prices:
    """Prices of indexes on the tables of one database."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def of(self, definition: IndexDefinition, size_bytes: int | None, share: float = 1.0) -> IndexPrice:
        """The price of an index of this size that holds this share of its table's rows."""
        table = self._facts.relation_named(definition.schema, definition.table)
        written = None if table is None else self._facts.entries_written(table.oid)
        entries = None if written is None else written * share
        return IndexPrice(
            size_bytes=size_bytes, entries=entries, write_ms=None if entries is None else entries * _ENTRY_MS
        )
