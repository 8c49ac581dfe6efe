"""Codes in the place of texts, and of all else that has no order we know: in the order that the server sorted them.

A code is a letter and as many digits as all codes have, so that every collation sorts them alike, C or not.
"""

from __future__ import annotations

import heapq
import ipaddress
import itertools
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pgadvisor.snapshots.redaction.numbers import spread

LETTER = "v"
FILLING = "x"
# A longer text is not worth the room: what depends on its length is in the statistics as a number.
MAX_LENGTH = 1000
_BYTES_RANK = 8
_UUID_BITS = 128


class Codes:
    """Texts: all are noted first, then each has a code. Codes ascend along each chain, which the server had sorted.

    A chain that contradicts those before it, since its column sorts by other rules, gives way where it does.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._chains: list[array[int]] = []
        self._ranks = array("q")
        self._digits = 1

    def note(self, texts: Iterable[str]) -> None:
        """Remembers texts."""
        numbers = self._numbers
        for text in texts:
            if text not in numbers:
                numbers[text] = len(numbers)

    def note_chain(self, texts: Iterable[str]) -> None:
        """Remembers texts, and their order."""
        chain = tuple(texts)
        self.note(chain)
        self._chains.append(array("q", (self._numbers[text] for text in chain)))

    def settle(self) -> None:
        """Makes up the codes; none is noted after."""
        texts = list(self._numbers)
        # From here on a text goes by its place among all, sorted by case only where nothing else tells two apart.
        by_place = sorted(range(len(texts)), key=lambda number: (texts[number].casefold(), texts[number]))
        places = _inverse(by_place)
        chains = [array("q", (places[number] for number in chain)) for chain in self._chains]
        self._chains = []
        self._ranks = array("q", bytes(8 * len(texts)))
        for rank, place in enumerate(_in_order(len(texts), chains), start=1):
            self._ranks[by_place[place]] = rank
        self._digits = len(str(len(texts)))

    def of(self, text: str) -> str:
        """The code of a text. Raises KeyError for one that was not noted."""
        code = f"{LETTER}{self._ranks[self._numbers[text]]:0{self._digits}d}"
        return code.ljust(min(len(text), MAX_LENGTH), FILLING)


def _inverse(places: Sequence[int]) -> array[int]:
    inverse = array("q", bytes(8 * len(places)))
    for index, place in enumerate(places):
        inverse[place] = index
    return inverse


def _in_order(count: int, chains: Iterable[Sequence[int]]) -> Iterator[int]:
    """The numbers below a count, ascending unless chains of them say otherwise."""
    edges = {before * count + then for chain in chains for before, then in itertools.pairwise(chain) if before != then}
    waiting = array("q", bytes(8 * count))
    after = array("q", sorted(edges))
    for edge in after:
        waiting[edge % count] += 1
    ready = [number for number in range(count) if not waiting[number]]
    blocked = iter([number for number in range(count) if waiting[number]])
    done = bytearray(count)
    while True:
        # Where chains go round in a circle, the circle is cut at its first text.
        number = heapq.heappop(ready) if ready else next(blocked, -1)
        if number < 0:
            return
        if done[number]:
            continue
        done[number] = 1
        yield number
        at = bisect_left(after, number * count)
        while at < len(after) and after[at] < (number + 1) * count:
            then = after[at] % count
            at += 1
            waiting[then] -= 1
            if not waiting[then] and not done[then]:
                heapq.heappush(ready, then)


def uuids(texts: Iterable[str]) -> dict[str, str]:
    """For each uuid another one, ascending."""
    found = sorted({text.lower() for text in texts})
    made = []
    for place in spread(len(found), 1, 1 << _UUID_BITS):
        digits = f"{place:032x}"
        made.append("-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])))
    return dict(zip(found, made, strict=True))


def byte_strings(texts: Iterable[str]) -> dict[str, str]:
    r"""For each bytea in hex (\x...) another one, ascending, not shorter."""
    found = sorted(set(texts))
    return {
        text: f"\\x{rank:0{_BYTES_RANK}x}".ljust(min(len(text), MAX_LENGTH), "0")
        for rank, text in enumerate(found, start=1)
    }


def addresses(found: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """For each inet, given with what `address` says of it, another one of its family, ascending.

    The length of the network's part stays.
    """
    made = {}
    for version, low, high in ((4, 10 << 24, 11 << 24), (6, 0x2001_0DB8 << 96, 0x2001_0DB9 << 96)):
        members = sorted((number, text) for text, (family, number) in found.items() if family == version)
        for (_, text), place in zip(members, spread(len(members), low, high), strict=True):
            new = ipaddress.IPv4Address(place) if version == 4 else ipaddress.IPv6Address(place)
            _, slash, length = text.partition("/")
            made[text] = f"{new}{slash}{length}"
    return made


def address(text: str) -> tuple[int, int] | None:
    """The version and the number of an inet; None for other texts."""
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        return None
    return found.version, int(found.ip)
