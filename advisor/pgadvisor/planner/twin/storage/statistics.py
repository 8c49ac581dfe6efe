"""Statistics of the expressions of indexes that do not exist: what the first ANALYZE would find in them.

Right after CREATE INDEX there are none; autovacuum makes them soon after. Where nobody knows what it would find, the
planner's defaults stand in, as they do until then.

The planner reads the statistics of an index that is whole, never those of a partial one (examine_variable, selfuncs.c),
but for the correlation of its first column (btcostestimate): of partial ones only what was found by ANALYZE in another
with the same predicate is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from pgadvisor.indexes.sizes.kept import kept_of, statistics_of
from pgadvisor.masking import mask_literals
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.statistics import PgStats
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.statistics.slots import slots_of
from pgadvisor.planner.twin.statistics.staging import COLUMNS, Staged, Staging
from pgadvisor.planner.twin.statistics.subjects import read_attributes
from pgadvisor.planner.twin.statistics.types import FLOAT8, MONEY, TEXT, TwinTypes
from pgadvisor.planner.twin.storage.new_indexes import Part

# The first versions with statistics of expressions apart from indexes, and with those of children apart.
_EXPRESSIONS, _INHERITED = 14, 15
_FOUND = """
SELECT
  i.indexrelid AS index, i.indrelid AS relation, a.attnum AS number, a.attname AS name, a.attcollation AS collation,
  pg_get_indexdef(i.indexrelid, a.attnum, false) AS expression, pg_get_expr(i.indpred, i.indrelid) AS predicate
FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indexrelid AND a.attnum > 0 AND i.indkey[a.attnum - 1] = 0
"""
_NEW = f"new AS MATERIALIZED ({_FOUND} WHERE i.indexrelid = ANY (%(new)s::oid[]))"
_VALUES = COLUMNS.partition("stainherit, ")[2]
_OF_INDEXES = f"""
WITH {_NEW}, old AS MATERIALIZED (
  {_FOUND}
  WHERE i.indrelid IN (SELECT relation FROM new) AND i.indexrelid <> ALL (%(imagined)s::oid[])
    AND EXISTS (SELECT FROM pg_statistic AS s WHERE s.starelid = i.indexrelid AND s.staattnum = a.attnum)
)
INSERT INTO pg_statistic ({COLUMNS})
SELECT DISTINCT ON (new.index, new.number) new.index, new.number, false, {_VALUES}
FROM new
JOIN old ON old.relation = new.relation AND old.expression = new.expression
  AND old.predicate IS NOT DISTINCT FROM new.predicate
JOIN pg_statistic AS s ON s.starelid = old.index AND s.staattnum = old.number AND NOT s.stainherit
ORDER BY new.index, new.number, old.collation <> new.collation, old.index
"""  # noqa: S608 - of our own texts alone
_OF_EXTENDED = f"""
WITH {_NEW}
INSERT INTO pg_statistic ({COLUMNS})
SELECT DISTINCT ON (new.index, new.number) new.index, new.number, false, {_VALUES}
FROM new
JOIN pg_statistic_ext AS x ON x.stxrelid = new.relation
JOIN pg_statistic_ext_data AS d ON d.stxoid = x.oid {{own}}
CROSS JOIN LATERAL ROWS FROM (unnest(pg_get_statisticsobjdef_expressions(x.oid)), unnest(d.stxdexpr)) AS g (expression)
WHERE new.expression IN (g.expression, '(' || g.expression || ')') AND new.predicate IS NULL AND stanullfrac IS NOT NULL
  AND NOT EXISTS (SELECT FROM pg_statistic AS s WHERE s.starelid = new.index AND s.staattnum = new.number)
ORDER BY new.index, new.number, x.oid
"""  # noqa: S608 - of our own texts alone
_LEFT = f"""
WITH {_NEW}
SELECT new.index::int8, new.relation::int8, new.number::int4, new.name::text, new.expression
FROM new
WHERE new.predicate IS NULL
  AND NOT EXISTS (SELECT FROM pg_statistic AS s WHERE s.starelid = new.index AND s.staattnum = new.number)
ORDER BY 1, 3
"""  # noqa: S608 - of our own texts alone

_NOT_SEEN = "ANALYZE has not seen its values, so "
_GUESSED = (
    _NOT_SEEN + "the NULLs and the number of different values of its column stand in, and the planner's defaults for "
    "the rest; once the index is built and analyzed, plans of statements that use it may be others"
)
_SAME_VALUES = (
    _NOT_SEEN
    + "the statistics of its column stand in, as the values that these hold would be the same; once the index "
    "is built and analyzed, plans of statements that use it may be others"
)
_UNKNOWN = (
    _NOT_SEEN + "the planner's defaults stand in, as on the server right after CREATE INDEX; once the index is "
    "analyzed, which autovacuum does soon, plans of statements that use it may be others"
)

# An index and the number of its column.
_Place = tuple[int, int]


class _Left(NamedTuple):
    """An expression of an index of the twin's that has no statistics, by the twin's oids."""

    index_oid: int
    table_oid: int
    number: int
    name: str
    expression: str


class ExpressionStatistics:
    """Gives indexes that were made on a twin the statistics of their expressions."""

    def __init__(self, building: Building) -> None:
        self._building = building
        self._imagined: list[int] = []

    def add(self, parts: Mapping[IndexDefinition, Sequence[Part]]) -> dict[IndexDefinition, tuple[Shortfall, ...]]:
        """Adds them to indexes just made; of each definition what ANALYZE would know otherwise.

        Raises psycopg.OperationalError where the server is gone.
        """
        on_expressions = {each: some for each, some in parts.items() if None in each.key_columns}
        new = [part.oid for some in on_expressions.values() for part in some if part.has_file]
        if not new:
            return {}
        # What was derived for one index is no statistics of another.
        self._imagined += new
        found = {"new": new, "imagined": self._imagined}
        admin = self._building.admin
        admin.execute(_OF_INDEXES.encode(), found)
        if self._building.major >= _EXPRESSIONS:
            own = "AND NOT d.stxdinherit" if self._building.major >= _INHERITED else ""
            admin.execute(_OF_EXTENDED.format(own=own).encode(), found)
        left = [_Left(*row) for row in admin.execute(_LEFT.encode(), found)]
        guessed = self._guess(left) if left else {}
        places = {(each.index_oid, each.number): guessed.get((each.index_oid, each.number), _UNKNOWN) for each in left}
        return {each: self._told(each, some, places) for each, some in on_expressions.items()}

    def _guess(self, left: Sequence[_Left]) -> dict[_Place, str]:
        """Adds what their columns say of expressions; of those of which they do, how much."""
        types = TwinTypes(self._building.admin, (MONEY,))
        tables = {each.table_oid for each in left}
        attributes = read_attributes(self._building, tables | {each.index_oid for each in left})
        subjects = [each.subject for some in attributes.values() for each in some.by_name.values()]
        types.read([TEXT, FLOAT8, *(subject.type_oid for subject in subjects if subject is not None)])
        staged: dict[_Place, Staged] = {}
        for each in left:
            subject = attributes[each.index_oid].by_name[each.name].subject
            kept = kept_of(each.expression, self._columns(each.table_oid))
            row = None if kept is None else self._rows.get((self._snapshot_oids[each.table_oid], kept.column))
            # 0 is what ANALYZE writes where it does not know, and where there is nothing but NULLs.
            if subject is None or kept is None or row is None or (not row.n_distinct and row.null_fraction < 1):
                continue
            column = attributes[each.table_oid].by_name[kept.column].subject
            same_collation = column is not None and column.collation == subject.collation
            made = statistics_of(kept, row, same_collation=same_collation)
            staged[each.index_oid, each.number] = Staged(
                relation=each.index_oid,
                column=each.number,
                inherited=False,
                null_fraction=made.null_fraction,
                average_width_bytes=made.average_width_bytes,
                n_distinct=made.n_distinct,
                slots=slots_of(made, subject, types).slots,
            )
        if staged:
            staging = Staging(self._building.admin)
            staging.insert(list(staged.values()))
            staging.drop()
        return {place: _SAME_VALUES if row.slots else _GUESSED for place, row in staged.items()}

    def _told(
        self, definition: IndexDefinition, parts: Sequence[Part], places: Mapping[_Place, str]
    ) -> tuple[Shortfall, ...]:
        """What is said of a definition's expressions, each once, by the least known of its partitions."""
        table = self._building.facts.relation_named(definition.schema, definition.table)
        told = []
        for number, key in enumerate(definition.keys, start=1):
            reasons = {places[part.oid, number] for part in parts if (part.oid, number) in places}
            if reasons and table is not None:
                reason = next(each for each in (_UNKNOWN, _GUESSED, _SAME_VALUES) if each in reasons)
                what = f"statistics of the expression {mask_literals(key.expression or '')}"
                told.append(Shortfall(what=what, reason=reason, relation_oids=(table.oid,)))
        return tuple(told)

    def _columns(self, table_oid: int) -> dict[str, str]:
        """Columns of a table of the twin's, with their types."""
        return {each.name: each.type_name for each in self._building.facts.columns(self._snapshot_oids[table_oid])}

    @cached_property
    def _snapshot_oids(self) -> Mapping[int, int]:
        return {twin: oid for oid, twin in self._building.oids.items()}

    @cached_property
    def _rows(self) -> Mapping[tuple[int, str], PgStats]:
        """Statistics of columns over a table's own rows."""
        rows = self._building.facts.snapshot.column_statistics
        return {(row.relation_oid, row.column): row for row in rows if not row.inherited}
