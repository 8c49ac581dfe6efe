"""A copy of a statement's text that sqlglot reads the way PostgreSQL reads the original.

Only for parsing: what is sent to a server is always the original text.
"""

from __future__ import annotations

import re

from pgadvisor.workload.lexer import Kind, Lexed, Token, hides_nothing
from pgadvisor.workload.mended_calls import CALLED, call_edits
from pgadvisor.workload.mended_clauses import CLAUSE_WORDS, clause_edits
from pgadvisor.workload.mended_edits import VALUES, Edits, ends_operand
from pgadvisor.workload.mended_literals import number, string, unicode_name
from pgadvisor.workload.mended_types import LONG_TYPES, type_edits
from pgadvisor.workload.words import words

# So many members of a list of literals are kept.
MEMBERS_KEPT = 1_000
_LONG_CHARS = 10_000

_ROW = r"\(\s*+\$\d++(?:\s*+,\s*+\$\d++)*+\s*+\)"
# A whole list at a time, of whichever length: were short ones refused, each of their members would be tried anew.
_LIST = re.compile(rf"{_ROW}(?:\s*+,\s*+{_ROW})++|\$\d++(?:\s*+,\s*+\$\d++)++")
# With so many parameters it is no quoted name, which has 63 bytes.
_LIST_KEPT = re.compile(rf"(?:{_ROW}\s*+,\s*+){{{MEMBERS_KEPT}}}{_ROW}|(?:\$\d++\s*+,\s*+){{{MEMBERS_KEPT}}}\$\d++")

# Operators that sqlglot knows by their spelling. Others are handed to it as OPERATOR(x), known between operands.
_KNOWN_OPERATORS = words(
    "+ - * / % ^ | & # ~ = <> != < <= > >= || -> ->> #> #>> #- @> <@ ? ?| ?& @? @@ && ~* !~ !~* ~~ ~~* !~~ "
    "!~~* <-> -|- &< &> << >> =>"
)
# Keywords of other databases, which are names like any other here.
_NO_KEYWORDS = words("anti asof describe glob partitioned_by qualify regexp rlike semi straight_join uncache xor")


def shortened(text: str) -> str:
    """A text whose lists of thousands of parameters, or of rows of them, have lost all but their beginning.

    Of a text of a megabyte hardly anything else takes time. Only where no string or comment can hold such a list.
    """
    if len(text) < _LONG_CHARS or not hides_nothing(text):
        return text
    return _LIST.sub(_beginning, text)


def _beginning(found: re.Match[str]) -> str:
    kept = _LIST_KEPT.match(found[0])
    return found[0] if kept is None else kept[0]


def mend(lexed: Lexed) -> str:
    """The copy to parse: one command, without comments and trailing semicolons, parameters set apart by spaces.

    Long literals are cut, of long lists of literals and of VALUES the beginning is kept, dollar quotes become plain
    ones, typed constants such as `date $1` become casts, calls with words between their arguments plain calls.
    """
    pieces: list[str] = []
    index, end = 0, len(lexed.tokens)
    while lexed.is_mark(end - 1, ";"):
        end -= 1
    closing = _closing(lexed)
    left_out, edits = _left_out(lexed, closing), _edits(lexed, closing)
    previous_end = 0
    while index < end:
        if index in left_out:
            index = left_out[index]
            continue
        token, edit = lexed.tokens[index], edits.get(index)
        if pieces and (previous_end < token.start or token.kind is Kind.PARAMETER):
            pieces.append(" ")
        if edit is None:
            pieces.append(_mended(lexed, index, token))
            previous_end = token.end - (token.kind is Kind.PARAMETER)
            index += 1
        else:
            pieces.append(edit.text)
            previous_end, index = -1, edit.end
    return "".join(pieces)


def _edits(lexed: Lexed, closing: dict[int, int]) -> Edits:
    """All that is rewritten. Few words are looked at closely, for there are many in a long text."""
    edits: Edits = {}
    marks, tokens = lexed.marks, lexed.tokens
    last = len(tokens) - 1
    for index, token in enumerate(tokens):
        if token.kind is not Kind.WORD:
            continue
        word = lexed.of(token).lower()
        parts = [clause_edits] if word in CLAUSE_WORDS else []
        if word in CALLED and index < last and marks[index + 1] == "(":
            parts.append(call_edits)
        if word in LONG_TYPES or (
            index < last
            and (marks[index - 1] == "::" or marks[index + 1] in ("(", ")") or tokens[index + 1].kind in VALUES)
        ):
            parts.append(type_edits)
        for part in parts:
            for start, edit in part(lexed, index, closing).items():
                edits.setdefault(start, edit)
    return edits


def _left_out(lexed: Lexed, closing: dict[int, int]) -> dict[int, int]:
    """What says nothing more about the shape: the first token of each run, and the token after it."""
    left_out: dict[int, int] = {}
    for opening, close in closing.items():
        if close - opening > 2 * MEMBERS_KEPT and all(_is_member(lexed, index) for index in range(opening + 1, close)):
            left_out[opening + 2 * MEMBERS_KEPT] = close
        if lexed.word(opening - 1) == "values":
            row = close + 1
            while lexed.is_mark(row, ",") and row + 1 in closing:
                after = closing[row + 1] + 1
                if not any(lexed.word(index) == "select" for index in range(row, after)):
                    left_out[row] = after
                row = after
    return left_out


def _closing(lexed: Lexed) -> dict[int, int]:
    """The index of the closing parenthesis or bracket by that of the opening one, the outer before the inner."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for index, mark in enumerate(lexed.marks):
        if mark in ("(", "["):
            opened.append(index)
            closing[index] = index
        elif mark in (")", "]") and opened:
            closing[opened.pop()] = index
    return closing


def _is_member(lexed: Lexed, index: int) -> bool:
    """Whether a token is a literal or a comma."""
    return lexed.is_mark(index, ",") or lexed.tokens[index].kind in (Kind.PARAMETER, Kind.NUMBER, Kind.STRING)


def _mended(lexed: Lexed, index: int, token: Token) -> str:
    written = lexed.of(token)
    if token.kind is Kind.STRING:
        return string(written)
    if token.kind is Kind.QUOTED:
        return unicode_name(written) if written[0] != '"' else written
    if token.kind is Kind.NUMBER:
        return number(written)
    if token.kind is Kind.WORD:
        plain = written.isascii() and written.lower() not in _NO_KEYWORDS
        return written if plain else f'"{_ascii_lower(written)}"'
    if token.kind is Kind.OPERATOR and written not in _KNOWN_OPERATORS and not _is_spelled_out(lexed, index):
        return f" OPERATOR({written}) " if ends_operand(lexed, index - 1) else " - "
    return written


def _ascii_lower(word: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in word)


def _is_spelled_out(lexed: Lexed, index: int) -> bool:
    """Whether the operator at an index stands in OPERATOR(schema.x)."""
    return lexed.is_mark(index - 1, ".") or (lexed.is_mark(index - 1, "(") and lexed.word(index - 2) == "operator")
