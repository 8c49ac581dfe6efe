"""B-trees of one table as all statements together wish for them: one that serves several is one candidate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pgadvisor.advise.candidates.columns import TableColumns
from pgadvisor.advise.candidates.covering import MOST_INCLUDED
from pgadvisor.advise.candidates.wishes import Wish
from pgadvisor.model.catalog import IndexKey

# Of a table's many candidates so many of the costliest statements are merged with each other.
_MOST_MERGED = 12

_Key = tuple[tuple[str, bool, bool], ...]
_Id = tuple[_Key, frozenset[str]]


@dataclass
class Entry:
    """A B-tree that somebody wishes for.

    weight is the time of the statements that do, place its best place among one statement's wishes, from 0. any_order
    and in_order are as in a wish.
    """

    keys: tuple[IndexKey, ...]
    include: tuple[str, ...]
    weight: float = 0.0
    place: int = 0
    any_order: bool = True
    in_order: bool = False
    query_ids: set[str] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the keys, in order."""
        return tuple(key.column or "" for key in self.keys)


class TableWishes:
    """All B-trees wished for on one table."""

    def __init__(self, columns: TableColumns) -> None:
        self._columns = columns
        self._entries: dict[_Id, Entry] = {}

    def add(self, wish: Wish, query_id: str, weight: float, place: int) -> None:
        """One more wish of a statement."""
        entry = self._entry(wish.keys, wish.include, place)
        if query_id not in entry.query_ids:
            entry.query_ids.add(query_id)
            entry.weight += weight
        entry.place = min(entry.place, place)
        entry.any_order = entry.any_order and wish.any_order
        entry.in_order = entry.in_order or wish.in_order
        entry.reasons.add(wish.reason)

    def merged(self, max_columns: int) -> list[Entry]:
        """All of them and what serves several, each with all the statements that it would serve.

        Those that are some statement's first wish stand first, the costliest statements' before others.
        """
        # What identifies a row has its index; merging copies of that would make but more of them.
        worthwhile = [entry for entry in self._foremost() if not self._columns.identified(entry.columns)]
        for one, other in _pairs(worthwhile):
            self._merge(one, other, max_columns)
        self._adopt()
        return self._foremost()

    def _entry(self, keys: tuple[IndexKey, ...], include: Iterable[str], place: int) -> Entry:
        included = tuple(dict.fromkeys(include))
        return self._entries.setdefault(_id(keys, included), Entry(keys, included, place=place))

    def _foremost(self) -> list[Entry]:
        return sorted(
            self._entries.values(), key=lambda each: (each.place, -each.weight, _plain(each.keys), each.include)
        )

    def _merge(self, one: Entry, other: Entry, max_columns: int) -> None:
        """What does the work of both, where that is more than either and not much wider."""
        if len(one.keys) < len(other.keys):
            one, other = other, one
        if _plain(one.keys)[: len(other.keys)] == _plain(other.keys):
            keys, reason = one.keys, "merged: columns of both"
        elif one.any_order and other.columns[:1] == one.columns[:1] and len(other.keys) > 1:
            # What comes between an order and its first column ends it.
            first, last = (other, one) if other.in_order else (one, other)
            more = tuple(key for key in last.keys if key.column not in first.columns)
            keys, reason = (*first.keys, *more), "merged: conditions of both"
        else:
            return
        held = {key.column or "" for key in keys}
        include = tuple(dict.fromkeys(name for name in (*one.include, *other.include) if name not in held))
        too_much = len(keys) > max_columns or len(include) > MOST_INCLUDED
        if too_much or _id(keys, include) in self._entries or self._columns.too_wide((*held, *include)):
            return
        entry = self._entry(keys, include, max(one.place, other.place) + 1)
        entry.any_order = False
        entry.query_ids |= one.query_ids | other.query_ids
        # Statements of both count twice, which does no harm: it is a rank.
        entry.weight = one.weight + other.weight
        entry.reasons.add(reason)

    def _adopt(self) -> None:
        """Gives each index the statements of those whose work it does: whose keys its own begin with."""
        by_key = {key: entry for (key, include), entry in self._entries.items() if not include}
        by_set = {frozenset(entry.columns): entry for entry in by_key.values() if entry.any_order}
        adopted: list[tuple[Entry, set[str], bool]] = []
        for entry in self._entries.values():
            plain, columns = _plain(entry.keys), entry.columns
            served = set(entry.query_ids)
            in_order = False
            for length in range(1, len(plain) + 1):
                for narrow in (by_key.get(plain[:length]), by_set.get(frozenset(columns[:length]))):
                    if narrow is not None and narrow is not entry:
                        # Who searches by the first columns alone wants them to be first.
                        in_order |= length < len(plain) and not narrow.query_ids <= entry.query_ids
                        served |= narrow.query_ids
            adopted.append((entry, served, in_order))
        for entry, served, in_order in adopted:
            entry.query_ids = served
            entry.any_order = entry.any_order and not in_order


def _pairs(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Each pair of the foremost that begin with the same column, and are not for the same statements alone."""
    few = entries[:_MOST_MERGED]
    for number, one in enumerate(few):
        for other in few[number + 1 :]:
            if one.query_ids != other.query_ids:
                yield one, other


def _plain(keys: tuple[IndexKey, ...]) -> _Key:
    return tuple((key.column or "", key.descending, key.nulls_first) for key in keys)


def _id(keys: tuple[IndexKey, ...], include: Iterable[str]) -> _Id:
    return _plain(keys), frozenset(include)
