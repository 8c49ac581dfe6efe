"""What the tables of a plan are searched and sorted by, in the server's own spelling, as an index would have it.

EXPLAIN (VERBOSE) puts parentheses around every operator and NOT, AND and OR, and an alias before every column
(ruleutils.c), so that its conditions can be taken apart by these alone. What looks otherwise is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Relation
from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.workload.index_names import name_at
from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.words import words

# Conditions under which rows of a scan, or of one side of a join, are found.
_FIELDS = ("filter", "index_condition", "recheck_condition", "join_filter", "hash_condition", "merge_condition")
_COMPUTING = frozenset({"Aggregate", "Group", "WindowAgg", "SetOp", "ProjectSet"})
_MAX_CHARS = 20_000
_MAX_CONDITIONS = 200
_PLANS = words("subplan initplan hashed alternatives returns")
_LITERALS = frozenset({Kind.STRING, Kind.NUMBER})
_FIXED_WORDS = words("array true false null")
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "@>": "<@", "<@": "@>", "<<": ">>", ">>": "<<"}
_SYMMETRIC = frozenset({"=", "<>", "&&", "-|-", "@@", "<->"})


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
            start, end = _bare(lexed, start, end)
            if end <= start:
                continue
            for word in ("and", "or"):
                parts = _split(lexed, start, end, word)
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
        while end and lexed.word(end - 1) in ("asc", "desc", "nulls", "first", "last"):
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
        if any(_is_plan(lexed, place) for place in range(start, end)):
            return
        tested = _tested(lexed, start, end)
        if tested is not None:
            first, last, operator = tested
            found = self._subject(lexed, first, last)
            # A boolean column stands alone, or after NOT; other functions that decide are no index's business.
            if found is not None and (operator.startswith("is n") or found[0].column is not None):
                subject, relation = found
                condition = _between(lexed, start, end, self._cuts(lexed, start, end))
                alone = operator == "is true" and end == last
                condition = condition if alone else f"({condition})"
                yield Search(subject, operator, "", condition, True, False, choice, rows), relation
            return
        place = _operator(lexed, start, end)
        if place is None:
            return
        operator, after = _spelled(lexed, place)
        quantified = lexed.word(after) in ("any", "all")
        right = _bare(lexed, after + 1, end) if quantified else (after, end)
        sides = ((start, place), right)
        for this, other, turned in ((0, 1, False), (1, 0, True)):
            found = self._subject(lexed, *sides[this])
            if found is None:
                self._note_unknown(lexed, *sides[this])
                continue
            subject, relation = found
            others = {alias for alias, _, _ in _references(lexed, *sides[other])}
            if others & {alias for alias, _, _ in _references(lexed, *sides[this])}:
                continue
            spelled = _turned(operator, turned, lexed.word(after) if quantified else "")
            if spelled:
                condition = f"({_between(lexed, start, end, self._cuts(lexed, start, end))})"
                comparand = _between(lexed, *sides[other], {})
                fixed = not others and _is_fixed(lexed, *sides[other])
                unknown = _has_parameter(lexed, *sides[other])
                yield Search(subject, spelled, comparand, condition, fixed, unknown, choice, rows), relation

    def _subject(self, lexed: Lexed, start: int, end: int) -> tuple[Subject, Relation] | None:
        """The column or expression of one table that tokens are."""
        references = list(_references(lexed, start, end))
        aliases = {alias for alias, _, _ in references}
        relation = self._aliases.get(next(iter(aliases))) if len(aliases) == 1 else None
        if relation is None or _has_parameter(lexed, start, end):
            return None
        columns = frozenset(column for _, column, _ in references)
        if any(self._facts.column(relation.oid, column) is None for column in columns):
            return None
        # What a node below has computed stands in one more pair (get_special_variable in ruleutils.c).
        start, end = _bare(lexed, start, end)
        text = _between(lexed, start, end, self._cuts(lexed, start, end))
        column = self._column(lexed, start, end, relation)
        if column is not None:
            return Subject(column, None, columns, text), relation
        text = f"({text})" if _has_own_parentheses(lexed, start, end) else text
        function = _is_call(lexed, start, end) or _is_at_time_zone(lexed, start, end)
        return Subject(None, text if function else f"({text})", columns, text), relation

    def _note_unknown(self, lexed: Lexed, start: int, end: int) -> None:
        if _has_parameter(lexed, start, end):
            for alias, _, _ in _references(lexed, start, end):
                if alias in self._aliases:
                    text = _between(lexed, start, end, self._cuts(lexed, start, end))
                    self._of(self._aliases[alias]).unknown[text] = None

    def _column(self, lexed: Lexed, start: int, end: int, relation: Relation) -> str | None:
        """The column that tokens are, as such or relabelled as text, which an index on it does not notice."""
        place, last = start, end
        # `(t.c)::text`
        is_cast = lexed.is_mark(start, "(") and lexed.is_mark(end - 2, "::") and lexed.word(end - 1) == "text"
        if is_cast:
            place, last = start + 1, end - 3
        if last - place != 3 or not lexed.is_mark(place + 1, "."):
            return None
        name = name_at(lexed, place + 2) or ""
        column = self._facts.column(relation.oid, name)
        if column is None or (is_cast and (column.type_category != "S" or column.type_name in ("bpchar", "name"))):
            return None
        return name

    def _cuts(self, lexed: Lexed, start: int, end: int) -> dict[int, int]:
        """Where an alias stands before a column: from its first token to the column's."""
        return {place: place + 2 for _, _, place in _references(lexed, start, end)}


def _computes(root: PlanNode) -> bool:
    """Whether other rows come out of a node than those of the tables below it."""
    return any(node.node_type in _COMPUTING for node in root.walk())


def _references(lexed: Lexed, start: int, end: int) -> Iterator[tuple[str, str, int]]:
    """Columns in tokens, each with its alias and the place where that stands."""
    place = start
    while place < end - 2:
        first, dot, name = lexed.tokens[place], lexed.is_mark(place + 1, "."), name_at(lexed, place + 2)
        if dot and first.kind in (Kind.WORD, Kind.QUOTED) and name is not None:
            is_type = lexed.is_mark(place - 1, "::") or lexed.word(place - 1) == "collate"
            is_call = place + 3 < len(lexed.tokens) and lexed.is_mark(place + 3, "(")
            in_operator = lexed.is_mark(place - 1, "(") and lexed.word(place - 2) == "operator"
            if not is_type and not is_call and not in_operator:
                yield name_at(lexed, place) or "", name, place
            place += 3
        else:
            place += 1


def _between(lexed: Lexed, start: int, end: int, cuts: Mapping[int, int]) -> str:
    """The text of tokens without what is cut."""
    pieces: list[str] = []
    place = start
    while place < end:
        if place > start and lexed.tokens[place].start > lexed.tokens[place - 1].end:
            pieces.append(" ")
        place = cuts.get(place, place)
        pieces.append(lexed.of(lexed.tokens[place]))
        place += 1
    return "".join(pieces)


def _closing(lexed: Lexed, place: int) -> int:
    depth = lexed.depths[place]
    marks, depths = lexed.marks, lexed.depths
    return next(each for each in range(place + 1, len(marks)) if depths[each] == depth and marks[each] == ")")


def _bare(lexed: Lexed, start: int, end: int) -> tuple[int, int]:
    """Tokens without the parentheses around all of them."""
    while end - start > 1 and lexed.is_mark(start, "(") and _closing(lexed, start) == end - 1:
        start, end = start + 1, end - 1
    return start, end


def _split(lexed: Lexed, start: int, end: int, word: str) -> list[tuple[int, int]]:
    """Tokens at each AND, or OR, outside parentheses; nothing is split where a CASE has such."""
    depth = lexed.depths[start]
    own = [place for place in range(start, end) if lexed.depths[place] == depth]
    if any(lexed.word(place) == "case" for place in own):
        return [(start, end)]
    at = [place for place in own if lexed.word(place) == word]
    return list(zip([start, *(place + 1 for place in at)], [*at, end], strict=True))


def _tested(lexed: Lexed, start: int, end: int) -> tuple[int, int, str] | None:
    """Where a condition has no operator: what it tests, and for what."""
    for ending in (("is", "not", "null"), ("is", "null")):
        size = len(ending)
        if tuple(lexed.word(place) for place in range(end - size, end)) == ending and end - size > start:
            return start, end - size, " ".join(ending)
    if lexed.word(start) == "not":
        return start + 1, end, "is false"
    if end - start == 3 and lexed.is_mark(start + 1, "."):
        return start, end, "is true"
    return None


def _operator(lexed: Lexed, start: int, end: int) -> int | None:
    """Where the one operator of a condition stands; None where there is none, or something else beside it."""
    depth = lexed.depths[start]
    own = [place for place in range(start, end) if lexed.depths[place] == depth]
    if any(lexed.word(place) in ("is", "case", "not") for place in own):
        return None
    found = [
        place
        for place in own
        if lexed.tokens[place].kind is Kind.OPERATOR
        or (lexed.word(place) == "operator" and lexed.is_mark(place + 1, "("))
    ]
    return found[0] if len(found) == 1 and start < found[0] < end - 1 else None


def _spelled(lexed: Lexed, place: int) -> tuple[str, int]:
    """An operator, without its schema, and where the tokens after it begin."""
    if lexed.tokens[place].kind is Kind.OPERATOR:
        return lexed.of(lexed.tokens[place]), place + 1
    close = _closing(lexed, place + 1)
    return lexed.of(lexed.tokens[close - 1]), close + 1


def _turned(operator: str, turned: bool, quantifier: str) -> str:
    """The operator with the subject on its left; "" where there is none such."""
    if quantifier:
        return f"{quantifier} {operator}" if turned else f"{operator} {quantifier}"
    if turned:
        return operator if operator in _SYMMETRIC else FLIPPED.get(operator, "")
    return operator


def _is_plan(lexed: Lexed, place: int) -> bool:
    """Whether a subplan is told of."""
    return lexed.word(place) in _PLANS and not lexed.is_mark(place - 1, ".")


def _has_parameter(lexed: Lexed, start: int, end: int) -> bool:
    return any(lexed.tokens[place].kind is Kind.PARAMETER for place in range(start, end))


def _is_fixed(lexed: Lexed, start: int, end: int) -> bool:
    """Whether nothing but literals, with the types they are cast to, is in tokens."""
    literals = False
    for place in range(start, end):
        kind = lexed.tokens[place].kind
        if kind in _LITERALS or lexed.word(place) in _FIXED_WORDS:
            literals = True
        elif kind in (Kind.PARAMETER, Kind.OPERATOR) or (
            kind in (Kind.WORD, Kind.QUOTED) and not _in_type(lexed, start, place)
        ):
            return False
    return literals


def _in_type(lexed: Lexed, start: int, place: int) -> bool:
    """Whether a name is of a type that is cast to: a cast stands before it, with names and dots alone between."""
    place -= 1
    while place >= start and (
        lexed.tokens[place].kind in (Kind.WORD, Kind.QUOTED) or lexed.marks[place] in (".", "(", ")", ",")
    ):
        place -= 1
    return place >= start and lexed.is_mark(place, "::")


def _has_own_parentheses(lexed: Lexed, start: int, end: int) -> bool:
    """Whether ruleutils.c puts parentheses around an expression wherever it stands: casts and calls have none."""
    depth = lexed.depths[start]
    own = [place for place in range(start, end) if lexed.depths[place] == depth]
    if any(lexed.word(place) == "case" for place in own):
        return False
    words_of_operators = ("at", "collate", "operator", "is", "and", "or", "not")
    return any(
        lexed.tokens[place].kind is Kind.OPERATOR
        or (lexed.word(place) in words_of_operators and not lexed.is_mark(place - 1, "."))
        for place in own
    )


def _is_at_time_zone(lexed: Lexed, start: int, end: int) -> bool:
    """What is a function to pg_get_indexdef though it looks otherwise: it gets no more parentheses than its own."""
    depth = lexed.depths[start]
    return any(lexed.word(place) == "at" and lexed.depths[place] == depth for place in range(start, end))


def _is_call(lexed: Lexed, start: int, end: int) -> bool:
    """Whether tokens are one call, around which pg_get_indexdef puts no parentheses (looks_like_function)."""
    place = start
    while place < end and lexed.tokens[place].kind in (Kind.WORD, Kind.QUOTED):
        place += 1
        if not lexed.is_mark(place, "."):
            break
        place += 1
    return place > start and place < end and lexed.is_mark(place, "(") and _closing(lexed, place) == end - 1
