"""Codes in the place of texts, and of all else that has no order we know: in the order that the server sorted them.

A code is a letter and as many digits as all codes have, so that every collation sorts them alike, C or not.
"""

from __future__ import annotations

import heapq
import ipaddress
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from pgadvisor.snapshots.redaction.numbers import spread

LETTER = "v"
FILLING = "x"
# A longer text is not worth the room: what depends on its length is in the statistics as a number.
MAX_LENGTH = 1000
_BYTES_RANK = 8
_UUID_BITS = 128


def codes(texts: Iterable[str], chains: Sequence[Sequence[str]]) -> dict[str, str]:
    """A code for each text. Codes ascend along each chain, a list that the server had sorted.

    A chain that contradicts those before it, since its column sorts by other rules, gives way where it does.
    """
    ordered = _in_order(set(texts), chains)
    digits = len(str(len(ordered)))
    return {text: _code(rank, digits, len(text)) for rank, text in enumerate(ordered, start=1)}


def _code(rank: int, digits: int, length: int) -> str:
    return f"{LETTER}{rank:0{digits}d}".ljust(min(length, MAX_LENGTH), FILLING)


def _in_order(texts: set[str], chains: Sequence[Sequence[str]]) -> list[str]:
    """The texts, sorted by case only where nothing else tells them apart, unless the chains say otherwise."""
    after: dict[str, set[str]] = defaultdict(set)
    waiting: dict[str, int] = dict.fromkeys(texts, 0)
    for chain in chains:
        for before, then in itertools.pairwise(chain):
            if before != then and then not in after[before]:
                after[before].add(then)
                waiting[then] += 1
    keys = {text: (text.casefold(), text) for text in texts}
    ready = [keys[text] for text in texts if not waiting[text]]
    blocked = [keys[text] for text in texts if waiting[text]]
    heapq.heapify(ready)
    heapq.heapify(blocked)
    done: set[str] = set()
    ordered: list[str] = []
    while ready or blocked:
        # Where chains go round in a circle, the circle is cut at its first text.
        _, text = heapq.heappop(ready or blocked)
        if text in done:
            continue
        done.add(text)
        ordered.append(text)
        for then in after[text]:
            waiting[then] -= 1
            if not waiting[then] and then not in done:
                heapq.heappush(ready, keys[then])
    return ordered


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


def addresses(texts: Iterable[str]) -> dict[str, str]:
    """For each inet another one of its family, ascending, with the same length of the network's part."""
    found = sorted({text for text in texts if address(text) is not None}, key=_address_key)
    made = {}
    for version, low, high in ((4, 10 << 24, 11 << 24), (6, 0x2001_0DB8 << 96, 0x2001_0DB9 << 96)):
        members = [text for text in found if _address_key(text)[0] == version]
        for text, place in zip(members, spread(len(members), low, high), strict=True):
            new = ipaddress.IPv4Address(place) if version == 4 else ipaddress.IPv6Address(place)
            _, slash, length = text.partition("/")
            made[text] = f"{new}{slash}{length}"
    return made


def address(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
    """An inet; None for other texts."""
    try:
        return ipaddress.ip_interface(text)
    except ValueError:
        return None


def _address_key(text: str) -> tuple[int, int, str]:
    found = ipaddress.ip_interface(text)
    return found.version, int(found.ip), text
