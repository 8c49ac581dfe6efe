"""ORDER BY, GROUP BY, LIMIT and OFFSET."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from pgadvisor.model.shape import SortKey
from pgadvisor.workload.scopes import COMPUTED, Origin, Output, Scope, Source, reference
from pgadvisor.workload.trees import Tree, bare, identifier, parameters, uncast

if TYPE_CHECKING:
    from pgadvisor.workload.reader import Reader


# sqlglot tells how long to wait by True (NOWAIT), False (SKIP LOCKED) and None.
_WAITS = {True: " nowait", False: " skip locked"}


def read_order(reader: Reader, node: Tree, scope: Scope, shown: Source) -> None:
    """Notes the sort keys and limits of a level; the outermost level that sorts is read last, and stands."""
    gathered = reader.gathered
    order = node.args.get("order")
    limited = _has_limit(node.args.get("limit"))
    keys: list[SortKey] = []
    is_prefix = True
    for key in () if order is None else order.expressions:
        output = _sorted_by(reader, key, scope, shown)
        if output is None:
            reader.expression(key, scope)
        gathered.reads(() if output is None else output.needs)
        origin = None if output is None else output.origin
        # An index cannot go on past a key that it does not have.
        is_prefix = is_prefix and origin is not None and origin.joined and origin.column.number > 0
        if origin is not None and is_prefix:
            ref = reference(origin)
            descending, nulls_first = bool(key.args.get("desc")), bool(key.args.get("nulls_first"))
            keys.append(
                SortKey(
                    relation_oid=ref.relation_oid, column=ref.column, descending=descending, nulls_first=nulls_first
                )
            )
    if order is not None:
        gathered.sort = tuple(keys)
    if order is not None or limited:
        gathered.has_limit = limited
    _read_limits(reader, node, scope, stands=order is not None or limited)


def read_distinct(reader: Reader, node: Tree, scope: Scope, shown: Source) -> None:
    """Notes the base columns of DISTINCT or DISTINCT ON; the outermost level that has any is read last, and stands."""
    distinct = node.args.get("distinct")
    if distinct is None:
        return
    on = distinct.args.get("on")
    outputs: list[Output] = list(shown.columns.values())
    reader.gathered.reads(shown.needs())
    if on is not None:
        reader.expression(on, scope)
        keys = on.expressions if isinstance(on, exp.Tuple) else [on]
        outputs = [_sorted_by(reader, bare(key), scope, shown) or COMPUTED for key in keys]
    refs = dict.fromkeys(reference(output.origin) for output in outputs if output.origin is not None)
    reader.gathered.is_distinct, reader.gathered.distinct = True, tuple(refs)


def read_locks(reader: Reader, node: Tree) -> None:
    """Notes the locking clauses of a level: "for update", "for no key update skip locked", ..."""
    clauses = []
    for lock in node.args.get("locks") or ():
        update, key = bool(lock.args.get("update")), bool(lock.args.get("key"))
        strength = {(True, False): "update", (True, True): "no key update", (False, True): "key share"}
        clauses.append(f"for {strength.get((update, key), 'share')}{_WAITS.get(lock.args.get('wait'), '')}")
    if clauses:
        reader.gathered.locking = ", ".join(clauses)


def read_group(reader: Reader, node: Tree, scope: Scope, shown: Source) -> list[Origin]:
    """Notes the columns a level groups by, and gives them back."""
    group = node.args.get("group")
    if group is None:
        return []
    keys: list[Tree] = list(group.expressions)
    for kind in ("cube", "rollup", "grouping_sets"):
        keys += group.args.get(kind) or ()
    origins: dict[Origin, None] = {}
    while keys:
        key = bare(keys.pop(0))
        if isinstance(key, exp.Cube | exp.Rollup | exp.GroupingSets | exp.Tuple):
            keys = [*key.expressions, *keys]
            continue
        output = _grouped_by(reader, key, scope, shown)
        if output is None:
            reader.expression(key, scope)
            continue
        reader.gathered.reads(output.needs)
        if output.origin is not None:
            origins[output.origin] = None
    if origins:
        reader.gathered.group = tuple(dict.fromkeys(reference(origin) for origin in origins))
    return list(origins)


def _has_limit(limit: Tree | None) -> bool:
    count = None if limit is None else _count(limit)
    unlimited = isinstance(count, exp.Null) or (isinstance(count, exp.Var) and count.name.upper() == "ALL")
    return limit is not None and not unlimited


def _count(limit: Tree) -> Tree | None:
    """The number in a LIMIT or FETCH FIRST; None where the text leaves it out, which means one."""
    count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.args.get("expression")
    return count if isinstance(count, exp.Expr) else None


def _read_limits(reader: Reader, node: Tree, scope: Scope, *, stands: bool) -> None:
    """Notes LIMIT and OFFSET; stands: this level's constants are those of the statement as far as is known."""
    gathered = reader.gathered
    limit, offset = node.args.get("limit"), node.args.get("offset")
    if limit is not None:
        count = _count(limit)
        reader.expression(count, scope)
        gathered.limit_parameters.update(dict.fromkeys(() if count is None else parameters(count)))
    if offset is not None:
        reader.expression(offset.expression, scope)
        gathered.offset_parameters.update(dict.fromkeys(parameters(offset.expression)))
    if stands or offset is not None:
        first = isinstance(limit, exp.Fetch) and _count(limit) is None
        gathered.limit = 1 if first else _number(None if limit is None else _count(limit))
        gathered.offset = _number(None if offset is None else offset.expression)


def _number(node: Tree | None) -> int | None:
    inner = None if node is None else uncast(node)
    plain = isinstance(inner, exp.Literal) and inner.name.isascii() and inner.name.isdecimal() and len(inner.name) < 20
    return int(inner.name) if inner is not None and plain else None


def _sorted_by(reader: Reader, key: Tree, scope: Scope, shown: Source) -> Output | None:
    """What is sorted by, None for an expression. In ORDER BY a name is that of an output column first."""
    node = bare(key.this if isinstance(key, exp.Ordered) else key)
    position = _position(node, shown)
    if position is not None:
        return position
    if isinstance(node, exp.Column) and node.args.get("table") is None and identifier(node.this) in shown.columns:
        return shown.columns[identifier(node.this)]
    return reader.output_of(node, scope) if isinstance(node, exp.Column) else None


def _grouped_by(reader: Reader, key: Tree, scope: Scope, shown: Source) -> Output | None:
    """What is grouped by, None for an expression. In GROUP BY a name is that of an input column first."""
    position = _position(key, shown)
    if position is not None or not isinstance(key, exp.Column):
        return position
    alias = key.args.get("table")
    found = scope.output(identifier(key.this), "" if alias is None else identifier(alias))
    if found is None and alias is None and identifier(key.this) in shown.columns:
        return shown.columns[identifier(key.this)]
    return reader.output_of(key, scope)


def _position(node: Tree, shown: Source) -> Output | None:
    """The output column of a bare number."""
    if not isinstance(node, exp.Literal) or node.is_string or not node.name.isdecimal():
        return None
    outputs = list(shown.columns.values())
    index = int(node.name) - 1
    return outputs[index] if 0 <= index < len(outputs) else None
