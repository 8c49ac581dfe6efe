"""Calls whose arguments are set apart by words, as in SQL/JSON and XML, as plain calls of the same arguments."""

from __future__ import annotations

from pgadvisor.workload.lexer import Lexed
from pgadvisor.workload.mended_edits import Edit, Edits, after_group, ends_operand
from pgadvisor.workload.words import words

# Patterns of words, alternatives with a bar between; `*` is any one token or group, `,?` a comma that may be missing.
_JSON = (
    ("passing", ","),
    ("as *", ""),
    ("with|without unique keys", ""),
    ("with|without unique", ""),
    ("with|without conditional|unconditional array wrapper", ""),
    ("with|without conditional|unconditional|array wrapper", ""),
    ("with|without wrapper", ""),
    ("keep|omit quotes on scalar string", ""),
    ("keep|omit quotes", ""),
    ("format json encoding *", ""),
    ("format json", ""),
    ("empty array|object on empty|error", ""),
    ("error|null|true|false|unknown|empty on empty|error", ""),
    ("on empty|error", ""),
    ("null|absent on null", ""),
    ("default", ","),
    ("columns *", ""),
    ("value", ","),
    (":", ","),
)
_XML_PASSING = (
    ("xmlnamespaces * ,?", ""),
    ("passing by ref|value", ","),
    ("passing", ","),
    ("by ref|value", ""),
)
_CLAUSES = {
    **dict.fromkeys(
        words(
            "json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar "
            "json_serialize json_table json_value"
        ),
        _JSON,
    ),
    "xmlpi": (("name * ,?", ""),),
    "xmlelement": (("name * ,?", ""),),
    "xmlexists": _XML_PASSING,
    "xmltable": _XML_PASSING,
    "xmlparse": (("document|content", ""), ("preserve|strip whitespace", "")),
    "xmlroot": (
        ("version no value", "null"),
        ("version", ""),
        ("standalone no value", "null"),
        ("standalone yes|no", "null"),
    ),
    "xmlserialize": (("document|content", ""),),
    "substring": (("similar", ","), ("escape", ",")),
}
_PATTERNS = {
    name: tuple((tuple(pattern.split()), replacement) for pattern, replacement in clauses)
    for name, clauses in _CLAUSES.items()
}
# From these words to the end of the call nothing is said of columns of relations.
_TO_THE_END = {"xmltable": "columns", "xmlserialize": "as"}
_AFTER_TYPE = words("default error false format keep null omit true unknown empty with without columns absent")
# Patterns that stand only where an argument may begin.
_AT_BEGINNING = words("document content name xmlnamespaces version standalone columns")
# Names that are keywords of the parser's, or that it turns into something else than a call.
_PLAIN_NAMES = words("if ilike is isnull like notnull overlaps")
# Names of calls that may be rewritten.
CALLED = frozenset(_PATTERNS) | _PLAIN_NAMES | {"mod"}


def call_edits(lexed: Lexed, index: int, closing: dict[int, int]) -> Edits:
    """The edits of the call whose name is the word at an index, those in its nested calls left out."""
    name, opening = lexed.word(index), index + 1
    if lexed.is_mark(index - 1, ".") or closing.get(opening, opening) == opening:
        return {}
    if name in _PLAIN_NAMES:
        return {} if ends_operand(lexed, index - 1) else {index: Edit(f'"{name}"', opening)}
    if name == "mod":
        return {index: Edit("pg_catalog.mod", opening)}
    patterns = _PATTERNS.get(name)
    if patterns is None:
        return {}
    edits = _within(lexed, name, opening, closing)
    if name == "substring":
        return edits if any(lexed.word(each) == "similar" for each in edits) else {}
    # Qualified, they are plain calls to the parser; but this one it knows qualified as well.
    return {index: Edit("xml_table" if name == "xmltable" else f"pg_catalog.{name}", opening), **edits}


def _within(lexed: Lexed, name: str, opening: int, closing: dict[int, int]) -> Edits:
    edits: Edits = {}
    close = closing[opening]
    each = opening + 1
    while each < close:
        if lexed.word(each) and lexed.word(each) == _TO_THE_END.get(name):
            edits[each] = Edit("", close)
            break
        if lexed.word(each) == "returning" and ends_operand(lexed, each - 1):
            end = each + 1
            while end < close and lexed.word(end) not in _AFTER_TYPE:
                end = after_group(lexed, end, closing)
            edits[each] = Edit("", end)
            each = end
            continue
        found = _clause(lexed, name, each, close, closing)
        if found is None:
            each = after_group(lexed, each, closing)
        else:
            edits[each] = found
            each = found.end
    return edits


def _clause(lexed: Lexed, name: str, index: int, close: int, closing: dict[int, int]) -> Edit | None:
    """The clause that begins at an index."""
    follows = ends_operand(lexed, index - 1)
    for pattern, replacement in _PATTERNS[name]:
        if follows == (pattern[0].split("|")[0] in _AT_BEGINNING) and pattern[0] != "columns":
            continue
        end = _matched(lexed, pattern, index, close, closing)
        if end is not None and not (replacement == "," and lexed.is_mark(end, ",")):
            return Edit(replacement, end)
    return None


def _matched(lexed: Lexed, pattern: tuple[str, ...], index: int, close: int, closing: dict[int, int]) -> int | None:
    """The index after a pattern that begins at an index, None where it does not."""
    for part in pattern:
        if part == ",?":
            index += lexed.is_mark(index, ",")
        elif index >= close:
            return None
        elif part == "*":
            index = after_group(lexed, index, closing)
        elif lexed.is_mark(index, part) or lexed.word(index) in part.split("|"):
            index += 1
        else:
            return None
    return index if index <= close else None
