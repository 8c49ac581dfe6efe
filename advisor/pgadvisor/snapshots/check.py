"""Whether a snapshot holds together: what the analysis relies on, and a file from anywhere may not keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

from pgadvisor.model.catalog import Catalog, ConstraintKind
from pgadvisor.model.plan_nodes import MAX_PLAN_DEPTH
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statistics import PgStats
from pgadvisor.snapshots.numbers import number_out_of_range
from pgadvisor.snapshots.sql_texts import no_sql

# Partitions of partitions of ...: PostgreSQL has no limit, databases have three or four.
MAX_GENERATIONS = 100
_NUMBER = r"-?[0-9]{1,25}(?:\.[0-9]{1,25})?(?:[eE][+-]?[0-9]{1,2})?"
_NUMBERS = re.compile(rf"\{{(?:{_NUMBER}(?:,{_NUMBER})*)?\}}")
# The keys of a plan's node that are read as numbers, as a list of texts, and as text: see model/plan_reading.py.
_PLAN_NUMBERS = (
    "Startup Cost", "Total Cost", "Plan Rows", "Plan Width", "Actual Rows", "Actual Loops", "Actual Total Time",
    "Rows Removed by Filter", "Shared Hit Blocks", "Shared Read Blocks", "Workers Planned",
)  # fmt: skip
_PLAN_LISTS = ("Sort Key", "Group Key")
_PLAN_TEXTS = (
    "Parent Relationship", "Subplan Name", "Schema", "Relation Name", "Alias", "Index Name", "Join Type", "Filter",
    "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter",
)  # fmt: skip
# Estimates of rows end at 1e100 (costsize.c, MAXIMUM_ROWCOUNT); costs are their multiples.
_PLAN_MOST = 1e150

_ON_COLUMNS = (ConstraintKind.PRIMARY_KEY, ConstraintKind.UNIQUE, ConstraintKind.FOREIGN_KEY)


def problem(snapshot: Snapshot) -> str | None:
    """The first thing in a snapshot that does not hold together, in words; None where all does.

    Numbers beyond what PostgreSQL counts in, two objects of one oid, parts of relations that are not there, relations
    that are their own ancestors, times that are no moments, arrays, plans, names and expressions that are none.
    """
    parts = (_duplicate, _orphan, _circle, _no_array, _no_plan, _no_definition, _no_name, no_sql)
    for check in (number_out_of_range, *parts):
        found = check(snapshot)
        if found is not None:
            return found
    return None


def _duplicate(snapshot: Snapshot) -> str | None:
    for what, keys in _identities(snapshot):
        seen: set[Hashable] = set()
        for key in keys:
            if key in seen:
                return f"it holds {what} {_shown(key)} twice"
            seen.add(key)
    return None


def _identities(snapshot: Snapshot) -> Iterator[tuple[str, Iterable[Hashable]]]:
    """What tells the rows of each section apart."""
    catalog, counters, statements = snapshot.catalog, snapshot.counters, snapshot.statements
    yield "a relation or an index with oid", [r.oid for r in catalog.relations] + [i.oid for i in catalog.indexes]
    for name in catalog.__struct_fields__:
        rows: tuple[Any, ...] = getattr(catalog, name)
        if name == "extended_statistics":
            yield "extended statistics with oid", ((row.oid, row.inherited) for row in rows)
        elif name == "columns":
            yield "a column", ((row.relation_oid, row.number) for row in rows)
            yield "a column", ((row.relation_oid, row.name) for row in rows)
        elif name not in ("relations", "indexes"):
            yield f"one of the {name.replace('_', ' ')} with oid", (row.oid for row in rows)
    yield "statistics of", ((row.relation_oid, row.column, row.inherited) for row in snapshot.column_statistics)
    if counters is not None:
        yield "counters of table", (row.relation_oid for row in counters.tables)
        yield "counters of index", (row.index_oid for row in counters.indexes)
        yield "the size of", (row.oid for row in counters.sizes)
    if statements is not None:
        yield "the text of statement", (row.query_id for row in statements.texts)
    yield "the coverage of", (entry.fact.value for entry in snapshot.coverage.facts)


def _orphan(snapshot: Snapshot) -> str | None:
    """Parts of relations are read at one moment with them; what is read later may tell of others."""
    catalog = snapshot.catalog
    known = {relation.oid for relation in catalog.relations}
    for what, owners in (
        ("a column", (column.relation_oid for column in catalog.columns)),
        ("an index", (index.table_oid for index in catalog.indexes)),
        ("a constraint", (constraint.table_oid for constraint in catalog.constraints)),
    ):
        for oid in owners:
            if oid not in known:
                return f"it holds {what} of relation {oid}, but no such relation"
    return None


def _circle(snapshot: Snapshot) -> str | None:
    catalog: Catalog = snapshot.catalog
    parents: Mapping[int, tuple[int, ...]]
    for what, parents in (
        ("relation", {r.oid: (*((r.parent_oid,) if r.parent_oid else ()), *r.parents) for r in catalog.relations}),
        ("index", {i.oid: (i.parent_oid,) for i in catalog.indexes if i.parent_oid}),
        ("constraint", {c.oid: (c.parent_oid,) for c in catalog.constraints if c.parent_oid}),
    ):
        oid = _too_deep(parents)
        if oid is not None:
            return f"{what} {oid} is its own ancestor, or has more than {MAX_GENERATIONS} generations of them"
    return None


def _too_deep(parents: Mapping[int, tuple[int, ...]]) -> int | None:
    """One of those whose ancestors do not come to an end: generation by generation, from those without parents."""
    waiting = {oid: {each for each in above if each in parents} for oid, above in parents.items()}
    for _ in range(MAX_GENERATIONS):
        done = {oid for oid, above in waiting.items() if not above}
        if not done:
            break
        waiting = {oid: above - done for oid, above in waiting.items() if oid not in done}
    return min(waiting, default=None)


def _no_array(snapshot: Snapshot) -> str | None:
    for row in snapshot.column_statistics:
        for name, is_array in _ARRAYS:
            text = getattr(row, name)
            if text is not None and not is_array(text):
                return f"{name} of {_shown((row.relation_oid, row.column))} in its statistics is no array"
    return None


def _is_array(text: str) -> bool:
    return "{" in text and text.endswith("}")


def _is_numbers(text: str) -> bool:
    return _NUMBERS.fullmatch(text) is not None


_ARRAYS: tuple[tuple[str, Callable[[str], bool]], ...] = tuple(
    (name, _is_numbers if name in ("most_common_freqs", "most_common_elem_freqs") else _is_array)
    for name in PgStats.__struct_fields__
    if name.startswith("most_common") or name.endswith("histogram")
)


def _no_plan(snapshot: Snapshot) -> str | None:
    for number, observed in enumerate(snapshot.plans, start=1):
        wrong = wrong_in_plan(observed.plan)
        if wrong is not None:
            return f"plan {number} is no plan of EXPLAIN: {wrong}"
    return None


def wrong_in_plan(plan: dict[str, Any]) -> str | None:
    """Walks without recursion: it may be deeper than the stack."""
    nodes: list[tuple[object, int]] = [(plan.get("Plan"), 1)]
    while nodes:
        node, depth = nodes.pop()
        if depth > MAX_PLAN_DEPTH:
            return f"it is more than {MAX_PLAN_DEPTH} nodes deep"
        if not isinstance(node, dict):
            return "a node is missing"
        wrong = _wrong_in_node(node)
        if wrong is not None:
            return wrong
        nodes.extend((child, depth + 1) for child in node.get("Plans", ()))
    return None


def _wrong_in_node(node: dict[str, Any]) -> str | None:
    if not isinstance(node.get("Node Type"), str):
        return "a node has no type"
    for name in _PLAN_NUMBERS:
        value = node.get(name, 0)
        if type(value) not in (int, float) or not -_PLAN_MOST <= value <= _PLAN_MOST:
            return f"{name} of a node is no number that a plan can have"
    for name in _PLAN_TEXTS:
        if not isinstance(node.get(name, ""), str):
            return f"{name} of a node is no text"
    for name in _PLAN_LISTS:
        value = node.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return f"{name} of a node is no list of texts"
    if not isinstance(node.get("Plans", []), list):
        return "what is below a node is no list"
    return None


def _no_definition(snapshot: Snapshot) -> str | None:
    for index in snapshot.catalog.indexes:
        keys = index.definition.keys
        if not keys:
            return f"index {index.oid} has no keys"
        if index.complete and any((key.column is None) == (key.expression is None) for key in keys):
            return f"a key of index {index.oid} is neither a column nor an expression"
    for constraint in snapshot.catalog.constraints:
        if constraint.kind in _ON_COLUMNS and not constraint.columns:
            return f"constraint {constraint.oid} is on no columns"
        if constraint.kind is ConstraintKind.FOREIGN_KEY and len(constraint.columns) != len(
            constraint.referenced_columns
        ):
            return f"foreign key {constraint.oid} refers to another number of columns than it is on"
    return None


def _no_name(snapshot: Snapshot) -> str | None:
    for what, oid, names in _names(snapshot.catalog):
        if not all(names) or "\0" in "".join(names):
            return f"a name in {what} {oid} is empty or holds a NUL"
    return None


def _names(catalog: Catalog) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """The names that SQL is made of."""
    for relation in catalog.relations:
        yield "relation", relation.oid, (relation.schema, relation.name)
    for column in catalog.columns:
        yield "relation", column.relation_oid, (column.name,)
    for index in catalog.indexes:
        definition = index.definition
        columns = (key.column for key in definition.keys if key.column is not None)
        names = (index.schema, index.name, definition.schema, definition.table, *columns, *definition.include)
        yield "index", index.oid, names
    for constraint in catalog.constraints:
        yield "constraint", constraint.oid, (constraint.name, *constraint.columns, *constraint.referenced_columns)


def _shown(key: Hashable) -> str:
    """A key for a message; names come from the file and are quoted, which also takes control characters away."""
    parts = key if isinstance(key, tuple) else (key,)
    return ", ".join(repr(part[:63]) if isinstance(part, str) else str(part) for part in parts)
