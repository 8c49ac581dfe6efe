"""How much is written to tables over the statements' window: by their counters, and by the statements that write them.

The counters of tables are over a window of their own, often a longer one with the first load in it, so that they are
scaled to the statements', and what was loaded once is left out where the statements tell that it was.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from pgadvisor.facts import Facts
from pgadvisor.model.counters import SERVER_START
from pgadvisor.model.shape import StatementKind, StatementShape

# An INSERT that was called once and brought so much of its table is no part of what happens every day.
_LOAD_SHARE = 0.2
# Of an INSERT ... ON CONFLICT DO UPDATE, or a MERGE, nobody knows how many were there; so half of them.
UPSERTS_UPDATING = 0.5
# Counters and statements are reset and read one after the other.
_SAME_WINDOW_S = 5.0


@dataclass(frozen=True)
class Update:
    """Rows that statements updated, over their window, and the columns that they assign."""

    columns: frozenset[str]
    rows: float


@dataclass(frozen=True)
class Writes:
    """Rows written to a table with all its partitions, over the statements' window.

    updates are those of statements seen: they may account for fewer than were counted.
    """

    inserted: float
    updated: float
    hot_updated: float
    deleted: float
    updates: tuple[Update, ...] = ()

    @property
    def versions(self) -> float:
        """Row versions that every index without a predicate gets an entry for."""
        return self.inserted + self.updated - self.hot_updated


class TableWrites:
    """Writes of the tables of a database."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: dict[int, Writes | None] = {}

    def of(self, table_oid: int) -> Writes | None:
        """What is written to a table; None where nobody can say, as on a standby."""
        if table_oid not in self._known:
            self._known[table_oid] = self._of(table_oid)
        return self._known[table_oid]

    def _of(self, table_oid: int) -> Writes | None:
        facts = self._facts
        counters = facts.table_counters(table_oid)
        if facts.server.in_recovery:
            return None
        updates = self._updates(table_oid)
        inserted = self._rows(table_oid, StatementKind.INSERT) + self._rows(table_oid, StatementKind.MERGE)
        deleted = self._rows(table_oid, StatementKind.DELETE)
        updated = sum(each.rows for each in updates)
        counted = sum(row.rows_updated for row in counters)
        hot = sum(row.rows_hot_updated for row in counters) / counted if counted else 0.0
        scale = self._scale
        if not counters or not facts.counts_writes or scale is None:
            if not inserted and not deleted and not updated and not self._all_seen:
                return None
            return Writes(inserted, updated, updated * hot, deleted, updates)
        loaded = 0 if self._trusts_counters(table_oid, inserted) else sum(row.live_rows for row in counters)
        updated = max(scale * counted, updated)
        return Writes(
            inserted=max(scale * max(sum(row.rows_inserted for row in counters) - loaded, 0), inserted),
            updated=updated,
            hot_updated=updated * hot,
            deleted=max(scale * sum(row.rows_deleted for row in counters), deleted),
            updates=updates,
        )

    def _trusts_counters(self, table_oid: int, inserted: float) -> bool:
        """Whether rows that stand may have come in the ordinary way, and not by a load that was counted too.

        They may where no statement tells how rows come, and not all statements were looked into.
        """
        return not inserted and not self._all_seen and not self._loads(table_oid)

    @cached_property
    def _scale(self) -> float | None:
        """What counts of tables are multiplied by; None where the length of a window is not known."""
        calls, writes = self._facts.snapshot.calls_window, self._facts.snapshot.writes_window
        if calls is None or writes is None or calls.seconds is None or not writes.seconds:
            return None
        if abs(calls.seconds - writes.seconds) <= _SAME_WINDOW_S:
            return 1.0
        scale = calls.seconds / writes.seconds
        # Counters and statements both outlive a clean stop, and neither a crash: where statements were counted before
        # the server's start, so were writes.
        return min(scale, 1.0) if writes.source == SERVER_START else scale

    @cached_property
    def _all_seen(self) -> bool:
        """Whether every statement that the server counted was understood, and none was forgotten.

        Statements from files alone say nothing of others: their rows are of no role.
        """
        known = self._facts.snapshot.statements
        return (
            known is not None
            and any(row.user_oid for row in known.rows)
            and not known.evicted
            and all(query_id in self._facts.shapes for query_id in self._facts.statements)
        )

    def _updates(self, table_oid: int) -> tuple[Update, ...]:
        found: dict[frozenset[str], float] = defaultdict(float)
        oids = self._names(table_oid)
        for shape in self.statements(table_oid):
            columns = frozenset(ref.column for ref in shape.columns_written if ref.relation_oid in oids)
            if columns and shape.kind in (StatementKind.UPDATE, StatementKind.MERGE, StatementKind.INSERT):
                share = 1.0 if shape.kind is StatementKind.UPDATE else UPSERTS_UPDATING
                found[columns] += share * self._facts.statements[shape.query_id].rows
        return tuple(Update(columns, rows) for columns, rows in sorted(found.items(), key=lambda e: sorted(e[0])))

    def _rows(self, table_oid: int, kind: StatementKind) -> float:
        loads = {shape.query_id for shape in self._loads(table_oid)}
        return float(
            sum(
                self._facts.statements[shape.query_id].rows * (1.0 - UPSERTS_UPDATING if shape.columns_written else 1.0)
                for shape in self.statements(table_oid)
                if shape.kind is kind and shape.query_id not in loads
            )
        )

    def _loads(self, table_oid: int) -> tuple[StatementShape, ...]:
        """INSERTs that filled the table, once."""
        rows = self._facts.row_count(table_oid) or 0.0
        return tuple(
            shape
            for shape in self.statements(table_oid)
            if shape.kind is StatementKind.INSERT
            and (statement := self._facts.statements[shape.query_id]).calls == 1
            and statement.rows >= max(_LOAD_SHARE * rows, 1)
        )

    def statements(self, table_oid: int) -> tuple[StatementShape, ...]:
        """Shapes of statements that write to a table, or to a partition of it."""
        oids = self._names(table_oid)
        return tuple(
            shape
            for shape in self._facts.statements_on(table_oid)
            if any(used.written and used.relation_oid in oids for used in shape.relations)
        )

    def _names(self, table_oid: int) -> frozenset[int]:
        """What statements may call the table: itself, or what it is a partition of."""
        root = self._facts.root(table_oid)
        return frozenset((table_oid,) if root is None else (table_oid, root.oid))
