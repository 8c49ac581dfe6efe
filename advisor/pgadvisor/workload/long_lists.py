"""Long lists of constants, and of rows of them, shortened before a text is split into tokens.

Of a text of a megabyte hardly anything else takes time, and a list says no more than its beginning.
"""

from __future__ import annotations

import re

_LONG_CHARS = 20_000
# No row has so many columns, and no function so many arguments: a list of more constants may be of any length.
_LONG_LIST = 2_000
_LONG_ROWS = 200

_MEMBER = (
    r"(?:'(?:[^']++|'')*+'|\$\d++|-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?(?![\w.$])"
    r"|(?i:null|true|false)(?![\w$\"(]))"
)
_LIST = rf"{_MEMBER}(?:\s*+,\s*+{_MEMBER})*+"
_ROW = rf"\(\s*+{_LIST}\s*+\)"
# A whole list at a time, of whichever length: were short ones refused, each of their members would be tried anew.
_ANY = re.compile(rf"\"(?:[^\"]++|\"\")*+\"|(?<![\w$.\"'])(?:{_ROW}(?:\s*+,\s*+{_ROW})*+|{_LIST})|'(?:[^']++|'')*+'")
_ROWS = re.compile(rf"(?P<first>{_ROW})(?:\s*+,\s*+{_ROW}){{{_LONG_ROWS},}}+\Z")
_MEMBERS = re.compile(
    rf"(?P<before>\(?)\s*+(?P<first>{_MEMBER})(?:\s*+,\s*+{_MEMBER}){{{_LONG_LIST},}}+(?P<after>\s*+\)?)\Z"
)
# Comments, backslashes and dollar quotes: where a string ends is then not seen at a glance.
_IN_DOUBT = re.compile(r"--|/\*|\\|\$(?!\d)")


def without_long_lists(text: str) -> str:
    """The text with one member, or one row, in the place of each list of thousands; short texts as they are.

    Only where strings and quoted names begin and end can be told without reading the text is anything taken out.
    """
    if len(text) < _LONG_CHARS or _IN_DOUBT.search(text) is not None:
        return text
    return _ANY.sub(_shortened, text)


def _shortened(found: re.Match[str]) -> str:
    written = found[0]
    if len(written) < 2 * _LONG_ROWS:
        return written
    rows = _ROWS.match(written)
    if rows is not None:
        return rows["first"]
    members = _MEMBERS.match(written)
    return written if members is None else "".join((members["before"], members["first"], members["after"]))
