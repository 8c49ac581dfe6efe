"""A file of SQL as a source of statements; see docs/workload.md for its format.

What a statement weighs stands in comments on the lines before it, such as "-- calls: 1200" and "-- mean_ms: 3.5".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pgadvisor.workload.lexer import lex
from pgadvisor.workload.sources.gather import Counted, Gathered
from pgadvisor.workload.sources.split import Splitter
from pgadvisor.workload.words import words

_QUERIES = words("delete insert merge select table update values with")
# Commands that run for as long as what they start, and so may be what takes the time.
_WITH_WEIGHT = words("call copy create declare do execute explain fetch prepare refresh")
_OTHERS = words(
    "abort alter analyse analyze begin checkpoint close cluster comment commit deallocate discard drop end grant "
    "import listen load lock move notify reassign reindex release reset revoke rollback savepoint security set show "
    "start truncate unlisten vacuum"
)
_WEIGHT = re.compile(
    r"(?<![\w-])(?P<name>calls|total_ms|mean_ms|min_ms|max_ms|rows|role)\s*[:=]\s*(?P<value>[^\s,;*]+)", re.IGNORECASE
)


@dataclass
class SqlFile:
    """What was read of a file of SQL besides its statements.

    statements counts those taken; junk what is no statement of PostgreSQL, weights those left out, negative of them
    those below zero. The lines are those of the first of each, 0 where there is none.
    """

    gathered: Gathered = field(default_factory=Gathered)
    splitter: Splitter = field(default_factory=Splitter)
    statements: int = 0
    others: int = 0
    junk: int = 0
    weights: int = 0
    negative: int = 0
    junk_line: int = 0
    weights_line: int = 0

    def read(self, parts: Iterable[str]) -> None:
        """Takes in all of a stream of text."""
        for text in _statements(self.splitter, parts):
            self._take(text)

    def _take(self, text: str) -> None:
        lexed = lex(text)
        if not lexed.tokens:
            return
        keyword = lexed.first_keyword
        start = lexed.tokens[0].start
        named = {found["name"].lower(): found for found in _WEIGHT.finditer(text[:start])}
        if keyword in _QUERIES or (keyword in _WITH_WEIGHT and named):
            self.statements += 1
            self.gathered.add(text[start:].rstrip(), self._counted(named))
        elif keyword in _WITH_WEIGHT or keyword in _OTHERS:
            self.others += 1
        else:
            self.junk += 1
            self.junk_line = self.junk_line or self._line_of(text, start)

    def _line_of(self, text: str, place: int) -> int:
        return self.splitter.line + text.count("\n", 0, place)

    def _counted(self, named: Mapping[str, re.Match[str]]) -> Counted:
        numbers: dict[str, float] = {}
        for name, found in named.items():
            if name == "role":
                continue
            number = _number(found["value"])
            if number is None:
                self.weights += 1
                self.negative += found["value"].startswith("-") and _number(found["value"][1:]) is not None
                self.weights_line = self.weights_line or self._line_of(found.string, found.start())
            else:
                numbers[name] = number
        calls = round(numbers.get("calls", 1))
        total = numbers.get("total_ms", numbers.get("mean_ms", 0.0) * calls)
        return Counted(
            calls=calls,
            total_ms=total,
            min_ms=numbers.get("min_ms"),
            max_ms=numbers.get("max_ms"),
            rows=round(numbers.get("rows", 0)),
            role=named["role"]["value"] if "role" in named else None,
        )


def _statements(splitter: Splitter, parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        yield from splitter.feed(part)
    yield from splitter.feed("", final=True)


def _number(text: str) -> float | None:
    """A number that can be a count or a time."""
    try:
        number = float(text.replace("_", ""))
    except ValueError:
        return None
    return number if 0 <= number <= 1e15 and math.isfinite(number) else None
