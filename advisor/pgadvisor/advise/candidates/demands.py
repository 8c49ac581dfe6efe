"""What each statement asks of each table that it uses, in terms of a B-tree: what it searches, sorts and reads by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from pgadvisor.advise.candidates.columns import Columns, TableColumns, key
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexKey, Relation, RelationKind
from pgadvisor.model.shape import Comparand, Join, Predicate, ReadBy, SortKey, StatementShape

INDEXED_KINDS = (RelationKind.TABLE, RelationKind.PARTITIONED)
_RANGES = frozenset({"<", "<=", ">", ">=", "between", "between symmetric"})
# Rows with one value stand in the order of the keys behind it. Those with NULL do so as well, but no planner of
# PostgreSQL 13 to 18 knows that (a test asks them).
_ONE_VALUE = frozenset({"=", "is true", "is false"})
_EQUALITIES = _ONE_VALUE | {"in", "is null"}
_EXTREMES = frozenset({"min", "max"})


@dataclass
class Demand:
    """What one statement asks of one use of a table.

    equal are columns compared with values for equality, or with NULL where that leaves rows out; fixed those of them
    with one value, behind which rows are in order; nulls those with NULL, which many rows may have where values are
    unique. ranges are those compared otherwise, either those below an OR; rows the columns of a comparison of rows,
    `(a, b) < ($1, $2)`. joined are the columns equal to another relation's, for each of these together. order are keys
    of ORDER BY, if all are this table's; limited says that only the first rows are wanted. group are the columns of
    GROUP BY or DISTINCT, extremes those that min() or max() may be asked of. needed are all columns that are read, None
    where rows are locked or written, which takes them whole. impossible are those searched by that no index can hold.
    """

    query_id: str
    weight: float
    table: Relation
    columns: TableColumns
    equal: list[str] = field(default_factory=list)
    fixed: set[str] = field(default_factory=set)
    nulls: set[str] = field(default_factory=set)
    ranges: list[str] = field(default_factory=list)
    either: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    joined: list[tuple[str, ...]] = field(default_factory=list)
    order: tuple[IndexKey, ...] = ()
    limited: bool = False
    group: tuple[str, ...] = ()
    extremes: tuple[str, ...] = ()
    needed: tuple[str, ...] | None = None
    impossible: list[str] = field(default_factory=list)

    def identified(self, names: Iterable[str]) -> bool:
        """Whether what is asked of these columns finds one row at most."""
        return self.columns.identified(name for name in names if name not in self.nulls)

    def telling(self, names: Sequence[str]) -> tuple[str, ...]:
        """Columns by how few rows what is asked of each leaves, the fewest first."""
        return self.columns.telling(names, self.nulls)


def demands_of(facts: Facts, columns: Columns, shape: StatementShape, query_id: str, weight: float) -> Iterator[Demand]:
    """A demand for each table of a statement; two where it is used twice and searched otherwise.

    A queue is read so: UPDATE jobs ... WHERE id = (SELECT id FROM jobs WHERE status = ... LIMIT 1). Where both uses
    have one name, what finds a row by its key is taken to be one of them, and all else the other.
    """
    of_table: dict[int, Demand] = {}
    uses: Counter[tuple[int, str]] = Counter()
    predicates: dict[tuple[int, str], list[Predicate]] = {}
    for used in shape.relations:
        table = facts.root(used.relation_oid)
        if table is None or table.kind not in INDEXED_KINDS or table.persistence == "t":
            continue
        of_table.setdefault(table.oid, Demand(query_id, weight, table, columns.of(table)))
        predicates.setdefault((table.oid, used.alias), [])
        uses[table.oid, used.alias] += 1
    for predicate in shape.predicates:
        table = facts.root(predicate.relation_oid)
        if table is not None and table.oid in of_table:
            predicates.setdefault((table.oid, predicate.alias), []).append(predicate)
    for oid, demand in of_table.items():
        _common(facts, demand, shape)
        aliases = [alias for table_oid, alias in predicates if table_oid == oid]
        seen = set()
        asked = [each for alias in aliases for each in _by_use(demand, predicates[oid, alias], uses[oid, alias])]
        for one in (_searched(demand, each) for each in asked):
            what = (tuple(one.equal), tuple(one.ranges), tuple(one.either), tuple(one.joined))
            if what not in seen:
                seen.add(what)
                yield one


def _by_use(demand: Demand, predicates: list[Predicate], uses: int) -> Iterator[list[Predicate]]:
    """Conditions on a table under one name: of each use of it."""
    keys = [each for each in predicates if each.operator == "=" and demand.columns.identified((each.column,))]
    if uses > 1 and 0 < len(keys) < len(predicates):
        yield keys
        yield [each for each in predicates if each not in keys]
    else:
        yield predicates


def _common(facts: Facts, demand: Demand, shape: StatementShape) -> None:
    """What does not hang on the name that the table is used under."""

    def own(relation_oid: int) -> bool:
        root = facts.root(relation_oid)
        return root is not None and root.oid == demand.table.oid

    usable = demand.columns.usable
    demand.joined = _joined(shape.joins, facts, demand)
    if shape.sort and all(own(each.relation_oid) for each in shape.sort):
        demand.order = _order(shape.sort, demand.columns)
        demand.limited = shape.has_limit
    grouped = shape.group or shape.distinct
    if grouped and all(own(each.relation_oid) for each in grouped):
        found = usable(each.column for each in grouped)
        demand.group = found if len(found) == len({each.column for each in grouped}) else ()
    read = tuple(dict.fromkeys(each.column for each in shape.columns_read if own(each.relation_oid)))
    if not shape.group and _EXTREMES & {name.lower() for name in shape.functions}:
        filtered = {each.column for each in shape.predicates if own(each.relation_oid)}
        asked = usable(name for name in read if name not in filtered)
        demand.extremes = asked if len(asked) <= 2 else ()
    written = any(used.written and own(used.relation_oid) for used in shape.relations)
    # What the server's plan was read for tells conditions, not all columns.
    whole = shape.read_by is ReadBy.PARSER and not shape.unresolved
    if whole and not written and not shape.locking and all(map(demand.columns.can_include, read)):
        demand.needed = read


def _joined(joins: tuple[Join, ...], facts: Facts, demand: Demand) -> list[tuple[str, ...]]:
    """The table's columns that are equal to another relation's, for each of these together and each alone."""
    by_other: dict[int, list[str]] = {}
    for join in joins:
        for side, other in ((join.left, join.right), (join.right, join.left)):
            root = facts.root(side.relation_oid)
            if root is not None and root.oid == demand.table.oid:
                by_other.setdefault(other.relation_oid, []).append(side.column)
    sets = [demand.columns.usable(names) for names in by_other.values()]
    every = list(dict.fromkeys(name for names in sets for name in names))
    return list(dict.fromkeys((*filter(None, sets), *((name,) for name in every))))


def _order(sort: tuple[SortKey, ...], columns: TableColumns) -> tuple[IndexKey, ...]:
    """The keys of an ORDER BY up to the first that no index can hold.

    An index is read both ways: of the two directions it is the one with more of PostgreSQL's default, ascending with
    NULLs last, which more statements can share.
    """
    found: dict[str, IndexKey] = {}
    for each in sort:
        if columns.impossible(each.column):
            break
        if each.column not in found:
            found[each.column] = key(each.column, descending=each.descending, nulls_first=each.nulls_first)
    forwards = tuple(found.values())
    backwards = tuple(
        key(name, descending=not each.descending, nulls_first=not each.nulls_first) for name, each in found.items()
    )
    return backwards if _defaults(backwards) > _defaults(forwards) else forwards


def _defaults(keys: tuple[IndexKey, ...]) -> int:
    return sum(not each.descending and not each.nulls_first for each in keys)


def _searched(common: Demand, predicates: list[Predicate]) -> Demand:
    """The demand with what is asked of the table under one name."""
    found = Demand(
        common.query_id,
        common.weight,
        common.table,
        common.columns,
        joined=list(common.joined),
        order=common.order,
        limited=common.limited,
        group=common.group,
        extremes=common.extremes,
        needed=common.needed,
    )
    for each in predicates:
        finds_nothing = each.operator == "is null" and found.columns.null_is_common(each.column)
        if not each.indexable or each.negated or finds_nothing:
            continue
        if found.columns.impossible(each.column):
            _once(found.impossible, each.column)
        elif each.comparand is Comparand.COLUMN and each.operator == "=":
            if (each.column,) not in found.joined:
                found.joined.append((each.column,))
        elif each.in_or:
            if each.operator in _RANGES or each.operator in _EQUALITIES:
                _once(found.either, each.column)
        elif each.operator in _EQUALITIES:
            _equal(found, each)
        elif each.operator in _RANGES or (each.operator == "is not null" and found.columns.mostly_null(each.column)):
            _once(found.ranges, each.column)
    found.ranges = [name for name in found.ranges if name not in found.equal]
    found.rows = [name for name in _of_rows(predicates) if not found.columns.impossible(name)]
    found.either = [name for name in found.either if name not in found.rows]
    return found


def _of_rows(predicates: Sequence[Predicate]) -> list[str]:
    """The columns of a comparison of rows, or of one written out: `a <= $1 AND (a < $1 OR b < $2)`.

    Its first column is known to be a range, the others are not, and stand behind it.
    """
    for place, first in enumerate(predicates):
        if first.operator in ("<=", ">=") and first.indexable and not (first.in_or or first.negated):
            rest = takewhile(
                lambda each: each.in_or and each.indexable and each.operator in _RANGES and not each.negated,
                predicates[place + 1 :],
            )
            names = [first.column, *(each.column for each in rest if each.operator[0] == first.operator[0])]
            if len(set(names)) > 1:
                return list(dict.fromkeys(names))
    return []


def _equal(found: Demand, each: Predicate) -> None:
    if not found.columns.constant(each.column):
        _once(found.equal, each.column)
        if each.operator in _ONE_VALUE:
            found.fixed.add(each.column)
        if each.operator == "is null":
            found.nulls.add(each.column)


def _once(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
