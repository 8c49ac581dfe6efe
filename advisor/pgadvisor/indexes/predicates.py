"""Predicates of partial indexes, as pg_get_expr writes them; what is not understood implies nothing."""

from __future__ import annotations

import re

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_LITERAL = r"(?:-?\d+(?:\.\d+)?|'(?:[^']|'')*'|true|false)(?:::[a-z_][a-z0-9_ ]*(?:\(\d+(?:,\d+)?\))?(?:\[\])?)?"
_ARRAY = rf"ARRAY\[{_LITERAL}(?:, {_LITERAL})*\]"
_NOT_NULL = re.compile(rf"(?P<column>{_IDENTIFIER}) IS NOT NULL")
# Comparisons with a constant are never true of NULL. A cast that only relabels ((name)::text) hides nothing.
_STRICT = re.compile(
    rf"(?:\((?P<cast>{_IDENTIFIER})\)::[a-z_][a-z0-9_ ]*|(?P<column>{_IDENTIFIER}))"
    rf" (?:(?:=|<>|<|>|<=|>=) \(?{_LITERAL}\)?|= ANY \(\(?(?:{_LITERAL}|{_ARRAY})\)?(?:::[a-z_][a-z0-9_ ]*\[\])?\))"
)


def predicate_implies(stronger: str | None, weaker: str | None) -> bool:
    """Whether every row that satisfies the first predicate surely satisfies the second; None admits every row."""
    if weaker is None:
        return True
    if stronger is None:
        return False
    given = conjuncts(stronger)
    not_null = {column for part in given for column in (not_null_column(part), _strict_column(part)) if column}
    return all(part in given or not_null_column(part) in not_null for part in conjuncts(weaker))


def only_not_null(predicate: str | None, columns: tuple[str | None, ...]) -> bool:
    """Whether a predicate asks for nothing but that some of these columns are not null."""
    if predicate is None:
        return True
    found = [not_null_column(part) for part in conjuncts(predicate)]
    return all(column is not None and column in columns for column in found)


def not_null_column(part: str) -> str | None:
    """The column of a condition "column IS NOT NULL"; None for any other."""
    match = _NOT_NULL.fullmatch(part)
    return None if match is None else _unquoted(match["column"])


def conjuncts(predicate: str) -> tuple[str, ...]:
    """The conditions that AND joins at the top, without the brackets around them."""
    text = _without_brackets(predicate.strip())
    parts = _split(text)
    if len(parts) == 1:
        return (text,)
    return tuple(inner for part in parts for inner in conjuncts(part))


def _strict_column(part: str) -> str | None:
    match = _STRICT.fullmatch(part)
    return None if match is None else _unquoted(match["column"] or match["cast"])


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _depths(text: str) -> list[int]:
    """For each character the number of brackets it stands in; -1 within quotes."""
    depths = []
    depth = 0
    quote = ""
    for character in text:
        if quote:
            depths.append(-1)
            # A doubled quote closes and opens again at once, which comes to the same.
            if character == quote:
                quote = ""
            continue
        if character in "'\"":
            quote = character
            depths.append(-1)
            continue
        if character == "(":
            depth += 1
        depths.append(depth)
        if character == ")":
            depth -= 1
    return depths


def _without_brackets(text: str) -> str:
    while text.startswith("(") and text.endswith(")"):
        depths = _depths(text)
        if (
            0 in depths
            or depths[-1] != 1
            or any(depth == 1 and character == ")" for depth, character in zip(depths[:-1], text, strict=False))
        ):
            return text
        text = text[1:-1].strip()
    return text


def _split(text: str) -> list[str]:
    """At every AND outside brackets and quotes; a text with an OR or a BETWEEN there stays whole."""
    depths = _depths(text)
    parts = []
    start = 0
    for match in re.finditer(r"\b(AND|OR|NOT|BETWEEN)\b", text):
        if depths[match.start()] != 0:
            continue
        if match[0] in ("OR", "BETWEEN") or (match[0] == "NOT" and not text[: match.start()].endswith("IS ")):
            return [text]
        if match[0] == "AND":
            parts.append(text[start : match.start()].strip())
            start = match.end()
    return [*parts, text[start:].strip()]
