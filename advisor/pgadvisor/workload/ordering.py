"""ORDER BY, GROUP BY, LIMIT and OFFSET."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from pgadvisor.model.shape import SortKey
from pgadvisor.workload.gathered import reference
from pgadvisor.workload.scopes import Origin, Scope, Source
from pgadvisor.workload.trees import Tree, bare, identifier, parameters

if TYPE_CHECKING:
    from pgadvisor.workload.reader import Reader


def read_order(reader: Reader, node: Tree, scope: Scope, shown: Source) -> None:
    """Notes the sort keys and limits of a level; the outermost level that sorts is read last, and stands."""
    gathered = reader.gathered
    order = node.args.get("order")
    reader.expression(order, scope)
    limited = _read_limits(reader, node, scope)
    keys: list[SortKey] = []
    for key in () if order is None else order.expressions:
        origin = _sorted_by(reader, key, scope, shown)
        # An index cannot go on past a key that it does not have.
        if origin is None or not origin.joined:
            break
        descending = bool(key.args.get("desc"))
        nulls_first = bool(key.args.get("nulls_first"))
        ref = reference(origin)
        keys.append(
            SortKey(relation_oid=ref.relation_oid, column=ref.column, descending=descending, nulls_first=nulls_first)
        )
    if keys:
        gathered.sort, gathered.has_limit = tuple(keys), limited
    elif order is not None:
        gathered.sort, gathered.has_limit = (), limited
    elif limited:
        gathered.has_limit = True


def read_group(reader: Reader, node: Tree, scope: Scope, shown: Source) -> list[Origin]:
    """Notes the columns a level groups by, and gives them back."""
    group = node.args.get("group")
    if group is None:
        return []
    reader.expression(group, scope)
    keys: list[Tree] = list(group.expressions)
    for kind in ("cube", "rollup", "grouping_sets"):
        keys += group.args.get(kind) or ()
    origins: dict[Origin, None] = {}
    while keys:
        key = bare(keys.pop(0))
        if isinstance(key, exp.Cube | exp.Rollup | exp.GroupingSets | exp.Tuple):
            keys = [*key.expressions, *keys]
            continue
        origin = _grouped_by(reader, key, scope, shown)
        if origin is not None:
            origins[origin] = None
    if origins:
        reader.gathered.group = tuple(dict.fromkeys(reference(origin) for origin in origins))
    return list(origins)


def _read_limits(reader: Reader, node: Tree, scope: Scope) -> bool:
    """Notes the parameters of LIMIT and OFFSET; whether there is a limit."""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    limited = False
    if limit is not None:
        count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
        reader.expression(count, scope)
        if count is not None:
            reader.gathered.limit_parameters.update(dict.fromkeys(parameters(count)))
        limited = not (isinstance(count, exp.Null) or (isinstance(count, exp.Var) and count.name.upper() == "ALL"))
    if offset is not None:
        reader.expression(offset.expression, scope)
        reader.gathered.offset_parameters.update(dict.fromkeys(parameters(offset.expression)))
    return limited


def _sorted_by(reader: Reader, key: Tree, scope: Scope, shown: Source) -> Origin | None:
    """In ORDER BY a name is that of an output column first."""
    node = bare(key.this if isinstance(key, exp.Ordered) else key)
    position = _position(node, shown)
    if position is not None:
        return position
    if isinstance(node, exp.Column) and node.args.get("table") is None and identifier(node.this) in shown.columns:
        return shown.columns[identifier(node.this)]
    return reader.column_of(node, scope) if isinstance(node, exp.Column) else None


def _grouped_by(reader: Reader, key: Tree, scope: Scope, shown: Source) -> Origin | None:
    """In GROUP BY a name is that of an input column first."""
    position = _position(key, shown)
    if position is not None or not isinstance(key, exp.Column):
        return position
    origin = reader.column_of(key, scope)
    if origin is None and key.args.get("table") is None:
        return shown.columns.get(identifier(key.this))
    return origin


def _position(node: Tree, shown: Source) -> Origin | None:
    """The output column of a bare number."""
    if not isinstance(node, exp.Literal) or node.is_string or not node.name.isdecimal():
        return None
    origins = list(shown.columns.values())
    index = int(node.name) - 1
    return origins[index] if 0 <= index < len(origins) else None
