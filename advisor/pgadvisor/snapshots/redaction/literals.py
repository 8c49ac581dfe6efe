"""SQL texts with other values, and other names where that is asked for, by their tokens; comments are left out.

What is not a literal stays in its place, so that a statement, a condition in a plan and the predicate of an index still
say the same of each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pgadvisor.indexes.quoting import quote_literal
from pgadvisor.masking import MASK
from pgadvisor.snapshots.redaction.arrays import mapped_array
from pgadvisor.snapshots.redaction.names import Names
from pgadvisor.snapshots.redaction.numbers import number
from pgadvisor.snapshots.redaction.values import ValueKind, Values, kind_of_looks, kind_of_type
from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.string_tokens import ends_in_doubt, string_value

# PostgreSQL 18 writes this comment itself, in the place of the members of a list.
_SQUASHED = "/*, ... */"
_PATTERN_OPERATORS = frozenset(("~~", "~~*", "!~~", "!~~*"))
_REGEX_OPERATORS = frozenset(("~", "~*", "!~", "!~*"))
_LIKE_WORDS = frozenset(("like", "ilike"))
_WITHIN_PATTERN = frozenset(("any", "all", "some", "array", "text", "escape"))
_LIKE_RUN = re.compile(r"(?:\\.|[^%_\\])+", re.DOTALL)
_REGEX_RUN = re.compile(r"\\[0-9A-Za-z]|[\w @/:;,=\"'#&<>!-]+")
_ROW_COUNTS = frozenset(("limit", "offset", "first", "next", "modulus", "remainder", "subplan", "initplan"))
_WITH_MODIFIERS = frozenset(
    [
        "varying",
        "varchar",
        "char",
        "character",
        "bpchar",
        "numeric",
        "decimal",
        "dec",
        "timestamp",
        "timestamptz",
        "time",
        "timetz",
        "interval",
        "bit",
        "varbit",
        "float",
        "vector",
    ]
)
_NAMING_TYPES = re.compile(r"^(pg_catalog\.)?reg\w+$")
_MULTIPLE_WORDS = {
    "character": ("varying",),
    "double": ("precision",),
    "bit": ("varying",),
    "timestamp": ("with", "without", "time", "zone"),
    "time": ("with", "without", "time", "zone"),
}
# Arguments of functions, counted from 0, that say how rather than what: fields, formats, zones, names of objects.
_KEPT_ARGUMENTS: Mapping[str, tuple[int, ...]] = {
    "date_trunc": (0, 2),
    "date_part": (0,),
    "extract": (0,),
    "timezone": (0,),
    "to_char": (1,),
    "to_date": (1,),
    "to_timestamp": (1,),
    "to_number": (1,),
    "encode": (1,),
    "decode": (1,),
    "digest": (1,),
    "current_setting": (0,),
    "set_config": (0,),
}
_NAMING_FUNCTIONS = frozenset(("nextval", "currval", "setval", "pg_get_serial_sequence", "to_regclass"))


class Texts:
    """Rewrites SQL texts. types says what values of the users' types are, by bare name."""

    def __init__(self, values: Values, names: Names, types: Mapping[str, ValueKind], labels: frozenset[str]) -> None:
        self.values = values
        self.names = names
        self.types = types
        self.labels = labels

    def sql(self, text: str, *, bodies: bool = False) -> str:
        """A statement, expression or definition with other values. What cannot be read with certainty is cut off.

        bodies: strings in dollar quotes are SQL as well, and not values.
        """
        return _Rewriting(self, lex(text), bodies=bodies).text()

    def value(self, text: str, type_name: str | None = None, *, is_array: bool = False) -> str:
        """A value that stands in a text, of a type as SQL spells it if that is known."""
        kind = None if type_name is None else self.kind_of(type_name)
        if kind is None and type_name is None:
            kind = self._kind_of_untyped(text)
        if is_array or (kind is None and text.startswith("{")):
            made = mapped_array(text, lambda each: None if each is None else self.value(each, type_name))
            if made is not None:
                return made
        kind = kind or kind_of_looks(text)
        if kind is ValueKind.INTERVAL and not self.values.is_interval(text):
            return text
        return self.values.replaced(kind, text)

    def kind_of(self, type_name: str) -> ValueKind | None:
        """What values of a type are."""
        bare = type_name.rpartition(".")[2].strip('"')
        return self.types.get(bare) or kind_of_type(type_name)

    def _kind_of_untyped(self, text: str) -> ValueKind | None:
        if self.values.is_text(text):
            return ValueKind.TEXT
        if text in self.labels:
            return ValueKind.LABEL
        if self.values.is_interval(text):
            return ValueKind.INTERVAL
        return ValueKind.JSON if _is_json(text) else None


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


class _Rewriting:
    """One text on its way to another."""

    def __init__(self, texts: Texts, lexed: Lexed, *, bodies: bool) -> None:
        self._texts = texts
        self._lexed = lexed
        self._bodies = bodies
        self._calls: list[tuple[str, int]] = []
        self._pattern: frozenset[str] | None = None

    def text(self) -> str:
        """The whole of it."""
        lexed = self._lexed
        pieces: list[str] = []
        position = 0
        secret_from = self._value_of_set()
        for index, token in enumerate(lexed.tokens):
            pieces.append(_blank(lexed.text[position : token.start]))
            position = token.end
            spelled = lexed.of(token)
            if token.kind is Kind.STRING and ends_in_doubt(spelled):
                return "".join((*pieces, f"'{MASK}"))
            if lexed.unterminated and token.end == len(lexed.text) and token.kind in (Kind.STRING, Kind.QUOTED):
                return "".join((*pieces, f'"{MASK}' if token.kind is Kind.QUOTED else f"'{MASK}"))
            if secret_from is not None and index >= secret_from:
                return "".join((*pieces, f"'{MASK}'"))
            pieces.append(self._token(index, spelled))
            self._follow(index, spelled)
        if lexed.cut:
            return "".join((*pieces, f" {MASK}"))
        return "".join((*pieces, _blank(lexed.text[position:], closed=not lexed.unterminated)))

    def _value_of_set(self) -> int | None:
        """Where the value of a setting of users begins, in a SET: it may be a value without quotes."""
        lexed = self._lexed
        if lexed.word(0) != "set":
            return None
        for index in range(1, min(len(lexed.tokens), 8)):
            if lexed.word(index) == "to" or lexed.of(lexed.tokens[index]) == "=":
                own = any(lexed.is_mark(at, ".") or lexed.word(at) == "application_name" for at in range(1, index))
                return index + 1 if own else None
        return None

    def _token(self, index: int, spelled: str) -> str:
        kind = self._lexed.tokens[index].kind
        if kind is Kind.STRING:
            return self._string(index, spelled)
        if kind is Kind.NUMBER:
            return self._number(index, spelled)
        if kind in (Kind.WORD, Kind.QUOTED):
            return self._texts.names.token(spelled, before_call=self._lexed.is_mark(index + 1, "("))
        return spelled

    def _follow(self, index: int, spelled: str) -> None:
        """Keeps track of calls and of what is compared with patterns."""
        lexed = self._lexed
        if spelled in ("(", "["):
            before = lexed.tokens[index - 1] if index else None
            named = before is not None and before.kind in (Kind.WORD, Kind.QUOTED) and spelled == "("
            name = lexed.of(before).strip('"').lower() if named and before is not None else ""
            self._calls.append((name, 0))
        elif spelled in (")", "]"):
            if self._calls:
                self._calls.pop()
        elif spelled == "," and self._calls:
            name, argument = self._calls[-1]
            self._calls[-1] = (name, argument + 1)
        kind = lexed.tokens[index].kind
        if spelled in _PATTERN_OPERATORS or spelled.lower() in _LIKE_WORDS:
            self._pattern = _PATTERN_OPERATORS
        elif spelled in _REGEX_OPERATORS:
            self._pattern = _REGEX_OPERATORS
        elif (
            kind not in (Kind.STRING, Kind.PUNCTUATION) and lexed.word(index) not in _WITHIN_PATTERN
        ) or spelled == ")":
            self._pattern = None

    def _string(self, index: int, spelled: str) -> str:
        value = string_value(spelled)
        if spelled.startswith("$"):
            return self._dollar_quoted(spelled, value)
        if spelled[:1] in "bBxX":
            return f"{spelled[0]}'{'0' * min(len(value), 8)}'"
        if self._lexed.word(index - 1) == "uescape":
            return "'\\'"
        type_name, is_array = self._type_after(index)
        if self._lexed.word(index - 1) == "interval":
            type_name = "interval"
        if self._lexed.word(index - 1) == "zone" or self._is_kept_argument():
            return spelled
        if (type_name is not None and _NAMING_TYPES.match(type_name)) or self._call()[0] in _NAMING_FUNCTIONS:
            return quote_literal(self._texts.names.within(value))
        if self._pattern is not None and not is_array:
            made = self._pattern_of(value)
        else:
            made = self._texts.value(value, type_name, is_array=is_array)
        return quote_literal(made) if made != value else spelled

    def _dollar_quoted(self, spelled: str, value: str) -> str:
        tag = spelled[: spelled.index("$", 1) + 1]
        if self._bodies:
            return f"{tag}{self._texts.sql(value)}{tag}"
        if self._lexed.first_keyword in ("create", "do"):
            return f"{tag}{MASK}{tag}"
        return quote_literal(self._texts.value(value))

    def _pattern_of(self, value: str) -> str:
        """A pattern with other texts between its wildcards."""
        made = self._texts.values.replaced
        if self._pattern is _REGEX_OPERATORS:
            return _REGEX_RUN.sub(
                lambda run: run[0] if run[0].startswith("\\") else made(ValueKind.TEXT, run[0]),
                value,
            )
        return _LIKE_RUN.sub(lambda run: made(ValueKind.TEXT, re.sub(r"\\(.)", r"\1", run[0])), value)

    def _number(self, index: int, spelled: str) -> str:
        lexed = self._lexed
        if lexed.word(index - 1) in _ROW_COUNTS or self._call()[0] in _WITH_MODIFIERS:
            return spelled
        if lexed.is_mark(index - 1, "[") and lexed.word(index - 2) != "array":
            return spelled
        return "0" if number(spelled) is None else self._texts.values.replaced(ValueKind.NUMBER, spelled)

    def _call(self) -> tuple[str, int]:
        return self._calls[-1] if self._calls else ("", 0)

    def _is_kept_argument(self) -> bool:
        name, argument = self._call()
        return argument in _KEPT_ARGUMENTS.get(name, ())

    def _type_after(self, index: int) -> tuple[str | None, bool]:
        """The type that a literal is cast to just behind it, and whether it is an array of such."""
        lexed = self._lexed
        at = index + 1
        if not lexed.is_mark(at, "::"):
            return None, False
        at += 1
        if at >= len(lexed.tokens):
            return None, False
        parts = [lexed.of(lexed.tokens[at])]
        while lexed.is_mark(at + 1, ".") and at + 2 < len(lexed.tokens):
            parts = [*parts, lexed.of(lexed.tokens[at + 2])]
            at += 2
        words = [".".join(parts)]
        if lexed.is_mark(at + 1, "("):
            while at + 1 < len(lexed.tokens) and not lexed.is_mark(at, ")"):
                at += 1
        while lexed.word(at + 1) in _MULTIPLE_WORDS.get(words[0].lower(), ()):
            at += 1
            words.append(lexed.word(at))
        if lexed.is_mark(at + 1, "("):
            while at + 1 < len(lexed.tokens) and not lexed.is_mark(at, ")"):
                at += 1
        return " ".join(words), lexed.is_mark(at + 1, "[")


def _blank(gap: str, *, closed: bool = True) -> str:
    """White space as it is; in the place of comments some. A comment that is not closed stays one."""
    if not gap or gap.isspace():
        return gap
    if not closed:
        return f" /* {MASK}"
    if _SQUASHED in gap:
        return f" {_SQUASHED}"
    return "\n" if "\n" in gap or "\r" in gap else " "
