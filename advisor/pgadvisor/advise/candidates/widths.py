"""How wide values of an expression may be, by the columns that it is made from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

# Texts, numbers, quoted names, operators and brackets as pg_get_expr writes them; a type follows its cast.
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<number>\d+)|"(?P<quoted>(?:[^"]|"")+)"|::\s*(?P<type>"?[a-z_][a-z0-9_ ]*)"""
    r"""|(?P<name>[^\W\d][\w$]*)|(?P<open>\()|(?P<close>\))|(?P<comma>,)|(?P<operator>[-+*/<>=~!@#%^&|?]+)"""
)
# Bytes of what calls and casts give whatever they are given.
_CALLS = {
    **dict.fromkeys(("extract", "date_part", "date_trunc", "date_bin", "to_date", "to_timestamp", "age"), 16.0),
    **dict.fromkeys(("length", "char_length", "octet_length", "bit_length", "jsonb_array_length", "array_length"), 4.0),
    **dict.fromkeys(("hashtext", "hashtextextended", "crc32", "crc32c", "cardinality", "ascii", "strpos"), 8.0),
    **dict.fromkeys(("position", "starts_with", "pg_column_size", "jsonb_typeof", "isfinite"), 8.0),
    "md5": 36.0,
    "sha224": 32.0,
    "sha256": 36.0,
    "sha384": 52.0,
    "sha512": 68.0,
    "digest": 68.0,
}
_TYPES = {
    **dict.fromkeys(("smallint", "integer", "bigint", "real", "double precision", "boolean", "date", "money"), 8.0),
    **dict.fromkeys(("timestamp", "time", "interval", "uuid", "numeric", "inet", "cidr", "macaddr"), 20.0),
}
# The argument that says how many characters are kept, by its place, where it is a number: a negative one, which is
# written as a text with a cast, says how many are not.
_CUTS = {"left": 1, "right": 1, "substr": 2, "substring": 2}
_BYTES_OF_A_CHARACTER = 4
_COMPARISONS = frozenset(
    {"=", "<>", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*", "~", "~*", "!~", "@>", "<@", "?"}
)
_FIELDS = frozenset({"->", "->>", "#>", "#>>"})
_BOOLEAN = 1.0


@dataclass
class _Part:
    """What stands in a pair of brackets: last is the width of what came last, which a cast may replace.

    arguments are those that ended before. number is the argument that came last, where it is nothing but a number.
    """

    call: str = ""
    before: float = 0.0
    last: float = 0.0
    number: int | None = None
    begun: bool = False
    arguments: int = 0
    compares: bool = False

    def add(self, width: float) -> None:
        self.before, self.last = self.before + self.last, width

    def see(self, number: int | None) -> None:
        """Notes a number of the argument that comes, or something else of it."""
        self.number, self.begun = None if self.begun else number, True

    def end_argument(self) -> None:
        """Another argument follows."""
        self.number, self.begun, self.arguments = None, False, self.arguments + 1

    @property
    def width(self) -> float:
        total = self.before + self.last
        if self.compares:
            return _BOOLEAN
        if self.number is not None and _CUTS.get(self.call) == self.arguments:
            return min(total, float(self.number * _BYTES_OF_A_CHARACTER))
        return _CALLS.get(self.call, total)


def widest(expression: str, column: Callable[[str], float | None], field: Callable[[str, str], float]) -> float:
    """Bytes that a value of an expression may have: those of all columns in it, but for what is made of fixed width.

    column tells them of a column, None of what is none; field those of a field of a document, by column and name, ""
    where it lies deeper.
    """
    parts = [_Part()]
    called = document = ""
    tokens = list(_TOKEN.finditer(expression))
    for number, token in enumerate(tokens):
        part = parts[-1]
        kind, name = token.lastgroup, _name(token)
        # SUBSTRING(... FROM ... FOR ...) is how it is written since PostgreSQL 14.
        if kind == "comma" or (part.call == "substring" and kind == "name" and name.lower() in ("from", "for")):
            part.end_argument()
            called = document = ""
            continue
        if kind != "close":
            part.see(int(token["number"]) if kind == "number" else None)
        following = tokens[number + 1] if number + 1 < len(tokens) else None
        if kind == "open":
            parts.append(_Part(called))
        elif kind == "close" and len(parts) > 1:
            parts.pop()
            parts[-1].add(part.width)
        elif kind == "type":
            part.last = min(part.last, _TYPES.get(_type(token["type"]), part.last))
        elif kind == "text":
            # A cast that follows is of it.
            part.add(0.0)
        elif kind == "operator":
            part.compares = part.compares or token["operator"] in _COMPARISONS
            if document and token["operator"] in _FIELDS:
                text = following[0] if following is not None else ""
                direct = token["operator"] == "->>" and text.startswith("'")
                part.last = field(document, text[1:-1].replace("''", "'") if direct else "")
        elif kind == "name" and name.lower() == "is":
            part.compares = True
        elif kind in ("name", "quoted") and not (following is not None and following.lastgroup == "open"):
            part.add(column(name) or 0.0)
        is_name = kind in ("name", "quoted")
        called, document = (name.lower(), name) if is_name else ("", "")
    total = sum(part.width for part in parts)
    return _BOOLEAN if parts[0].compares else total


def _name(token: re.Match[str]) -> str:
    quoted = token["quoted"]
    return token["name"] or "" if quoted is None else quoted.replace('""', '"')


def _type(text: str) -> str:
    """The type without what follows it: timestamp without time zone, integer AND."""
    text = text.strip('" ')
    return "double precision" if text.startswith("double") else text.partition(" ")[0]
