"""How the rows of a table are shared out among the values of a column, as its statistics tell."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pgadvisor.indexes.quoting import quote_identifier, quote_literal
from pgadvisor.rules_api import Column, ColumnStatistics


@dataclass(frozen=True)
class Value:
    """A common value with its share of the rows; text is None for NULL, and says nothing where it is not named."""

    text: str | None
    share: float
    named: bool = True


@dataclass(frozen=True)
class Shares:
    """common: values with at least the share asked for, the commonest first. rare_values is how many others there
    are. by_chance: the physical order (pg_stats.correlation) that rows thrown down at random would show, since equal
    values count as ordered.
    """

    common: tuple[Value, ...]
    rare_values: float
    rare_null: float
    distinct: float
    by_chance: float

    @property
    def common_share(self) -> float:
        """Share of the rows that hold a common value."""
        return min(sum(value.share for value in self.common), 1.0)


def shares(statistics: ColumnStatistics, distinct: float, common_from: float) -> Shares:
    """Shares of a column's values; NULL counts as one of them.

    Values that the statistics do not name are taken to be equally frequent.
    """
    null = statistics.null_fraction
    listed = [
        Value(text, share)
        for text, share in zip(
            statistics.most_common_values or (), statistics.most_common_frequencies or (), strict=False
        )
    ]
    left = max(1.0 - null - sum(value.share for value in listed), 0.0)
    unlisted = round(max(distinct - len(listed), 0.0))
    each = left / unlisted if unlisted else 0.0
    known = [*listed, Value(None, null)]
    common = sorted((value for value in known if value.share >= common_from), key=lambda value: -value.share)
    rare_values = sum(0 < value.share < common_from for value in listed)
    if each >= common_from:
        common += [Value(None, each, named=False)] * unlisted
    elif each > 0:
        rare_values += unlisted
    not_null = max(1.0 - null, 1e-9)
    return Shares(
        common=tuple(common),
        rare_values=rare_values,
        rare_null=null if null < common_from else 0.0,
        distinct=distinct + (null > 0),
        by_chance=sum((value.share / not_null) ** 2 for value in listed) + (each / not_null) ** 2 * unlisted,
    )


def is_in_order(correlation: float | None, by_chance: float, from_excess: float) -> bool:
    """Whether equal values lie together on disk, so that an index reads few pages even for a common one."""
    if correlation is None or by_chance >= 1:
        return False
    return (abs(correlation) - by_chance) / (1 - by_chance) >= from_excess


def rare_predicate(column: Column, found: Shares) -> tuple[str, bool] | None:
    """A predicate that admits only rows with rare values, and whether it names values of rows.

    None where a common value is not known by name. The planner finds that "column = rare" implies it.
    """
    name = quote_identifier(column.name)
    if column.type_name == "bool":
        return _rare_boolean(name, found)
    if not all(value.named for value in found.common):
        return None
    parts = [f"{name} <> {_constant(value.text, column)}" for value in found.common if value.text is not None]
    null_is_common = any(value.text is None for value in found.common)
    if not parts:
        return (f"{name} IS NOT NULL", False) if null_is_common else None
    text = " AND ".join(f"({part})" for part in parts) if len(parts) > 1 else parts[0]
    if found.rare_null > 0:
        text = f"({text}) OR ({name} IS NULL)"
    return text, True


def _rare_boolean(name: str, found: Shares) -> tuple[str, bool] | None:
    if not all(value.named for value in found.common):
        return None
    common = {value.text for value in found.common}
    if common == {"f"}:
        return f"{name} OR ({name} IS NULL)" if found.rare_null > 0 else name, False
    if common == {"t"}:
        return f"(NOT {name}) OR ({name} IS NULL)" if found.rare_null > 0 else f"NOT {name}", False
    if None in common and len(common) < 3:
        rest = {"t", "f"} - common
        return (f"{name} IS NOT NULL" if len(rest) == 2 else name if rest == {"t"} else f"NOT {name}"), False
    return None


def _constant(text: str, column: Column) -> str:
    if column.type_category == "N" and re.fullmatch(r"\d+", text):
        return text
    return quote_literal(text)
