"""INSERT, UPDATE, DELETE and MERGE: what they write, and what finds the rows they write to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from pgadvisor.model.shape import ColumnRef
from pgadvisor.workload.from_items import add_from, base
from pgadvisor.workload.outputs import projected
from pgadvisor.workload.scopes import COMPUTED, Scope, Source, occurrences, reference
from pgadvisor.workload.trees import Tree, bare, children, identifier

if TYPE_CHECKING:
    from pgadvisor.workload.reader import Reader


def _insert(reader: Reader, node: Tree, scope: Scope) -> Source:
    target = base(
        reader, node.this.this if isinstance(node.this, exp.Schema) else node.this, written=True, inserting=True
    )
    if node.args.get("expression") is not None:
        reader.gathered.reads(reader.query(node.args["expression"], scope).needs())
    scope.sources = [target, Source("excluded", dict.fromkeys(target.columns, COMPUTED), is_open=True)]
    conflict = node.args.get("conflict")
    if conflict is not None:
        _conflict(reader, conflict, target, scope)
    scope.sources = [target]
    return _returning(reader, node, target, scope)


def _conflict(reader: Reader, node: exp.OnConflict, target: Source, scope: Scope) -> None:
    columns: list[str] = []
    for key in node.args.get("conflict_keys") or ():
        inner = bare(key.this if isinstance(key, exp.Ordered) else key)
        while isinstance(inner, exp.Collate | exp.Opclass):
            inner = bare(inner.this)
        if isinstance(inner, exp.Column | exp.Identifier):
            columns.append(identifier(inner.this if isinstance(inner, exp.Column) else inner))
    constraint = node.args.get("constraint")
    if constraint is not None and target.relation is not None:
        columns += reader.schema.constraint_columns(target.relation.oid, identifier(constraint))
    reader.gathered.conflict.update(dict.fromkeys(_references(target, columns)))
    _assignments(reader, node.expressions, target, scope)
    where = node.args.get("where")
    # The row is found by the conflicting index: this only decides whether it is written.
    reader.expression(where, scope)


def _update(reader: Reader, node: Tree, scope: Scope) -> Source:
    target = base(reader, node.this, written=True)
    scope.sources = [target]
    from_ = node.args.get("from_")
    if from_ is not None:
        add_from(reader, from_.this, scope)
    _assignments(reader, node.expressions, target, scope)
    where = node.args.get("where")
    reader.condition(None if where is None else where.this, scope)
    return _returning(reader, node, target, scope)


def _delete(reader: Reader, node: Tree, scope: Scope) -> Source:
    if not node.this:
        # "DELETE t", as MySQL has it before FROM.
        raise sqlglot.errors.ParseError("DELETE without FROM")
    target = base(reader, node.this, written=True)
    scope.sources = [target]
    for item in node.args.get("using") or ():
        add_from(reader, item, scope)
    where = node.args.get("where")
    reader.condition(None if where is None else where.this, scope)
    return _returning(reader, node, target, scope)


def _merge(reader: Reader, node: Tree, scope: Scope) -> Source:
    target = base(reader, node.this, written=True)
    scope.sources = [target]
    source = add_from(reader, node.args["using"], scope)
    whens = node.args["whens"].expressions
    # Rows without a match are still needed where something is to be done for them.
    kept: frozenset[int] = frozenset()
    for when in whens:
        if not when.args.get("matched"):
            kept |= occurrences([target] if when.args.get("source") else source)
    reader.condition(node.args["on"], scope, kept)
    for when in whens:
        reader.expression(when.args.get("condition"), scope)
        then = when.args.get("then")
        if isinstance(then, exp.Update):
            _assignments(reader, then.expressions, target, scope)
        elif isinstance(then, exp.Insert):
            reader.expression(then.args.get("expression"), scope)
    return _returning(reader, node, target, scope)


WRITES: dict[type[Tree], Callable[[Reader, Tree, Scope], Source]] = {
    exp.Insert: _insert,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Merge: _merge,
}


def _assignments(reader: Reader, assignments: list[Tree], target: Source, scope: Scope) -> None:
    """`column = value` and `(columns) = (values)`: the left sides are written, the right ones read."""
    for assignment in assignments:
        if not isinstance(assignment, exp.EQ):
            reader.expression(assignment, scope)
            continue
        names = [_assigned(each) for each in _items(assignment.this)]
        reader.gathered.written.update(dict.fromkeys(_references(target, names)))
        reader.expression(assignment.expression, scope)


def _assigned(node: Tree) -> str:
    """The column that an assignment's target is in: `a`, `a[1]`, `a.field`."""
    while not isinstance(node, exp.Column):
        inner = children(node)
        if not inner:
            return ""
        node = inner[0]
    return identifier(node.args.get("table") or node.this)


def _items(node: Tree) -> list[Tree]:
    return list(node.expressions) if isinstance(node, exp.Tuple) else [node]


def _references(target: Source, names: list[str]) -> list[ColumnRef]:
    outputs = (target.columns[name] for name in names if name in target.columns)
    return [reference(output.origin) for output in outputs if output.origin is not None]


def _returning(reader: Reader, node: Tree, target: Source, scope: Scope) -> Source:
    """What RETURNING shows; `old` and `new` are the rows before and after (PostgreSQL 18)."""
    returning = node.args.get("returning")
    for alias in ("old", "new"):
        scope.extra.setdefault(alias, target)
    return projected(reader, [] if returning is None else returning.expressions, scope)
