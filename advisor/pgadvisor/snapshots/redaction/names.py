"""Made-up names for what users named: the same one wherever a name stands.

A name that is also a word of PostgreSQL's own (a keyword, a built-in function, type or catalog) stays: it tells
nothing, and a text must keep its meaning.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from importlib import resources

_NUMBERED = re.compile(r"(.+)(_\d+)")
_IN_QUOTES = re.compile(r"\"((?:[^\"]|\"\")*)\"|'([^']*)'|([^\W\d][\w$]*)")
# Texts so long are remembered with what became of them.
_SHORT = 100
_PLAIN = re.compile(r"[^\W\d][\w$]*")
# Words of plans, sentences and EXTRACT that are no keywords, and names that every database has.
_COMMON = frozenset(
    [
        "subplan",
        "initplan",
        "hashed",
        "excluded",
        "new",
        "old",
        "statement",
        "statements",
        "relations",
        "and",
        "more",
        "interrupted",
        "footprint",
        "epoch",
        "dow",
        "isodow",
        "doy",
        "week",
        "quarter",
        "century",
        "decade",
        "millennium",
        "julian",
        "microseconds",
        "milliseconds",
        "isoyear",
        "timezone_hour",
        "timezone_minute",
        "public",
        "postgres",
        "template0",
        "template1",
        "information_schema",
        "default",
        "tableoid",
        "ctid",
        "xmin",
        "xmax",
        "cmin",
        "cmax",
        "plpgsql",
        "replica",
        "fork",
        "leader",
    ]
)
_PREFIXES = {
    "schema": "s",
    "relation": "t",
    "column": "c",
    "index": "i",
    "constraint": "k",
    "type": "y",
    "function": "f",
    "role": "r",
    "database": "d",
    "sequence": "q",
    "trigger": "g",
    "policy": "p",
    "statistics": "e",
    "tablespace": "b",
    "collation": "l",
    "publication": "n",
    "server": "w",
    "slot": "o",
    "host": "h",
    "application": "u",
    "label": "m",
    "alias": "a",
}


@cache
def own_words() -> frozenset[str]:
    """Words of PostgreSQL's own: keywords, and the names of built-in functions, types and catalogs."""
    text = resources.files(__package__).joinpath("own_words.txt").read_text("utf-8")
    return frozenset(text.split()) | _COMMON


class Names:
    """Remembers names until `settle`, and replaces them from then on. Not enabled, it leaves every name as it is."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._settled = False
        self._made: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        # How long the names are that are no plain words, by their first letters.
        self._odd: dict[str, set[int]] = defaultdict(set)
        self._within: dict[str, str] = {}

    def settle(self) -> None:
        """Replaces names from here on."""
        self._settled = True
        for name in self._made:
            if not _PLAIN.fullmatch(name):
                self._odd[name[0]].add(len(name))

    def of(self, kind: str, name: str) -> str:
        """What stands for a name."""
        if not self.enabled or self._is_own(name):
            return name
        if name not in self._made:
            prefix = _PREFIXES[kind]
            self._counts[prefix] = self._counts.get(prefix, 0) + 1
            self._made[name] = f"{prefix}{self._counts[prefix]:04d}"
        return self._made[name] if self._settled else name

    def token(self, spelled: str, *, before_call: bool = False) -> str:
        """A word or quoted name of a SQL text."""
        if not self.enabled:
            return spelled
        quoted = spelled.startswith('"')
        name = spelled[1:-1].replace('""', '"') if quoted else spelled.lower()
        if name.startswith("*"):
            return spelled
        made = self.alias(name, "function" if before_call else "alias")
        return spelled if made == name else made

    def alias(self, name: str, kind: str = "alias") -> str:
        """A name of a plan, where the server may have put a number behind it."""
        if not self.enabled or name in self._made or self._is_own(name):
            return self.of(kind, name)
        numbered = _NUMBERED.fullmatch(name)
        if numbered is not None and numbered[1] in self._made:
            return self.of(kind, numbered[1]) + numbered[2]
        return self.of(kind, name)

    def within(self, text: str) -> str:
        """SQL in which names that are known stand, quoted where they must be, such as a qualified name or a type."""
        if not self.enabled or not self._settled:
            return text
        return self._within.get(text) or self._noted_within(text)

    def _noted_within(self, text: str) -> str:
        """Remembers what became of a text if it is short, as types are, of which there are few."""
        made = _IN_QUOTES.sub(self._known, text)
        if len(text) <= _SHORT:
            self._within[text] = made
        return made

    def within_prose(self, text: str) -> str:
        """A sentence in which names that are known stand, quoted or not."""
        if not self.enabled or not self._settled:
            return text
        if text in self._made:
            return self._made[text]
        text = _IN_QUOTES.sub(self._known, text)
        return self._without_odd(text) if self._odd else text

    def _without_odd(self, text: str) -> str:
        """A text in which the longest names that are no plain words are replaced, wherever they begin."""
        pieces: list[str] = []
        done = at = 0
        while at < len(text):
            lengths = sorted(self._odd.get(text[at], ()), reverse=True)
            starts = (text[at : at + length] for length in lengths)
            name = next((start for start in starts if start in self._made and not _PLAIN.fullmatch(start)), None)
            if name is None:
                at += 1
                continue
            pieces += (text[done:at], self._made[name])
            at = done = at + len(name)
        return "".join((*pieces, text[done:]))

    def _known(self, match: re.Match[str]) -> str:
        """What stands for a name in double quotes, a plain one, or what single quotes hold of such."""
        if match[1] is not None:
            name = match[1].replace('""', '"')
            return self._made[name] if name in self._made else f'"{_IN_QUOTES.sub(self._known, match[1])}"'
        if match[2] is not None:
            made = self._made.get(match[2])
            return f"'{_IN_QUOTES.sub(self._known, match[2]) if made is None else made}'"
        return self._made.get(match[3]) or self._made.get(match[3].lower(), match[3])

    def _is_own(self, name: str) -> bool:
        return not name or name.startswith(("pg_", "*")) or name in own_words()
