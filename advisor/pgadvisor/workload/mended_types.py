"""Constants with a type before them, such as `date $1` or `box '...'`, as casts; names of types as sqlglot has them.

`interval $1` is read by sqlglot as a literal, `date $1` as a column with an alias, `box '...'` not at all.
"""

from __future__ import annotations

from pgadvisor.workload.lexer import Kind, Lexed
from pgadvisor.workload.mended_edits import NO_OPERAND, Edit, Edits, ends_operand, is_value
from pgadvisor.workload.mended_literals import string
from pgadvisor.workload.words import words

# Any other word before a value, at the beginning of an operand, is the name of a type unless it is one of these.
_NO_TYPES = NO_OPERAND | words("escape full inner join key left name_ outer path right uescape value zone")
_ZONES = {("with", "time", "zone"): "tz", ("without", "time", "zone"): ""}
_FIELDS = words("year month day hour minute second")
# Names of several words, and the same type by another name.
_LONG_NAMES = {
    ("double", "precision"): "float8",
    ("character", "varying"): "varchar",
    ("char", "varying"): "varchar",
    ("bit", "varying"): '"varbit"',
    ("national", "character", "varying"): "varchar",
    ("national", "char", "varying"): "varchar",
    ("nchar", "varying"): "varchar",
    ("national", "character"): "char",
    ("national", "char"): "char",
}
_LONG_BEGINNINGS = frozenset(name[0] for name in _LONG_NAMES)
# Names of types that are keywords of the parser's.
_QUOTED = words("cube rollup")
# First words of names that go on, whatever comes after them.
LONG_TYPES = _LONG_BEGINNINGS | words("cube interval rollup time timestamp")


def type_edits(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """The edits that begin at a word which may be the name of a type."""
    word = lexed.word(index)
    if lexed.is_mark(index - 1, "."):
        return {}
    is_cast = lexed.is_mark(index - 1, "::") or (lexed.word(index - 1) == "as" and lexed.is_mark(index + 1, ")"))
    name, after = _type_name(lexed, index, closing)
    if is_value(lexed, after) and not is_cast:
        if after == index + 1 and (word in _NO_TYPES or not _begins_operand(lexed, index)):
            return {}
        written = lexed.of(lexed.tokens[after])
        value = string(written) if lexed.tokens[after].kind is Kind.STRING else f" {written}"
        return {index: Edit(f"CAST({value} AS {name}) ", _fields(lexed, word, after + 1))}
    if is_cast and (word in _QUOTED or word in _LONG_BEGINNINGS or word == "interval"):
        end = _fields(lexed, word, after)
        return {index: Edit(f"{name} ", end)} if end > index + 1 or word in _QUOTED else {}
    if is_cast and lexed.word(index + 1) == "array" and lexed.is_mark(index + 2, "["):
        return {index + 1: Edit("[]", closing.get(index + 2, index + 2) + 1)}
    return {}


def _begins_operand(lexed: Lexed, index: int) -> bool:
    return index == 0 or not ends_operand(lexed, index - 1)


def _type_name(lexed: Lexed, index: int, closing: dict[int, int]) -> tuple[str, int]:
    """The name of a type that begins at a word, as the copy spells it, and the index after it and its length."""
    name, after = lexed.word(index), index + 1
    if name in _LONG_BEGINNINGS:
        for length in (3, 2):
            spelled = tuple(lexed.word(each) for each in range(index, index + length))
            if spelled in _LONG_NAMES:
                name, after = _LONG_NAMES[spelled], index + length
                break
    if name in _QUOTED or not name.isascii():
        name = f'"{name}"'
    if lexed.is_mark(after, "(") and closing.get(after) == after + 2 and lexed.tokens[after + 1].kind is Kind.NUMBER:
        after += 3
    elif lexed.is_mark(after, "(") and closing.get(after) == after + 4 and lexed.is_mark(after + 2, ","):
        after += 5
    if name in ("time", "timestamp"):
        zone = (lexed.word(after), lexed.word(after + 1), lexed.word(after + 2))
        if zone in _ZONES:
            name, after = name + _ZONES[zone], after + 3
    return name, after


def _fields(lexed: Lexed, word: str, index: int) -> int:
    """The index after the fields of an interval, as in `interval $1 day to second (3)`."""
    if word != "interval" or lexed.word(index) not in _FIELDS:
        return index
    index += 1
    if lexed.word(index) == "to" and lexed.word(index + 1) in _FIELDS:
        index += 2
    return index + 3 if lexed.is_mark(index, "(") and lexed.is_mark(index + 2, ")") else index
