"""The conditions in a plan that the server showed, linked back to the columns of base relations.

EXPLAIN (VERBOSE) qualifies each column by an alias that is unique in the plan.
https://www.postgresql.org/docs/current/sql-explain.html
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from pgadvisor.model.catalog import Relation
from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.model.shape import ColumnRef, Join, Predicate
from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.mending import mend
from pgadvisor.workload.nesting import too_deep
from pgadvisor.workload.parsing import parse
from pgadvisor.workload.reader import Reader
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.scopes import BaseColumns, Scope, Source
from pgadvisor.workload.trees import Tree, parameters

MAX_CONDITION_CHARS = 100_000
# Conditions of a node by the fields of PlanNode, with EXPLAIN's names for them.
CONDITIONS = {
    "index_condition": "Index Cond",
    "recheck_condition": "Recheck Cond",
    "tid_condition": "TID Cond",
    "hash_condition": "Hash Cond",
    "merge_condition": "Merge Cond",
    "join_filter": "Join Filter",
    "filter": "Filter",
    "one_time_filter": "One-Time Filter",
    "conflict_filter": "Conflict Filter",
}
_OF_JOINS = frozenset({"hash_condition", "merge_condition", "join_filter"})
_NUMBERED = re.compile(r"(.+)_\d+")
_RETURNS = re.compile(r"\$\d+")


@dataclass(frozen=True)
class NodeCondition:
    """One condition of one node.

    node is the node's position in PlanNode.walk(), kind is EXPLAIN's name for it ("Filter"), text what the server
    showed. columns are the base columns in it, parameters the positions of its $n. readable is False where the text
    could not be taken apart, and nothing more is known than the text.
    """

    node: int
    kind: str
    text: str
    columns: tuple[ColumnRef, ...] = ()
    predicates: tuple[Predicate, ...] = ()
    joins: tuple[Join, ...] = ()
    parameters: tuple[int, ...] = ()
    functions: tuple[str, ...] = ()
    readable: bool = True


def plan_conditions(root: PlanNode, schema: SchemaView) -> tuple[NodeCondition, ...]:
    """The conditions of a verbose plan, node by node from the top."""
    return tuple(PlanScope(root, schema).conditions())


class PlanScope:
    """What the aliases in a plan stand for.

    relations are the base relations by alias; children of partitioned or inherited tables stand for the table that the
    statement names. unresolved are names that are not in the catalog.
    """

    def __init__(self, root: PlanNode, schema: SchemaView) -> None:
        self.relations: dict[str, Relation] = {}
        self.unresolved: dict[str, None] = {}
        self.aliases: dict[str, str] = {}
        self._root = root
        self._schema = schema
        self._scope = Scope()
        self._occurrences = itertools.count()
        self._used: dict[tuple[int, str], BaseColumns] = {}
        # Before 17, `$n` is also what an InitPlan returns.
        self._returned = {number for node in root.walk() for number in _RETURNS.findall(node.subplan_name or "")}
        self._computed = _computed(root)
        for node in root.walk():
            self._add(node.schema, node.relation, node.alias)
            for target in node.target_tables:
                self._add(target.schema, target.relation, target.alias)

        # Above the scans of its children, a table's columns go by its own alias.
        known = {source.alias for source in self._scope.sources}
        self._scope.sources += [Source(shown, used) for (_, shown), used in self._used.items() if shown not in known]

    def conditions(self) -> Iterator[NodeCondition]:
        """The conditions of all nodes."""
        for position, node in enumerate(self._root.walk()):
            for field, kind in CONDITIONS.items():
                text = getattr(node, field)
                if text:
                    kept = self._kept(node) if field in _OF_JOINS else frozenset()
                    yield self._condition(position, kind, text, kept)

    def expression(self, text: str) -> tuple[Reader, Tree] | None:
        """A key or an output column of a node, its columns noted as read; None where it cannot be read."""
        return self._read(text, "SELECT ")

    def column(self, reader: Reader, node: Tree) -> ColumnRef | None:
        """The base column that an expression is, None where it is none or more than one."""
        origin = reader.column_of(node, self._scope) if isinstance(node, exp.Column) else None
        return None if origin is None else ColumnRef(relation_oid=origin.relation_oid, column=origin.column.name)

    def note(self, reader: Reader, node: Tree) -> None:
        """Notes the columns of an expression as read."""
        reader.expression(node, self._scope)

    def _add(self, schema: str | None, name: str | None, alias: str | None) -> None:
        if alias is None or alias in self.aliases:
            return
        relation = None if name is None else self._schema.relation(schema, name)
        if relation is None:
            if name is not None:
                self.unresolved[f"{schema}.{name}" if schema else name] = None
            self._scope.sources.append(Source(alias, {}, is_open=True))
            return
        relation, shown = self._named(relation, alias)
        columns = self._schema.columns(relation.oid)
        key = (relation.oid, shown)
        if key not in self._used:
            self._used[key] = BaseColumns(relation, next(self._occurrences), shown, columns)
        self.aliases[alias] = shown
        self.relations[alias] = relation
        self._scope.sources.append(Source(alias, self._used[key], relation=relation))

    def _named(self, relation: Relation, alias: str) -> tuple[Relation, str]:
        """The relation that the statement names, and its alias there: a child's is its parent's with a number."""
        found = _NUMBERED.fullmatch(alias)
        ancestors = list(self._ancestors(relation))
        if not ancestors or alias == relation.name:
            return relation, alias
        base = alias if found is None else found[1]
        named = next((each for each in ancestors if each.name in (base, alias)), ancestors[-1])
        return named, base

    def _ancestors(self, relation: Relation) -> Iterator[Relation]:
        seen = {relation.oid}
        while relation.parent_oid is not None and relation.parent_oid not in seen:
            parent = self._schema.by_oid(relation.parent_oid)
            if parent is None:
                return
            seen.add(parent.oid)
            yield parent
            relation = parent

    def _kept(self, node: PlanNode) -> frozenset[int]:
        """Uses of relations on the sides of a join whose rows are kept without a match."""
        sides = {"Left": (0,), "Right": (1,), "Full": (0, 1), "Anti": (0,), "Right Anti": (1,)}.get(
            node.join_type or "", ()
        )
        kept: set[int] = set()
        for side in sides:
            if side < len(node.children):
                for each in node.children[side].walk():
                    shown = self._used.get(self._key(each.alias))
                    kept |= set() if shown is None else {shown.occurrence}
        return frozenset(kept)

    def _key(self, alias: str | None) -> tuple[int, str]:
        relation = self.relations.get(alias or "")
        return (0, "") if relation is None or alias is None else (relation.oid, self.aliases[alias])

    def _condition(self, position: int, kind: str, text: str, kept: frozenset[int]) -> NodeCondition:
        found = self._read(text, "SELECT WHERE ")
        if found is None:
            return NodeCondition(position, kind, text, readable=False)
        reader, node = found
        try:
            reader.condition(node, self._scope, kept)
        except Exception:  # the parser's trees are strangers', and one condition must not end a run
            return NodeCondition(position, kind, text, readable=False)
        gathered = reader.gathered
        return NodeCondition(
            position,
            kind,
            text,
            tuple(gathered.read),
            tuple(gathered.predicates),
            tuple(gathered.joins),
            parameters(node),
            tuple(gathered.functions),
        )

    def _read(self, text: str, before: str) -> tuple[Reader, Tree] | None:
        """A text of the plan as an expression, after what makes a statement of it."""
        if len(text) > MAX_CONDITION_CHARS:
            return None
        for computed in self._computed:
            text = text.replace(computed, "subplan()")
        lexed = lex(before + _without_plans(lex(text), self._returned))
        if lexed.cut or not lexed.balanced or too_deep(lexed):
            return None
        mended = mend(lexed)
        try:
            tree = parse(mended)
        except (sqlglot.errors.SqlglotError, RecursionError):
            return None
        except Exception:  # the parser is a stranger
            return None
        where = tree.args.get("where")
        nodes = [where.this] if where is not None else tree.expressions
        return (Reader(self._schema, mended, tree), nodes[0]) if len(nodes) == 1 else None


def _computed(root: PlanNode) -> list[str]:
    """What aggregates and window functions make, as the nodes above spell it: no column of a relation is in it."""
    found: set[str] = set()
    for node in root.walk():
        if node.node_type in ("Aggregate", "WindowAgg"):
            below = {text for child in node.children for text in child.output} | set(node.group_keys)
            found |= {text for text in node.output if "(" in text and not text.startswith("(") and text not in below}
    return sorted(found, key=lambda text: (-len(text), text))


_PLANS = frozenset({"subplan", "initplan"})


def _without_plans(lexed: Lexed, returned: set[str]) -> str:
    """A condition in which subplans, and what InitPlans return, are calls of a function."""
    pieces: list[str] = []
    index = 0
    while index < len(lexed.tokens):
        token, word = lexed.tokens[index], lexed.word(index)
        if word in _PLANS and index + 1 < len(lexed.tokens) and lexed.tokens[index + 1].kind is Kind.NUMBER:
            pieces.append("subplan()")
            index += 2
            continue
        if word == "hashed" and lexed.word(index + 1) in _PLANS:
            index += 1
            continue
        if word == "alternatives" and lexed.is_mark(index + 1, ":"):
            # `alternatives: SubPlan 1 or hashed SubPlan 2`
            index += 2
            continue
        if word in ("any", "all") and lexed.is_mark(index + 1, "(") and _is_tested(lexed, index):
            index += 1
            continue
        written = lexed.of(token)
        pieces.append("subplan()" if written in returned else written)
        index += 1
    return " ".join(pieces)


def _is_tested(lexed: Lexed, index: int) -> bool:
    """Whether ANY or ALL stands before a test of a subplan's rows, `(ANY (a = (SubPlan 1).col1))`, from 17 on."""
    return index == 0 or lexed.is_mark(index - 1, "(") or lexed.word(index - 1) in ("not", "and", "or")
