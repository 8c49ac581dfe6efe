"""A copy of a statement's text that sqlglot reads the way PostgreSQL reads the original.

Only for parsing: what is sent to a server is always the original text.
"""

from __future__ import annotations

import re

from pgadvisor.masking import MASK
from pgadvisor.workload.lexer import Kind, Lexed, Token, hides_nothing
from pgadvisor.workload.words import words

# A longer literal says nothing about the statement's shape, and is cut to this many characters.
LITERAL_KEPT = 200
# So many members of a list of literals are kept.
MEMBERS_KEPT = 1_000
_LONG_CHARS = 10_000

_ROW = r"\(\s*+\$\d++(?:\s*+,\s*+\$\d++)*+\s*+\)"
# A whole list at a time, of whichever length: were short ones refused, each of their members would be tried anew.
_LIST = re.compile(rf"{_ROW}(?:\s*+,\s*+{_ROW})++|\$\d++(?:\s*+,\s*+\$\d++)++")
# With so many parameters it is no quoted name, which has 63 bytes.
_LIST_KEPT = re.compile(rf"(?:{_ROW}\s*+,\s*+){{{MEMBERS_KEPT}}}{_ROW}|(?:\$\d++\s*+,\s*+){{{MEMBERS_KEPT}}}\$\d++")

# `$1,$2` is read by sqlglot as the start of a dollar-quoted string, `date $1` as a column with an alias.
_TYPES_BEFORE_LITERALS = words(
    "bigint bit bool boolean box bytea char cidr circle date daterange decimal float4 float8 inet int int2 "
    "int4 int4range int8 int8range integer json jsonb jsonpath line lseg macaddr money name numeric numrange "
    "pg_lsn point polygon real regclass smallint text time timestamp timestamptz timetz tsquery tsrange "
    "tstzrange tsvector uuid varchar xml"
)
_ZONES = {("with", "time", "zone"): "tz", ("without", "time", "zone"): ""}

# Operators that sqlglot knows by their spelling. Others are handed to it as OPERATOR(x), known between operands.
_KNOWN_OPERATORS = words(
    "+ - * / % ^ | & # ~ = <> != < <= > >= || -> ->> #> #>> #- @> <@ ? ?| ?& @? @@ && ~* !~ !~* ~~ ~~* !~~ "
    "!~~* ^@ <-> -|- &< &> << >> =>"
)
_NO_OPERAND = words(
    "all and any as between by case distinct else except from group having ilike in intersect is like limit "
    "not offset on or order returning select set similar some then union using values when where"
)
# Keywords of other databases, which are names like any other here.
_NO_KEYWORDS = words("straight_join")
_UNICODE_ESCAPE = re.compile(r"\\(?:\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4})|(\\))")


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
    ones, typed constants such as `date $1` become casts.
    """
    pieces: list[str] = []
    index, end = 0, len(lexed.tokens)
    while lexed.is_mark(end - 1, ";"):
        end -= 1
    left_out = _left_out(lexed)
    previous_end = 0
    while index < end:
        if index in left_out:
            index = left_out[index]
            continue
        token = lexed.tokens[index]
        special, consumed = _special(lexed, index) if token.kind is Kind.WORD else (None, 1)
        if pieces and (previous_end < token.start or token.kind is Kind.PARAMETER):
            pieces.append(" ")
        pieces.append(_mended(lexed, index, token) if special is None else special)
        previous_end = lexed.tokens[index + consumed - 1].end
        if token.kind is Kind.PARAMETER:
            previous_end -= 1
        index += consumed
    return "".join(pieces)


def _left_out(lexed: Lexed) -> dict[int, int]:
    """What says nothing more about the shape: the first token of each run, and the token after it."""
    left_out: dict[int, int] = {}
    closing = _closing(lexed)
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


def _special(lexed: Lexed, index: int) -> tuple[str | None, int]:
    """What a few words are replaced by so that they can be parsed, and the number of tokens it stands for."""
    before, word, after = (lexed.word(each) for each in range(index - 1, index + 2))
    if (before, word, after) == ("where", "current", "of"):
        return "true", 3
    if word == "overriding" and after in ("system", "user") and lexed.word(index + 2) == "value":
        return "", 3
    return _typed_parameter(lexed, index)


def _mended(lexed: Lexed, index: int, token: Token) -> str:
    written = lexed.of(token)
    if token.kind is Kind.STRING:
        return _string(written)
    if token.kind is Kind.QUOTED:
        return _unicode_name(written) if written[0] != '"' else written
    if token.kind is Kind.WORD:
        plain = written.isascii() and written.lower() not in _NO_KEYWORDS
        return written if plain else f'"{_ascii_lower(written)}"'
    if token.kind is Kind.OPERATOR and written not in _KNOWN_OPERATORS and not _is_spelled_out(lexed, index):
        return f" OPERATOR({written}) " if _is_operand(lexed, index - 1) else " - "
    return written


def _string(written: str) -> str:
    """A literal as sqlglot reads it, cut where it is long."""
    if written.startswith("$"):
        tag = written.index("$", 1) + 1
        return "'" + _cut(written[tag:-tag]).replace("'", "''") + "'"
    quote = written.index("'")
    prefix = written[:quote]
    if prefix.endswith("&"):
        prefix = ""
    body = written[quote + 1 : -1]
    if len(body) > LITERAL_KEPT:
        # Quotes and escapes are left out, of which a half might remain.
        body = _cut(body).replace("'", "").replace("\\", "")
    return f"{prefix}'{body}'"


def is_cut(literal: str) -> bool:
    """Whether the content of a literal in the copy may not be all of the original."""
    return literal.endswith(MASK)


def _cut(body: str) -> str:
    return body if len(body) <= LITERAL_KEPT else body[:LITERAL_KEPT] + MASK


def _unicode_name(written: str) -> str:
    """A U&"..." name with its escapes resolved."""

    def character(match: re.Match[str]) -> str:
        code = int(match[1] or match[2] or "5c", 16)
        return chr(code) if code <= 0x10FFFF else match[0]

    return _UNICODE_ESCAPE.sub(character, written[2:])


def _ascii_lower(word: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in word)


def _is_spelled_out(lexed: Lexed, index: int) -> bool:
    """Whether the operator at an index stands in OPERATOR(schema.x)."""
    return lexed.is_mark(index - 1, ".") or (lexed.is_mark(index - 1, "(") and lexed.word(index - 2) == "operator")


def _is_operand(lexed: Lexed, index: int) -> bool:
    """Whether the token at an index ends something that an operator may follow."""
    if index < 0:
        return False
    token = lexed.tokens[index]
    if token.kind is Kind.PUNCTUATION:
        return lexed.of(token) in (")", "]")
    return token.kind is not Kind.OPERATOR and lexed.word(index) not in _NO_OPERAND


def _typed_parameter(lexed: Lexed, index: int) -> tuple[str | None, int]:
    """A cast for a typed constant whose value is a parameter, and the number of tokens it stands for."""
    name = lexed.word(index)
    if name not in _TYPES_BEFORE_LITERALS:
        return None, 1
    after = index + 1
    if name in ("time", "timestamp"):
        words = (lexed.word(after), lexed.word(after + 1), lexed.word(after + 2))
        if words in _ZONES:
            name, after = name + _ZONES[words], after + 3
    if after >= len(lexed.tokens) or lexed.tokens[after].kind is not Kind.PARAMETER:
        return None, 1
    return f"CAST( {lexed.of(lexed.tokens[after])} AS {name})", after + 1 - index
