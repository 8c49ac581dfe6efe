"""Clauses that sqlglot does not know and that say nothing more about the shape, or that it knows in another form."""

from __future__ import annotations

from collections.abc import Callable

from pgadvisor.workload.lexer import Kind, Lexed
from pgadvisor.workload.mended_edits import Edit, Edits, after_group, ends_operand, is_name
from pgadvisor.workload.words import words

_FORMS = words("nfc nfd nfkc nfkd")
_NO_FUNCTIONS = words("lateral json_table only rows select table values with xmltable")
_SAMPLING = words("bernoulli system")


def clause_edits(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """The edits of the clause that the word at an index begins."""
    edit = _EDITORS.get(lexed.word(index))
    return {} if edit is None or lexed.is_mark(index - 1, ".") else edit(lexed, index, closing)


def _where(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """`WHERE CURRENT OF cursor` limits no column."""
    if (lexed.word(index + 1), lexed.word(index + 2)) == ("current", "of"):
        return {index + 1: Edit("true", index + 4)}
    return {}


def _overriding(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    if lexed.word(index + 1) in ("system", "user") and lexed.word(index + 2) == "value":
        return {index: Edit("", index + 3)}
    return {}


def _using(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """`ORDER BY a USING >`, and the alias of a join's `USING (a) AS j`, whose columns are those of the tables."""
    if lexed.is_mark(index + 1, "("):
        after = after_group(lexed, index + 1, closing)
        return {after: Edit("", after + 2)} if lexed.word(after) == "as" and is_name(lexed, after + 1) else {}
    operator = index + 1
    end = operator + 1
    if lexed.word(operator) == "operator":
        end = after_group(lexed, operator + 1, closing)
        operator = end - 2
    if operator >= len(lexed.tokens) or lexed.tokens[operator].kind is not Kind.OPERATOR:
        return {}
    return {index: Edit("DESC" if ">" in lexed.of(lexed.tokens[operator]) else "ASC", end)}


def _tablesample(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """A method of sampling that an extension brings."""
    end = index + 1
    while is_name(lexed, end) or lexed.is_mark(end, "."):
        end += 1
    if end == index + 2 and lexed.word(index + 1) in _SAMPLING:
        return {}
    end = after_group(lexed, end, closing)
    if lexed.word(end) == "repeatable":
        end = after_group(lexed, end + 1, closing)
    return {index: Edit("", end)}


def _search(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """SEARCH of a recursive query, and the CYCLE that may follow it: they add columns to it, of no relation."""
    if not lexed.is_mark(index - 1, ")") or lexed.word(index + 1) not in ("depth", "breadth"):
        return {}
    end = _names(lexed, index + 4)
    if lexed.word(end) != "set":
        return {}
    end += 2
    if lexed.word(end) == "cycle":
        end = _end_of_cycle(lexed, end) or end
    return {index: Edit("", end)}


def _cycle(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    end = _end_of_cycle(lexed, index) if lexed.is_mark(index - 1, ")") else None
    return {} if end is None else {index: Edit("", end)}


def _end_of_cycle(lexed: Lexed, index: int) -> int | None:
    end = _names(lexed, index + 1)
    if lexed.word(end) != "set" or end == index + 1:
        return None
    for each in range(end, len(lexed.tokens)):
        if lexed.word(each) == "using":
            return each + 2
        if lexed.marks[each] in ("(", ")", ","):
            return None
    return None


def _names(lexed: Lexed, index: int) -> int:
    """The index after a list of names."""
    while is_name(lexed, index) and lexed.word(index) != "set":
        index += 1
        if not lexed.is_mark(index, ","):
            break
        index += 1
    return index


def _insert(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """`INSERT INTO t (a.b, c[1])` fills columns a and c."""
    if lexed.word(index - 1) != "insert":
        return {}
    edits: Edits = {}
    opening = index + 1
    while is_name(lexed, opening) or lexed.is_mark(opening, "."):
        opening += 1
    close = closing.get(opening, opening)
    each = opening + 1
    while each < close and is_name(lexed, each):
        end = each + 1
        while end < close and not lexed.is_mark(end, ","):
            end = after_group(lexed, end, closing)
        if end > each + 1:
            edits[each + 1] = Edit("", end)
        each = end + 1
    return edits if each == close + 1 else {}


def _returning(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """`RETURNING WITH (OLD AS o)` names rows that are of no relation."""
    if lexed.word(index + 1) == "with" and lexed.is_mark(index + 2, "("):
        return {index + 1: Edit("", after_group(lexed, index + 2, closing))}
    return {}


def _only(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """`ONLY (t)` is `ONLY t`."""
    if not lexed.is_mark(index + 1, "("):
        return {}
    close = closing.get(index + 1, index + 1)
    return {index + 1: Edit("", index + 2), close: Edit("", close + 1)}


def _is(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """`a IS NFC NORMALIZED` as an operator of that name."""
    negated = lexed.word(index + 1) == "not"
    after = index + 1 + negated
    form = lexed.word(after) if lexed.word(after) in _FORMS else ""
    after += bool(form)
    if lexed.word(after) != "normalized":
        return {}
    name = "not_normalized" if negated else "normalized"
    return {index: Edit(f"OPERATOR({name}) '{form or 'nfc'}'", after + 1)}


def _at(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """`AT LOCAL` is AT TIME ZONE with the session's."""
    local = lexed.word(index + 1) == "local" and ends_operand(lexed, index - 1)
    return {index: Edit("AT TIME ZONE ''", index + 2)} if local else {}


def _collation(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    return {index: Edit("pg_collation_for", index + 2)} if lexed.word(index + 1) == "for" else {}


def _from(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """A function that begins a join in parentheses, as the server writes views: `FROM (f(x) a JOIN ...)`."""
    name = index + 1
    while lexed.is_mark(name, "("):
        name += 1
    opening = name + 1
    while lexed.is_mark(opening, ".") and is_name(lexed, opening + 1):
        opening += 2
    close = closing.get(opening, opening)
    if (
        not is_name(lexed, name)
        or not lexed.is_mark(opening, "(")
        or name == index + 1
        or close == opening
        or lexed.word(name) in _NO_FUNCTIONS
    ):
        return {}
    edits = {each: Edit(f" {lexed.of(lexed.tokens[each])}", each + 1) for each in range(name + 1, opening)}
    return {name: Edit(f"ROWS FROM ({lexed.of(lexed.tokens[name])}", name + 1), **edits, close: Edit("))", close + 1)}


def _uescape(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """The escape of the string before it, which is kept as it is written."""
    before = lexed.tokens[index - 1].kind if index else None
    return {index: Edit("", index + 2)} if before in (Kind.STRING, Kind.QUOTED) else {}


_EDITORS: dict[str, Callable[[Lexed, int, dict[int, int]], Edits]] = {
    "where": _where,
    "overriding": _overriding,
    "using": _using,
    "tablesample": _tablesample,
    "search": _search,
    "cycle": _cycle,
    "into": _insert,
    "returning": _returning,
    "only": _only,
    "is": _is,
    "at": _at,
    "collation": _collation,
    "from": _from,
    "join": _from,
    "uescape": _uescape,
}
# Words that clauses which may be rewritten begin with.
CLAUSE_WORDS = frozenset(_EDITORS)
