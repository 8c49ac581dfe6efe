"""Which attribute of the twin a row of pg_stats is of, and of which type its values are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pgadvisor.model.statistics import PgStats
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.statistics.slots import Subject
from pgadvisor.planner.wire import checked, encoded

# An index may store another type than its expression has (hashes, lexemes, boxes), where ANALYZE goes by the
# expression: examine_attribute in src/backend/commands/analyze.c.
_ATTRIBUTES = """
SELECT
  a.attrelid::int8 AS relation, a.attname::text AS name, a.attnum::int4 AS number, a.atttypid::int8 AS type_oid,
  a.attcollation::int8 AS collation,
  x.indkey[a.attnum - 1] = 0 AS is_expression,
  CASE WHEN x.indkey[a.attnum - 1] = 0 AND (o.opckeytype <> 0 OR m.amname = 'hash')
    THEN pg_get_indexdef(x.indexrelid, a.attnum, false) END AS expression,
  CASE WHEN t.typtype <> 'p' THEN o.opcintype::int8 END AS taken,
  quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS table_name
FROM pg_attribute AS a
LEFT JOIN pg_index AS x ON x.indexrelid = a.attrelid
LEFT JOIN pg_opclass AS o ON o.oid = x.indclass[a.attnum - 1]
LEFT JOIN pg_am AS m ON m.oid = o.opcmethod
LEFT JOIN pg_type AS t ON t.oid = o.opcintype
LEFT JOIN pg_class AS c ON c.oid = x.indrelid
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True)
class Attribute:
    """A column of a relation or index of the twin; subject is None where the type of its expression is unknown."""

    number: int
    subject: Subject | None
    is_expression: bool


@dataclass
class Attributes:
    """The columns of one relation by name."""

    by_name: dict[str, Attribute] = field(default_factory=dict)

    def matched(self, rows: Sequence[PgStats]) -> list[tuple[PgStats, Attribute | None]]:
        """Each row with its attribute, None where there is none.

        Versions name the columns of indexes on expressions differently; where one of them and one name are left over,
        they belong together.
        """
        names = {row.column for row in rows}
        open_names = names - self.by_name.keys()
        left = [self.by_name[name] for name in self.by_name.keys() - names if self.by_name[name].is_expression]
        instead = left[0] if len(open_names) == len(left) == 1 else None
        return [(row, self.by_name.get(row.column, instead)) for row in rows]


def read_attributes(building: Building, relations: Iterable[int]) -> dict[int, Attributes]:
    """The columns of relations of the twin, by the relation's oid there."""
    found: dict[int, Attributes] = {}
    rows = building.admin.execute(_ATTRIBUTES.encode(), [list(relations)])
    for relation, name, number, type_oid, collation, is_expression, expression, taken, table in rows.fetchall():
        known: int | None = type_oid
        if expression is not None:
            types = expression_types(building.builder, table, [expression])
            known = types[0] if types else taken
        subject = None if known is None else Subject(known, collation)
        attributes = found.setdefault(relation, Attributes())
        attributes.by_name[name] = Attribute(number, subject, bool(is_expression))
    return found


def expression_types(builder: psycopg.Connection[Any], table: str, expressions: Sequence[str]) -> list[int]:
    """The types of expressions over a table, as the server finds them without running anything; [] where it refuses.

    Raises psycopg.OperationalError where the server is gone.
    """
    listed = ", ".join(f"({expression})" for expression in expressions)
    query = f"SELECT {listed} FROM ONLY {table}"  # noqa: S608 - the server's own texts, parsed and never run
    try:
        checked(builder, builder.pgconn.prepare(b"", encoded(builder, query)))
        described = checked(builder, builder.pgconn.describe_prepared(b""))
    except psycopg.Error:
        if builder.closed:
            raise
        return []
    return [described.ftype(position) for position in range(described.nfields)]
