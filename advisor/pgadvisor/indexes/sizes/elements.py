"""What a GIN index holds of a column: different elements, and how many rows have each.

Elements of arrays and lexemes have statistics of their own. Keys of documents and trigrams have none: they are taken
from the values that the statistics of the column show, from which the number of rare ones is extrapolated.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.rare import rare_elements

_HASH_BYTES = 4.0
_FIXED_BYTES = {"int2": 2, "int4": 4, "int8": 8, "float4": 4, "float8": 8, "uuid": 16, "date": 4, "oid": 4}
_FIXED_BYTES |= {"timestamp": 8, "timestamptz": 8, "bool": 1}
# A word of a language; what a tsvector has beside it (a WordEntry, one place in the text, aligned); its short header.
_LEXEME_BYTES, _PLACE_BYTES = 6.0, 8.5
_TSVECTOR_HEADER_BYTES = 5.0
# So many different sets of three letters are usual in texts of one kind, of which nothing else is known.
_TRIGRAMS = 2_000
# Shares of all elements that must be left beside the common ones to be taken for rare ones, not for an inexact average.
_LEFT_BY_COUNT, _LEFT_BY_WIDTH = 0.02, 0.15
# A number of different values is an estimate; so small a share of it beside those that are known is none.
_HARDLY_MORE = 0.05
# In how many values a kind is to be rare, and the name of all such kinds, which is no path in a document.
_RARE_KIND, _RARE = 2, "*"
# Bytes of the longest text that jsonb_ops keeps, and of what it keeps of a longer one: eight digits, kind and header.
_LONGEST_TEXT, _HASHED_TEXT_BYTES = 125, 10.0
# How deep a document is followed, far beyond what one is worth.
_DEEPEST = 50


@dataclass(frozen=True)
class Postings:
    """So many elements of so many bytes on average, each in so many rows."""

    elements: float
    rows: float
    width_bytes: float


def of_elements(key: KeyStatistics, rows: float) -> list[Postings]:
    """An array or a tsvector, by its most common elements, with what must be beside them."""
    width = _element_bytes(key)
    known = [Postings(1.0, max(share * rows, 1.0), width) for share in key.element_frequencies]
    each = key.elements_per_value if key.elements_per_value is not None else _elements_by_width(key, width)
    covered = sum(key.element_frequencies)
    left = each * (1 - key.null_fraction) - covered
    found = known
    if left > (_LEFT_BY_COUNT if key.elements_per_value is not None else _LEFT_BY_WIDTH) * each:
        found = [*known, *_rarer(key, left * rows, rows, width)]
    # A value without elements has an entry too.
    empty = sum(f for v, f in zip(key.values, key.value_frequencies, strict=False) if v in ("{}", ""))
    return [*found, Postings(1.0, empty * rows, 0.0)] if empty * rows >= 1 else found


def of_samples(
    key: KeyStatistics, rows: float, taken_apart: Callable[[str], Iterable[tuple[str, str]]]
) -> list[Postings]:
    """Elements as they are found in the values known; taken_apart yields kind and element.

    An element is one, whatever kinds it is found in. Those of common values are known with their rows. Of the others of
    each kind, those that were seen once stand for all rare ones (rare.py says how many), which are no more than values
    of which none is known can bring. Values without elements have one entry.
    """
    shares = value_shares(key)
    unseen, unknown = _unknown(key, rows)
    some = (
        len(key.values) if not unseen else len(key.value_frequencies) if len(shares) > len(key.value_frequencies) else 0
    )
    seen = _seen(shares, taken_apart, frozenset(key.values[:some]))
    found = [
        Postings(1.0, max(each.share * rows, 1.0), _key_bytes(element))
        for element, each in seen.elements.items()
        if each.is_known
    ]
    for once, others, twice in seen.kinds():
        if once:
            mass = sum(seen.elements[element].share for element in once) * rows
            # The values of which none is known may all be of this kind.
            elements = min(rare_elements(once, others, twice, mass), len(once) + unseen * max(len(once) / unknown, 1.0))
            width = sum(map(_key_bytes, once)) / len(once)
            found.append(Postings(elements, max(mass / elements, 1.0), width))
    return [*found, Postings(1.0, seen.empty_share * rows, 0.0)] if seen.empty_share * rows >= 1 else found


@dataclass
class _Element:
    """The kind that it was found in first, or the one of all rare kinds; in how many values; in a common one or not."""

    kind: str
    count: int = 0
    share: float = 0.0
    is_common: bool = False

    @property
    def is_known(self) -> bool:
        return self.count > 1 or self.is_common


@dataclass(frozen=True)
class _Seen:
    elements: dict[str, _Element]
    empty_share: float

    def kinds(self) -> Iterator[tuple[list[str], list[str], int]]:
        """Of each kind the elements that were seen once, the others, and how many were seen twice.

        Those of common values, which are no sample, do not count as seen twice.
        """
        once: defaultdict[str, list[str]] = defaultdict(list)
        others: defaultdict[str, list[str]] = defaultdict(list)
        twice: Counter[str] = Counter()
        for element, each in self.elements.items():
            (others if each.is_known else once)[each.kind].append(element)
            twice[each.kind] += each.count == 2 and not each.is_common
        for kind, some in once.items():
            yield some, others[kind], twice[kind]


def _seen(
    shares: Sequence[tuple[str, float]], taken_apart: Callable[[str], Iterable[tuple[str, str]]], common: frozenset[str]
) -> _Seen:
    """What the values have; kinds that hardly one of them has, such as those below keys that are data, count as one."""
    taken = [(set(taken_apart(value)), share, value in common) for value, share in shares]
    values = Counter(kind for pairs, _, _ in taken for kind in {kind for kind, _ in pairs})
    elements: dict[str, _Element] = {}
    for pairs, share, is_common in taken:
        kinds = {element: kind for kind, element in sorted(pairs, reverse=True)}
        for element, kind in kinds.items():
            each = elements.setdefault(element, _Element(kind if values[kind] > _RARE_KIND else _RARE))
            each.count += 1
            each.share += share
            each.is_common |= is_common
    return _Seen(elements, sum(share for pairs, share, _ in taken if not pairs))


def _unknown(key: KeyStatistics, rows: float) -> tuple[float, float]:
    """How many different values there are beside those known, and how many of these stand for them; at least one.

    The number of different values is an estimate: as many as are known, or hardly more, are all that there are.
    """
    distinct = key.distinct(rows)
    standing = len(key.values) - len(key.value_frequencies) or len(key.values)
    left = distinct - len(key.values)
    return (left if left > _HARDLY_MORE * distinct else 0.0), max(float(standing), 1.0)


def trigrams(value: str) -> Iterator[tuple[str, str]]:
    """Trigrams of a text as pg_trgm makes them: of each word in lower case, with two blanks before and one after."""
    word = ""
    for letter in value.lower() + " ":
        if letter.isalnum():
            word += letter
        elif word:
            padded = f"  {word} "
            for start in range(len(padded) - 2):
                yield "", padded[start : start + 3]
            word = ""


def document_keys(value: str) -> Iterator[tuple[str, str]]:
    """Keys and values of a document, as jsonb_ops has them, by the path where they stand."""
    return _walked(parsed(value), "", 0)


def document_paths(value: str) -> Iterator[tuple[str, str]]:
    """Values of a document with the keys on the way to them, as jsonb_path_ops has them."""
    for kind, element in document_keys(value):
        if not kind.endswith("/"):
            yield kind, kind + element


def unknown_trigrams(key: KeyStatistics, rows: float) -> list[Postings]:
    """Trigrams of texts of which only the width is known."""
    total = max(key.average_width_bytes - 1, 1.0) * (1 - key.null_fraction) * rows
    return [Postings(_TRIGRAMS, max(total / _TRIGRAMS, 1.0), _HASH_BYTES)]


def _walked(node: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        return
    if isinstance(node, dict):
        for name, below in node.items():
            # A key is an element of its own, and does not say what stands beneath.
            yield f"{path}/", f"K{name}"
            yield from _walked(below, f"{path}.{name}", depth + 1)
    elif isinstance(node, list):
        for below in node:
            yield from _walked(below, f"{path}[]", depth + 1)
            # Texts in an array are keys to jsonb_ops; they differ as values do, so they count with these.
    else:
        yield path, f"V{node}"


def parsed(value: str) -> object:
    """A document; None where it cannot be read."""
    try:
        document: object = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return document


def value_shares(key: KeyStatistics) -> list[tuple[str, float]]:
    """Values known, each with the share of all rows that it stands for."""
    common = list(zip(key.values, key.value_frequencies, strict=False))
    rest = key.values[len(common) :]
    left = max(1.0 - key.null_fraction - sum(key.value_frequencies), 0.0)
    known = sum(share for _, share in common)
    if not rest and known > 0 and left > 0:
        # The common ones stand for the others too.
        factor = (1 - key.null_fraction) / known
        return [(value, share * factor) for value, share in common]
    return [*common, *((value, left / len(rest)) for value in rest)]


def _rarer(key: KeyStatistics, occurrences: float, rows: float, width: float) -> list[Postings]:
    """Elements beside the common ones, with so many occurrences together."""
    shares = sorted(key.element_frequencies, reverse=True)
    sampled = _rare_in_samples(key, occurrences)
    if not shares:
        elements = sampled or occurrences
        return [Postings(max(min(elements, occurrences), 1.0), max(occurrences / elements, 1.0), width)]
    last, middle = shares[-1], shares[len(shares) // 2]
    if middle < 1.5 * last:
        # Hardly falling: a plateau, of which the common ones are those that ANALYZE happened to see most of.
        elements = max(sampled or 0.0, occurrences / (last * rows))
        return [Postings(max(elements, 1.0), max(occurrences / elements, 1.0), width)]
    return _falling(len(shares), last * rows, math.log(middle / last) / math.log(2), occurrences, width)


def _falling(rank: int, rows: float, steepness: float, occurrences: float, width: float) -> list[Postings]:
    """Frequencies go on falling with a power of the rank, as they did, until the occurrences are used up."""
    found: list[Postings] = []
    while occurrences >= 1:
        reach = rank * 1.3
        elements = reach - rank
        each = max(rows * 1.15**-steepness, 1.0)
        elements = min(elements, occurrences / each) if each > 1 else occurrences
        found.append(Postings(max(elements, 1.0), each, width))
        occurrences -= elements * each
        rank, rows = math.ceil(reach), max(rows * 1.3**-steepness, 1.0)
    return found


def _rare_in_samples(key: KeyStatistics, occurrences: float) -> float | None:
    """How many different elements arrays hold beside the common ones, by the arrays known; None if these do not say."""
    counts: Counter[str] = Counter()
    for value in key.values:
        counts.update(set(value.strip("{}").split(",")) - {"", "NULL"})
    common = frozenset(key.elements)
    once = [element for element, count in counts.items() if count == 1 and element not in common]
    others = [*common, *(element for element, count in counts.items() if count > 1 and element not in common)]
    twice = sum(count == 2 for element, count in counts.items() if element not in common)
    found = rare_elements(once, others, twice, occurrences)
    return found + len(others) - len(common) if once and (twice or found < occurrences) else None


def _element_bytes(key: KeyStatistics) -> float:
    name = key.type_name.removeprefix("_")
    if name in _FIXED_BYTES:
        return float(_FIXED_BYTES[name])
    if key.elements:
        return sum(map(_text_bytes, key.elements)) / len(key.elements)
    return _LEXEME_BYTES + 1


def _elements_by_width(key: KeyStatistics, width: float) -> float:
    """How many elements a value has, by its width."""
    if key.type_name == "tsvector":
        covered = sum(key.element_frequencies)
        letters = _LEXEME_BYTES
        if covered > 0:
            shares = zip(key.elements, key.element_frequencies, strict=False)
            letters = sum((_text_bytes(lexeme) - 1) * share for lexeme, share in shares) / covered
        return max((key.average_width_bytes - _TSVECTOR_HEADER_BYTES) / (letters + _PLACE_BYTES), covered, 1.0)
    return max((key.average_width_bytes - 21) / max(width, 4.0), 1.0)


def _key_bytes(element: str) -> float:
    """A key or value of a document; jsonb_ops keeps a hash of a long one (make_text_key in jsonb_gin.c)."""
    width = _text_bytes(element)
    return width if width - 2 <= _LONGEST_TEXT else _HASHED_TEXT_BYTES


def _text_bytes(value: str) -> float:
    return len(value.encode("utf-8", "surrogatepass")) + 1.0
