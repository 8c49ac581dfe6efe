"""What a query shows to the level above, and how far a condition there reaches into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from pgadvisor.workload.comparands import subjects
from pgadvisor.workload.scopes import COMPUTED, Origin, Output, Scope, Source
from pgadvisor.workload.trees import Tree, bare, identifier, walk
from pgadvisor.workload.words import words

if TYPE_CHECKING:
    from pgadvisor.workload.reader import Reader

# Of a set operation with more arms than this, conditions are followed into the first ones alone.
MAX_ARMS = 100


# Aggregates of PostgreSQL that the parser takes for plain functions.
_AGGREGATES = words(
    "any_value bit_and bit_or bit_xor bool_and bool_or corr covar_pop covar_samp cume_dist dense_rank every json_agg "
    "json_agg_strict json_object_agg json_arrayagg json_objectagg jsonb_agg jsonb_agg_strict jsonb_object_agg mode "
    "percent_rank percentile_cont percentile_disc range_agg range_intersect_agg rank string_agg xmlagg "
    "regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy"
)


def is_aggregate(reader: Reader, node: Tree) -> bool:
    """Whether a node aggregates rows."""
    if isinstance(node, exp.AggFunc | exp.Filter | exp.JSONArrayAgg | exp.JSONObjectAgg | exp.WithinGroup):
        return True
    return isinstance(node, exp.Func) and reader.function_name(node) in _AGGREGATES


def projected(reader: Reader, expressions: Sequence[Tree], scope: Scope) -> Source:
    """The columns of a select list. What they need is read where the level above uses them."""
    columns: list[tuple[str, Output]] = []
    is_open = False
    for node in expressions:
        inner = bare(node.this if isinstance(node, exp.Alias) else node)
        if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
            shown = all_columns(scope) if isinstance(inner, exp.Star) else _all_of(inner, scope)
            columns += shown.columns.items()
            is_open = is_open or shown.is_open
            continue
        name = _name(reader, node, inner)
        is_open = is_open or not name
        columns.append((name, _output(reader, inner, scope)))
    return Source("", _named(columns), is_open=is_open)


def all_columns(scope: Scope) -> Source:
    """What `*` shows of a level."""
    columns = list(scope.merged.items())
    for source in scope.sources:
        columns += [item for item in source.columns.items() if item[0] not in scope.merged]
    return Source("", _named(columns), is_open=any(source.is_open for source in scope.sources))


def padded(shown: Source, scope: Scope) -> Source:
    """The source with what an outer join of its level fills up with NULLs marked as such."""
    if not scope.nullable:
        return shown
    return shown.changed(lambda origin: replace(origin, nullable=origin.nullable or scope.is_nullable(origin)))


def barred(source: Source) -> Source:
    """The source where no condition above it reaches its relations."""
    return source.changed(lambda origin: replace(origin, filtered=False, joined=False))


def guarded(source: Source) -> Source:
    """The source behind a security barrier, which only leakproof conditions pass."""
    return source.changed(lambda origin: replace(origin, guarded=True, joined=False))


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
    aggregated = node.args.get("group") or node.args.get("having") or any(is_aggregate(reader, p) for p in parts)
    if not (aggregated or windows or distinct or node.args.get("locks")):
        return shown
    allowed = [{_key(origin) for origin in grouped}] if aggregated and not windows else []
    allowed += partitions if partitions or not windows else [set()]

    def through(origin: Origin) -> Origin:
        reached = origin.filtered and all(_key(origin) in each for each in allowed)
        return replace(origin, filtered=reached, joined=False)

    return shown.changed(through)


def combined(node: exp.SetOperation, arms: Sequence[Source]) -> Source:
    """What a set operation shows: each column stands for that of every arm.

    Conditions are pushed into the arms unless EXCEPT is among the operations or the types of a column differ; only the
    arms of a plain UNION ALL become parts of the level above. (allpaths.c, recurse_pushdown_safe; prepjointree.c,
    is_simple_union_all.)
    """
    if len({len(arm.columns) for arm in arms}) != 1 or any(arm.is_open for arm in arms):
        return Source("", dict.fromkeys(arms[0].columns, COMPUTED), is_open=arms[0].is_open)
    rows = zip(*(arm.columns.values() for arm in arms), strict=True)
    shown = Source("", dict(zip(arms[0].columns, map(_combined, rows), strict=True)))
    if any(isinstance(each, exp.Except) for each in operations(node)):
        return barred(shown)
    if is_union_all(node):
        return shown
    return shown.changed(lambda origin: replace(origin, joined=False))


def operations(node: Tree) -> Iterator[exp.SetOperation]:
    """The set operations of one level. UNION chains lean to the left, sometimes by the thousand."""
    stack: list[Tree] = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, exp.SetOperation) and (each is node or each.args.get("with_") is None):
            yield each
            stack += [each.expression, each.this]


def is_union_all(node: exp.SetOperation) -> bool:
    """Whether it is a UNION ALL that the planner makes part of the level above."""
    return not any(node.args.get(key) for key in ("order", "limit", "offset", "with_")) and all(
        isinstance(each, exp.Union) and not each.args.get("distinct") for each in operations(node)
    )


def _combined(outputs: Sequence[Output]) -> Output:
    found = [subject for output in outputs[:MAX_ARMS] for subject in output.subjects]
    types = {output.origin.column.type_oid for output in outputs if output.origin is not None}
    combined_output = Output(
        None, tuple(found), tuple(dict.fromkeys(ref for output in outputs for ref in output.needs))
    )
    if len(types) < 2:
        return combined_output
    return combined_output.changed(lambda origin: replace(origin, filtered=False, joined=False))


def _output(reader: Reader, node: Tree, scope: Scope) -> Output:
    """A column of a select list; of an expression, what conditions on it are about where it is merged into them."""
    if isinstance(node, exp.Column):
        return reader.output_of(node, scope)
    needs = tuple(reader.needs_of(node, scope))
    if not needs or any(isinstance(part, exp.Window | exp.Query) or is_aggregate(reader, part) for part in walk(node)):
        return Output(needs=needs)
    return Output(None, tuple(subjects(reader, node, scope)), needs)


def _named(columns: Sequence[tuple[str, Output]]) -> dict[str, Output]:
    """Columns by name; one without, or with that of an earlier one, keeps its place under a name no SQL can write."""
    named: dict[str, Output] = {}
    for name, output in columns:
        named[name if name and name not in named else f"\0{len(named)}"] = output
    return named


def _partition(reader: Reader, window: Tree, scope: Scope) -> set[tuple[int, str]]:
    columns = (bare(node) for node in window.args.get("partition_by") or ())
    origins = (reader.column_of(node, scope) for node in columns if isinstance(node, exp.Column))
    return {_key(origin) for origin in origins if origin is not None}


def _key(origin: Origin) -> tuple[int, str]:
    return origin.occurrence, origin.column.name


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
    if isinstance(inner, exp.Dot):
        inner = inner.expression
    return reader.function_name(inner)
