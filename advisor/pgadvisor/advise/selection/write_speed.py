"""How fast a server writes, as the time of its own statements says: what write_costs.py measured is scaled by it.

The indexes that a table has take no more of its writes than these took in all, whatever was measured elsewhere; what a
new one takes is scaled alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pgadvisor.advise.selection.write_costs import CALL_US, FOREIGN_KEY_US, ROW_US
from pgadvisor.advise.selection.writes import UPSERTS_UPDATING, TableWrites
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import ConstraintKind, Index, Relation
from pgadvisor.model.shape import StatementKind, StatementShape

# What INSERTs may say of how fast a server writes, and from how many calls on.
_SLOWEST, _FASTEST = 4.0, 0.5
_LEAST_CALLS = 100

# Of an index of a table, rows inserted and row versions of updates that were not HOT: what statements take for it, in
# microseconds.
IndexTime = Callable[[Relation, Index, float, float], float]


class WriteSpeeds:
    """How many times as long as measured by us the server of a database takes to write to its tables."""

    def __init__(self, facts: Facts, writes: TableWrites, index_us: IndexTime) -> None:
        self._facts = facts
        self._writes = writes
        self._index_us = index_us
        self._usual: dict[int, float] = {}
        self._bounds: dict[int, float] = {}

    def of_statements(self, table: Relation) -> float:
        """For what statements that write to a table do: usually, or less where that were more than they took."""
        if table.oid not in self._bounds:
            self._bounds[table.oid] = self._bound(table)
        return min(self.usual(table), self._bounds[table.oid])

    def usual(self, table: Relation) -> float:
        """As INSERTs into a table say that do nothing else, 1 where there are too few."""
        if table.oid not in self._usual:
            self._usual[table.oid] = 1.0 if self._runs_triggers(table) else self._of_inserts(table)
        return self._usual[table.oid]

    def _of_inserts(self, table: Relation) -> float:
        measured_us = modelled_us = inserted = 0.0
        for shape in filter(self._is_plain, self._writes.statements(table.oid)):
            statement = self._facts.statements[shape.query_id]
            measured_us += statement.total_ms * 1000
            modelled_us += CALL_US * statement.calls + self._row_us(table) * statement.rows
            inserted += statement.rows
        modelled_us += self._indexes_us(table, inserted, 0.0)
        if not measured_us or not modelled_us:
            return 1.0
        return min(max(measured_us / modelled_us, _FASTEST), _SLOWEST)

    def _bound(self, table: Relation) -> float:
        """At which all indexes of a table took all the time of the statements that write entries to them."""
        measured_us = inserted = updated = 0.0
        for shape in self._writes.statements(table.oid):
            statement = self._facts.statements[shape.query_id]
            by_insert, by_update = (each * statement.rows for each in self._versions(table, shape))
            # Files may tell of statements and not what they took.
            if statement.total_ms and (by_insert or by_update):
                measured_us += statement.total_ms * 1000
                inserted += by_insert
                updated += by_update
        indexes_us = self._indexes_us(table, inserted, updated)
        return measured_us / indexes_us if measured_us and indexes_us else math.inf

    def _indexes_us(self, table: Relation, inserted: float, updated: float) -> float:
        return sum(self._index_us(table, index, inserted, updated) for index in self._facts.indexes_of(table.oid))

    def _row_us(self, table: Relation) -> float:
        keys = sum(each.kind is ConstraintKind.FOREIGN_KEY for each in self._facts.constraints_of(table.oid))
        return ROW_US + FOREIGN_KEY_US * keys

    def _versions(self, table: Relation, shape: StatementShape) -> tuple[float, float]:
        """Rows inserted and row versions of updates that are not HOT, for each row of a statement."""
        writes = self._writes.of(table.oid)
        hot = min(writes.hot_updated / writes.updated, 1.0) if writes is not None and writes.updated else 0.0
        match shape.kind:
            case StatementKind.UPDATE:
                return 0.0, 1.0 - hot
            case StatementKind.INSERT | StatementKind.MERGE:
                updating = UPSERTS_UPDATING if shape.columns_written else 0.0
                return 1.0 - updating, updating * (1.0 - hot)
        return 0.0, 0.0

    def _runs_triggers(self, table: Relation) -> bool:
        triggers = self._facts.snapshot.catalog.triggers
        return any("insert" in each.events for each in triggers if each.relation_oid == table.oid)

    def _is_plain(self, shape: StatementShape) -> bool:
        """Whether a statement does nothing but insert rows of values into a table, and does so often."""
        is_alone = len(shape.relations) == 1 and shape.relations[0].written and not shape.columns_read
        is_often = self._facts.statements[shape.query_id].calls >= _LEAST_CALLS
        return shape.kind is StatementKind.INSERT and is_alone and is_often and not shape.conflict_columns
