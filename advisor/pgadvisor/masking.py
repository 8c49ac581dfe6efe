"""Hides values of rows in text that came from the database, keeping its shape.

The lexical rules are PostgreSQL's: https://www.postgresql.org/docs/current/sql-syntax-lexical.html.
"""

from __future__ import annotations

import re

MASK = "…"

_LETTER = r"A-Za-z_\u0080-\U0010ffff"
_TOKEN = re.compile(
    rf"""
      (?P<line>--[^\n\r]*+)
    | (?P<block>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]++|''|\\.)*+'?)
    | (?P<exact>(?:[bBxX]|[uU]&)'(?:[^']++|'')*+'?)
    | (?P<plain>[nN]?'(?:[^']++|'')*+'?)
    | (?P<dollar>\$(?:[{_LETTER}][0-9{_LETTER}]*+)?\$)
    | (?P<kept>
          (?:[uU]&)?"(?:[^"]++|"")*+"
        | [{_LETTER}][0-9${_LETTER}]*+
        | \$[0-9]++
        | \.\.
      )
    | (?P<cut>(?:[uU]&)?".*)
    | (?P<number>
          0[xX][0-9a-fA-F_]++ | 0[oO][0-7_]++ | 0[bB][01_]++
        | (?:[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)? | \.[0-9][0-9_]*+) (?:[eE][+-]?[0-9][0-9_]*+)?
      )
    """,
    re.VERBOSE | re.DOTALL,
)
_HIDDEN = re.compile(rf"(?:[eEbBxXnN]|[uU]&)?'{MASK}'?|{MASK}")
_ESCAPED_BODY = re.compile(r"(?:[^'\\]++|''|\\.)*+'?", re.DOTALL)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def mask_literals(text: str) -> str:
    """The text with the content of every literal and comment replaced by an ellipsis.

    What is not closed is hidden to its end. So is all from a plain string on whose backslashes would let it end
    elsewhere under the other setting of standard_conforming_strings.

    >>> mask_literals("(status = 'failed'::text) AND (t1.n > 42) AND (k = $1) /* by ann */")
    "(status = '…'::text) AND (t1.n > …) AND (k = $1) /* … */"
    """
    pieces: list[str] = []
    position = 0
    while (match := _TOKEN.search(text, position)) is not None:
        shown, end = _masked(text, match)
        pieces += (text[position : match.start()], shown)
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def holds_mask(text: str) -> bool:
    """Whether a literal of a text is hidden already, so that nobody knows what stood there.

    >>> holds_mask("(meta ->> '…'::text)"), holds_mask("n > …"), holds_mask("state = 'loading…'")
    (True, True, False)
    """
    return MASK in text and any(_HIDDEN.fullmatch(match[0]) is not None for match in _TOKEN.finditer(text))


def _masked(text: str, match: re.Match[str]) -> tuple[str, int]:
    """What is shown of a token, and its end."""
    token, end = match[0], match.end()
    match match.lastgroup:
        case "kept":
            return token, end
        case "number":
            return MASK, end
        case "line":
            return f"-- {MASK}", end
        case "block":
            return f"/* {MASK} */", _end_of_comment(text, end)
        case "dollar":
            close = text.find(token, end)
            return f"'{MASK}'", len(text) if close < 0 else close + len(token)
        case "cut":
            return token.partition('"')[0] + f'"{MASK}"', end
    opening = token.index("'")
    if match["plain"] and "\\" in token:
        escaped = _ESCAPED_BODY.match(text, match.start() + opening + 1)
        end = end if escaped is not None and escaped.end() == end else len(text)
    return f"{token[:opening]}'{MASK}'", end


def _end_of_comment(text: str, position: int) -> int:
    """The end of a block comment, which may hold others; the text's end where it is not closed."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            return len(text)
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position
