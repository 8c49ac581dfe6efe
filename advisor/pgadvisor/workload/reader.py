"""Reads a parsed statement level by level: sources, names, conditions, orderings."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from sqlglot import exp

from pgadvisor.model.catalog import Relation
from pgadvisor.model.shape import ColumnRef
from pgadvisor.workload.conditions import Conditions
from pgadvisor.workload.from_items import add_from, add_joins, column_aliases
from pgadvisor.workload.gathered import Gathered
from pgadvisor.workload.ordering import read_distinct, read_group, read_locks, read_order
from pgadvisor.workload.outputs import barred, barred_by, combined, is_union_all, padded, projected
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.scopes import COMPUTED, Origin, Output, Scope, Source
from pgadvisor.workload.trees import Tree, children, function_name, identifier, parts_of, walk
from pgadvisor.workload.volatility import VOLATILE
from pgadvisor.workload.words import words
from pgadvisor.workload.writes import WRITES

# So many views are looked into for one statement: views on views multiply.
MAX_VIEWS = 200

# Written like functions, but part of the language.
_SYNTAX = words("all any array cast coalesce exists greatest grouping in least nullif row some")
_UNKNOWN = re.compile(r'[\s")]*is\s+(?:not\s+)?unknown\b', re.IGNORECASE)


@dataclass
class _Shared:
    """What the readers of a statement and of the views in it have in common."""

    gathered: Gathered = field(default_factory=Gathered)
    occurrences: Iterator[int] = field(default_factory=itertools.count)
    views_left: int = MAX_VIEWS


class Reader:
    """One statement's tree, read once into `gathered`. text is what the tree was parsed from.

    A view in it is read by a reader of its own, below this one; through are the views on the way to it, view_oids
    these by oid. target is the FROM item of a view that is written to, inserting: only to add rows.
    """

    def __init__(self, schema: SchemaView, text: str, tree: Tree, shared: _Shared | None = None) -> None:
        self.schema = schema
        self.through: tuple[str, ...] = ()
        self.view_oids: frozenset[int] = frozenset()
        self.target: Tree | None = None
        self.inserting = False
        # What each subquery in an expression shows, by the identity of its node.
        self.outputs: dict[int, Source] = {}
        self._shared = _Shared() if shared is None else shared
        self._text = text
        self._tree = tree
        self._references: Counter[str] | None = None

    @property
    def gathered(self) -> Gathered:
        """What was gathered so far."""
        return self._shared.gathered

    def read(self) -> Gathered:
        """Reads the whole statement."""
        self.gathered.reads(self.query(self._tree, None).needs())
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
                shown = write(self, node, scope)
                self.gathered.reads(shown.needs())
                return shown
        self.expression(node, scope)
        columns = node.expressions[0].expressions if isinstance(node, exp.Values) and node.expressions else []
        return Source("", {f"column{n + 1}": COMPUTED for n in range(len(columns))}, is_open=not columns)

    # Expressions

    def expression(self, node: Tree | None, scope: Scope) -> None:
        """Notes the columns that an expression reads, and reads the subqueries in it."""
        self.gathered.reads(self.needs_of(node, scope))

    def needs_of(self, node: Tree | None, scope: Scope) -> dict[ColumnRef, None]:
        """The base columns read where an expression is evaluated. The subqueries and functions in it are noted."""
        needs: dict[ColumnRef, None] = {}
        stack = [] if node is None else [node]
        while stack:
            each = stack.pop()
            if isinstance(each, exp.Column):
                needs.update(dict.fromkeys(self.output_of(each, scope).needs))
            elif isinstance(each, exp.Query):
                needs.update(dict.fromkeys(self.subquery(each, scope).needs()))
            elif isinstance(each, exp.Exists) and isinstance(each.this, exp.Query):
                # Whether there is a row: the select list is not even looked at.
                self.subquery(each.this, scope)
            else:
                if isinstance(each, exp.Func):
                    self._note_function(each)
                stack.extend(reversed(children(each)))
        return needs

    def subquery(self, node: Tree, scope: Scope) -> Source:
        """What a subquery in an expression shows; it is read once."""
        if id(node) not in self.outputs:
            self.outputs[id(node)] = self.query(node, scope)
        return self.outputs[id(node)]

    def output_of(self, node: exp.Column, scope: Scope) -> Output:
        """What a column, `t.*` or the name of a whole row stands for."""
        alias, name = parts_of(node)
        is_star = isinstance(node.this, exp.Star)
        found = None if is_star else scope.output(name, alias)
        if found is not None:
            return found
        row = scope.source(alias or name) if is_star or not alias else None
        return COMPUTED if row is None else Output(needs=tuple(row.needs()))

    def column_of(self, node: exp.Column, scope: Scope) -> Origin | None:
        """The base column that a reference stands for, None where it is none or not one alone."""
        return self.output_of(node, scope).origin

    def occurrences_of(self, node: exp.Column, scope: Scope) -> set[int]:
        """The uses of base relations that a reference is about."""
        found = {subject.origin.occurrence for subject in self.output_of(node, scope).subjects}
        row = None if found else scope.source(parts_of(node)[0] or parts_of(node)[1])
        return found if row is None else row.occurrences()

    def condition(self, node: Tree | None, scope: Scope, not_limited: frozenset[int] = frozenset()) -> None:
        """Reads a condition that must hold; not_limited are occurrences whose rows it does not thin out."""
        if node is not None:
            self.expression(node, scope)
            Conditions(self, scope, not_limited).read(node)

    def function_name(self, node: Tree) -> str:
        """The name of a called function as it was written, folded."""
        return function_name(node, self._text)

    def says_unknown(self, node: exp.Is) -> bool:
        """Whether IS UNKNOWN was written, which the parser takes for IS NULL; a B-tree serves only the latter."""
        ends = [part.meta.get("end", -1) for part in walk(node.this) if isinstance(part, exp.Identifier)]
        return bool(ends) and _UNKNOWN.match(self._text, max(ends) + 1) is not None

    def _note_function(self, node: Tree) -> None:
        name = self.function_name(node)
        if not name or name in _SYNTAX:
            return
        parent = node.parent
        if isinstance(parent, exp.Dot) and parent.expression is node:
            name = ".".join(
                [*(identifier(part) for part in walk(parent.this) if isinstance(part, exp.Identifier)), name]
            )
        self.gathered.functions[name] = None

    # Relations

    def relation(self, schema: str | None, name: str) -> Relation | None:
        """The relation of a name. In a view's definition only the system's relations stand without their schema."""
        return self.schema.relation(schema or ("pg_catalog" if self.through else None), name)

    def occurrence(self) -> int:
        """A number for one more use of a relation."""
        return next(self._shared.occurrences)

    def below(self, text: str, tree: Tree, view_oid: int, view: str, target: Tree | None) -> Reader:
        """A reader of a view's query, which gathers into the same."""
        reader = Reader(self.schema, text, tree, self._shared)
        reader.through = (*self.through, view)
        reader.view_oids = self.view_oids | {view_oid}
        reader.target = target
        return reader

    def may_enter_view(self) -> bool:
        """Whether one more view may be looked into; counts it."""
        self._shared.views_left -= 1
        return self._shared.views_left >= 0

    # Queries

    def _read_ctes(self, node: Tree, scope: Scope) -> None:
        with_ = node.args.get("with_")
        if with_ is None:
            return
        for cte in with_.expressions:
            name = identifier(cte.args["alias"].this)
            if isinstance(cte.this, exp.Query) and not self._uses(name):
                # What nobody asks for is not executed, unless it writes.
                scope.ctes[name] = Source(name, {}, is_open=True)
                continue
            recursive = with_.args.get("recursive") and _mentions(cte.this, name)
            if recursive:
                # What the recursive part sees of itself; replaced once the whole is read.
                scope.ctes[name] = Source(name, {}, is_open=True)
            shown = self.query(cte.this, scope).renamed(column_aliases(cte))
            if recursive or not self._is_inlined(cte, name):
                self.gathered.reads(shown.needs())
                shown = barred(shown)
            scope.ctes[name] = replace(shown, alias=name)

    def _is_inlined(self, cte: exp.CTE, name: str) -> bool:
        """Whether PostgreSQL merges a CTE into the query: it is used once, or NOT MATERIALIZED says so.

        https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-CTE-MATERIALIZATION
        """
        materialized = cte.args.get("materialized")
        if not isinstance(cte.this, exp.Query) or materialized or cte.this.args.get("locks"):
            return False
        if any(isinstance(part, exp.Func) and self.function_name(part) in VOLATILE for part in _whole(cte.this)):
            return False
        return materialized is False or self._uses(name) == 1

    def _uses(self, name: str) -> int:
        """How often a name stands for a relation in the whole text."""
        if self._references is None:
            tables = (each for each in _whole(self._tree) if isinstance(each, exp.Table))
            self._references = Counter(
                identifier(table.this) for table in tables if isinstance(table.this, exp.Identifier)
            )
        return self._references[name]

    def _select(self, node: exp.Select, scope: Scope) -> Source:
        from_ = node.args.get("from_")
        added = [] if from_ is None else add_from(self, from_.this, scope)
        add_joins(self, node, scope, added)
        where = node.args.get("where")
        # What is inserted into a view is not held to the view's conditions.
        if where is not None and not (self.inserting and node is self._tree):
            self.condition(where.this, scope)
        shown = projected(self, node.expressions, scope)
        for window in node.args.get("windows") or ():
            self.expression(window, scope)
        grouped = read_group(self, node, scope, shown)
        having = node.args.get("having")
        if having is not None:
            self.expression(having, scope)
            Conditions(self, scope, frozenset()).read_having(having.this, node.args.get("group"))
        read_distinct(self, node, scope, shown)
        read_order(self, node, scope, shown)
        read_locks(self, node)
        return barred_by(self, node, scope, padded(shown, scope), grouped)

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
        shown = [self.query(each, scope) for each in arms]
        if not is_union_all(node):
            for arm in shown:
                self.gathered.reads(arm.needs())
        result = combined(node, shown)
        read_order(self, node, Scope(outer=scope), result)
        limited = node.args.get("limit") is not None or node.args.get("offset") is not None
        return barred(result) if limited else result


def _whole(node: Tree) -> Iterable[Tree]:
    return walk(node, into_queries=True)


def _mentions(node: Tree, name: str) -> bool:
    return any(
        isinstance(each, exp.Table) and isinstance(each.this, exp.Identifier) and identifier(each.this) == name
        for each in _whole(node)
    )
