"""What a query shows to the level above, and how far a condition there reaches into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from pgadvisor.workload.scopes import Origin, Scope, Source
from pgadvisor.workload.trees import Tree, bare, identifier, walk

if TYPE_CHECKING:
    from pgadvisor.workload.reader import Reader


def projected(reader: Reader, expressions: Sequence[Tree], scope: Scope) -> Source:
    """The columns of a select list, noted as read."""
    columns: list[tuple[str, Origin | None]] = []
    is_open = False
    for node in expressions:
        inner = bare(node.this if isinstance(node, exp.Alias) else node)
        if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
            shown = all_columns(scope) if isinstance(inner, exp.Star) else _all_of(inner, scope)
            reader.gathered.reads(shown.columns.values())
            columns += shown.columns.items()
            is_open = is_open or shown.is_open
            continue
        reader.expression(inner, scope)
        origin = reader.column_of(inner, scope) if isinstance(inner, exp.Column) else None
        name = _name(reader, node, inner)
        is_open = is_open or not name
        columns.append((name, origin))
    return Source("", _named(columns), is_open=is_open)


def all_columns(scope: Scope) -> Source:
    """What `*` shows of a level."""
    columns = list(scope.merged.items())
    for source in scope.sources:
        columns += [item for item in source.columns.items() if item[0] not in scope.merged]
    return Source("", _named(columns), is_open=any(source.is_open for source in scope.sources))


def _named(columns: Sequence[tuple[str, Origin | None]]) -> dict[str, Origin | None]:
    """Columns by name; one without, or with that of an earlier one, keeps its place under a name no SQL can write."""
    named: dict[str, Origin | None] = {}
    for name, origin in columns:
        named[name if name and name not in named else f"\0{len(named)}"] = origin
    return named


def barred(source: Source) -> Source:
    """The source where no condition above it reaches its relations."""
    return changed(source, lambda origin: replace(origin, filtered=False, joined=False))


def barred_by(reader: Reader, node: exp.Select, scope: Scope, shown: Source, grouped: Sequence[Origin]) -> Source:
    """The source as the clauses of its SELECT let conditions from above through.

    The planner pushes a condition below aggregates, DISTINCT and window functions where it is on the columns they
    group by, but merges only plain subqueries into the level above. (allpaths.c, subquery_is_pushdown_safe.)
    """
    distinct = node.args.get("distinct")
    if node.args.get("limit") or node.args.get("offset") or (distinct is not None and distinct.args.get("on")):
        return barred(shown)
    parts = [part for each in node.expressions for part in walk(each)]
    windows = [part for part in parts if isinstance(part, exp.Window)] + list(node.args.get("windows") or ())
    partitions = [_partition(reader, window, scope) for window in windows if window.args.get("partition_by")]
    aggregated = node.args.get("group") or node.args.get("having") or any(isinstance(p, exp.AggFunc) for p in parts)
    if not (aggregated or windows or distinct or node.args.get("locks")):
        return shown
    allowed = [set(grouped)] if aggregated and not windows else []
    allowed += partitions if partitions or not windows else [set()]

    def through(origin: Origin) -> Origin:
        return replace(origin, filtered=origin.filtered and all(origin in each for each in allowed), joined=False)

    return changed(shown, through)


def _partition(reader: Reader, window: Tree, scope: Scope) -> set[Origin]:
    columns = (bare(node) for node in window.args.get("partition_by") or ())
    origins = (reader.column_of(node, scope) for node in columns if isinstance(node, exp.Column))
    return {origin for origin in origins if origin is not None}


def changed(source: Source, change: Callable[[Origin], Origin]) -> Source:
    """The source with another origin for each column that has one."""
    return replace(
        source,
        columns={name: None if origin is None else change(origin) for name, origin in source.columns.items()},
    )


def _all_of(node: exp.Column, scope: Scope) -> Source:
    table = node.args.get("table")
    source = None if table is None else scope.source(identifier(table))
    return Source("", {}, is_open=True) if source is None else source


def _name(reader: Reader, node: Tree, inner: Tree) -> str:
    """The name PostgreSQL gives to a column of a select list; "" where it is not worked out here."""
    if isinstance(node, exp.Alias):
        return identifier(node.args["alias"])
    while isinstance(inner, exp.Cast):
        inner = bare(inner.this)
    if isinstance(inner, exp.Column):
        return identifier(inner.this)
    return reader.function_name(inner)
