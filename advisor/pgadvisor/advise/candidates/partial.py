"""Partial indexes: the B-trees thought of, without the rows that a statement's own conditions leave out anyway.

https://www.postgresql.org/docs/current/indexes-partial.html. A statement is served only if it states the predicate.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from msgspec import structs

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.searches import EQUALITIES, MOST_VALUES, RANGES, Searched, plain, with_predicate
from pgadvisor.facts import Facts
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.statistics import ColumnStatistics
from pgadvisor.workload.plan_searches import Search
from pgadvisor.workload.string_tokens import string_value

# A predicate has to leave out at least a quarter of the rows; NULLs alone, which nobody states, half of them.
MAX_SHARE = 0.75
_MAX_NOT_NULL = 0.5
# Those that IS NULL leaves out are passed over in an order, one by one, if the index has them.
_MAX_NULL = 0.99
_MAX_SHARE_OF_VALUES = 0.1
_NEARLY_ALL = 0.9
# Of one statement and one predicate; of a value that is one of several, fewer.
_MOST = 4
_MOST_OF_VALUES = 2
# Of B-trees that give an order: with all its keys, and with what else is checked.
_MOST_IN_ORDER = 2
_LITERAL = re.compile(r"\(?([eE]?'(?:[^']|'')*'|-?[0-9.]+|true|false)\)?(?:::.*)?", re.DOTALL)
_ARRAY = re.compile(r"\(?'\{([^{}\"\\]*)\}'(?:::.*)?", re.DOTALL)
# Whose columns need not be searched any more in an index of what satisfies them.
_DONE = frozenset({"=", "= any", "is null", "is true", "is false"})
# Behind which rows are in order (see demands.py).
_ONE_VALUE = frozenset({"=", "is true", "is false"})
_TESTS = frozenset({"is null", "is not null", "is true", "is false"})
_STRICT = EQUALITIES | RANGES
_REASON = "rows of one condition"


def partial(searched: Searched, known: Sequence[Candidate], facts: Facts) -> Iterator[Candidate]:
    """Candidates for one table of a statement, made of those that are already thought of for it."""
    bases = [
        each.definition
        for each in known
        if each.query_ids & searched.query_ids and _is_plain(each.definition) and _is_on(each.definition, searched)
    ]
    predicates = [search for search in searched.searches if _leaves_out_enough(search, searched, facts)]
    in_order = _in_order(searched, bases, facts)
    if predicates:
        # Those thought of may have been merged with what other statements want.
        by_length = sorted(bases, key=lambda each: -len(each.keys))
        bases = list(dict.fromkeys((*in_order, *_own(searched), *by_length)))
    for search in predicates:
        yield from _with(searched, search, bases, facts)
    for search in searched.searches:
        if in_order and search not in predicates and _ends_an_order(search, searched, facts):
            yield from _with(searched, search, in_order, facts)
    together = list({each.subject: each for each in predicates if each not in searched.of_values}.values())
    if len(together) > 1:
        yield from _with_all(searched, together, bases)
    yield from _not_null(searched, bases, facts)


def _own(searched: Searched) -> Iterator[IndexDefinition]:
    """B-trees by all columns that are searched for equality, and one that is searched or sorted by after them."""
    equal = searched.equal_columns
    ranges = [each.subject.column for each in searched.searches if each.operator in RANGES]
    sorts = [each.subject.column for each in searched.sorts]
    for last in dict.fromkeys((None, *ranges[:1], *sorts[:1])):
        columns = dict.fromkeys((*equal, *([last] if last is not None else [])))
        if columns:
            yield searched.definition([plain(column) for column in columns])


def _in_order(searched: Searched, bases: Sequence[IndexDefinition], facts: Facts) -> list[IndexDefinition]:
    """Those of some B-trees that give the first rows in the order wanted, by the most columns with one value."""
    shape = searched.load.shape
    if shape is None or not shape.has_limit or not shape.sort:
        return []
    root, first = facts.root(shape.sort[0].relation_oid), shape.sort[0].column
    if root is None or root.oid != searched.relation.oid:
        return []
    fixed = {search.subject for search in searched.searches if search.operator in _ONE_VALUE}
    named = {each.column or each.expression for each in fixed}
    before = {each: tuple(takewhile(lambda key: key != first, map(_named, each.keys))) for each in bases}
    found = [each for each, names in before.items() if len(names) < len(each.keys) and named.issuperset(names)]
    most = max((len(before[each]) for each in found), default=0)
    return [each for each in found if len(before[each]) == most][:_MOST_IN_ORDER]


def _named(key: IndexKey) -> str | None:
    return key.column or key.expression


def _ends_an_order(search: Search, searched: Searched, facts: Facts) -> bool:
    """Whether rows are wanted in which a column is NULL: as a key it would end the order, so that it is no key."""
    column = search.subject.column
    statistics = None if column is None else facts.statistics(searched.relation.oid, column)
    return search.operator == "is null" and statistics is not None and statistics.null_fraction <= _MAX_NULL


def _with(searched: Searched, search: Search, bases: Iterable[IndexDefinition], facts: Facts) -> Iterator[Candidate]:
    column = search.subject.column
    found: dict[IndexDefinition, None] = {}
    for base in bases:
        left = _without(base, frozenset({column}) if search.operator in _DONE else frozenset())
        if left is not None:
            found[with_predicate(left, search.condition)] = None
    if not found:
        found = {with_predicate(each, search.condition): None for each in _by_itself(searched, search, facts)}
    for definition in list(found)[: _MOST_OF_VALUES if search in searched.of_values else _MOST]:
        yield searched.candidate(definition, _REASON)


def _with_all(
    searched: Searched, predicates: Sequence[Search], bases: Iterable[IndexDefinition]
) -> Iterator[Candidate]:
    """All predicates at once, as statements that always say the same two do."""
    pinned = frozenset(each.subject.column for each in predicates if each.operator in _DONE)
    condition = " AND ".join(each.condition for each in predicates)
    found: dict[IndexDefinition, None] = {}
    for base in bases:
        left = _without(base, pinned)
        if left is not None:
            found[with_predicate(left, f"({condition})")] = None
    for definition in list(found)[:_MOST]:
        yield searched.candidate(definition, _REASON)


def _by_itself(searched: Searched, search: Search, facts: Facts) -> Iterator[IndexDefinition]:
    """Where nothing else is searched by: the rows of the predicate by the first of the sort, or the primary key."""
    sort = next((each.subject.column for each in searched.sorts if each.subject.column is not None), None)
    key = facts.primary_key(searched.relation.oid)
    column = sort or (key.columns[0] if key is not None and key.columns else search.subject.column)
    if column is not None:
        yield searched.definition([plain(column)])


def _not_null(searched: Searched, bases: Iterable[IndexDefinition], facts: Facts) -> Iterator[Candidate]:
    """A column that is compared is not NULL, which need not be stated."""
    compared = {search.subject.column for search in searched.searches if search.operator in _STRICT}
    for base in bases:
        first = base.keys[0].column
        if first is None or first not in compared or base.include:
            continue
        statistics = facts.statistics(searched.relation.oid, first)
        if statistics is not None and 1 - statistics.null_fraction <= _MAX_NOT_NULL:
            yield searched.candidate(with_predicate(base, f"({quote_identifier(first)} IS NOT NULL)"), _REASON)


def _is_plain(definition: IndexDefinition) -> bool:
    return definition.access_method == "btree" and definition.predicate is None and not definition.unique


def _is_on(definition: IndexDefinition, searched: Searched) -> bool:
    return (definition.schema, definition.table) == (searched.relation.schema, searched.relation.name)


def _without(base: IndexDefinition, pinned: frozenset[str | None]) -> IndexDefinition | None:
    """The index without keys that have one value in all its rows; None where nothing is left."""
    keys = tuple(key for key in base.keys if key.column is None or key.column not in pinned)
    include = tuple(column for column in base.include if column not in pinned)
    return structs.replace(base, keys=keys, include=include) if keys else None


def _leaves_out_enough(search: Search, searched: Searched, facts: Facts) -> bool:
    if search.subject.column is None or not (search.fixed or search.operator in _TESTS):
        return False
    oid = searched.relation.oid
    statistics = facts.statistics(oid, search.subject.column)
    share = None if statistics is None else share_of(search, statistics, searched.rows)
    if share is None or (
        search.operator not in _TESTS and (facts.distinct_values(oid, search.subject.column) or 0) > MOST_VALUES
    ):
        return False
    if search in searched.of_values and search.operator not in _TESTS:
        values = _values(search)
        # Of values that calls may or may not have, the rare ones alone, and none that is not there.
        common = (statistics.most_common_values or ()) if statistics is not None else ()
        frequencies = (statistics.most_common_frequencies or ()) if statistics is not None else ()
        # Where nobody has seen a call, the rare ones are looked up for sure only where one value has nearly all rows;
        # which of them together, only calls say.
        is_one = search.operator != "= any" and max(frequencies, default=0.0) >= _NEARLY_ALL
        return (searched.is_seen or is_one) and values <= set(common) and share <= _MAX_SHARE_OF_VALUES
    return share <= MAX_SHARE


def share_of(search: Search, statistics: ColumnStatistics, rows: float) -> float | None:
    """The share of the rows that satisfy a condition, by statistics of its column; None where these do not say."""
    common = dict(zip(statistics.most_common_values or (), statistics.most_common_frequencies or (), strict=False))
    match search.operator:
        case "is null":
            return statistics.null_fraction
        case "is not null":
            return 1 - statistics.null_fraction
        case "is true" | "is false":
            known = {"is true": "t", "is false": "f"}[search.operator]
            other = common.get("f" if known == "t" else "t", 0.0)
            return common.get(known, max(1 - statistics.null_fraction - other, 0.0)) if common else None
        case "=":
            value = _value(search.comparand)
            return None if value is None else _share_of_value(value, statistics, common, rows)
        case "<>":
            value = _value(search.comparand)
            share = None if value is None else _share_of_value(value, statistics, common, rows)
            return None if share is None else max(1 - statistics.null_fraction - share, 0.0)
        case "= any":
            values = _values(search)
            return sum(_share_of_value(each, statistics, common, rows) for each in sorted(values)) if values else None
    return None


def _share_of_value(value: str, statistics: ColumnStatistics, common: dict[str, float], rows: float) -> float:
    """As the planner has it: of a common value as it is, of another an equal part of the rest (var_eq_const)."""
    if value in common:
        return common[value]
    distinct = statistics.n_distinct if statistics.n_distinct > 0 else -statistics.n_distinct * rows
    rest = max(1 - statistics.null_fraction - sum(common.values()), 0.0)
    return rest / max(distinct - len(common), 1.0)


def _values(search: Search) -> set[str]:
    """The values of which a column is to have one; none where they are not known, or where one is there twice.

    That is made up of what is common: nobody asks for the same twice.
    """
    if search.operator == "= any":
        array = _ARRAY.fullmatch(search.comparand.lstrip("("))
        values = [] if array is None else array[1].split(",")
        return set(values) if len(set(values)) == len(values) else set()
    value = _value(search.comparand)
    return set() if value is None else {value}


def _value(comparand: str) -> str | None:
    """The value of a literal, as statistics spell it."""
    match = _LITERAL.fullmatch(comparand)
    if match is None:
        return None
    text = match[1]
    if text in ("true", "false"):
        return text[0]
    return string_value(text) if text.endswith("'") else text


def by_table(candidates: Iterable[Candidate]) -> dict[tuple[str, str], list[Candidate]]:
    """Candidates by the schema and name of their table."""
    found: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for each in candidates:
        found[each.definition.schema, each.definition.table].append(each)
    return found
