"""Which indexes can bear on a statement: those that some plan of it might read."""

from __future__ import annotations

from pgadvisor.facts import Facts
from pgadvisor.indexes.algebra import readable
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.shape import ReadBy, StatementShape

# A table with what a statement looks for or orders by in it, and with all that it reads of it.
_Columns = dict[tuple[str, str], frozenset[str]]


class Relevance:
    """What one statement may read an index for, by its shape.

    It is a guess that saves questions: an index that a plan uses all the same counts from then on.
    """

    def __init__(self, facts: Facts, shape: StatementShape | None) -> None:
        known = shape is not None and not shape.unresolved and shape.read_by is ReadBy.PARSER
        self._searched: _Columns | None = None
        self._read: _Columns = {}
        if shape is not None and known:
            pairs = [(each.relation_oid, each.column) for each in shape.predicates]
            pairs += [(side.relation_oid, side.column) for join in shape.joins for side in (join.left, join.right)]
            pairs += [(each.relation_oid, each.column) for each in shape.sort]
            refs = (*shape.group, *shape.distinct, *shape.conflict_columns)
            self._searched = _by_table(facts, [*pairs, *((each.relation_oid, each.column) for each in refs)])
            self._read = _by_table(facts, [(ref.relation_oid, ref.column) for ref in shape.columns_read])

    def of(self, definition: IndexDefinition) -> bool:
        """Whether an index on a table of the statement might be read."""
        if self._searched is None or definition.predicate is not None or not definition.keys:
            return True
        table = (definition.schema, definition.table)
        searched = self._searched.get(table, frozenset())
        if definition.access_method not in ("btree", "hash"):
            return any(key.column is None or key.column in searched for key in definition.keys)
        first = definition.keys[0].column
        if first is None or first in searched:
            return True
        # It is smaller than the table and has all that is asked for.
        return self._read.get(table, frozenset()) <= readable(definition)


def _by_table(facts: Facts, columns: list[tuple[int, str]]) -> _Columns:
    found: dict[tuple[str, str], set[str]] = {}
    for relation_oid, column in columns:
        relation = facts.relations.get(relation_oid)
        for each in (relation, facts.root(relation_oid)):
            if each is not None:
                found.setdefault((each.schema, each.name), set()).add(column)
    return {table: frozenset(names) for table, names in found.items()}
