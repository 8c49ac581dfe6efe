"""Which index the conditions on a sequential scan ask for, by what they leave of the table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pgadvisor.indexes.algebra import predicate_implies
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.rules_api import Facts, Index, IndexKey, Predicate, StatementShape
from pgadvisor_rules._scans import Scan

# The planner's own guesses where values are unknown (selfuncs.h: DEFAULT_RANGE_INEQ_SEL, DEFAULT_INEQ_SEL; arrays of
# unknown length count ten elements).
TWO_SIDED_FRACTION = 0.005
ONE_SIDED_FRACTION = 1 / 3
ARRAY_ELEMENTS = 10
# A condition that keeps nearly every row is not worth a partial index.
MAX_CONDITION_FRACTION = 0.9
# With so few rows left another key column saves next to nothing.
ENOUGH_ROWS = 20
# A B-tree entry must fit a third of a page: https://www.postgresql.org/docs/current/btree.html
MAX_WIDTH_BYTES = 1_000
MAX_COLUMNS = 3

EQUALITIES = ("=", "in")
RANGES = ("<", "<=", ">", ">=", "between")
CONDITIONS = ("is null", "is not null", "is true", "is false")
# Built-in, immutable, and asked for alike by many applications.
EXPRESSIONS = ("lower", "upper")


@dataclass(frozen=True)
class Wanted:
    """An index that would serve a scan.

    keys come in order; conditions are those the statement always states, as a partial index would spell them;
    bound: without its condition the index is worth nothing. kept_fraction is the share of rows left to read through it.
    """

    keys: tuple[IndexKey, ...]
    conditions: frozenset[str]
    bound: bool
    kept_fraction: float


@dataclass(frozen=True)
class _Key:
    key: IndexKey
    kept_fraction: float | None


@dataclass(frozen=True)
class Conditions:
    """The conditions on one scan, sorted by what an index can do with them; hidden are those it can do nothing with."""

    equalities: tuple[_Key, ...]
    ranges: tuple[_Key, ...]
    stated: dict[str, float | None]
    hidden: tuple[Predicate, ...]
    served: int
    all: int

    @property
    def selective(self) -> dict[str, float]:
        """Stated conditions worth a partial index, with the share of rows they keep."""
        return {text: kept for text, kept in self.stated.items() if kept is not None and kept <= MAX_CONDITION_FRACTION}


def conditions_on(facts: Facts, shape: StatementShape, scan: Scan) -> Conditions:
    """The statement's conditions that the scan checks."""
    found = [p for p in shape.predicates if not p.in_or and _is_checked(facts, shape, scan, p)]
    equalities = {p.column: _equality(facts, scan, p) for p in found if p.operator in EQUALITIES and _usable(facts, p)}
    for column in _correlated(facts, shape, scan):
        equalities.setdefault(column, _Key(IndexKey(column=column), _kept_by_value(facts, scan, column)))
    for p in found:
        if expression := _expression(facts, scan, p):
            equalities[expression] = _Key(IndexKey(expression=expression), _kept_by_value(facts, scan, p.column))
    ranges = {
        p.column: _range(facts, scan, p.column, found) for p in found if p.operator in RANGES and _usable(facts, p)
    }
    stated = {
        _condition(scan, p): _kept_by_condition(facts, scan, p)
        for p in found
        if p.operator in CONDITIONS and not p.hidden_by
    }
    served = [p for p in found if _usable(facts, p) or (p.operator in CONDITIONS and not p.hidden_by)]
    hidden = [p for p in found if p not in served and not _expression(facts, scan, p)]
    return Conditions(
        equalities=tuple(equalities.values()),
        ranges=tuple(ranges.values()),
        stated=stated,
        hidden=tuple(hidden),
        served=len(found) - len(hidden),
        all=len(found),
    )


def wanted(facts: Facts, shape: StatementShape, scan: Scan, given: Conditions, max_fraction: float) -> Wanted | None:
    """The index that leaves at most max_fraction of the rows to read; None where none does."""
    chosen, kept = _equality_keys(given, scan, max_fraction)
    sort = _sort_keys(facts, shape, scan, chosen)
    selective = given.selective
    for fraction in selective.values():
        kept *= fraction
    bound = False
    if chosen:
        if kept * scan.rows > ENOUGH_ROWS and len(chosen) < MAX_COLUMNS:
            more = sort or _best_range(given)
            if not sort:
                kept *= next((key.kept_fraction or 1.0 for key in more), 1.0)
            chosen = [*chosen, *more][:MAX_COLUMNS]
    elif selective and kept <= max_fraction:
        bound = True
        chosen = (_best_range(given) or sort or _primary_key(facts, scan))[:MAX_COLUMNS]
    else:
        chosen = _best_range(given)
        kept *= next((key.kept_fraction or 1.0 for key in chosen), 1.0)
    if not chosen:
        return None
    # Where the index serves every condition, the plan's own figure is the better one: it knows values.
    if given.served == given.all and not _dropped(given, chosen, selective):
        kept = scan.kept_fraction
    if kept > max_fraction:
        return None
    return Wanted(tuple(key.key for key in chosen), frozenset(selective), bound, kept)


def _equality_keys(given: Conditions, scan: Scan, max_fraction: float) -> tuple[list[_Key], float]:
    """The most selective first, until few rows are left; what separates little is left out."""
    known = sorted(
        (key for key in given.equalities if key.kept_fraction is not None), key=lambda key: key.kept_fraction or 0.0
    )
    chosen: list[_Key] = []
    kept = 1.0
    for key in known:
        if (key.kept_fraction or 0.0) > max_fraction or kept * scan.rows <= ENOUGH_ROWS or len(chosen) == MAX_COLUMNS:
            break
        chosen.append(key)
        kept *= key.kept_fraction or 0.0
    if not known and len(given.equalities) == given.all == 1:
        # Without statistics only the plan tells, and only of a condition that stands alone.
        return list(given.equalities), scan.kept_fraction
    return chosen, kept


def _best_range(given: Conditions) -> list[_Key]:
    return sorted(given.ranges, key=lambda key: key.kept_fraction or 1.0)[:1]


def _dropped(given: Conditions, chosen: Sequence[_Key], selective: dict[str, float]) -> bool:
    """Whether the index leaves some condition out."""
    return any(key not in chosen for key in (*given.equalities, *given.ranges)) or len(selective) < len(given.stated)


def _sort_keys(facts: Facts, shape: StatementShape, scan: Scan, chosen: Sequence[_Key]) -> list[_Key]:
    """The order wanted, where a LIMIT makes it worth to read in that order; columns held to one value have none."""
    keys = [key for key in shape.sort if IndexKey(column=key.column) not in [each.key for each in chosen]]
    foreign = any(not _is_table(facts, scan, key.relation_oid) for key in shape.sort)
    if not shape.has_limit or shape.group or foreign or len(chosen) + len(keys) > MAX_COLUMNS:
        return []
    return [
        _Key(IndexKey(column=key.column, descending=key.descending, nulls_first=key.nulls_first), None) for key in keys
    ]


def _primary_key(facts: Facts, scan: Scan) -> list[_Key]:
    key = facts.primary_key(scan.table.oid)
    return [] if key is None else [_Key(IndexKey(column=column), None) for column in key.columns]


def _is_table(facts: Facts, scan: Scan, relation_oid: int) -> bool:
    root = facts.root(relation_oid)
    return root is not None and root.oid == scan.table.oid


def _is_checked(facts: Facts, shape: StatementShape, scan: Scan, predicate: Predicate) -> bool:
    """Whether the scan's filter holds the condition: of the same use of the table, with its column."""
    if not _is_table(facts, scan, predicate.relation_oid):
        return False
    aliases = {r.alias for r in shape.relations if _is_table(facts, scan, r.relation_oid)}
    return (len(aliases) == 1 or predicate.alias == scan.alias) and _names(scan, predicate.column)


def _names(scan: Scan, column: str) -> bool:
    pattern = rf'(?<![\w"]){re.escape(quote_identifier(column))}(?![\w"(])'
    return any(re.search(pattern, text) for text in scan.filters)


def _usable(facts: Facts, predicate: Predicate) -> bool:
    statistics = facts.statistics(predicate.relation_oid, predicate.column)
    return (
        predicate.indexable
        and predicate.operator in (*EQUALITIES, *RANGES)
        and (statistics is None or statistics.average_width_bytes <= MAX_WIDTH_BYTES)
    )


def _correlated(facts: Facts, shape: StatementShape, scan: Scan) -> list[str]:
    """Columns that a subquery run per row compares with one of the outer query: joins that the filter checks."""
    found = []
    for join in shape.joins:
        for side, other in ((join.left, join.right), (join.right, join.left)):
            if _is_table(facts, scan, side.relation_oid) and _equates(scan, side.column, other.column):
                found.append(side.column)
    return found


def _equates(scan: Scan, one: str, other: str) -> bool:
    sides = [rf"(?:\S+\.)?{re.escape(quote_identifier(column))}\)?(?:::[a-z]+)?" for column in (one, other)]
    pattern = "|".join(rf"\({left} = \(?{right}\)" for left, right in (sides, reversed(sides)))
    return any(re.search(pattern, text) for text in scan.filters)


def _expression(facts: Facts, scan: Scan, predicate: Predicate) -> str | None:
    """The expression over one column that an index could hold, spelled as the server spells it."""
    name = predicate.hidden_by.removeprefix("function ")
    column = facts.column(predicate.relation_oid, predicate.column)
    if predicate.operator not in EQUALITIES or name not in EXPRESSIONS or column is None:
        return None
    quoted = quote_identifier(predicate.column)
    cast = {"text": quoted, "varchar": f"({quoted})::text"}.get(column.type_name)
    pattern = rf"\b{name}\(\(?(?:[^()]+\.)?{re.escape(quoted)}(?:\)::text)?\) = "
    if cast is None or not any(re.search(pattern, text) for text in scan.filters):
        return None
    return f"{name}({cast})"


def _equality(facts: Facts, scan: Scan, predicate: Predicate) -> _Key:
    kept = _kept_by_value(facts, scan, predicate.column)
    if kept is not None and predicate.operator == "in":
        elements = len(predicate.parameters) if len(predicate.parameters) > 1 else ARRAY_ELEMENTS
        kept = min(kept * elements, 1.0)
    return _Key(IndexKey(column=predicate.column), kept)


def _kept_by_value(facts: Facts, scan: Scan, column: str) -> float | None:
    """The share of rows with one value, on average."""
    distinct = facts.distinct_values(scan.table.oid, column)
    statistics = facts.statistics(scan.table.oid, column)
    if distinct is None or statistics is None or distinct < 1:
        return None
    return (1.0 - statistics.null_fraction) / distinct


def _range(facts: Facts, scan: Scan, column: str, found: Sequence[Predicate]) -> _Key:
    operators = {p.operator for p in found if p.column == column and _usable(facts, p)}
    two_sided = "between" in operators or ({"<", "<="} & operators and {">", ">="} & operators)
    return _Key(IndexKey(column=column), TWO_SIDED_FRACTION if two_sided else ONE_SIDED_FRACTION)


def _condition(scan: Scan, predicate: Predicate) -> str:
    """A condition as pg_get_expr writes it. A bare boolean and IS TRUE are one to the parser, not to the planner."""
    column = quote_identifier(predicate.column)
    spelled = f"{column} {predicate.operator.upper()}"
    if predicate.operator in ("is null", "is not null") or any(spelled in text for text in scan.filters):
        return f"({spelled})"
    return column if predicate.operator == "is true" else f"(NOT {column})"


def _kept_by_condition(facts: Facts, scan: Scan, predicate: Predicate) -> float | None:
    statistics = facts.statistics(scan.table.oid, predicate.column)
    if statistics is None:
        return None
    if predicate.operator in ("is null", "is not null"):
        nulls = statistics.null_fraction
        return nulls if predicate.operator == "is null" else 1.0 - nulls
    value = "t" if predicate.operator == "is true" else "f"
    frequencies = dict(zip(statistics.most_common_values or (), statistics.most_common_frequencies or (), strict=False))
    return frequencies.get(value) if frequencies else None


def could_serve(facts: Facts, scan: Scan, given: Conditions, index: Wanted) -> bool:
    """Whether the planner had an index of this kind and read the table all the same: a different story."""
    own = facts.indexes_of(scan.table.oid)
    if any(_serves(existing, given, index) for existing in own):
        return True
    return all(any(_serves(existing, given, index) for existing in facts.indexes_of(leaf)) for leaf in scan.leaves)


def _serves(existing: Index, given: Conditions, index: Wanted) -> bool:
    definition = existing.definition
    usable = (existing.valid and existing.ready) or existing.being_built
    if not usable or definition.access_method not in ("btree", "hash"):
        return False
    stated = " AND ".join(given.stated) or None
    if not existing.complete or not predicate_implies(stated, definition.predicate):
        return not existing.complete
    first = definition.keys[0]
    searched = {key.key.column or _spelled(key.key.expression) for key in (*given.equalities, *given.ranges)}
    searched &= {key.column or _spelled(key.expression) for key in index.keys}
    return (first.column or _spelled(first.expression)) in searched or (
        index.bound and definition.predicate is not None
    )


def _spelled(expression: str | None) -> str:
    """An expression without casts and parentheses, to compare spellings."""
    return re.sub(r"::[a-z ]+|[()\s]", "", expression or "")
