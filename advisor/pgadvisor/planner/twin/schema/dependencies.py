"""What has to be there first: types before those made of them, row types before the tables that hold them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def in_levels(items: Sequence[T], key: Callable[[T], K], needs: Callable[[T], Iterable[K]]) -> list[list[T]]:
    """Items in levels, each of which needs items of earlier ones alone; within a level they keep their order.

    needs may name what is no item, which is left aside. Items that need each other in a ring come last, in one level.
    """
    by_key: Mapping[K, T] = {key(item): item for item in items}
    wanted = {key(item): {need for need in needs(item) if need in by_key} - {key(item)} for item in items}
    levels: list[list[T]] = []
    rest = list(items)
    made: set[K] = set()
    while rest:
        level = [item for item in rest if wanted[key(item)] <= made]
        if not level:
            levels.append(rest)
            break
        levels.append(level)
        made |= {key(item) for item in level}
        rest = [item for item in rest if key(item) not in made]
    return levels


def element_type(type_text: str) -> str:
    """The type that an array is of, as format_type writes it; another type is itself.

    >>> element_type("public.mood[]"), element_type("integer")
    ('public.mood', 'integer')
    """
    while type_text.endswith("[]"):
        type_text = type_text[:-2]
    return type_text
