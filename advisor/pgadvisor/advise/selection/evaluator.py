"""What a workload costs under a configuration, asked of a planner as seldom as can be."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from pgadvisor.advise.selection.compression import compress
from pgadvisor.advise.selection.explained_time import explained_ms
from pgadvisor.advise.selection.known_plans import INFINITY, KnownPlans, bits_of
from pgadvisor.advise.selection.loads import Load, LoadCost
from pgadvisor.advise.selection.relevance import Relevance
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Index, IndexDefinition
from pgadvisor.model.effects import LEAST_COST
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName
from pgadvisor.planner.cached import Families
from pgadvisor.planner.counted import Counted, EndOfSearchError
from pgadvisor.planner.protocol import Planner, Question, Use

__all__ = ["Evaluator", "LoadCost"]

# Of the EXPLAINs allowed a part is kept for the proof of what was found.
_FOR_SEARCH = 0.75
# Of what a search may ask for once each statement has a plan, this part goes to more values of their calls.
_FOR_VALUES = 0.5
_NOT_ASKED = "It was not asked about: the bound on EXPLAINs was reached before."
# So many are asked for together; between them it is seen whether the time is over.
_AT_ONCE = 256

# A question, and the indexes that are there, as a set of bits.
_Asked = tuple[Question, int]
# What tells a question from another; shapes take long to hash.
_Key = tuple[str, str, tuple[str | None, ...] | None]


class Evaluator:
    """Costs of loads under configurations, with caution those beyond what the planner hopes for (planner/caution.py).

    loads are those that can be planned, with the questions that can be; refused says of the others why not, by query
    id. base are their costs as it is, with the time that plans explain; unexplained_ms is the rest of what was
    measured. Of more than most_loads those alike are folded, and the cheapest left out: others are these, and
    compression says how many. unanswered are the new indexes of those questions that the planner gave no plan for,
    why_unanswered says of each bit why. With facts an index is asked about only for statements that may use its table.
    most_seconds is counted from here on, None for no bound.

    Raises PlannerError where the planner is gone.
    """

    def __init__(
        self,
        planner: Planner,
        loads: Sequence[Load],
        most_explains: int,
        facts: Facts | None = None,
        most_seconds: float | None = None,
        most_loads: int | None = None,
        *,
        cautious: bool = False,
    ) -> None:
        self.planner = planner if isinstance(planner, Counted) else Counted(planner, most_explains)
        self.facts = facts
        counting = (pair for load in loads for pair in zip(load.questions, load.weights, strict=True))
        self._cautious_of = {_key(question) for question, weight in counting if cautious and weight}
        self.refused: dict[str, str] = {}
        self.unanswered = 0
        self.why_unanswered: dict[int, str] = {}
        self._answers = 0
        self.unexplained_ms = 0.0
        self._spent = ""
        self._most_explains = most_explains
        self._ends_at = None if most_seconds is None else time.monotonic() + most_seconds
        self._most_seconds = most_seconds
        self._families = None if facts is None else Families(facts)
        self._places: dict[IndexDefinition | IndexName, int] = {}
        self._items: list[IndexDefinition | IndexName] = []
        self._standing = 0
        self._standing_names: dict[str, int] = defaultdict(int)
        self._telling = 0
        self._of_family: dict[int | None, list[tuple[IndexDefinition | IndexName, int]]] = defaultdict(list)
        self._uses_as_is: dict[_Key, Use] = {}
        self._without_plan: set[_Key] = set()
        self._given = {load.query_id: load for load in loads}
        planned = tuple(self._planned(loads))
        compressed = compress(planned, len(planned) if most_loads is None else most_loads, len(loads))
        for_search = most_explains * _FOR_SEARCH - self.explains
        self.base = self._explained(self._with_values(compressed.base, self.explains + for_search * _FOR_VALUES))
        self.loads = tuple(each.load for each in self.base)
        self.others = compressed.others
        self._others_have_values = False
        self.compression = compressed.compression
        self._known: dict[_Key, KnownPlans] = {}
        self._questions: dict[_Key, Question] = {}
        self._of_settings: dict[tuple[str, Configuration], tuple[float, ...]] = {}
        for index in () if facts is None else facts.indexes.values():
            if index.parent_oid is None:
                self.bit(index)

    def _explained(self, planned: tuple[LoadCost, ...]) -> tuple[LoadCost, ...]:
        """Loads with no more time than their plans explain; the rest is unexplained_ms."""
        most = {} if self.facts is None else explained_ms(planned, self.facts)
        found = []
        for each in planned:
            took_ms = most.get(each.load.query_id, each.load.total_ms)
            self.unexplained_ms += each.load.total_ms - took_ms
            found.append(replace(each, load=replace(each.load, total_ms=took_ms)))
        return tuple(found)

    @property
    def explains(self) -> int:
        """The plans that the planner was asked for, by whomever."""
        return self.planner.explains

    @property
    def why_nothing(self) -> str:
        """Why the planner gave no plan of anything but what is; "" where it gave one, or was not asked."""
        return "" if self._answers else next(filter(None, self.why_unanswered.values()), "")

    @property
    def standing(self) -> int:
        """The indexes that exist and might go, as a set of bits: the configuration as it is."""
        return self._standing

    @property
    def every(self) -> tuple[Load, ...]:
        """All loads that can be planned: those that are searched for, those that they stand for, and those left out.

        Of the latter it is asked now what they cost for all values, as far as half of what may be asked still allows.
        """
        if not self._others_have_values:
            self._others_have_values = True
            self.others = self._with_values(self.others, (self.explains + self._most_explains) / 2)
        return (*self.loads, *(each.load for each in self.others))

    def bit(self, item: IndexDefinition | Index) -> int:
        """The bit of an index to be added, or of one that exists and might go."""
        if isinstance(item, Index):
            return self._standing_bit(IndexName(schema=item.schema, name=item.name), item)
        if item not in self._places:
            expressions = any(key.expression is not None for key in item.keys)
            family = None if self._families is None else self._families.of_created(item)
            self._add(item, family, telling=expressions)
        return 1 << self._places[item]

    def there(self, configuration: Configuration) -> int:
        """A configuration as a set of bits; its settings do not count."""
        for name in configuration.drop:
            self._standing_bit(name, None)
        bits = self._standing
        for definition in configuration.create:
            bits |= self.bit(definition)
        for name in configuration.drop:
            bits &= ~(1 << self._places[name])
        return bits

    def configuration(self, there: int) -> Configuration:
        """A set of bits as a configuration, its indexes in the order in which they were first named."""
        create, drop = [], []
        # Of many thousands few are otherwise than they are now.
        for bit in bits_of(there ^ self._standing):
            item = self._items[bit.bit_length() - 1]
            if isinstance(item, IndexName):
                drop.append(item)
            else:
                create.append(item)
        return Configuration(create=tuple(create), drop=tuple(drop))

    def known(self, question: Question) -> KnownPlans:
        """What is known of a question of a load."""
        key = _key(question)
        found = self._known.get(key)
        if found is None:
            self._questions[key] = question
            found = self._known[key] = KnownPlans(self._relevant(question), self._telling)
            as_is = self._uses_as_is[key]
            found.learn(self._standing, as_is.cost, self._used(as_is))
        return found

    def learn(self, asked: Iterable[tuple[Question, int]]) -> None:
        """Asks what is not certain yet: questions, each under a set of bits.

        Raises EndOfSearchError where that would be more than may be asked in a search; what fits is asked before.
        """
        by_set: dict[int, dict[_Key, Question]] = defaultdict(dict)
        for question, there in asked:
            if self.known(question).exactly(there) is None:
                by_set[there][_key(question)] = question
        missing = [(question, there) for there, questions in by_set.items() for question in questions.values()]
        for start in range(0, len(missing), _AT_ONCE):
            # Some may follow from what was asked just before.
            some = [
                (question, there)
                for question, there in missing[start : start + _AT_ONCE]
                if self.known(question).exactly(there) is None
            ]
            if self._ends_at is not None and time.monotonic() > self._ends_at:
                raise EndOfSearchError(f"{self._most_seconds:g} seconds had passed")
            fitting = some[: max(int(self._most_explains * _FOR_SEARCH) - self.explains, 0)]
            self._ask(fitting)
            if len(fitting) < len(some):
                raise EndOfSearchError(f"{self._most_explains:,} EXPLAINs may be asked for, and a part of them proves")

    def costs(self, configuration: Configuration, loads: Sequence[Load] | None = None) -> tuple[LoadCost, ...]:
        """Costs under a configuration, of all loads or of some of them, in their order.

        Where no more may be asked, the cheapest plan is told that is known to be had.
        """
        some = self.loads if loads is None else loads
        if configuration.settings:
            return tuple(LoadCost(load, self._under_settings(load, configuration)) for load in some)
        there = self.there(configuration)
        missing = [
            (question, there)
            for load in some
            for question in load.questions
            if self.known(question).exactly(there) is None
        ]
        with suppress(EndOfSearchError):
            self._ask(missing[: max(self._most_explains - self.explains, 0)])
        return tuple(self._cost(load, there) for load in some)

    def _cost(self, load: Load, there: int) -> LoadCost:
        known = [self.known(question) for question in load.questions]
        cautions = tuple(each.caution(there) for each in known) if self._cautious_of else ()
        return LoadCost(load, tuple(each.at_most(there) for each in known), cautions)

    def slows(self, before: Configuration, after: Configuration, more_than: float) -> str:
        """A statement of all that can be planned that would cost more by more than this share; "" where there is none.

        Statements that stand for others are asked about, and those others. One that cannot be planned, or that nobody
        may be asked about any more, is taken to cost more.
        """
        both = (self.there(before), self.there(after))
        for was, now in zip(self.costs(before, self.every), self.costs(after, self.every), strict=True):
            for question, cost, known in zip(now.load.questions, now.costs, was.costs, strict=True):
                certain = all(self.known(question).exactly(there) is not None for there in both)
                if not certain or cost == INFINITY or cost > known * (1 + more_than) + LEAST_COST:
                    return now.load.query_id
        return ""

    def _under_settings(self, load: Load, configuration: Configuration) -> tuple[float, ...]:
        key = (load.query_id, configuration)
        if key not in self._of_settings:
            found = self.planner.costs(load.questions, configuration)
            self._of_settings[key] = tuple(INFINITY if each is None else each for each in found)
        return self._of_settings[key]

    def _planned(self, loads: Sequence[Load]) -> Iterator[LoadCost]:
        """Loads with the first of their questions that has a plan: values wait until it is known which loads count."""
        self._ask_as_is([load.questions[0] for load in loads], self._most_explains)
        others = (load.questions[1:] for load in loads if _key(load.questions[0]) in self._without_plan)
        self._ask_as_is([question for questions in others for question in questions], self._most_explains)
        for load in loads:
            found = self._as_is(load)
            if found is not None:
                yield found
            elif _key(load.questions[0]) in self._without_plan:
                self.refused[load.query_id] = self.planner.plan(load.questions[0]).refusal
            else:
                self.refused[load.query_id] = _NOT_ASKED

    def _with_values(self, costs: Sequence[LoadCost], most_explains: float) -> tuple[LoadCost, ...]:
        """Loads with all of their questions that have a plan, until so many EXPLAINs were asked for."""
        given = [self._given[each.load.query_id] for each in costs]
        self._ask_as_is([question for load in given for question in load.questions], most_explains)
        found = []
        for each, load in zip(costs, given, strict=True):
            whole = self._as_is(load) or each
            kept = replace(each.load, questions=whole.load.questions, weights=whole.load.weights)
            found.append(replace(whole, load=kept))
        return tuple(found)

    def _as_is(self, load: Load) -> LoadCost | None:
        """A load with those of its questions whose plan is known, and what they cost; None where none is."""
        known = [
            (question, weight, use.cost)
            for question, weight in zip(load.questions, load.weights, strict=True)
            if (use := self._uses_as_is.get(_key(question))) is not None
        ]
        if not known:
            return None
        whole = sum(weight for _, weight, _ in known)
        kept = replace(
            load,
            questions=tuple(question for question, _, _ in known),
            weights=tuple(weight / whole if whole else 1 / len(known) for _, weight, _ in known),
        )
        return LoadCost(kept, tuple(cost for _, _, cost in known))

    def _ask_as_is(self, questions: Sequence[Question], most_explains: float) -> None:
        """Asks what was not asked before, until so many EXPLAINs were asked for."""
        asked = self._uses_as_is.keys() | self._without_plan
        missing = {key: question for question in questions if (key := _key(question)) not in asked}
        some = list(missing.values())[: max(int(most_explains) - self.explains, 0)]
        if not some:
            return
        for question, use in zip(some, self.planner.uses([(each, AS_IS) for each in some]), strict=True):
            if use is None:
                self._without_plan.add(_key(question))
            else:
                self._uses_as_is[_key(question)] = use

    def _ask(self, asked: Sequence[_Asked]) -> None:
        """Raises EndOfSearchError where the planner answers no more; what it answered before is known then."""
        if not asked:
            return
        if self._spent:
            raise EndOfSearchError(self._spent)
        configurations = {there: self.configuration(there) for there in dict.fromkeys(there for _, there in asked)}
        refused = []
        uses = self.planner.uses([(question, configurations[there]) for question, there in asked])
        for (question, there), use in zip(asked, uses, strict=True):
            if use is None:
                refused.append((question, there))
            else:
                self._answers += 1
                self.known(question).learn(there, use.cost, self._used(use), self._caution(question, use))
        if refused:
            self._not_answered(refused)

    def _not_answered(self, refused: Sequence[_Asked]) -> None:
        """What is planned as it is and not otherwise is taken to cost any amount, unless no plan is given any more."""
        # What came last tells: a limit that was reached is not left again.
        last, under = refused[-1]
        answer = self.planner.plan(last, self.configuration(under))
        if answer.limit:
            self._spent = answer.refusal.removesuffix(".")
            raise EndOfSearchError(self._spent)
        for question, there in reversed(refused):
            known = self.known(question)
            known.learn(there, INFINITY, 0)
            new = there & known.relevant & ~self._standing
            self.unanswered |= new
            if unknown := [bit for bit in bits_of(new) if bit not in self.why_unanswered]:
                if (question, there) != (last, under):
                    answer = self.planner.plan(question, self.configuration(there))
                # That the bound on questions is reached only now is not why.
                self.why_unanswered |= dict.fromkeys(unknown, "" if answer.limit else answer.refusal)

    def _caution(self, question: Question, use: Use) -> float:
        """What a plan is counted as more than its cost.

        Values that count for nothing beside those of real calls say what the planner would do, and that is enough.
        """
        key = _key(question)
        return use.beyond(self._uses_as_is[key]) if key in self._cautious_of else 0.0

    def _used(self, use: Use) -> int:
        bits = 0
        for definition in use.created:
            bits |= 1 << self._places[definition]
        for name in use.names:
            bits |= self._standing_names.get(name, 0)
        return bits

    def _standing_bit(self, name: IndexName, index: Index | None) -> int:
        if name not in self._places:
            families, facts = self._families, self.facts
            family = None if families is None else families.of_dropped(name)
            found = index if facts is None else facts.index_named(name.schema, name.name)
            # An index of expressions tells by its statistics whether it is used or not.
            telling = found is None or any(key.expression is not None for key in found.definition.keys)
            self._standing |= 1 << len(self._places)
            self._standing_names[name.name] |= 1 << len(self._places)
            for part in () if facts is None or found is None else facts.child_indexes(found.oid):
                self._standing_names[part.name] |= 1 << len(self._places)
            self._add(name, family, telling=telling)
        return 1 << self._places[name]

    def _add(self, item: IndexDefinition | IndexName, family: int | None, *, telling: bool) -> None:
        bit = 1 << len(self._places)
        self._places[item] = len(self._places)
        self._items.append(item)
        self._of_family[family].append((item, bit))
        self._telling |= bit if telling else 0
        if telling or isinstance(item, IndexName):
            # What is known was known without a word of it. The planner remembers what it was asked.
            self._known = {}
        for key, known in self._known.items():
            if bit & self._relevant(self._questions[key]):
                known.relevant |= bit

    def _relevant(self, question: Question) -> int:
        """The indexes that a plan of a statement might use."""
        families = None if self._families is None else self._families.of_question(question)
        relevance = None if self.facts is None else Relevance(self.facts, question.shape)
        relevant = 0
        for family in self._of_family if families is None else (None, *families):
            for item, bit in self._of_family.get(family, ()):
                if relevance is None or isinstance(item, IndexName) or relevance.of(item):
                    relevant |= bit
        return relevant


def _key(question: Question) -> _Key:
    return question.query_id, question.text, question.values
