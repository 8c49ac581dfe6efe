"""PostgreSQL's lexical rules: where the words, literals, comments and parameters of a text begin and end.

After https://www.postgresql.org/docs/current/sql-syntax-lexical.html, with standard_conforming_strings on.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from pgadvisor.memory import without_collector

# A text with more tokens than this, blanks and comments included, is longer than anything that is parsed or rewritten.
MAX_TOKENS = 500_000
# Characters within which nearly every statement says what it is.
_BEGINNING = 1_000

_IDENTIFIER = r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*+"
_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\n\r\f\v]++)
    | (?P<comment>--[^\n\r]*+ | /\*)
    | (?P<escaped>[eE]'(?:[^'\\]++|''|\\.)*+'?)
    | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']++|'')*+'?)
    | (?P<quoted>(?:[uU]&)?"(?:[^"]++|"")*+"?)
    | (?P<word>{_IDENTIFIER})
    | (?P<parameter>\$\d++)
    | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*+)?)\$)
    | (?P<number>
          0[xX][0-9a-fA-F_]++ | 0[oO][0-7_]++ | 0[bB][01_]++
        | (?:\d[\d_]*+(?:\.(?!\.)[\d_]*+)? | \.\d[\d_]*+) (?:[eE][+-]?\d++)?
      )
    | (?P<typecast>::|:=|\.\.)
    | (?P<operator>(?:(?!--|/\*)[+\-*/<>=~!@\#%^&|`?])++)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_OPERATOR_MAY_END_IN_SIGN = frozenset("~!@#%^&|`?")
_OPENING = {"(": ")", "[": "]"}


class Kind(enum.Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    NUMBER = "number"
    PARAMETER = "parameter"
    OPERATOR = "operator"
    PUNCTUATION = "punctuation"


class Token(NamedTuple):
    """One token: its kind and its place in the text, the end exclusive."""

    kind: Kind
    start: int
    end: int


_WHOLE_MATCHES = {
    "word": Kind.WORD,
    "parameter": Kind.PARAMETER,
    "number": Kind.NUMBER,
    "typecast": Kind.PUNCTUATION,
    "other": Kind.PUNCTUATION,
}


# A quote, a comment, or a dollar that no parameter begins with.
_HIDING = re.compile(r"'|--|/\*|\$(?!\d)")
_MAY_BE_NUMBER = re.compile(r"(?<![\w$])\.?\d")


@dataclass(frozen=True)
class Lexed:
    """A text and its tokens without comments and white space.

    unterminated names what the text ends inside of ("" where it ends outside of all). cut is True where the text
    has more than MAX_TOKENS tokens, of which the rest was left out.
    """

    text: str
    tokens: tuple[Token, ...]
    unterminated: str = ""
    cut: bool = False

    def of(self, token: Token) -> str:
        """The token as written."""
        return self.text[token.start : token.end]

    def word(self, index: int) -> str:
        """The unquoted word at a token index in lower case; "" where there is another kind of token, or none."""
        if not 0 <= index < len(self.tokens) or self.tokens[index].kind is not Kind.WORD:
            return ""
        return self.of(self.tokens[index]).lower()

    def is_mark(self, index: int, mark: str) -> bool:
        """Whether the token at an index is this punctuation."""
        if not 0 <= index < len(self.tokens) or self.tokens[index].kind is not Kind.PUNCTUATION:
            return False
        return self.of(self.tokens[index]) == mark

    @property
    def first_keyword(self) -> str:
        """The first word, in lower case, before which only parentheses may stand; "" where there is none."""
        index = 0
        while self.is_mark(index, "("):
            index += 1
        return self.word(index)

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """The punctuation at each token index; "" where there is another kind of token."""
        text = self.text
        return tuple(text[start:end] if kind is Kind.PUNCTUATION else "" for kind, start, end in self.tokens)

    @cached_property
    def commands(self) -> int:
        """The number of commands that semicolons separate, empty ones left out."""
        if ";" not in self.text:
            return min(len(self.tokens), 1)
        count, pending = 0, False
        for index in range(len(self.tokens)):
            if self.is_mark(index, ";"):
                count, pending = count + pending, False
            else:
                pending = True
        return count + pending

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """How many parentheses and brackets are open around each token; those themselves count as outside.

        Where they do not match, the depths end before the first that does not.
        """
        depths: list[int] = []
        open_marks: list[str] = []
        for mark in self.marks:
            if mark in (")", "]") and (not open_marks or open_marks.pop() != mark):
                break
            depths.append(len(open_marks))
            if mark in _OPENING:
                open_marks.append(_OPENING[mark])
        else:
            if not open_marks:
                return tuple(depths)
        return tuple(depths[: len(self.tokens) - 1])

    @property
    def balanced(self) -> bool:
        """Whether every literal, comment, parenthesis and bracket that is opened is also closed."""
        return not self.unterminated and not self.cut and len(self.depths) == len(self.tokens)

    @property
    def body(self) -> str:
        """The text up to its last token that is no semicolon; all of it where it was too long to see its end."""
        if self.cut:
            return self.text
        index = len(self.tokens)
        while self.is_mark(index - 1, ";"):
            index -= 1
        return self.text[: self.tokens[index - 1].end] if index else ""


def lex(text: str) -> Lexed:
    """Splits a text into tokens. Any text has tokens; nothing is raised."""
    with without_collector():
        return _lex(text)


def hides_nothing(text: str) -> bool:
    """Whether a text has no strings and no comments, seen without splitting it into tokens; False where in doubt.

    What looks like code in it then is code, or stands in a quoted name.
    """
    return _HIDING.search(text) is None


def has_literal(text: str) -> bool:
    """Whether a text holds a string or a number."""
    if hides_nothing(text) and _MAY_BE_NUMBER.search(text) is None:
        return False
    return any(token.kind in (Kind.STRING, Kind.NUMBER) for token in lex(text).tokens)


def first_keyword(text: str) -> str:
    """As `Lexed.first_keyword`; of a long text only as much is split into tokens as that takes."""
    beginning = lex(text[:_BEGINNING])
    word = beginning.first_keyword
    # The last token may go on.
    last = beginning.word(len(beginning.tokens) - 1)
    return word if word and (len(beginning.tokens) > 1 and last != word) else lex(text).first_keyword


def _lex(text: str) -> Lexed:
    tokens: list[Token] = []
    unterminated = ""
    position, length = 0, len(text)
    for _ in range(MAX_TOKENS):
        if position >= length:
            break
        match = _TOKEN.match(text, position)
        if match is None:  # the last alternative takes any character
            break
        group, end = match.lastgroup or "", match.end()
        if group in _WHOLE_MATCHES:
            tokens.append(Token(_WHOLE_MATCHES[group], position, end))
        elif group == "operator":
            tokens += _operators(match[0], position)
        elif group == "comment" and match[0] == "/*":
            end, closed = _end_of_comment(text, end)
            unterminated = unterminated if closed else "a comment"
        elif group not in ("space", "comment"):
            kind, end, missing = _classify(text, match, group)
            unterminated = unterminated or missing
            tokens.append(Token(kind, position, end))
        position = end
    return Lexed(text, tuple(tokens), unterminated, cut=position < length)


def _classify(text: str, match: re.Match[str], group: str) -> tuple[Kind, int, str]:
    """Kind, end, and what is not closed, of a token."""
    end = match.end()
    if group == "tag":
        group = "dollar"
    if group == "dollar":
        tag = match["dollar"]
        close = text.find(tag, end)
        return (Kind.STRING, len(text), "a string") if close < 0 else (Kind.STRING, close + len(tag), "")
    if group in ("string", "escaped"):
        return Kind.STRING, end, "" if _closed(match[0], "'", escapes=group == "escaped") else "a string"
    return Kind.QUOTED, end, "" if _closed(match[0], '"', escapes=False) else "a quoted name"


def _closed(token: str, quote: str, *, escapes: bool) -> bool:
    """Whether a quoted token ends in its closing quote, which doubled or escaped ones are not."""
    body = token[token.index(quote) + 1 :]
    if not body.endswith(quote):
        return False
    if escapes:
        body = re.sub(r"\\.", "", body, flags=re.DOTALL)
    run = len(body) - len(body.rstrip(quote))
    return run % 2 == 1


def _operators(run: str, start: int) -> Iterator[Token]:
    """A run of operator characters is one operator, but does not end in a sign unless a special one is in it.

    The signs at the end are then operators of their own.
    """
    length = len(run) if _OPERATOR_MAY_END_IN_SIGN.intersection(run) else len(run.rstrip("+-")) or 1
    yield Token(Kind.OPERATOR, start, start + length)
    for sign in range(start + length, start + len(run)):
        yield Token(Kind.OPERATOR, sign, sign + 1)


def _end_of_comment(text: str, position: int) -> tuple[int, bool]:
    """The end of a block comment, which may hold others, and whether it is closed."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            return len(text), False
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position, True
