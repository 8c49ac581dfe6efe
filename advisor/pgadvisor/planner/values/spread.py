"""How the rows of a column are spread over its values, as pg_stats tells, and what the planner makes of it.

The selectivities are those of the manual, "Row Estimation Examples", and of src/backend/utils/adt/selfuncs.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pgadvisor.array_text import texts

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.shape import Predicate
    from pgadvisor.model.statistics import ColumnStatistics

# What the planner takes for conditions on unknown values (DEFAULT_INEQ_SEL, DEFAULT_RANGE_INEQ_SEL,
# DEFAULT_MATCH_SEL; ANY of an array of unknown length counts as ten elements).
HALF_OPEN, ENCLOSED, MATCHING = 1 / 3, 0.005, 0.005
UNKNOWN_ELEMENTS = 10
_INTEGER_LIMITS = {"int2": 32_767, "int4": 2_147_483_647, "int8": 9_223_372_036_854_775_807}
_ABSENT_TEXT = "no such value in pg_stats"
_ABSENT_UUID = "ffffffff-ffff-4fff-bfff-ffffffffffff"


@dataclass(frozen=True)
class Spread:
    """A column's values: name is "schema.table.column", type_name that of pg_type; distinct None where unknown.

    table_rows is what the table holds, 0 where that is unknown.
    """

    name: str
    type_name: str
    category: str
    statistics: ColumnStatistics
    distinct: float | None
    table_rows: float

    @cached_property
    def listed(self) -> tuple[tuple[str, float], ...]:
        """The most common values with their shares of the rows, the commonest first."""
        values, shares = self.statistics.most_common_values or (), self.statistics.most_common_frequencies or ()
        return tuple(zip(values, shares, strict=False))

    @cached_property
    def common(self) -> tuple[str, ...]:
        """Values worth asking for: the most common, else those from the middle of the column outwards."""
        if self.statistics.most_common_values:
            return self.statistics.most_common_values
        bounds = self.statistics.histogram_bounds or ()
        middle = len(bounds) // 2
        return (*bounds[middle:], *bounds[:middle])

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """The most common elements of arrays, or words of full text documents."""
        known = self.statistics.most_common_elements
        return () if known is None else known

    @property
    def unlisted_share(self) -> float:
        """The share of the rows that the planner gives each value that is not among the most common."""
        left = max(1.0 - self.statistics.null_fraction - sum(share for _, share in self.listed), 0.0)
        others = max((self.distinct or 0.0) - len(self.listed), 1.0)
        each = left / others
        return min(each, self.listed[-1][1]) if self.listed else each

    @property
    def unknown_share(self) -> float:
        """The share of the rows that the planner gives a value it does not know."""
        share = (1.0 - self.statistics.null_fraction) / max(self.distinct or 1.0, 1.0)
        return min(share, self.listed[0][1]) if self.listed else share

    def share_of(self, value: str) -> float:
        """The share of the rows that the planner gives a value."""
        return dict(self.listed).get(value, self.unlisted_share)

    def rare(self) -> str | None:
        """A value that few rows hold: of the histogram, which has those that are not common, else the least common."""
        bounds = self.statistics.histogram_bounds
        if bounds and (not self.listed or self.unlisted_share <= self.listed[-1][1]):
            return bounds[len(bounds) // 2]
        return self.listed[-1][0] if self.listed else None

    def absent(self) -> str | None:
        """A value of the type that the statistics do not have; None where none is known for sure to be of the type."""
        known = {*(self.statistics.most_common_values or ()), *(self.statistics.histogram_bounds or ())}
        if not known:
            return None
        if self.type_name in _INTEGER_LIMITS:
            beyond = max(int(value) for value in known) + 1
            return str(beyond) if beyond <= _INTEGER_LIMITS[self.type_name] else None
        if self.type_name == "numeric":
            finite = [float(value) for value in known if value not in ("NaN", "Infinity", "-Infinity")]
            return str(int(max(finite)) + 1) if finite else None
        if self.type_name == "uuid":
            return None if _ABSENT_UUID in known else _ABSENT_UUID
        return _ABSENT_TEXT if self.type_name in ("text", "varchar") and _ABSENT_TEXT not in known else None

    def quantile(self, share: float) -> str | None:
        """The value below which a share of the rows lies, as far as known; None where the column has no order."""
        bounds: Sequence[str] = self.statistics.histogram_bounds or ()
        if bounds:
            return bounds[round(share * (len(bounds) - 1))]
        ordered = _ordered(self.listed, self.category)
        if ordered is None:
            return None
        below, total = 0.0, sum(part for _, part in ordered)
        for value, part in ordered:
            below += part
            if below >= share * total:
                return value
        return ordered[-1][0]


def _ordered(listed: Sequence[tuple[str, float]], category: str) -> list[tuple[str, float]] | None:
    """Values in the order of their type; None where it is not known here, or there are none."""
    if not listed or category not in ("N", "D"):
        return None
    try:
        return sorted(listed, key=lambda each: float(each[0]) if category == "N" else each[0])
    except ValueError:
        return None


def spread_of(predicate: Predicate, facts: Facts) -> Spread | None:
    """How the column of a predicate is spread; None without statistics."""
    statistics = facts.statistics(predicate.relation_oid, predicate.column)
    relation = facts.relations.get(predicate.relation_oid)
    column = facts.column(predicate.relation_oid, predicate.column)
    if statistics is None or relation is None or column is None:
        return None
    return Spread(
        name=f"{relation.schema}.{relation.name}.{predicate.column}",
        type_name=column.type_name,
        category=column.type_category,
        statistics=statistics,
        distinct=facts.distinct_values(predicate.relation_oid, predicate.column),
        table_rows=facts.row_count(predicate.relation_oid) or 0.0,
    )


def combined(facts: Facts, relation_oid: int, columns: Sequence[str]) -> list[tuple[dict[str, str], float]]:
    """Values of several columns that go together, with their shares of the rows, from extended statistics.

    The commonest first; empty where none covers the columns. Those with a NULL among them are left out.
    """
    for known in facts.snapshot.catalog.extended_statistics:
        if known.relation_oid != relation_oid or known.expressions or not set(columns) <= set(known.columns):
            continue
        values, shares = known.most_common_values, known.most_common_frequencies
        if values is None or shares is None:
            continue
        width = len(known.columns)
        flat, nulls = texts(values), texts(known.most_common_value_nulls or "{}")
        rows = [flat[start : start + width] for start in range(0, len(flat), width)]
        null_rows = [nulls[start : start + width] for start in range(0, len(nulls), width)]
        return [
            ({name: value for name, value in zip(known.columns, row, strict=False) if name in columns}, share)
            for number, (row, share) in enumerate(zip(rows, map(float, texts(shares)), strict=False))
            if number >= len(null_rows) or "t" not in null_rows[number]
        ]
    return []
