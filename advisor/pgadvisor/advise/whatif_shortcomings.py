"""Which statements are touched by what a planner has otherwise than the audited server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pgadvisor.model.whatif import Shortfall
from pgadvisor.model.whatif_result import Shortcoming
from pgadvisor.workload.index_names import name_at
from pgadvisor.workload.lexer import lex

if TYPE_CHECKING:
    from pgadvisor.facts import Facts


class Shortcomings:
    """A planner's shortfalls by the statements that they touch.

    A statement is touched by what is said of its relations (of any partition of them), and by words in its text.
    """

    def __init__(self, shortfalls: Sequence[Shortfall], facts: Facts) -> None:
        self._facts = facts
        self._shortfalls = tuple(dict.fromkeys(shortfalls))
        self._by_relation: dict[int, set[int]] = {}
        self._by_name: dict[str, set[int]] = {}
        self._everywhere: set[int] = set()
        for number, shortfall in enumerate(self._shortfalls, start=1):
            if shortfall.everywhere:
                self._everywhere.add(number)
            for oid in shortfall.relation_oids:
                root = facts.root(oid)
                for each in {oid, oid if root is None else root.oid}:
                    self._by_relation.setdefault(each, set()).add(number)
            for name in shortfall.names:
                self._by_name.setdefault(name, set()).add(number)

    def touching(self, query_id: str, text: str) -> tuple[int, ...]:
        """The numbers, from 1, of those that touch a statement."""
        found = set(self._everywhere)
        shape = self._facts.shapes.get(query_id)
        for relation in () if shape is None else shape.relations:
            found |= self._by_relation.get(relation.relation_oid, set())
        if self._by_name:
            found.update(*(self._by_name[name] for name in _names(text) if name in self._by_name))
        return tuple(sorted(found))

    def told(self, marks: Iterable[Sequence[int]]) -> tuple[Shortcoming, ...]:
        """Those that touch any of the statements with these marks, with how many they touch."""
        counts: dict[int, int] = {}
        for numbers in marks:
            for number in numbers:
                counts[number] = counts.get(number, 0) + 1
        return tuple(
            Shortcoming(
                number=number,
                what=shortfall.what,
                reason=shortfall.reason,
                statements=counts[number],
                prevents=shortfall.prevents,
            )
            for number, shortfall in enumerate(self._shortfalls, start=1)
            if number in counts
        )


def _names(text: str) -> set[str]:
    lexed = lex(text)
    names = (name_at(lexed, place) for place in range(len(lexed.tokens)))
    return {name for name in names if name is not None}
