"""What the estimates need, taken from the catalog and the statistics of a snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pgadvisor.indexes.sizes.attributes import KeyStatistics, of_column
from pgadvisor.indexes.sizes.groups import occupied
from pgadvisor.model.catalog import Column, Constraint, ConstraintKind
from pgadvisor.model.objects import Collation, ExtendedStatistics
from pgadvisor.model.statistics import PgStats


def column_statistics(
    columns: Iterable[Column], statistics: Mapping[str, PgStats], collations: Iterable[Collation] = ()
) -> dict[str, KeyStatistics]:
    """Columns of one table by name, those without statistics by what their type says.

    Collations are found by their name alone, with or without schema.
    """
    loose = {
        name for each in collations if not each.deterministic for name in (each.name, f"{each.schema}.{each.name}")
    }
    return {
        column.name: of_column(
            column,
            statistics.get(column.name),
            deterministic=column.collation is None or column.collation not in loose,
        )
        for column in columns
    }


def distinct_counts(
    columns: Iterable[Column],
    row_count: float,
    constraints: Iterable[Constraint] = (),
    extended: Iterable[ExtendedStatistics] = (),
    row_counts: Mapping[int, float] | None = None,
) -> dict[frozenset[str], float]:
    """How many different combinations some columns of a table have, as far as anything says so.

    Extended statistics (ndistinct) say it; a unique constraint has one for each row; a foreign key of several columns
    has at most as many as the table referred to has rows. row_counts are of these tables, by oid. constraints and
    extended statistics are the table's.
    """
    found: dict[frozenset[str], float] = {}
    for constraint in constraints:
        named = frozenset(constraint.columns)
        if constraint.kind in (ConstraintKind.PRIMARY_KEY, ConstraintKind.UNIQUE):
            found[named] = row_count
        elif constraint.kind is ConstraintKind.FOREIGN_KEY and len(named) > 1:
            referred = (row_counts or {}).get(constraint.referenced_oid or 0)
            if referred is not None:
                found.setdefault(named, occupied(max(referred, 1.0), row_count))
    names = {column.number: column.name for column in columns}
    for statistics in extended:
        found |= _n_distinct(statistics, names)
    return found


def _n_distinct(statistics: ExtendedStatistics, names: Mapping[int, str]) -> dict[frozenset[str], float]:
    """Those of columns, expressions having no number; text as pg_ndistinct_out writes it: {"2, 3": 17}."""
    try:
        read = json.loads(statistics.n_distinct or "{}")
    except ValueError:
        return {}
    found: dict[frozenset[str], float] = {}
    for numbers, count in read.items() if isinstance(read, dict) else ():
        named = [names.get(int(number)) for number in numbers.split(",") if number.strip().isdecimal()]
        known = frozenset(name for name in named if name is not None)
        if len(known) == len(numbers.split(",")) and isinstance(count, int | float):
            found[known] = float(count)
    return found
