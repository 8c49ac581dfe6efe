"""What the tables of a plan are searched and sorted by, in the server's own spelling, as an index would have it.

EXPLAIN (VERBOSE) puts parentheses around every operator and NOT, AND and OR, and an alias before every column
(ruleutils.c), so that its conditions can be taken apart by these alone. What looks otherwise is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Relation
from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.workload.index_names import name_at
from pgadvisor.workload.lexer import Lexed, lex
from pgadvisor.workload.plan_tokens import (
    column_references,
    has_own_parentheses,
    has_parameter,
    has_result,
    is_at_time_zone,
    is_call,
    is_fixed,
    names_plan,
    operator_at,
    operator_in,
    split_at,
    tested_in,
    text_between,
    turned_operator,
    without_parentheses,
)
from pgadvisor.workload.plan_types import is_relabelled

# Conditions under which rows of a scan, or of one side of a join, are found.
_FIELDS = ("filter", "index_condition", "recheck_condition", "join_filter", "hash_condition", "merge_condition")
_COMPUTING = frozenset({"Aggregate", "Group", "WindowAgg", "SetOp", "ProjectSet"})
_MAX_CHARS = 20_000
_MAX_CONDITIONS = 200
_DIRECTIONS = frozenset({"asc", "desc", "nulls", "first", "last"})
_NUMBERED = re.compile(r"_\d+\Z")
_BOOLEANS = {"true": "is true", "false": "is false"}


@dataclass(frozen=True)
class Subject:
    """What is searched or sorted by: a column, or an expression as pg_get_indexdef spells a key.

    columns are those in it; text is either as it stands in conditions of an index.
    """

    column: str | None
    expression: str | None
    columns: frozenset[str]
    text: str


@dataclass(frozen=True)
class Search:
    """One condition on one table.

    operator is the server's spelling ("~~", "= any", "is null", "is true"); "any =" is a value searched in an array
    column. comparand is the text of the other side, fixed where constants alone are in it, unknown where it has a $n.
    condition is the whole as the predicate of an index spells it. choice is 0 where it must hold, else the number of
    the OR that it is one choice of. rows are those that the node returns, by all its conditions, as estimated.
    """

    subject: Subject
    operator: str
    comparand: str
    condition: str
    fixed: bool
    unknown: bool
    choice: int
    rows: float


@dataclass(frozen=True)
class Sort:
    """The first key of a sort, where it is about one table."""

    subject: Subject
    descending: bool
    nulls_first: bool


@dataclass
class TableSearches:
    """All by which a plan searches one table (the partitioned one of a partition) and sorts what it finds.

    unknown are expressions that conditions are about and that have a $n in them, such as `data ->> $1`.
    """

    relation: Relation
    searches: dict[Search, None] = field(default_factory=dict)
    sorts: dict[Sort, None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)


def searches_of(root: PlanNode, facts: Facts) -> dict[int, TableSearches]:
    """The searches of a plan by the oid of the table."""
    reader = _PlanReader(root, facts)
    return reader.read()


class _PlanReader:
    def __init__(self, root: PlanNode, facts: Facts) -> None:
        self._root = root
        self._facts = facts
        self._aliases: dict[str, Relation] = {}
        self._found: dict[int, TableSearches] = {}
        self._choices = 0
        for node in root.walk():
            relation = None if node.relation is None else facts.relation_named(node.schema, node.relation)
            if relation is not None and node.alias is not None:
                self._aliases.setdefault(node.alias, relation)
        self._aliases = _of_parents(self._aliases, facts) | self._aliases

    def read(self) -> dict[int, TableSearches]:
        left = _MAX_CONDITIONS
        for node in self._root.walk():
            for kind in _FIELDS:
                text = getattr(node, kind)
                # A filter above an aggregate is about what that has computed.
                own = node.relation is not None or kind != "filter"
                if text and own and left and len(text) <= _MAX_CHARS:
                    left -= 1
                    self._condition(text, node.estimated_rows)
            if node.sort_keys and len(node.sort_keys[0]) <= _MAX_CHARS and not _computes(node):
                self._sort(node.sort_keys[0])
        return self._found

    def _condition(self, text: str, rows: float) -> None:
        lexed = lex(text)
        if not lexed.balanced or not lexed.tokens:
            return
        waiting = [(0, len(lexed.tokens), 0)]
        while waiting:
            start, end, choice = waiting.pop()
            start, end = without_parentheses(lexed, start, end)
            if end <= start:
                continue
            for word in ("and", "or"):
                parts = split_at(lexed, start, end, word)
                if len(parts) > 1:
                    # Of several conditions of one choice, each alone would do.
                    if word == "or" and choice == 0:
                        self._choices += 1
                        choice = self._choices
                    waiting += [(*part, choice) for part in reversed(parts)]
                    break
            else:
                for found, relation in self._leaf(lexed, start, end, choice, rows):
                    self._of(relation).searches[found] = None

    def _sort(self, text: str) -> None:
        lexed = lex(text)
        end = len(lexed.tokens)
        ends: list[str] = []
        while (
            end and lexed.word(end - 1) in ("asc", "desc", "nulls", "first", "last") and not lexed.is_mark(end - 2, ".")
        ):
            ends.append(lexed.word(end - 1))
            end -= 1
        if not lexed.balanced or not end or any(lexed.word(place) in ("using", "collate") for place in range(end)):
            return
        found = self._subject(lexed, 0, end)
        if found is not None:
            subject, relation = found
            descending = "desc" in ends
            sort = Sort(subject, descending, "first" in ends or (descending and "last" not in ends))
            self._of(relation).sorts[sort] = None

    def _of(self, relation: Relation) -> TableSearches:
        root = self._facts.root(relation.oid) or relation
        return self._found.setdefault(root.oid, TableSearches(root))

    def _leaf(self, lexed: Lexed, start: int, end: int, choice: int, rows: float) -> Iterator[tuple[Search, Relation]]:
        """The searches that one condition is: two where both sides can be searched by."""
        if any(names_plan(lexed, place) for place in range(start, end)):
            return
        tested = tested_in(lexed, start, end)
        if tested is not None:
            first, last, operator = tested
            found = self._subject(lexed, first, last)
            # A boolean column stands alone, or after NOT; other functions that decide are no index's business.
            if found is not None and (operator.startswith("is n") or found[0].column is not None):
                subject, relation = found
                condition = text_between(lexed, start, end, self._cuts(lexed, start, end))
                alone = operator == "is true" and end == last
                condition = condition if alone else f"({condition})"
                yield Search(subject, operator, "", condition, True, False, choice, rows), relation
            return
        place = operator_in(lexed, start, end)
        if place is None:
            return
        operator, after = operator_at(lexed, place)
        quantified = lexed.word(after) in ("any", "all")
        right = without_parentheses(lexed, after + 1, end) if quantified else (after, end)
        sides = ((start, place), right)
        for this, other, turned in ((0, 1, False), (1, 0, True)):
            found = self._subject(lexed, *sides[this])
            if found is None:
                self._note_unknown(lexed, *sides[this])
                continue
            subject, relation = found
            others = {alias for alias, _, _ in column_references(lexed, *sides[other])}
            if others & {alias for alias, _, _ in column_references(lexed, *sides[this])}:
                continue
            spelled = turned_operator(operator, turned, lexed.word(after) if quantified else "")
            if spelled:
                condition = f"({text_between(lexed, start, end, self._cuts(lexed, start, end))})"
                comparand = text_between(lexed, *sides[other], {})
                fixed = not others and is_fixed(lexed, *sides[other])
                unknown = has_parameter(lexed, *sides[other]) or has_result(lexed, *sides[other])
                if spelled == "=" and comparand in _BOOLEANS and subject.column is not None:
                    # So an index on the column has it; elsewhere the planner makes it the column or its NOT.
                    spelled, comparand = _BOOLEANS[comparand], ""
                    condition = subject.text if spelled == "is true" else f"(NOT {subject.text})"
                yield Search(subject, spelled, comparand, condition, fixed, unknown, choice, rows), relation

    def _subject(self, lexed: Lexed, start: int, end: int) -> tuple[Subject, Relation] | None:
        """The column or expression of one table that tokens are."""
        references = list(column_references(lexed, start, end))
        aliases = {alias for alias, _, _ in references}
        relation = self._aliases.get(next(iter(aliases))) if len(aliases) == 1 else None
        if relation is None or has_parameter(lexed, start, end) or has_result(lexed, start, end):
            return None
        columns = frozenset(column for _, column, _ in references)
        if any(self._facts.column(relation.oid, column) is None for column in columns):
            return None
        # What a node below has computed stands in one more pair (get_special_variable in ruleutils.c).
        start, end = without_parentheses(lexed, start, end)
        # Rows are compared by their columns, and no index is on a row.
        if lexed.word(start) == "row" and lexed.is_mark(start + 1, "("):
            return None
        text = text_between(lexed, start, end, self._cuts(lexed, start, end))
        column = self._column(lexed, start, end, relation)
        if column is not None:
            return Subject(column, None, columns, text), relation
        text = f"({text})" if has_own_parentheses(lexed, start, end) else text
        function = is_call(lexed, start, end) or is_at_time_zone(lexed, start, end)
        return Subject(None, text if function else f"({text})", columns, text), relation

    def _note_unknown(self, lexed: Lexed, start: int, end: int) -> None:
        if has_parameter(lexed, start, end):
            for alias, _, _ in column_references(lexed, start, end):
                if alias in self._aliases:
                    text = text_between(lexed, start, end, self._cuts(lexed, start, end))
                    self._of(self._aliases[alias]).unknown[text] = None

    def _column(self, lexed: Lexed, start: int, end: int, relation: Relation) -> str | None:
        """The column that tokens are, as such or relabelled as a type like its own, which an index does not notice."""
        place, last, cast_to = start, end, ""
        # `(t.c)::text`
        if lexed.is_mark(start, "(") and lexed.is_mark(start + 4, ")") and lexed.is_mark(start + 5, "::"):
            place, last = start + 1, start + 4
            cast_to = text_between(lexed, start + 6, end, {})
        if last - place != 3 or not lexed.is_mark(place + 1, "."):
            return None
        name = name_at(lexed, place + 2) or ""
        column = self._facts.column(relation.oid, name)
        if column is None or (cast_to and not is_relabelled(column, cast_to, self._facts)):
            return None
        return name

    def _cuts(self, lexed: Lexed, start: int, end: int) -> dict[int, int]:
        """Where an alias stands before a column: from its first token to the column's."""
        return {place: place + 2 for _, _, place in column_references(lexed, start, end)}


def _computes(root: PlanNode) -> bool:
    """Whether other rows come out of a node than those of the tables below it."""
    return any(node.node_type in _COMPUTING for node in root.walk())


def _of_parents(aliases: dict[str, Relation], facts: Facts) -> dict[str, Relation]:
    """Partitioned tables by the name that what is above an Append calls them: `p`, where partitions are p_1 and p_2."""
    found: dict[str, Relation | None] = {}
    for alias, relation in aliases.items():
        root, parent = facts.root(relation.oid), _NUMBERED.sub("", alias)
        if root is not None and root.oid != relation.oid and parent != alias:
            same = parent not in found or found[parent] == root
            found[parent] = root if same else None
    return {alias: root for alias, root in found.items() if root is not None}
