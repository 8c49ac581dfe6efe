"""Remembers what a planner answered, by all that the answer can hang on.

A plan hangs on the statement, its values, its role, the settings, and on indexes of the tables that the statement uses:
of a configuration, what concerns other tables makes no other question of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, RelationKind
from pgadvisor.model.shape import ReadBy, StatementShape
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName
from pgadvisor.planner.fronting import Fronting
from pgadvisor.planner.protocol import Answer, Asked, Planner, Question, Use
from pgadvisor.planner.used import by_configuration

# A plan may be a megabyte, a cost and what it is for some hundred bytes.
_PLANS = 1_000
_COSTS = 200_000

V = TypeVar("V")
_Item = IndexDefinition | IndexName
# The tables that indexes of a configuration are on, None where that is not known, with the items' numbers.
_Items = list[tuple[int | None, int]]


class Cached(Fronting):
    """A Planner (planner/protocol.py) that asks another one what it has not been asked yet.

    asked counts the EXPLAINs that the other was asked for, saved those that it was spared.
    """

    def __init__(self, planner: Planner, facts: Facts) -> None:
        super().__init__(planner)
        self.asked = 0
        self.saved = 0
        self._families = Families(facts)
        self._plans: _Bounded[Answer] = _Bounded(_PLANS)
        self._costs: _Bounded[float | None] = _Bounded(_COSTS)
        self._uses: _Bounded[Use | None] = _Bounded(_COSTS)
        self._numbers: dict[_Item, int] = {}

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement. Raises PlannerError where the planner is gone, not where it refuses."""
        key = self._key(question, self._items(configuration), configuration)
        answer = self._plans.get(key)
        if answer is not None:
            self.saved += 1
            return answer
        self.asked += 1
        answer = self._planner.plan(question, configuration)
        self._plans.put(key, answer)
        self._costs.put(key, answer.cost)
        return answer

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        items = self._items(configuration)
        keys = [self._key(question, items, configuration) for question in questions]
        missing = {key: question for key, question in zip(keys, questions, strict=True) if key not in self._costs}
        self.asked += len(missing)
        self.saved += len(questions) - len(missing)
        found: dict[Hashable, float | None] = {}
        if missing:
            found = dict(zip(missing, self._planner.costs(tuple(missing.values()), configuration), strict=True))
        answers = tuple(found[key] if key in found else self._costs.get(key) for key in keys)
        for key, cost in found.items():
            self._costs.put(key, cost)
        return answers

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        """What statements cost and which indexes they use, in their order; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        keys: list[Hashable] = []
        for configuration, questions in by_configuration(asked):
            items = self._items(configuration)
            keys += [self._key(question, items, configuration) for question in questions]
        missing = {key: each for key, each in zip(keys, asked, strict=True) if key not in self._uses}
        self.asked += len(missing)
        self.saved += len(asked) - len(missing)
        found: dict[Hashable, Use | None] = {}
        if missing:
            found = dict(zip(missing, self._planner.uses(tuple(missing.values())), strict=True))
        answers = tuple(found[key] if key in found else self._uses.get(key) for key in keys)
        for key, use in found.items():
            self._uses.put(key, use)
            self._costs.put(key, None if use is None else use.cost)
        return answers

    def close(self) -> None:
        """Closes the planner, and forgets."""
        super().close()
        self._plans.clear()
        self._costs.clear()
        self._uses.clear()

    def _items(self, configuration: Configuration) -> tuple[_Items, _Items]:
        """What is created and what is dropped, each with the family of its table."""
        created = [(self._families.of_created(each), self._number(each)) for each in configuration.create]
        dropped = [(self._families.of_dropped(each), self._number(each)) for each in configuration.drop]
        return created, dropped

    def _number(self, item: _Item) -> int:
        return self._numbers.setdefault(item, len(self._numbers))

    def _key(self, question: Question, items: tuple[_Items, _Items], configuration: Configuration) -> Hashable:
        """What the answer hangs on. The order in which indexes are named makes no difference."""
        used = self._families.of_question(question)
        concerned = tuple(
            tuple(sorted({number for family, number in each if used is None or family is None or family in used}))
            for each in items
        )
        role = None if question.role is None else question.role.name
        return question.query_id, question.text, question.values, role, configuration.settings, concerned


class Families:
    """Which tables belong together: a partitioned or inherited table with all below it."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._first: dict[int, int] = {}
        for relation in facts.relations.values():
            for parent in relation.parents or filter(None, (relation.parent_oid,)):
                self._first[self._of(relation.oid)] = self._of(parent)
        self._functions = {function.name for function in facts.snapshot.catalog.functions}
        self._ruled = {rule.relation_oid for rule in facts.snapshot.catalog.rules if rule.fires}
        self._ruled_views = {
            f"{relation.schema}.{relation.name}"
            for relation in facts.relations.values()
            if relation.kind is RelationKind.VIEW and relation.oid in self._ruled
        }
        self._known: dict[tuple[str, str], frozenset[int] | None] = {}

    def of_created(self, definition: IndexDefinition) -> int | None:
        """The family of the table that an index would be on; None where there is no such table."""
        relation = self._facts.relation_named(definition.schema, definition.table)
        return None if relation is None else self._of(relation.oid)

    def of_dropped(self, name: IndexName) -> int | None:
        """The family of the table that an index is on; None where there is no such index."""
        index = self._facts.index_named(name.schema, name.name)
        return None if index is None else self._of(index.table_oid)

    def of_question(self, question: Question) -> frozenset[int] | None:
        """The families of all tables that a statement uses; None where they may be more than are known."""
        if question.shape is None:
            return None
        key = (question.query_id, question.text)
        if key not in self._known:
            self._known[key] = self._of_shape(question.shape)
        return self._known[key]

    def _of_shape(self, shape: StatementShape) -> frozenset[int] | None:
        # What the server's plan shows lacks what was pruned or removed. A function in FROM may be inlined.
        called = {name.rpartition(".")[2].strip('"') for name in shape.functions}
        if shape.unresolved or shape.read_by is not ReadBy.PARSER or called & self._functions:
            return None
        # What a rule reads is not known.
        if any(used.written and used.relation_oid in self._ruled for used in shape.relations):
            return None
        if not self._ruled_views.isdisjoint(shape.views):
            return None
        relations = [self._facts.relations.get(used.relation_oid) for used in shape.relations]
        # Policies may read other tables.
        if any(relation is None or relation.row_security for relation in relations):
            return None
        return frozenset(self._of(relation.oid) for relation in relations if relation is not None)

    def _of(self, oid: int) -> int:
        """The one that stands for the family of a table."""
        while (first := self._first.get(oid, oid)) != oid:
            self._first[oid] = oid = self._first.get(first, first)
        return oid


class _Bounded(Generic[V]):
    """The answers given last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, V] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable) -> V | None:
        """An answer, which is from now on one of the last; None where there is none."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def put(self, key: Hashable, answer: V) -> None:
        """Keeps an answer, and forgets the one that was asked for the longest time ago."""
        self._kept[key] = answer
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forgets all."""
        self._kept.clear()
