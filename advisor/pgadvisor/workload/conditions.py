"""Conditions of WHERE, ON and HAVING, taken apart into predicates on columns and joins between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from sqlglot import exp

from pgadvisor.model.shape import Comparand, Join, Predicate
from pgadvisor.workload.comparands import Other, others, subjects
from pgadvisor.workload.operators import (
    BINARY,
    FLIPPED,
    LEAKPROOF,
    LEAKPROOF_TYPES,
    NEGATED,
    SYNONYMS,
    can_use_btree,
    is_pattern,
)
from pgadvisor.workload.outputs import is_aggregate
from pgadvisor.workload.scopes import Origin, Scope, Subject, reference
from pgadvisor.workload.trees import Tree, bare, children, parameters, uncast, walk

if TYPE_CHECKING:
    from pgadvisor.workload.reader import Reader

_NOTHING = Other(Comparand.NOTHING)
# Columns of set operations stand for one column of each arm: of an equality of two, so many pairs are told.
_MAX_PAIRS = 100
_PLAIN = (exp.Column, exp.Literal, exp.Null, exp.Parameter)
_MAY_BE_BARE = (exp.Column, exp.Cast, exp.Collate)


class Conditions:
    """Reads one condition of one level. not_limited: occurrences of an outer join's kept side."""

    def __init__(self, reader: Reader, scope: Scope, not_limited: frozenset[int]) -> None:
        self._reader = reader
        self._scope = scope
        self._not_limited = not_limited

    def read(self, node: Tree, *, in_or: bool = False) -> None:
        """Walks down AND, OR and NOT without recursion: they come by the thousand."""
        stack: list[tuple[Tree, bool, bool]] = [(node, False, in_or)]
        while stack:
            each, negated, in_or = stack.pop()
            each = bare(each)
            if isinstance(each, exp.Connector):
                # NOT makes an AND of an OR, and the other way round.
                in_or = in_or or not isinstance(each, exp.Or if negated else exp.And)
                stack += [(each.expression, negated, in_or), (each.this, negated, in_or)]
            elif isinstance(each, exp.Not):
                stack.append((each.this, not negated, in_or))
            else:
                self._leaf(each, negated, in_or)

    def read_having(self, node: Tree, group: Tree | None) -> None:
        """HAVING: a condition without aggregates on what is grouped by is as good as one of WHERE; others limit no row.

        (subquery_planner in planner.c.)
        """
        sets = (exp.Cube, exp.Rollup, exp.GroupingSets)
        moved = group is not None and not any(isinstance(part, sets) for part in walk(group))
        stack = [node]
        while stack:
            each = bare(stack.pop())
            if isinstance(each, exp.And):
                stack += [each.expression, each.this]
                continue
            fixed = any(isinstance(part, exp.Query) or is_aggregate(self._reader, part) for part in walk(each))
            self.read(each, in_or=fixed or not moved)

    def equate(self, left: Origin, right: Origin) -> None:
        """An equality between columns of two relations."""
        if left.joined and right.joined and left.column.number > 0 and right.column.number > 0:
            self._reader.gathered.joins[Join(left=reference(left), right=reference(right))] = None
            return
        for one, other in ((left, right), (right, left)):
            if one.joined:
                self._emit(Subject(one), "=", Other(Comparand.COLUMN, occurrences=frozenset({other.occurrence})), False)

    def _leaf(self, node: Tree, negated: bool, in_or: bool) -> None:
        self._cases(node)
        if isinstance(node, exp.Escape):
            node = bare(node.this)
        if node.args.get("negate"):
            negated = not negated
        if isinstance(node, exp.Exists):
            return
        if isinstance(node, exp.In):
            self._in(node, negated, in_or)
        elif isinstance(node, exp.Is):
            self._is(node, negated, in_or)
        elif isinstance(node, exp.Between):
            operator = "between symmetric" if node.args.get("symmetric") else "between"
            ends = [node.args["low"], node.args["high"]]
            self._compare_with(node.this, operator, others(self._reader, ends, self._scope), negated, in_or)
            if not node.args.get("symmetric"):
                for end, mirrored in zip(ends, (">", "<") if negated else ("<=", ">="), strict=True):
                    self._mirrored(end, mirrored, node.this, in_or or negated)
        elif isinstance(node, exp.MatchAgainst):
            self._comparison(node.expressions[0], "@@", node.this, negated, in_or)
        elif isinstance(node, exp.Operator):
            spelled = str(node.args["operator"]).rsplit(".", 1)[-1].strip()
            self._comparison(node.this, SYNONYMS.get(spelled, spelled), node.expression, negated, in_or)
        elif type(node) in BINARY and not self._reader.function_name(node):
            self._comparison(node.this, BINARY[type(node)], node.expression, negated, in_or)
        elif isinstance(node, exp.Case):
            for result in (*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")):
                if result is not None:
                    self.read(result, in_or=True)
        else:
            # A bare boolean, or a function that decides.
            other = Other(Comparand.NOTHING, parameters=parameters(node))
            for subject in subjects(self._reader, node, self._scope):
                self._emit(subject, "is false" if negated else "is true", other, in_or)

    def _cases(self, node: Tree) -> None:
        """The conditions after WHEN in an expression: each is one choice of several."""
        if isinstance(node.args.get("this"), _PLAIN) and isinstance(node.args.get("expression"), _PLAIN):
            return
        for each in walk(node):
            if not isinstance(each, exp.Case):
                continue
            for branch in each.args["ifs"]:
                if each.this is None:
                    self.read(branch.this, in_or=True)
                else:
                    self._comparison(each.this, "=", branch.this, False, True)

    def _is(self, node: exp.Is, negated: bool, in_or: bool) -> None:
        what = node.expression
        name = what.sql().lower() if isinstance(what, exp.Null | exp.Boolean) else ""
        if isinstance(what, exp.JSON):
            name = "json"
        elif name == "null" and self._reader.says_unknown(node):
            name = "unknown"
        if not name:
            self._fallback(node, in_or)
            return
        if isinstance(bare(node.this), exp.Predicate | exp.Connector | exp.Not) and name != "json":
            # `(a = 1) IS TRUE` holds where `a = 1` does, but no index is searched for it.
            self.read(node.this, in_or=True)
            return
        operator = f"is not {name}" if negated else f"is {name}"
        for column in _row(node.this) if name == "null" else [node.this]:
            for subject in subjects(self._reader, column, self._scope):
                # A relation filled up with NULLs is not read through an index for them.
                padded = operator == "is null" and self._scope.is_nullable(subject.origin)
                self._emit(subject, operator, _NOTHING, in_or or padded)

    def _in(self, node: exp.In, negated: bool, in_or: bool) -> None:
        query = node.args.get("query")
        if query is not None:
            self._in_query(node.this, query, negated, in_or)
            return
        values = node.expressions
        columns = _row(node.this)
        if len(columns) == 1:
            self._compare_with(columns[0], "in", others(self._reader, values, self._scope), negated, in_or)
            for value in values:
                mirrored = in_or or (len(values) > 1 and not negated)
                self._mirrored(value, "<>" if negated else "=", node.this, mirrored)
            return
        rows = [_row(value) for value in values]
        for position, column in enumerate(columns):
            items = [row[position] for row in rows if len(row) == len(columns)]
            self._compare_with(column, "in", others(self._reader, items, self._scope), negated, in_or)

    def _mirrored(self, value: Tree, operator: str, compared: Tree, in_or: bool) -> None:
        """`$1 IN (a, b)` and `$1 BETWEEN a AND b`: the columns stand among the values."""
        if isinstance(bare(value), exp.Column | exp.Func | exp.Binary | exp.Cast):
            other = others(self._reader, [compared], self._scope)
            for subject in subjects(self._reader, value, self._scope):
                self._emit(subject, operator, other, in_or)

    def _in_query(self, left: Tree, query: Tree, negated: bool, in_or: bool) -> None:
        """`x IN (SELECT y ...)`: a join with the subquery unless it is negated or one choice of several."""
        shown = self._reader.outputs.get(id(query))
        outputs = [] if shown is None else list(shown.columns.values())
        columns = _row(left)
        for position, column in enumerate(columns):
            origin = outputs[position].origin if len(outputs) == len(columns) else None
            for subject in subjects(self._reader, column, self._scope):
                if origin is not None and not subject.hidden_by and not negated and not in_or and origin.joined:
                    self.equate(subject.origin, origin)
                else:
                    self._emit(subject, "not in" if negated else "in", Other(Comparand.EXPRESSION), in_or)

    def _comparison(self, left: Tree, operator: str, right: Tree, negated: bool, in_or: bool) -> None:
        left, right = bare(left), bare(right)
        quantified = _quantified(right)
        if quantified is not None:
            self._quantified(left, operator, quantified, negated, in_or)
            return
        columns, values = _row(left), _row(right)
        if len(columns) > 1 or len(values) > 1:
            self._rows(columns, operator, values, negated, in_or)
            return
        if self._equijoin(left, operator, right, negated, in_or):
            return
        self._compare_with(left, operator, others(self._reader, [right], self._scope), negated, in_or)
        other = others(self._reader, [left], self._scope)
        if operator in FLIPPED:
            self._compare_with(right, FLIPPED[operator], other, negated, in_or)
            return
        for subject in subjects(self._reader, right, self._scope):
            # A column as a pattern, a key that is asked for, and the like: no index is searched for it.
            hidden = Subject(subject.origin, subject.hidden_by or "expression")
            self._emit(hidden, NEGATED.get(operator, operator) if negated else operator, other, in_or)

    def _equijoin(self, left: Tree, operator: str, right: Tree, negated: bool, in_or: bool) -> bool:
        # Whatever else stands around a column hides it.
        if (
            operator != "="
            or negated
            or in_or
            or not (isinstance(left, _MAY_BE_BARE) and isinstance(right, _MAY_BE_BARE))
        ):
            return False
        sides = [subjects(self._reader, side, self._scope) for side in (left, right)]
        if not all(sides) or any(subject.hidden_by for side in sides for subject in side):
            return False
        pairs = list(product(*sides)) if len(sides[0]) * len(sides[1]) <= _MAX_PAIRS else []
        if not pairs or any(one.origin.occurrence == other.origin.occurrence for one, other in pairs):
            return False
        for one, other in pairs:
            self.equate(one.origin, other.origin)
        return True

    def _rows(self, columns: Sequence[Tree], operator: str, values: Sequence[Tree], negated: bool, in_or: bool) -> None:
        """`(a, b) = (1, 2)` is two equalities; `(a, b) > (1, 2)` limits `a` alone, and to `>=`."""
        if negated and operator in NEGATED:
            operator, negated = NEGATED[operator], False
        if len(columns) != len(values) or operator == "overlaps":
            for one, other in ((columns, values), (values, columns)) if operator == "overlaps" else ((columns, ()),):
                opposite = others(self._reader, other, self._scope) if other else Other(Comparand.EXPRESSION)
                for column in one:
                    self._compare_with(column, operator, opposite, negated, in_or)
            return
        for position, (column, value) in enumerate(zip(columns, values, strict=True)):
            if operator == "=":
                self._comparison(column, operator, value, negated, in_or)
            elif position == 0 and operator in ("<", ">", "<=", ">="):
                self._comparison(column, operator[0] + "=", value, negated, in_or)
            else:
                self._comparison(column, operator, value, negated, True)

    def _quantified(self, left: Tree, operator: str, right: tuple[str, Tree], negated: bool, in_or: bool) -> None:
        """`x = ANY (...)` is IN, `x <> ALL (...)` is NOT IN; with other operators the quantifier is part of it."""
        quantifier, array = right
        array = uncast(array)
        if isinstance(array, exp.Query) and (operator, quantifier) == ("=", "any"):
            self._in_query(left, array, negated, in_or)
            return
        items = list(array.expressions) if isinstance(array, exp.Array | exp.Tuple) else [array]
        spelled = {("=", "any"): "in", ("<>", "all"): "not in"}.get((operator, quantifier), f"{operator} {quantifier}")
        # A column that is searched in an array column: `$1 = ANY (tags)`.
        self._compare_with(left, spelled, others(self._reader, items, self._scope), negated, in_or)
        for subject in subjects(self._reader, array, self._scope):
            other = others(self._reader, [left], self._scope)
            found = operator if quantifier == "any" else f"{operator} all"
            self._emit(Subject(subject.origin, subject.hidden_by or "expression"), found, other, in_or)

    def _compare_with(self, node: Tree, operator: str, other: Other, negated: bool, in_or: bool) -> None:
        if negated and operator in NEGATED:
            # As the planner does: `NOT a > 1` is `a <= 1`, and an index serves it.
            operator, negated = NEGATED[operator], False
        for subject in subjects(self._reader, node, self._scope):
            self._emit(subject, operator, other, in_or or negated, negated=negated)

    def _fallback(self, node: Tree, in_or: bool) -> None:
        for child in children(node):
            for subject in subjects(self._reader, child, self._scope):
                self._emit(Subject(subject.origin, subject.hidden_by or "expression"), "is true", _NOTHING, in_or)

    def _emit(self, subject: Subject, operator: str, other: Other, in_or: bool, *, negated: bool = False) -> None:
        origin = subject.origin
        if not origin.filtered or (origin.guarded and not _passes_barrier(subject, operator)):
            return
        hidden_by = subject.hidden_by or other.converts(origin.column)
        if not hidden_by and other.wildcard and is_pattern(operator):
            hidden_by = "leading wildcard"
        alone = not other.volatile and origin.occurrence not in other.occurrences
        predicate = Predicate(
            relation_oid=origin.relation_oid,
            alias=origin.alias,
            column=origin.column.name,
            operator=operator,
            comparand=other.comparand,
            constant=other.constant,
            indexable=not hidden_by and alone and can_use_btree(operator, origin.column, other.constant),
            hidden_by=hidden_by,
            in_or=in_or or origin.occurrence in self._not_limited,
            parameters=other.parameters,
            negated=negated,
        )
        self._reader.gathered.predicates[predicate] = None


def _passes_barrier(subject: Subject, operator: str) -> bool:
    """Whether a security barrier lets a condition through before its own conditions are checked.

    https://www.postgresql.org/docs/current/rules-privileges.html
    """
    return not subject.hidden_by and operator in LEAKPROOF and subject.origin.column.type_name in LEAKPROOF_TYPES


def _row(node: Tree) -> list[Tree]:
    """The members of a row, or the node alone."""
    node = bare(node)
    if isinstance(node, exp.Tuple):
        return list(node.expressions)
    if isinstance(node, exp.Anonymous) and node.name.lower() == "row":
        return list(node.expressions)
    return [node]


def _quantified(node: Tree) -> tuple[str, Tree] | None:
    """ANY, SOME or ALL and what it goes over."""
    if isinstance(node, exp.Any | exp.All):
        return ("any" if isinstance(node, exp.Any) else "all"), bare(node.this)
    if isinstance(node, exp.Anonymous) and node.name.lower() in ("all", "some") and len(node.expressions) == 1:
        return ("all" if node.name.lower() == "all" else "any"), bare(node.expressions[0])
    return None
