"""Which indexes a plan uses, read from EXPLAIN's JSON: those that it does not use make no other plan of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.caution import Caution
from pgadvisor.planner.protocol import Answer, Asked, Planner, Question, Use

if TYPE_CHECKING:
    from pgadvisor.facts import Facts


def names_in(node: Mapping[str, Any]) -> Iterator[str]:
    """Names of the indexes that a node of a plan and those below it read."""
    if "Index Name" in node:
        yield node["Index Name"]
    for child in node.get("Plans", ()):
        yield from names_in(child)


def by_configuration(asked: Sequence[Asked]) -> Iterator[tuple[Configuration, list[Question]]]:
    """Questions that stand together under one configuration, with it."""
    # Large configurations take long to compare.
    for _, some in groupby(asked, key=lambda each: id(each[1])):
        pairs = list(some)
        yield pairs[0][1], [question for question, _ in pairs]


def uses_by_plans(planner: Planner, asked: Sequence[Asked], facts: Facts) -> tuple[Use | None, ...]:
    """What statements cost and which indexes they use, plan by plan; None where one is refused.

    A name that is nobody's (a partition's part of an index) may be that of any index of the configuration. Raises
    PlannerError where the planner is gone.
    """
    caution = Caution(facts)
    return tuple(
        use
        for configuration, questions in by_configuration(asked)
        for use in _uses_under(planner, questions, configuration, facts, caution)
    )


def _uses_under(
    planner: Planner, questions: Sequence[Question], configuration: Configuration, facts: Facts, caution: Caution
) -> Iterator[Use | None]:
    answers = [planner.plan(question, configuration) for question in questions]
    named: dict[str, set[IndexDefinition]] = {}
    for name, definition in zip(planner.names(configuration.create), configuration.create, strict=True):
        named.setdefault(name, set()).add(definition)
    existing = {index.name for index in facts.indexes.values()} if configuration.create else frozenset[str]()
    return (_use(answer, named, existing, configuration, caution) for answer in answers)


def _use(
    answer: Answer,
    named: Mapping[str, Collection[IndexDefinition]],
    existing: Collection[str],
    configuration: Configuration,
    caution: Caution,
) -> Use | None:
    if answer.plan is None or answer.cost is None:
        return None
    names = frozenset(names_in(answer.plan["Plan"]))
    created = {definition for name in names for definition in named.get(name, ())}
    if configuration.create and any(name not in named and name not in existing for name in names):
        created.update(configuration.create)
    rows = float(answer.plan["Plan"].get("Plan Rows", 1.0))
    beyond = caution.of(answer.plan["Plan"], named)
    return Use(answer.cost, frozenset(created), names, beyond.caution, rows, beyond.toll)
