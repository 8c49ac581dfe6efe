"""A B-tree as a statement wishes for it, before it is known who else does."""

from __future__ import annotations

from dataclasses import dataclass

from pgadvisor.model.catalog import IndexKey


@dataclass(frozen=True)
class Wish:
    """Keys and included columns, and what for in a few words.

    any_order: all keys are searched by equality and nothing else is wanted, so that their order does not matter.
    in_order: rows are wanted in the order of the last keys, which no other key may come before.
    """

    keys: tuple[IndexKey, ...]
    reason: str
    include: tuple[str, ...] = ()
    any_order: bool = False
    in_order: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the keys, in order."""
        return tuple(key.column or "" for key in self.keys)
