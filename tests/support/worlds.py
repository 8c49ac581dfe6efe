"""Workloads whose every plan is known: a planner that takes the cheapest plan that it has the indexes for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.loads import Load
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.search import Selection, select
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import index_name
from pgadvisor.model.catalog import Index, IndexDefinition, IndexKey
from pgadvisor.model.index_advice import Goal, IndexPrice
from pgadvisor.model.whatif import AS_IS, Configuration, IndexSize
from pgadvisor.planner.protocol import Question
from pgadvisor.progress import silent
from support.fake_planner import FakePlanner

MB = 1_000_000

# Of a statement: costs by the columns of the indexes that a plan needs; "" for the plan without any.
Plans = Mapping[str, float]


def index_on(columns: str, table: str = "t") -> IndexDefinition:
    """An index on columns with commas between, and in brackets what it includes: "a,b(c)"."""
    keys, _, included = columns.removesuffix(")").partition("(")
    return IndexDefinition(
        schema="public",
        table=table,
        keys=tuple(IndexKey(column=column) for column in keys.split(",")),
        include=tuple(included.split(",")) if included else (),
    )


@dataclass
class World:
    """Statements with their plans, each index by its columns, parted by "+" where a plan needs several.

    existing are columns of indexes that are there, by name. megabytes and write_ms are of indexes by their columns.
    """

    statements: Mapping[str, Plans]
    candidates: Sequence[str] = ()
    megabytes: Mapping[str, float] = field(default_factory=dict)
    write_ms: Mapping[str, float] = field(default_factory=dict)
    existing: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Sequence[Plans]] = field(default_factory=dict)
    unable: frozenset[str] = frozenset()
    facts: Facts | None = None
    calls: int = 1

    def planner(self) -> FakePlanner:
        return _Planner(self._tree, world=self)

    def loads(self) -> tuple[Load, ...]:
        found = []
        for query_id, plans in self.statements.items():
            unknown = Question(query_id=query_id, text=query_id)
            known = [
                Question(query_id=query_id, text=query_id, values=(str(number),))
                for number in range(len(self.values.get(query_id, ())))
            ]
            questions = (unknown, *known)
            found.append(
                Load(
                    query_id=query_id,
                    shape=None,
                    questions=questions,
                    weights=(1 / len(questions),) * len(questions),
                    calls=self.calls,
                    total_ms=plans[""],
                )
            )
        return tuple(found)

    def wanted(self) -> list[Candidate]:
        return [Candidate(definition=index_on(columns)) for columns in self.candidates]

    def select(
        self,
        evaluator: Evaluator | None = None,
        *,
        megabytes: float | None = None,
        goal: Goal = Goal.COST,
        max_indexes: int = 20,
        max_explains: int = 10_000,
        candidates: Sequence[Candidate] | None = None,
    ) -> Selection:
        options = IndexesConfig(
            goal=goal,
            max_bytes=None if megabytes is None else round(megabytes * MB),
            max_indexes=max_indexes,
            min_gain=0.001,
            max_explains=max_explains,
        )
        return select(
            evaluator or self.evaluator(max_explains=max_explains),
            self.wanted() if candidates is None else candidates,
            cast("Prices", _Prices(self)),
            options,
            silent,
        )

    def evaluator(self, *, max_explains: int = 10_000, most_loads: int | None = None) -> Evaluator:
        return Evaluator(self.planner(), self.loads(), max_explains, self.facts, most_loads=most_loads)

    def cost(self, columns: Sequence[str]) -> float:
        """What all statements cost with these indexes, once each."""
        there = {*columns, *self.existing.values()}
        return sum(_cheapest(plans, there)[0] for plans in self.statements.values())

    def bytes_of(self, definition: IndexDefinition) -> int:
        return round(self.megabytes.get(columns_of(definition), 1.0) * MB)

    def _tree(self, question: Question, configuration: Configuration) -> str:
        names = {columns: index_name(index_on(columns), ()) for columns in self.candidates}
        there = {columns_of(each) for each in configuration.create}
        gone = {name.name for name in configuration.drop}
        for name, columns in self.existing.items():
            if name not in gone:
                there.add(columns)
                names[columns] = name
        plans = self.statements[question.query_id]
        if question.values is not None:
            plans = self.values[question.query_id][int(question.values[0] or 0)]
        cost, used = _cheapest(plans, there)
        scans = "".join(f"\n  Index Scan using {names[each]} on public.t cost=1" for each in used)
        return f"Result cost={cost}{scans}"


def columns_of(definition: IndexDefinition) -> str:
    """Its keys with commas between, and in brackets what it includes."""
    included = f"({','.join(definition.include)})" if definition.include else ""
    return ",".join(key.column or "" for key in definition.keys) + included


def chosen(selection: Selection) -> list[str]:
    """Columns of what is created, in order."""
    return [columns_of(each.candidate.definition) for each in selection.create]


def _cheapest(plans: Plans, there: set[str]) -> tuple[float, list[str]]:
    able = [(cost, needed.split("+") if needed else []) for needed, cost in plans.items()]
    return min(each for each in able if there.issuperset(each[1]))


@dataclass
class _Planner(FakePlanner):
    world: World | None = None

    def unable(self, configuration: Configuration) -> str:
        assert self.world is not None
        found = [columns for each in configuration.create if (columns := columns_of(each)) in self.world.unable]
        return f"It has no column {found[0]}." if found else ""

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        assert self.world is not None
        return tuple(IndexSize(definition=each, size_bytes=self.world.bytes_of(each)) for each in definitions)

    def names(self, definitions: Sequence[IndexDefinition]) -> tuple[str, ...]:
        return tuple(index_name(each, ()) for each in definitions)


@dataclass
class _Prices:
    world: World

    def of(self, definition: IndexDefinition, size_bytes: int | None, share: float | None = None) -> IndexPrice:
        return IndexPrice(size_bytes=size_bytes, write_ms=self.world.write_ms.get(columns_of(definition), 0.0))

    def of_existing(self, index: Index) -> IndexPrice:
        return self.of(index.definition, self.world.bytes_of(index.definition))


__all__ = ["AS_IS", "MB", "World", "chosen", "columns_of", "index_on"]
