"""Views in statements, read through to the relations below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from pgadvisor.model.catalog import Relation
from pgadvisor.workload.lexer import lex
from pgadvisor.workload.mending import mend
from pgadvisor.workload.nesting import too_deep
from pgadvisor.workload.outputs import guarded
from pgadvisor.workload.parsing import parse
from pgadvisor.workload.scopes import Source
from pgadvisor.workload.trees import Tree

if TYPE_CHECKING:
    from pgadvisor.workload.reader import Reader

# Views on views: deeper ones are not looked into.
MAX_VIEW_DEPTH = 16
# A longer definition is not read.
MAX_DEFINITION_CHARS = 100_000

_ON = frozenset({"security_barrier=true", "security_barrier=on", "security_barrier=1", "security_barrier=yes"})


@dataclass(frozen=True)
class ParsedView:
    """The query of a view: the text that was parsed, and its tree."""

    text: str
    tree: Tree


def parse_view(definition: str | None) -> ParsedView | None:
    """The query of a view from the server's text of it; None where it cannot be read."""
    if definition is None or len(definition) > MAX_DEFINITION_CHARS:
        return None
    lexed = lex(definition)
    if not lexed.tokens or lexed.cut or not lexed.balanced or lexed.commands > 1 or too_deep(lexed):
        return None
    text = mend(lexed)
    try:
        tree = parse(text)
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None
    return ParsedView(text, tree) if isinstance(tree, exp.Query) else None


def read_view(reader: Reader, relation: Relation, *, written: bool, inserting: bool) -> Source | None:
    """What a view shows, its relations and conditions noted; None where it cannot be looked into.

    A view that is written to must be one that PostgreSQL updates by itself: on one relation, without aggregates and
    the like. https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS
    """
    if relation.oid in reader.view_oids or len(reader.through) >= MAX_VIEW_DEPTH:
        return None
    parsed = reader.schema.parsed_views
    if relation.oid not in parsed:
        parsed[relation.oid] = parse_view(relation.definition)
    view = parsed[relation.oid]
    target = None if view is None or not written else _updatable(view.tree)
    if view is None or (written and target is None) or not reader.may_enter_view():
        return None
    name = f"{relation.schema}.{relation.name}"
    reader.gathered.views[name] = None
    below = reader.below(view.text, view.tree, relation.oid, name, target)
    below.inserting = inserting and target is not None
    shown = below.query(view.tree, None).renamed(list(reader.schema.columns(relation.oid)))
    return guarded(shown) if any(option.lower() in _ON for option in relation.options) else shown


def _updatable(tree: Tree) -> Tree | None:
    """The one FROM item of a view that PostgreSQL updates by itself."""
    from_ = tree.args.get("from_")
    barriers = ("joins", "group", "having", "distinct", "limit", "offset", "with_", "windows")
    if from_ is None or not isinstance(tree, exp.Select) or any(tree.args.get(key) for key in barriers):
        return None
    item = from_.this
    return item if isinstance(item, exp.Table) and not item.args.get("joins") else None
