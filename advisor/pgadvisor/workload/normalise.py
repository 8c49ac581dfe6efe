"""A statement as written, with parameters in the place of its constants, as pg_stat_statements would show it.

Only constants are replaced for which the server finds the type of a parameter where it stood: compared values, members
of lists, rows that are inserted, limits, and what is cast. Others say how rather than what (the 'day' of date_trunc),
or would leave the server in doubt (1 + 1, THEN 0), and stay. Fingerprints are taken of the text as written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.string_tokens import string_value
from pgadvisor.workload.words import words

# So many constants of one text become parameters; the rest of a longer list stays.
MAX_PARAMETERS = 1_000
# A longer text stays as it is: nothing reads it anyway.
MAX_CHARS = 200_000

_QUERIES = words("delete insert merge select table update values with")
# Operators between a column and a value of its own type; then those whose other side has a type of its own.
_OF_ONE_TYPE = words("= <> != < <= > >=")
_OF_STRINGS = words("~ ~* !~ !~* ~~ ~~* !~~ !~~* @> <@ && @@ ? ^@ <-> <=> <#> <+>")
# What may follow a value without being a part of the same expression.
_FOLLOWS = words(
    "and or as cross else end escape except fetch for from full group having inner intersect join left limit natural "
    "offset on order returning right set then union when where window"
)
_TYPES = words(
    "bigint bool boolean box bytea char cidr circle date daterange decimal float4 float8 inet int int2 int4 int4range "
    "int8 int8range integer interval json jsonb jsonpath line lseg macaddr money name numeric numrange path point "
    "polygon real smallint text time timestamp timestamptz timetz tsquery tsrange tstzrange tsvector uuid varchar xml"
)
_FIELDS = words("year month day hour minute second")
# Their arguments have a grammar of their own.
_OWN_GRAMMAR = words(
    "extract json_array json_exists json_object json_query json_table json_value overlay position substring trim "
    "xmlattributes xmlelement xmlexists xmlforest xmlparse xmlpi xmlroot xmlserialize xmltable"
)
_PLAIN_NUMBER = re.compile(r"\d{1,18}(?:\.\d{1,18})?")
_BEFORE_OPERAND = words(
    "all and as between by case distinct else from having ilike in like limit not offset on or returning select set "
    "symmetric then to using values when where"
)


@dataclass(frozen=True)
class Normalised:
    """A text with parameters, and the values that they stand for, in order, as text."""

    text: str
    values: tuple[str, ...] = ()


class _Constant(NamedTuple):
    """A constant: its first token, the token after it, and what it says; is_number tells it from a string."""

    first: int
    after: int
    value: str
    is_number: bool


def normalised(text: str) -> Normalised:
    """The text with $1, $2 ... for its constants. Never raises; what is no single whole query stays as it is.

    So does a text that has parameters already, since what they stand for is not known.

    >>> normalised("select * from t where a = 5 and b > now() - interval '1 day'")
    Normalised(text='select * from t where a = $1 and b > now() - $2::interval', values=('5', '1 day'))
    """
    if len(text) > MAX_CHARS:
        return Normalised(text)
    lexed = lex(text)
    if lexed.first_keyword not in _QUERIES or not lexed.balanced or lexed.commands != 1:
        return Normalised(text)
    if any(token.kind is Kind.PARAMETER for token in lexed.tokens):
        return Normalised(text)
    return _Normalising(lexed).done()


class _Normalising:
    """One text on its way to the normalised one."""

    def __init__(self, lexed: Lexed) -> None:
        self._lexed = lexed
        # What each parenthesis that is open around a token is of: "in", "any", "row", "cast", "own", or else "".
        self._open: list[str] = []
        self._values: list[str] = []
        self._pieces: list[str] = []
        self._position = 0
        self._in_conflict = False
        self._inserts = lexed.first_keyword == "insert"

    def done(self) -> Normalised:
        """The text and its values."""
        lexed = self._lexed
        index = 0
        while index < len(lexed.tokens) and len(self._values) < MAX_PARAMETERS:
            constant = self._constant(index)
            if constant is None:
                self._follow(index)
                index += 1
                continue
            if "own" not in self._open and not self._in_conflict:
                self._replace(constant)
            index = constant.after
        return Normalised("".join((*self._pieces, lexed.text[self._position :])), tuple(self._values))

    def _follow(self, index: int) -> None:
        """Keeps track of the parentheses around, and of the condition of ON CONFLICT, which names an index."""
        lexed = self._lexed
        mark, word = lexed.marks[index], lexed.word(index)
        if mark in ("(", "["):
            self._open.append(self._kind(index) if mark == "(" else "")
        elif mark in (")", "]"):
            self._open.pop()
        elif word == "conflict":
            self._in_conflict = True
        elif word == "do":
            self._in_conflict = False

    def _kind(self, index: int) -> str:
        lexed = self._lexed
        before = lexed.word(index - 1)
        if before in _OWN_GRAMMAR:
            return "own"
        if before in ("any", "all", "some"):
            return "any"
        if before in ("in", "cast"):
            return before
        within_list = lexed.marks[index - 1] in ("(", ",") if index else False
        if self._open[-1:] == ["in"] and within_list:
            return "in"
        after_row = within_list and lexed.marks[index - 2] == ")" if index > 1 else False
        return "row" if self._inserts and not self._open and (before == "values" or after_row) else ""

    def _constant(self, index: int) -> _Constant | None:
        """The constant that begins at a token, with its sign; None where none does, or one of a form of its own."""
        lexed = self._lexed
        at = index
        sign = ""
        if lexed.of(lexed.tokens[index]) == "-" and index + 1 < len(lexed.tokens) and self._begins_operand(index - 1):
            sign, at = "-", index + 1
        token = lexed.tokens[at]
        written = lexed.of(token)
        if token.kind is Kind.NUMBER and _PLAIN_NUMBER.fullmatch(written):
            return _Constant(index, at + 1, sign + written, is_number=True)
        if token.kind is not Kind.STRING or sign or written[0] in "bBxXuU":
            return None
        after = index + 1
        value = string_value(written)
        while after < len(lexed.tokens) and lexed.tokens[after].kind is Kind.STRING:
            value += string_value(f"'{lexed.of(lexed.tokens[after])[1:]}")
            after += 1
        return None if "\0" in value else _Constant(index, after, value, is_number=False)

    def _begins_operand(self, index: int) -> bool:
        """Whether an operand begins after the token at an index."""
        if index < 0:
            return False
        token = self._lexed.tokens[index]
        if token.kind is Kind.PUNCTUATION:
            return self._lexed.marks[index] in ("(", "[", ",")
        return token.kind is Kind.OPERATOR or self._lexed.word(index) in _BEFORE_OPERAND

    def _replace(self, constant: _Constant) -> None:
        """Puts a parameter in the place of a constant, if the server will know its type there."""
        first, cast = constant.first, ""
        if not constant.is_number and (typed := self._type_before(constant)) is not None:
            first, cast = typed
        elif not (self._is_cast(constant) or self._is_compared(constant) or self._is_member(constant)):
            return
        tokens, text = self._lexed.tokens, self._lexed.text
        self._values.append(constant.value)
        self._pieces += (text[self._position : tokens[first].start], f"${len(self._values)}{cast}")
        self._position = tokens[constant.after - 1].end
        # What follows may not grow together with the number.
        if text[self._position : self._position + 1].isalnum():
            self._pieces.append(" ")

    def _type_before(self, constant: _Constant) -> tuple[int, str] | None:
        """The token that a constant such as date '2020-01-01' begins with, and the cast that says the same."""
        lexed, first = self._lexed, constant.first
        name = lexed.word(first - 1)
        if self._mark(constant.after) in ("[", ".") or lexed.word(constant.after) in _FIELDS:
            return None
        if name == "zone" and lexed.word(first - 2) == "time" and lexed.word(first - 3) in ("with", "without"):
            begin = first - 4
            name = f"{lexed.word(begin)} {lexed.word(first - 3)} time zone"
            is_type = lexed.word(begin) in ("time", "timestamp")
        else:
            begin, is_type = first - 1, name in _TYPES
        return (begin, f"::{name}") if is_type and self._mark(begin - 1) not in (".", "::") else None

    def _is_cast(self, constant: _Constant) -> bool:
        """Whether a cast gives a type to the constant itself."""
        if constant.is_number and not constant.value.isdigit():
            return False
        if self._open[-1:] == ["cast"] and self._mark(constant.first - 1) == "(":
            return self._lexed.word(constant.after) == "as"
        return self._mark(constant.after) == "::" and self._begins_operand(constant.first - 1)

    def _is_compared(self, constant: _Constant) -> bool:
        """Whether it stands alone on the right side of a comparison, or limits the rows."""
        lexed, before = self._lexed, constant.first - 1
        if before < 1:
            return False
        word = lexed.word(before)
        if word == "between":
            return lexed.word(constant.after) == "and"
        if not self._ends_here(constant.after):
            return False
        if word in ("like", "ilike"):
            return not constant.is_number
        if word in ("limit", "offset"):
            return constant.is_number and constant.value.isdigit()
        if word == "and":
            return self._is_upper_bound(before - 1)
        if word == "from":
            return lexed.word(before - 1) == "distinct" and lexed.word(before - 2) in ("is", "not")
        if lexed.tokens[before].kind is not Kind.OPERATOR or not self._ends_operand(before - 1):
            return False
        operator = lexed.of(lexed.tokens[before])
        return operator in _OF_ONE_TYPE or (operator in _OF_STRINGS and not constant.is_number)

    def _is_upper_bound(self, index: int) -> bool:
        """Whether BETWEEN and a constant end at a token."""
        lexed = self._lexed
        if lexed.tokens[index].kind not in (Kind.STRING, Kind.NUMBER):
            return False
        return "between" in (lexed.word(index - 1), lexed.word(index - 2))

    def _is_member(self, constant: _Constant) -> bool:
        """Whether it stands alone in a list, a row that is inserted, or ANY ('{...}')."""
        kind = self._open[-1] if self._open else ""
        around = (self._mark(constant.first - 1), self._mark(constant.after))
        if kind == "any":
            return around == ("(", ")") and not constant.is_number
        return kind in ("in", "row") and around[0] in ("(", ",") and around[1] in (",", ")")

    def _ends_here(self, index: int) -> bool:
        """Whether no operator or the like follows at an index."""
        if index >= len(self._lexed.tokens):
            return True
        return self._mark(index) in (")", "]", ",", ";") or self._lexed.word(index) in _FOLLOWS

    def _ends_operand(self, index: int) -> bool:
        """Whether what is no constant ends with a token."""
        if index < 0:
            return False
        kind = self._lexed.tokens[index].kind
        if kind is Kind.WORD:
            return self._lexed.word(index) not in _BEFORE_OPERAND
        return kind is Kind.QUOTED or self._lexed.marks[index] in (")", "]")

    def _mark(self, index: int) -> str:
        return self._lexed.marks[index] if 0 <= index < len(self._lexed.tokens) else ""
