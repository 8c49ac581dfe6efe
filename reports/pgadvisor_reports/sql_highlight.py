"""SQL in colours, by a small lexer of PostgreSQL's tokens that takes any text and loses none of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from markupsafe import Markup, escape

from pgadvisor_reports.text import REPLACEMENT, is_fit

# Possessive quantifiers: no text, however broken, is read twice.
_TOKEN = re.compile(
    r"""
      (?P<comment>--[^\n]*+)
    | (?P<block>/\*)
    | (?P<string>[eE]'(?:[^'\\]|''|\\.)*+'? | '(?:[^']|'')*+'? | (?P<dollar>\$(?:[A-Za-z_]\w*+)?+\$))
    | (?P<name>"(?:[^"]|"")*+"? | [^\W\d][\w$]*+)
    | (?P<parameter>\$\d++)
    | (?P<number>\d++(?:\.\d*+)?(?:[eE][+-]?\d++)? | \.\d++)
    | (?P<space>\s++)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_KEYWORD_LIST = """
    add all alter analyze and any as asc attach begin between by cascade case cast check cluster collate column
    comment commit concurrently conflict constraint create cross current_date current_timestamp cte default delete desc
    distinct do drop else end except exists explain false fetch filter first following for foreign from full generated
    grant group grouping having ilike if in include index inner insert intersect interval into is isnull join key
    lateral last left like limit localtimestamp lock locked materialized merge natural not nothing notnull null nulls of
    offset on only or order outer over partition preceding primary range recursive references reindex rename reset
    restrict returning revoke right rollback row rows select set share show similar skip some start statistics table
    tablespace then ties to true truncate unbounded union unique update using vacuum validate values view wait when
    where window with within
"""
_KEYWORDS = frozenset(_KEYWORD_LIST.split())

# Words that open a clause: a long statement on one line is folded before them.
_CLAUSE_LIST = """
    cross except for from full group having inner intersect join left limit offset order returning right select
    set union values where window
"""
_CLAUSES = frozenset(_CLAUSE_LIST.split())
_JOIN_WORDS = frozenset({"left", "right", "inner", "full", "cross", "natural", "outer"})
_FOLD_FROM = 90


def tokens(sql: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each token, in order; joined, they are the text again."""
    position = 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        assert match is not None  # noqa: S101  `other` takes any character
        kind, end = match.lastgroup or "other", match.end()
        if match["block"]:
            kind, end = "comment", _end_of_comment(sql, position)
        elif match["dollar"]:
            closing = sql.find(match["dollar"], end)
            kind, end = "string", len(sql) if closing < 0 else closing + len(match["dollar"])
        elif match["string"]:
            kind = "string"
        elif kind == "name" and match[0].lower() in _KEYWORDS:
            kind = "keyword"
        yield kind, sql[position:end]
        position = end


def highlight(sql: str, *, fold: bool = False) -> Markup:
    """The SQL as HTML: keywords in b, other tokens in spans of one-letter classes, everything escaped.

    Characters that act instead of showing stay in the text, so that a copy is true, each in a span that shows it.
    fold breaks a long text without line breaks before its clauses.
    """
    parts = []
    for kind, text in folded(sql) if fold else tokens(sql):
        html = _escaped(text)
        opening, closing = _TAGS.get(kind, ("", ""))
        parts.append(f"{opening}{html}{closing}")
    return Markup("".join(parts))  # noqa: S704  escaped above, piece by piece


# Keywords are the most: the shortest tag is theirs.
_TAGS = {"keyword": ("<b>", "</b>")} | {
    kind: (f'<span class="{kind[0]}">', "</span>") for kind in ("string", "number", "parameter", "comment")
}


def folded(sql: str) -> Iterator[tuple[str, str]]:
    """Tokens, with line breaks before the clauses of a long text that has none; long subqueries are indented."""
    if len(sql) < _FOLD_FROM or "\n" in sql:
        yield from tokens(sql)
        return
    found = list(tokens(sql))
    opens = _long_subqueries(found)
    levels = [True]
    previous = ""
    for number, (kind, text) in enumerate(found):
        if kind == "other" and text in "([":
            levels.append(number in opens)
        elif kind == "other" and text in ")]" and len(levels) > 1:
            levels.pop()
        following = found[number + 1] if number + 1 < len(found) else ("", "")
        if kind == "space" and levels[-1] and following[0] == "keyword" and _breaks(previous, following[1]):
            yield "space", "\n" + "  " * (sum(levels) - 1)
            continue
        if kind != "space":
            previous = text.lower()
        yield kind, text


def _long_subqueries(found: Sequence[tuple[str, str]]) -> set[int]:
    """Where the parentheses of subqueries open that are too long for a line."""
    words = [(number, kind, text) for number, (kind, text) in enumerate(found) if kind not in {"space", "comment"}]
    position = list(accumulate((len(text) for _, text in found), initial=0))
    opened: list[int] = []
    long = set()
    for here, after in zip(words, [*words[1:], (0, "", "")], strict=True):
        if here[1] == "other" and here[2] in "([":
            opened.append(here[0] if after[2].lower() in {"select", "with"} else -1)
        elif here[1] == "other" and here[2] in ")]" and opened:
            start = opened.pop()
            if start >= 0 and position[here[0]] - position[start] >= _FOLD_FROM:
                long.add(start)
    return long


def _breaks(previous: str, word: str) -> bool:
    """Whether a clause starts at this word: not the JOIN of LEFT JOIN, nor the FROM of DELETE FROM."""
    if previous in _JOIN_WORDS or previous in {"", "(", "all", "delete", "distinct", "within"}:
        return False
    return word.lower() in _CLAUSES


def _end_of_comment(sql: str, start: int) -> int:
    """Behind the block comment that opens at `start`; they nest, and one that never closes goes to the end."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(sql, start):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(sql)


def _escaped(text: str) -> str:
    if text.isascii() and text.isprintable():
        return str(escape(text))
    return "".join(str(escape(character)) if is_fit(character) else _named(character) for character in text)


def _named(character: str) -> str:
    held = REPLACEMENT if character in _NEVER else character
    return f'<span class="ctl" title="U+{ord(character):04X}">{held}</span>'


# What HTML cannot hold: the parser would drop or change them.
_NEVER = frozenset(map(chr, (*range(9), 11, 12, 13, *range(14, 32), *range(0x7F, 0xA0), *range(0xD800, 0xE000))))
