"""Which statements are touched by what a planner has otherwise than the audited server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pgadvisor.advise.whatif_reach import Reach, Reached
from pgadvisor.model.effects import Shortcoming
from pgadvisor.model.whatif import Shortfall

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

_EVENTS = ("insert", "update", "delete")


class Shortcomings:
    """A planner's shortfalls by the statements that they touch.

    A statement is touched by what is said of the relations that it reaches (of any partition of them), also through
    views, policies and functions, and by words in its text and in theirs.
    """

    def __init__(self, shortfalls: Sequence[Shortfall], facts: Facts) -> None:
        self._facts = facts
        self._reach = Reach(facts)
        self._shortfalls = tuple(dict.fromkeys(shortfalls))
        self._by_relation: dict[int, set[int]] = {}
        self._by_write: dict[tuple[int, str], set[int]] = {}
        self._by_name: dict[str, set[int]] = {}
        self._by_query: dict[str, set[int]] = {}
        self._everywhere: set[int] = set()
        for number, shortfall in enumerate(self._shortfalls, start=1):
            self._note(number, shortfall)

    def touching(self, query_id: str, text: str) -> tuple[int, ...]:
        """The numbers, from 1, of those that touch a statement."""
        reached = self._reach.of(self._facts.shapes.get(query_id), text)
        found = self._everywhere | self._by_query.get(query_id, set())
        for oid in reached.relation_oids:
            found |= self._by_relation.get(oid, set())
        found.update(*self._written(reached))
        found.update(*(self._by_name[name] for name in reached.words if name in self._by_name))
        return tuple(sorted(found))

    def told(self, marks: Iterable[Sequence[int]]) -> tuple[Shortcoming, ...]:
        """All of them, each with how many of the statements with these marks it touches."""
        counts: dict[int, int] = {}
        for numbers in marks:
            for number in numbers:
                counts[number] = counts.get(number, 0) + 1
        return tuple(
            Shortcoming(
                number=number,
                what=shortfall.what,
                reason=shortfall.reason,
                statements=counts.get(number, 0),
                prevents=shortfall.prevents,
            )
            for number, shortfall in enumerate(self._shortfalls, start=1)
        )

    def _note(self, number: int, shortfall: Shortfall) -> None:
        if shortfall.everywhere:
            self._everywhere.add(number)
        for oid in shortfall.relation_oids:
            root = self._facts.root(oid)
            for each in {oid, oid if root is None else root.oid}:
                if not shortfall.events:
                    self._by_relation.setdefault(each, set()).add(number)
                for event in shortfall.events:
                    self._by_write.setdefault((each, event), set()).add(number)
        for name in shortfall.names:
            self._by_name.setdefault(name, set()).add(number)
        for query_id in shortfall.query_ids:
            self._by_query.setdefault(query_id, set()).add(number)

    def _written(self, reached: Reached) -> Iterable[set[int]]:
        events = [event for event in _EVENTS if event in reached.own_words] if self._by_write else []
        return (self._by_write.get((oid, event), set()) for oid in reached.written for event in events)
