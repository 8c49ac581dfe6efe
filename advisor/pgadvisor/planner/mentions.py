"""Which names a text may mean. It errs to one side only: whatever the text means, it is found."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from functools import cached_property

# What PostgreSQL takes for a name without quotes: any character beyond ASCII may be part of it.
_FIRST = r"A-Za-z_\u0080-\U0010ffff"
_WORD = re.compile(rf"[{_FIRST}][{_FIRST}0-9$]*")
_PLAIN_NAME = re.compile(rf"[{_FIRST}][{_FIRST}0-9$]*\Z")
_EXPONENT = re.compile(r"[eE]\d+")
_OPENING = re.compile(r'"?\s*\(')
_COMMENT = re.compile(r"--|/\*")
# Names are cut to 63 bytes, so what follows the first 63 characters does not matter.
_MAX_NAME_BYTES = 63
_QUOTED = re.compile(rf'(?:[^"]|""){{1,{_MAX_NAME_BYTES}}}')
_OPERATORS = re.compile(r"[+\-*/<>=~!@#%^&|`?]+")
# Used without being spelled: by IN, BETWEEN, LIKE, ILIKE, SIMILAR TO, NULLIF, CASE, USING, ORDER BY and the like.
_IMPLIED_OPERATORS = ("=", "<>", "<", "<=", ">", ">=", "~", "!~", "~~", "!~~", "~~*", "!~~*")
# A text with longer runs of operator characters, or more names, is not looked into.
_MAX_RUN = 200
_MAX_RUNS_LENGTH = 2_000
_MAX_NAMES = 20_000
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Mentions:
    """The names that may stand in a text, and whether as names of functions called.

    Neither strings nor comments are told from the rest: where they begin depends on settings of the server, and a
    name in a string can be meant as well ('v'::regclass). Of letters that the server may fold both cases count.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._lower = text.lower()

    @property
    def obscure(self) -> str | None:
        """Why nothing is known of what the text means; None where what it may mean is known."""
        if 'u&"' in self._lower:
            return "a name spelled by escapes"
        runs = set(_OPERATORS.findall(self._text))
        if any(len(run) > _MAX_RUN for run in runs):
            return "an operator longer than any"
        if sum(map(len, runs)) > _MAX_RUNS_LENGTH:
            return "more operators than are looked up"
        if self._text.count('"') > _MAX_NAMES or sum(1 for _ in _WORD.finditer(self._text)) > 10 * _MAX_NAMES:
            return "more names than are looked up"
        return "more names than are looked up" if len(self.names) > _MAX_NAMES else None

    def mention(self, name: str) -> bool:
        """Whether a name may stand in the text, quoted or not."""
        if _PLAIN_NAME.match(name):
            return name in self.names or name.lower() in self.names
        return name.lower() in self._lower or name.lower().replace('"', '""') in self._lower

    @cached_property
    def names(self) -> frozenset[str]:
        """Everything that may be a name, as the server would store it."""
        return frozenset(_stored([word for word, _ in self._words] + self._quoted))

    @cached_property
    def called(self) -> frozenset[str]:
        """What of `names` may be a function called. Where there are comments, any may be."""
        if _COMMENT.search(self._text):
            return self.names
        called = [word for word, end in self._words if _OPENING.match(self._text, end)]
        return frozenset(_stored(called + [name for name in self._quoted if not _PLAIN_NAME.match(name)]))

    @cached_property
    def operators(self) -> frozenset[str]:
        """Everything that may be an operator, among them those that are not spelled."""
        found = set(_IMPLIED_OPERATORS)
        for run in set(_OPERATORS.findall(self._text)):
            ends = range(1, min(len(run), _MAX_RUN) + 1)
            found.update(run[start:end] for end in ends for start in range(max(0, end - _MAX_NAME_BYTES), end))
        return frozenset(found)

    @cached_property
    def _words(self) -> tuple[tuple[str, int], ...]:
        """Words and where they end. In 1e5f servers before 15 see the number 1e5 and the name f."""
        found = []
        for match in _WORD.finditer(self._text):
            found.append((match[0], match.end()))
            exponent = _EXPONENT.match(match[0])
            if exponent is not None:
                found.append((match[0][exponent.end() :], match.end()))
        return tuple(found)

    @cached_property
    def _quoted(self) -> list[str]:
        """What follows each quote up to the next: which of them open a name is not known."""
        following = (_QUOTED.match(self._text, quote.end()) for quote in re.finditer('"', self._text))
        return sorted({match[0].replace('""', '"') for match in following if match})


class Together(Mentions):
    """What several texts may mean: a statement, and the bodies of functions that it reaches."""

    def __init__(self, parts: Sequence[Mentions]) -> None:
        super().__init__("")
        self._parts = parts

    @property
    def obscure(self) -> str | None:
        """Why nothing is known of what one of the texts means; None where all is known."""
        return next((part.obscure for part in self._parts if part.obscure), None)

    def mention(self, name: str) -> bool:
        """Whether a name may stand in one of the texts."""
        return any(part.mention(name) for part in self._parts)

    @cached_property
    def names(self) -> frozenset[str]:
        """Everything that may be a name in one of them."""
        return frozenset().union(*(part.names for part in self._parts))

    @cached_property
    def called(self) -> frozenset[str]:
        """What may be a function called in one of them."""
        return frozenset().union(*(part.called for part in self._parts))

    @cached_property
    def operators(self) -> frozenset[str]:
        """Everything that may be an operator in one of them."""
        return frozenset().union(*(part.operators for part in self._parts))


def _stored(words: list[str]) -> Iterator[str]:
    """Words as the server may store them: folded or not, and cut by the bytes of its encoding, whichever that is."""
    for word in set(words):
        for folded in (word, word.lower(), word.translate(_ASCII_LOWER)):
            yield folded[:_MAX_NAME_BYTES]
            yield folded.encode("utf-8", "replace")[:_MAX_NAME_BYTES].decode("utf-8", "ignore")
