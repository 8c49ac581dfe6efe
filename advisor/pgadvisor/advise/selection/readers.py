"""Which statements of a workload may plan otherwise with an index or without it, and what they cost then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.whatif import Configuration, IndexName
from pgadvisor.planner.cached import Families

# Existing indexes that go, by the family of their table, None where that is not known.
Dropped = Mapping[int | None, Sequence[IndexName]]


class Readers:
    """Places of loads, by the tables that they use; where these are not all known, a load may use any."""

    def __init__(self, facts: Facts, evaluator: Evaluator, loads: Sequence[Load]) -> None:
        self._families = Families(facts)
        self._evaluator, self._loads = evaluator, loads
        self._known: dict[IndexDefinition | IndexName, int | None] = {}
        self._of_family: dict[int | None, list[int]] = defaultdict(list)
        # What goes is looked for among the few indexes of a family, not their families among all that goes.
        self._standing: dict[int | None, list[IndexName]] = defaultdict(list)
        for index in facts.indexes.values():
            name = IndexName(schema=index.schema, name=index.name)
            self._standing[self._families.of_dropped(name)].append(name)
        self._named = frozenset(each for names in self._standing.values() for each in names)
        self._used = [self._families.of_question(load.questions[0]) for load in loads]
        for at, families in enumerate(self._used):
            for family in (None,) if families is None else families:
                self._of_family[family].append(at)

    def of(self, items: Iterable[IndexDefinition | IndexName]) -> list[int]:
        """Places of the loads whose plans may hang on one of these indexes, in order."""
        found = set(self._of_family[None])
        for item in items:
            family = self.family(item)
            found.update(range(len(self._loads)) if family is None else self._of_family[family])
        return sorted(found)

    def costs(self, places: Sequence[int], configuration: Configuration) -> list[LoadCost]:
        """What these loads cost under a configuration, in the order of their places.

        Each is asked without the drops that its plans cannot hang on: a planner takes long to leave out a thousand.
        """
        gone = frozenset(configuration.drop)
        concerned = {family for at in places for family in self._used[at] or ()}
        if any(self._used[at] is None for at in places):
            concerned.update(family for each in gone if (family := self.family(each)) is not None)
        dropped: dict[int | None, list[IndexName]] = {
            family: [each for each in self._standing[family] if each in gone] for family in concerned
        }
        if unknown := gone - self._named:
            dropped[None] = [each for each in configuration.drop if each in unknown]
        return self.costs_without(places, dropped, replace(configuration, drop=()))

    def costs_without(self, places: Sequence[int], dropped: Dropped, configuration: Configuration) -> list[LoadCost]:
        """What these loads cost as costs tells it, of drops that are sorted already, with those of the configuration.

        It takes time by those alone that concern the loads, so that thousands can be tried one after the other.
        """
        known = [at for at in places if self._used[at] is not None]
        others = [at for at in places if self._used[at] is None]
        concerned = {None, *(family for at in known for family in self._used[at] or ())}
        found: dict[int, LoadCost] = {}
        for some, families in ((known, concerned & dropped.keys()), (others, dropped.keys())):
            if some:
                ordered = sorted(families, key=lambda family: -1 if family is None else family)
                gone = (each for family in ordered for each in dropped[family])
                under = replace(configuration, drop=(*gone, *configuration.drop))
                asked = self._evaluator.costs(under, [self._loads[at] for at in some])
                found |= dict(zip(some, asked, strict=True))
        return [found[at] for at in places]

    def family(self, item: IndexDefinition | IndexName) -> int | None:
        """What stands for the table of an index and all that belong with it; None where that is not known."""
        if item not in self._known:
            families = self._families
            of = families.of_dropped(item) if isinstance(item, IndexName) else families.of_created(item)
            self._known[item] = of
        return self._known[item]
