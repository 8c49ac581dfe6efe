"""Reads a parsed statement level by level: sources, names, conditions, orderings."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

from sqlglot import exp

from pgadvisor.model.catalog import RelationKind
from pgadvisor.model.shape import ShapeRelation
from pgadvisor.workload.conditions import Conditions
from pgadvisor.workload.gathered import Gathered
from pgadvisor.workload.ordering import read_group, read_order
from pgadvisor.workload.outputs import all_columns, barred, barred_by, changed, projected
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.scopes import Origin, Scope, Source
from pgadvisor.workload.trees import Tree, children, function_name, identifier, parts_of
from pgadvisor.workload.writes import WRITES


class Reader:
    """One statement's tree, read once into `gathered`. text is what the tree was parsed from."""

    def __init__(self, schema: SchemaView, text: str, tree: Tree) -> None:
        self.schema = schema
        self.gathered = Gathered()
        # What each subquery in an expression shows, by the identity of its node.
        self.outputs: dict[int, Source] = {}
        self._text = text
        self._tree = tree
        self._occurrences = itertools.count()
        self._references: Counter[str] | None = None

    def read(self) -> Gathered:
        """Reads the whole statement."""
        self.query(self._tree, None)
        return self.gathered

    def query(self, node: Tree, outer: Scope | None) -> Source:
        """Reads a query or a write at any depth; what it shows has no alias yet."""
        scope = Scope(outer=outer)
        self._read_ctes(node, scope)
        if isinstance(node, exp.Select):
            return self._select(node, scope)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, scope)
        if isinstance(node, exp.Subquery):
            shown = self.query(node.this, scope)
            read_order(self, node, scope, shown)
            limited = node.args.get("limit") is not None or node.args.get("offset") is not None
            return barred(shown) if limited else shown
        for kind, write in WRITES.items():
            if isinstance(node, kind):
                return write(self, node, scope)
        self.expression(node, scope)
        columns = node.expressions[0].expressions if isinstance(node, exp.Values) and node.expressions else []
        return Source("", {f"column{n + 1}": None for n in range(len(columns))}, is_open=not columns)

    def expression(self, node: Tree | None, scope: Scope) -> None:
        """Notes the columns that an expression reads, and reads the subqueries in it."""
        stack = [] if node is None else [node]
        while stack:
            each = stack.pop()
            if isinstance(each, exp.Column):
                self.gathered.reads(self.columns_of(each, scope))
            elif isinstance(each, exp.Query):
                if id(each) not in self.outputs:
                    self.outputs[id(each)] = self.query(each, scope)
            else:
                stack.extend(reversed(children(each)))

    def column_of(self, node: exp.Column, scope: Scope) -> Origin | None:
        """The base column that a reference stands for, None where it is none or not one alone."""
        alias, name = parts_of(node)
        return None if isinstance(node.this, exp.Star) else scope.column(name, alias)

    def columns_of(self, node: exp.Column, scope: Scope) -> list[Origin | None]:
        """The base columns behind a column, `t.*`, or the name of a whole row."""
        alias, name = parts_of(node)
        origin = self.column_of(node, scope)
        row = scope.source(alias or name) if origin is None else None
        whole = isinstance(node.this, exp.Star) or not alias
        return list(row.columns.values()) if row is not None and whole else [origin]

    def condition(self, node: Tree | None, scope: Scope, not_limited: frozenset[int] = frozenset()) -> None:
        """Reads a condition that must hold; not_limited are occurrences whose rows it does not thin out."""
        if node is not None:
            self.expression(node, scope)
            Conditions(self, scope, not_limited).read(node)

    def function_name(self, node: Tree) -> str:
        """The name of a called function as it was written, folded."""
        return function_name(node, self._text)

    # FROM

    def base(self, node: exp.Table, *, written: bool = False) -> Source:
        """The source of a named relation, noted as used; what is not in the catalog is noted as unresolved."""
        name = identifier(node.this)
        schema_node = node.args.get("db")
        schema_name = identifier(schema_node) if schema_node is not None else None
        alias = identifier(node.args["alias"].this) if _has_alias(node) else name
        relation = self.schema.relation(schema_name, name)
        if relation is None:
            self.gathered.unresolved[f"{schema_name}.{name}" if schema_name else name] = None
            return Source(alias, {}, is_open=True)
        columns = self.schema.columns(relation.oid)
        if relation.kind is RelationKind.VIEW:
            self.gathered.unresolved[f"view {relation.schema}.{relation.name}"] = None
            return Source(alias, dict.fromkeys(columns), is_open=not columns).renamed(_column_aliases(node))
        self.gathered.relations[ShapeRelation(relation_oid=relation.oid, alias=alias, written=written)] = None
        occurrence = next(self._occurrences)
        origins: dict[str, Origin | None] = {
            each: Origin(relation.oid, occurrence, alias, column) for each, column in columns.items()
        }
        return Source(alias, origins, is_open=not columns, relation=relation).renamed(_column_aliases(node))

    def add_from(self, node: Tree, scope: Scope) -> list[Source]:
        """Adds what a FROM item holds, its joins included, to the scope."""
        added = self._item(node, scope)
        for join in node.args.get("joins") or ():
            added = added + self._join(join, scope, added)
        return added

    def _item(self, node: Tree, scope: Scope) -> list[Source]:
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table | exp.Subquery) and not _has_alias(node):
            return self.add_from(node.this, scope)
        source = self._source(node, scope)
        scope.sources.append(source)
        return [source]

    def _source(self, node: Tree, scope: Scope) -> Source:
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            cte = None if node.args.get("db") else scope.cte(identifier(node.this))
            return self.base(node) if cte is None else self._aliased(self._used(cte), node, cte.alias)
        inner = node.this if isinstance(node, exp.Lateral) else node
        if isinstance(inner, exp.Subquery | exp.Select | exp.SetOperation):
            if isinstance(inner, exp.Subquery) and isinstance(inner.this, exp.Table):
                joined = Scope(outer=scope.outer, ctes=scope.ctes)
                self.add_from(inner.this, joined)
                return self._aliased(all_columns(joined), node)
            # Only LATERAL sees its neighbours.
            outer = scope if isinstance(node, exp.Lateral) else Scope(outer=scope.outer, ctes=scope.ctes)
            return self._aliased(self.query(inner, outer), node)
        if isinstance(inner, exp.Values):
            return self._aliased(self.query(inner, scope), node)
        for child in children(inner):
            self.expression(child, scope)
        return self._aliased(Source("", {}, is_open=True), node)

    def _used(self, cte: Source) -> Source:
        """A CTE where it is used: each use reads the relations in it on its own."""
        uses = {origin.occurrence for origin in cte.columns.values() if origin is not None}
        fresh = {occurrence: next(self._occurrences) for occurrence in sorted(uses)}
        return changed(cte, lambda origin: replace(origin, occurrence=fresh[origin.occurrence]))

    def _aliased(self, source: Source, node: Tree, default: str = "") -> Source:
        alias = identifier(node.args["alias"].this) if _has_alias(node) else default
        return replace(source, alias=alias, relation=None).renamed(_column_aliases(node))

    def _join(self, node: exp.Join, scope: Scope, left: list[Source]) -> list[Source]:
        right = self.add_from(node.this, scope)
        side = node.side.upper()
        left_uses, right_uses = frozenset(scope.occurrences(left)), frozenset(scope.occurrences(right))
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
            self._merge(name, scope, left, right, side)
        self.condition(node.args.get("on"), scope, kept)
        return right

    def _merge(self, name: str, scope: Scope, left: list[Source], right: list[Source], side: str) -> None:
        """A column that USING or NATURAL makes one of two."""
        first = Scope(sources=left, merged={k: v for k, v in scope.merged.items() if k == name}).column(name)
        second = Scope(sources=right).column(name)
        self.gathered.reads((first, second))
        if first is not None and second is not None:
            Conditions(self, scope, frozenset()).equate(first, second)
        scope.merged[name] = {"RIGHT": second, "FULL": None}.get(side, first)

    # Queries

    def _read_ctes(self, node: Tree, scope: Scope) -> None:
        with_ = node.args.get("with_")
        if with_ is None:
            return
        for cte in with_.expressions:
            name = identifier(cte.args["alias"].this)
            if with_.args.get("recursive"):
                # What the recursive part sees of itself; replaced once the whole is read.
                scope.ctes[name] = Source(name, {}, is_open=True)
            shown = self.query(cte.this, scope).renamed(_column_aliases(cte))
            inlined = self._is_inlined(cte, name) and not with_.args.get("recursive")
            scope.ctes[name] = replace(shown if inlined else barred(shown), alias=name)

    def _is_inlined(self, cte: exp.CTE, name: str) -> bool:
        """Whether PostgreSQL merges a CTE into the query: it is used once, or NOT MATERIALIZED says so.

        https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-CTE-MATERIALIZATION
        """
        materialized = cte.args.get("materialized")
        if not isinstance(cte.this, exp.Query) or materialized or cte.this.args.get("locks"):
            return False
        if materialized is False:
            return True
        if self._references is None:
            tables = self._tree.find_all(exp.Table)
            self._references = Counter(
                identifier(table.this) for table in tables if isinstance(table.this, exp.Identifier)
            )
        return self._references[name] == 1

    def _select(self, node: exp.Select, scope: Scope) -> Source:
        from_ = node.args.get("from_")
        added = [] if from_ is None else self.add_from(from_.this, scope)
        for join in node.args.get("joins") or ():
            added = added + self._join(join, scope, added)
        where = node.args.get("where")
        self.condition(None if where is None else where.this, scope)
        shown = projected(self, node.expressions, scope)
        distinct = node.args.get("distinct")
        for part in (distinct, node.args.get("having"), *(node.args.get("windows") or ())):
            self.expression(part, scope)
        grouped = read_group(self, node, scope, shown)
        read_order(self, node, scope, shown)
        return barred_by(self, node, scope, shown, grouped)

    def _set_operation(self, node: exp.SetOperation, scope: Scope) -> Source:
        # UNION chains lean to the left, sometimes by the thousand.
        arms: list[Tree] = []
        stack: list[Tree] = [node]
        while stack:
            each = stack.pop()
            if isinstance(each, exp.SetOperation) and (each is node or each.args.get("with_") is None):
                stack += [each.expression, each.this]
            else:
                arms.append(each)
        shown = [self.query(arm, scope) for arm in arms]
        result = Source("", dict.fromkeys(shown[0].columns), is_open=shown[0].is_open)
        read_order(self, node, Scope(outer=scope), result)
        return result


def _has_alias(node: Tree) -> bool:
    alias = node.args.get("alias")
    return isinstance(alias, exp.TableAlias) and alias.this is not None


def _column_aliases(node: Tree) -> list[str]:
    alias = node.args.get("alias")
    columns = alias.args.get("columns") or [] if isinstance(alias, exp.TableAlias) else []
    return [identifier(column.this if isinstance(column, exp.ColumnDef) else column) for column in columns]
