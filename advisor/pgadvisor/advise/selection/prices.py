"""What an index costs to have: disk, and the time that writes take more, in the unit of the gain.

All amounts are over the statements' window. What an entry takes is in write_costs.py, how many are written in
writes.py; here they are multiplied, for pages that are in memory and those that are not, and scaled by what the server
measured.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from pgadvisor.advise.selection.builds import build_ms, build_wal_bytes
from pgadvisor.advise.selection.caches import Caches
from pgadvisor.advise.selection.write_costs import PREDICATE_US, WAL_BYTES_PER_MS, EntryCost, entry_cost
from pgadvisor.advise.selection.write_speed import WriteSpeeds
from pgadvisor.advise.selection.writes import TableWrites, Writes
from pgadvisor.facts import Facts
from pgadvisor.indexes.size import estimated_size_bytes
from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.catalog import column_statistics
from pgadvisor.model.catalog import Index, IndexDefinition, Relation
from pgadvisor.model.index_advice import IndexPrice

# Updates that may be HOT need room on their page; where none was counted, nobody knows how often they find it.
_HOT_SHARE_UNKNOWN = 0.5
# BRIN's columns may change (PostgreSQL 16: "Allow HOT updates if only BRIN-indexed columns are updated").
_BRIN_STAYS_HOT = 16
_WORD = re.compile(r'"(?:[^"]|"")*"|[^\W\d][\w$]*')


@dataclass(frozen=True)
class _Entries:
    """What is written to one index over the window, and how many updates are not HOT because of it.

    Each of those gives every other index of the table an entry, too.
    """

    own: float
    dead: float
    lost_hot: float


class Prices:
    """Prices of indexes on the tables of one database."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._writes = TableWrites(facts)
        self._caches = Caches(facts)
        self._speeds = WriteSpeeds(facts, self._writes, self._written_us)
        self._columns: dict[int, dict[str, KeyStatistics]] = {}
        self._hindered: dict[int, Counter[str]] = {}

    def of(self, definition: IndexDefinition, size_bytes: int | None, share: float | None = None) -> IndexPrice:
        """The price of an index of this size that does not exist.

        share is how much of its table's rows it holds; None: by its size, beside that of all rows.
        """
        table = self._facts.relation_named(definition.schema, definition.table)
        if table is None:
            return IndexPrice(size_bytes=size_bytes)
        return self._price(table, definition, size_bytes, share)

    def of_existing(self, index: Index) -> IndexPrice:
        """What an index costs now, which is what its drop saves; build_* are what it takes to have it back."""
        table = self._facts.relations.get(index.table_oid)
        size_bytes = self._facts.size_bytes(index.oid)
        if table is None:
            return IndexPrice(size_bytes=size_bytes)
        return self._price(table, index.definition, size_bytes, self._share_of_existing(table, index), existing=index)

    def _price(
        self,
        table: Relation,
        definition: IndexDefinition,
        size_bytes: int | None,
        share: float | None,
        *,
        existing: Index | None = None,
    ) -> IndexPrice:
        rows = self._facts.row_count(table.oid)
        size = self._estimated_bytes(table, definition) if size_bytes is None else size_bytes
        writes = self._writes.of(table.oid)
        if share is None:
            share = 1.0 if size is None else self._share(table, definition, size)
        if rows is None or size is None:
            entries = None if writes is None else self._entries(table, definition, share, writes, existing).own
            return IndexPrice(size_bytes=size, entries=entries)
        columns = self._columns_of(table.oid)
        build = build_ms(
            definition,
            columns,
            table_rows=rows,
            table_bytes=self._facts.size_bytes(table.oid) or 0.0,
            entries=rows * share,
            size_bytes=size,
            cache_bytes=self._caches.system_bytes,
            block_size_bytes=self._facts.server.block_size_bytes,
        )
        priced = IndexPrice(size_bytes=size, build_ms=build, build_wal_bytes=build_wal_bytes(definition, size))
        return priced if writes is None else self._with_writes(priced, table, definition, share, writes, existing)

    def _with_writes(
        self,
        priced: IndexPrice,
        table: Relation,
        definition: IndexDefinition,
        share: float,
        writes: Writes,
        existing: Index | None,
    ) -> IndexPrice:
        size = priced.size_bytes or 0
        entries = self._entries(table, definition, share, writes, existing)
        cost = self._entry_cost(table, definition, size)
        fetched_us, images = self._caches.beyond_memory(cost, size, entries.own)
        wal_bytes = entries.own * cost.wal_bytes + images
        written_us = entries.own * (cost.us + fetched_us) + _looked_at_us(definition, writes.versions)
        dead_us = entries.dead * cost.dead_us
        for index in self._facts.indexes_of(table.oid) if entries.lost_hot else ():
            if index is existing:
                continue
            us, other_wal_bytes = self._written(table, index, entries.lost_hot)
            written_us += us
            dead_us += entries.lost_hot * self._existing_cost(table, index)[0].dead_us
            wal_bytes += other_wal_bytes
        written_ms = (written_us / 1000 + wal_bytes / WAL_BYTES_PER_MS) * self._speeds.of_statements(table)
        return IndexPrice(
            size_bytes=priced.size_bytes,
            entries=entries.own,
            write_ms=written_ms + dead_us / 1000 * self._speeds.usual(table),
            wal_bytes=wal_bytes,
            hot_updates=entries.lost_hot,
            build_ms=priced.build_ms,
            build_wal_bytes=priced.build_wal_bytes,
        )

    def _entries(
        self, table: Relation, definition: IndexDefinition, share: float, writes: Writes, existing: Index | None
    ) -> _Entries:
        held = _hinders_hot(definition, self._facts.server.major)
        itself = held if existing is not None else frozenset[str]()
        taken = frozenset(name for name, count in self._taken(table).items() if count > (name in itself))
        arriving = _arriving(definition, share, writes)
        if existing is None:
            lost = _hot_lost(writes, held, taken)
            updated = writes.updated - writes.hot_updated + lost
        else:
            lost = _hot_to_come(writes, held, taken)
            updated = writes.updated - writes.hot_updated
        own = writes.inserted * arriving + updated * share
        dead = updated * share + writes.deleted * share
        return _Entries(own=own, dead=dead, lost_hot=lost)

    def _taken(self, table: Relation) -> Counter[str]:
        """How many indexes of a table hinder HOT updates of each column."""
        if table.oid not in self._hindered:
            major = self._facts.server.major
            indexes = self._facts.indexes_of(table.oid)
            self._hindered[table.oid] = Counter(
                name for index in indexes for name in _hinders_hot(index.definition, major)
            )
        return self._hindered[table.oid]

    def _entry_cost(self, table: Relation, definition: IndexDefinition, size_bytes: float) -> EntryCost:
        pages = size_bytes / self._facts.server.block_size_bytes
        return entry_cost(definition, self._columns_of(table.oid), self._facts.row_count(table.oid) or 0.0, pages)

    def _existing_cost(self, table: Relation, index: Index) -> tuple[EntryCost, float]:
        size = float(self._facts.size_bytes(index.oid) or index.pages * self._facts.server.block_size_bytes)
        return self._entry_cost(table, index.definition, size), size

    def _written(self, table: Relation, index: Index, entries: float) -> tuple[float, float]:
        """What so many entries of an existing index take: microseconds, and bytes of WAL."""
        cost, size = self._existing_cost(table, index)
        fetched_us, images = self._caches.beyond_memory(cost, size, entries)
        return entries * (cost.us + fetched_us), entries * cost.wal_bytes + images

    def _written_us(self, table: Relation, index: Index, inserted: float, updated: float) -> float:
        """What an existing index takes of statements that write so many row versions, its WAL with it."""
        share = self._share_of_existing(table, index)
        writes = self._writes.of(table.oid)
        if share is None or writes is None:
            entries = inserted + updated
        else:
            entries = inserted * _arriving(index.definition, share, writes) + updated * share
        us, wal_bytes = self._written(table, index, entries)
        return us + wal_bytes / WAL_BYTES_PER_MS * 1000 + _looked_at_us(index.definition, inserted + updated)

    def _share_of_existing(self, table: Relation, index: Index) -> float | None:
        """The share of rows that a partial index holds, where both were counted."""
        rows = self._facts.row_count(table.oid)
        if index.definition.predicate is None or not rows or index.row_count is None:
            return None
        return min(index.row_count / rows, 1.0)

    def _share(self, table: Relation, definition: IndexDefinition, size_bytes: float) -> float:
        """The share of the rows that a partial index holds: its size beside that of the same with all rows."""
        if definition.predicate is None:
            return 1.0
        whole = self._estimated_bytes(table, _without_predicate(definition))
        return min(size_bytes / whole, 1.0) if whole else 1.0

    def _estimated_bytes(self, table: Relation, definition: IndexDefinition) -> int | None:
        known = self._facts
        held = {*definition.key_columns, *definition.include}
        return estimated_size_bytes(
            definition,
            known.row_count(table.oid),
            {
                name: statistics
                for name, statistics in self._columns_of(table.oid).items()
                if name in held and known.stored_statistics(table.oid, name) is not None
            },
            table_pages=sum(leaf.pages for leaf in known.leaves(table.oid)),
            block_size_bytes=known.server.block_size_bytes,
        )

    def _columns_of(self, table_oid: int) -> Mapping[str, KeyStatistics]:
        if table_oid not in self._columns:
            columns = self._facts.columns(table_oid)
            stored = {each.name: self._facts.stored_statistics(table_oid, each.name) for each in columns}
            known = {name: row for name, row in stored.items() if row is not None}
            self._columns[table_oid] = column_statistics(columns, known, self._facts.snapshot.catalog.collations)
        return self._columns[table_oid]


def _hot_lost(writes: Writes, held: frozenset[str], taken: frozenset[str]) -> float:
    """HOT updates that are none with an index on these columns; taken are those of the other indexes.

    PostgreSQL manual, "Heap-Only Tuples": an update is HOT only if it modifies no indexed column. Those counted are
    shared out among the statements seen that may have been HOT.
    """
    able = [each for each in writes.updates if not each.columns & taken]
    rows = sum(each.rows for each in able)
    losing = sum(each.rows for each in able if each.columns & held)
    if not losing:
        return 0.0
    hot = writes.hot_updated if writes.hot_updated else min(rows, writes.updated) * _HOT_SHARE_UNKNOWN
    return min(hot, writes.updated) * losing / rows


def _hot_to_come(writes: Writes, held: frozenset[str], taken: frozenset[str]) -> float:
    """Updates that may be HOT without an index on these columns, which they change: of those that were not.

    taken are the columns of the other indexes. They find room on their page as those do that are HOT now.
    """
    able = [each for each in writes.updates if not each.columns & taken]
    hindered = sum(each.rows for each in able if each.columns & held)
    others = sum(each.rows for each in able) - hindered
    room = min(writes.hot_updated / others, 1.0) if others and writes.hot_updated else _HOT_SHARE_UNKNOWN
    return min(hindered, max(writes.updated - writes.hot_updated, 0.0)) * room


def _arriving(definition: IndexDefinition, share: float, writes: Writes) -> float:
    """The share of inserted rows that a predicate admits; those of a queue come, and leave it by an update."""
    return 1.0 if any(each.columns & _words(definition.predicate) for each in writes.updates) else share


def _looked_at_us(definition: IndexDefinition, versions: float) -> float:
    return PREDICATE_US * versions if definition.predicate is not None else 0.0


def _hinders_hot(definition: IndexDefinition, major: int) -> frozenset[str]:
    """Columns whose change makes an update one that is not HOT: keys, included ones, those of expressions."""
    if definition.access_method == "brin" and major >= _BRIN_STAYS_HOT:
        return frozenset()
    named = {name for name in (*definition.key_columns, *definition.include) if name is not None}
    for key in definition.keys:
        named |= _words(key.expression)
    return frozenset(named | _words(definition.predicate))


def _words(text: str | None) -> frozenset[str]:
    """Names in an expression, as the catalog has them, among them those of columns."""
    if text is None:
        return frozenset()
    found = _WORD.findall(text)
    return frozenset(each[1:-1].replace('""', '"') if each.startswith('"') else each.lower() for each in found)


def _without_predicate(definition: IndexDefinition) -> IndexDefinition:
    return replace(definition, predicate=None)
