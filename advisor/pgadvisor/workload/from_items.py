"""What stands in FROM: relations, views, CTEs, subqueries, functions and joins of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from pgadvisor.model.catalog import RelationKind
from pgadvisor.model.shape import ShapeRelation
from pgadvisor.workload.conditions import Conditions
from pgadvisor.workload.outputs import all_columns, padded
from pgadvisor.workload.scopes import COMPUTED, BaseColumns, Output, Scope, Source, Subject, occurrences
from pgadvisor.workload.trees import Tree, identifier
from pgadvisor.workload.views import read_view
from pgadvisor.workload.words import words

if TYPE_CHECKING:
    from pgadvisor.workload.reader import Reader
# Functions with one column that has the name of the alias, and such whose column has a name of its own.
_SHOW_ALIAS = words(
    "generate_series generate_subscripts json_object_keys jsonb_object_keys regexp_split_to_table string_to_table "
    "unnest"
)
_SHOW_VALUE = words("json_array_elements json_array_elements_text jsonb_array_elements jsonb_array_elements_text")


def base(reader: Reader, node: exp.Table, *, written: bool = False, inserting: bool = False) -> Source:
    """The source of a named relation, noted as used; what is not in the catalog is noted as unresolved.

    written: it is the target of the statement, inserting: one that only gets new rows.
    """
    name = identifier(node.this)
    schema_node = node.args.get("db")
    schema_name = identifier(schema_node) if schema_node is not None else None
    alias = identifier(node.args["alias"].this) if _has_alias(node) else name
    relation = reader.relation(schema_name, name)
    if relation is None:
        reader.gathered.unresolved[f"{schema_name}.{name}" if schema_name else name] = None
        return Source(alias, {}, is_open=True)
    written = written or node is reader.target
    columns = reader.schema.columns(relation.oid)
    if relation.kind is RelationKind.VIEW:
        shown = read_view(reader, relation, written=written, inserting=inserting or reader.inserting)
        if shown is None:
            reader.gathered.unresolved[f"view {relation.schema}.{relation.name}"] = None
            shown = Source(alias, dict.fromkeys(columns, COMPUTED), is_open=not columns)
        return replace(shown, alias=alias).renamed(column_aliases(node))
    used = ShapeRelation(relation_oid=relation.oid, alias=alias, written=written, through=reader.through)
    reader.gathered.relations[used] = None
    outputs = BaseColumns(relation, reader.occurrence(), alias, columns)
    return Source(alias, outputs, is_open=not columns, relation=relation).renamed(column_aliases(node))


def add_from(reader: Reader, node: Tree, scope: Scope) -> list[Source]:
    """Adds what a FROM item holds, its joins included, to the scope."""
    return add_joins(reader, node, scope, _item(reader, node, scope))


def add_joins(reader: Reader, node: Tree, scope: Scope, added: list[Source]) -> list[Source]:
    """Adds what a node joins to the sources already added; gives back all of them."""
    for join in node.args.get("joins") or ():
        added = added + _join(reader, join, scope, added)
    return added


def column_aliases(node: Tree) -> list[str]:
    """The names that the alias of a FROM item or a CTE gives to its columns."""
    alias = node.args.get("alias")
    columns = alias.args.get("columns") or [] if isinstance(alias, exp.TableAlias) else []
    return [identifier(column.this if isinstance(column, exp.ColumnDef) else column) for column in columns]


def _has_alias(node: Tree) -> bool:
    alias = node.args.get("alias")
    return isinstance(alias, exp.TableAlias) and alias.this is not None


def _item(reader: Reader, node: Tree, scope: Scope) -> list[Source]:
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table | exp.Subquery) and not _has_alias(node):
        return add_from(reader, node.this, scope)
    source = _source(reader, node, scope)
    scope.sources.append(source)
    return [source]


def _source(reader: Reader, node: Tree, scope: Scope) -> Source:
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        cte = None if node.args.get("db") else scope.cte(identifier(node.this))
        return base(reader, node) if cte is None else _aliased(_used(reader, cte), node, cte.alias)
    inner = node.this if isinstance(node, exp.Lateral) else node
    if isinstance(inner, exp.Subquery | exp.Select | exp.SetOperation):
        if isinstance(inner, exp.Subquery) and isinstance(inner.this, exp.Table):
            joined = Scope(outer=scope.outer, ctes=scope.ctes)
            add_from(reader, inner.this, joined)
            return _aliased(padded(all_columns(joined), joined), node)
        # Only LATERAL sees its neighbours.
        outer = scope if isinstance(node, exp.Lateral) else Scope(outer=scope.outer, ctes=scope.ctes)
        return _aliased(reader.query(inner, outer), node)
    if isinstance(inner, exp.Values):
        return _aliased(reader.query(inner, scope), node)
    parts = [inner.this, *(inner.args.get("rows_from") or ())] if isinstance(inner, exp.Table) else [inner]
    for part in parts:
        reader.expression(part, scope)
    return _aliased(_function(reader, parts, node), node)


def _function(reader: Reader, parts: list[Tree], node: Tree) -> Source:
    """What a function in FROM shows: one column where it is of the system's simple ones, else nobody knows."""
    called = parts[0].expression if isinstance(parts[0], exp.Dot) else parts[0]
    is_own = isinstance(parts[0], exp.Dot) and identifier(parts[0].this) != "pg_catalog"
    name = reader.function_name(called) if isinstance(called, exp.Func) else ""
    several = len(parts) > 1 or (isinstance(called, exp.Unnest) and len(called.expressions) > 1)
    if is_own or several or name not in _SHOW_ALIAS | _SHOW_VALUE:
        return Source("", {}, is_open=True)
    alias = identifier(node.args["alias"].this) if _has_alias(node) else name
    columns = ["value" if name in _SHOW_VALUE else alias]
    if any(each.args.get(key) for each in (node, called) for key in ("ordinality", "offset")):
        columns.append("ordinality")
    return Source("", dict.fromkeys(columns, COMPUTED))


def _used(reader: Reader, cte: Source) -> Source:
    """A CTE where it is used: each use reads the relations in it on its own."""
    fresh = {each: reader.occurrence() for each in sorted(cte.occurrences())}
    return cte.changed(lambda origin: replace(origin, occurrence=fresh[origin.occurrence]))


def _aliased(source: Source, node: Tree, default: str = "") -> Source:
    alias = identifier(node.args["alias"].this) if _has_alias(node) else default
    return replace(source, alias=alias, relation=None).renamed(column_aliases(node))


def _join(reader: Reader, node: exp.Join, scope: Scope, left: list[Source]) -> list[Source]:
    right = add_from(reader, node.this, scope)
    side = node.side.upper()
    left_uses, right_uses = occurrences(left), occurrences(right)
    if side in ("LEFT", "FULL"):
        scope.nullable |= right_uses
    if side in ("RIGHT", "FULL"):
        scope.nullable |= left_uses
    kept = {"LEFT": left_uses, "RIGHT": right_uses, "FULL": left_uses | right_uses}.get(side, frozenset())
    names = [identifier(name) for name in node.args.get("using") or ()]
    if node.method.upper() == "NATURAL":
        shared = {name for source in left for name in source.columns}
        names = [name for source in right for name in source.columns if name in shared]
    for name in names:
        _merge(reader, name, scope, (left, right), side)
    reader.condition(node.args.get("on"), scope, kept)
    return right


def _merge(reader: Reader, name: str, scope: Scope, sides: tuple[list[Source], list[Source]], side: str) -> None:
    """A column that USING or NATURAL makes one of two."""
    left, right = sides
    first = Scope(sources=left, merged={k: v for k, v in scope.merged.items() if k == name}).output(name) or COMPUTED
    second = Scope(sources=right).output(name) or COMPUTED
    reader.gathered.reads((*first.needs, *second.needs))
    if first.origin is not None and second.origin is not None:
        Conditions(reader, scope, frozenset()).equate(first.origin, second.origin)
    either = tuple(Subject(each.origin, "function coalesce") for each in (*first.subjects, *second.subjects))
    both = Output(None, either, (*first.needs, *second.needs))
    scope.merged[name] = {"RIGHT": second, "FULL": both}.get(side, first)
