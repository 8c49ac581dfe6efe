"""Plans for the values that matter, of the statements whose plan they may change, the most valuable first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from pgadvisor.model.objects import TypeKind
from pgadvisor.model.plans import ObservedPlan, PlanMethod, ValueChoice
from pgadvisor.planner.observation import Candidate, Observation
from pgadvisor.planner.refusals import NotDone
from pgadvisor.planner.values import SKEWED, ValueSet, divergence, has_sample, value_sets
from pgadvisor.planner.wire import explain_command, explain_with

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.planner.guard import Opened, ParameterType

# So many sets of values of one statement at most.
SETS = 4
_OPTIONS = "VERBOSE, SETTINGS, FORMAT JSON"


@dataclass(frozen=True)
class Readable:
    """A statement of which the server showed the generic plan: candidate has the text and the shape that it had.

    equivalent and rewritten are those of ObservedPlan. renumbered: its parameters are not those of the statement's own
    text, which real calls were bound to; positions are the numbers there of those of an equivalent SELECT.
    """

    candidate: Candidate
    equivalent: bool = False
    rewritten: bool = False
    renumbered: bool = False
    positions: tuple[int, ...] = ()


def worth_asking(readable: Sequence[Readable], facts: Facts) -> list[Readable]:
    """The statements whose plan may depend on values, those with most time and most difference first.

    A statement whose values leave about as many rows as unknown ones do needs no EXPLAIN.
    """
    weighed = []
    for each in readable:
        factor = divergence(each.candidate.shape, None, facts)
        if not each.renumbered and has_sample(each.candidate.shape, facts):
            factor = max(factor, SKEWED)
        if factor >= SKEWED:
            weighed.append((each.candidate.calls * each.candidate.mean_ms * math.log(factor), each))
    return [each for _, each in sorted(weighed, key=lambda pair: (-pair[0], pair[1].candidate.query_id))]


def sets_for(each: Readable, types: Sequence[ParameterType], facts: Facts, most: int) -> list[ValueSet]:
    """What to plan a statement with, at most so often.

    Raises NotDone for parameters of a domain: to read a value of one runs its checks, which are its owner's code.
    """
    shape = each.candidate.shape
    if shape is None or not types:
        return []
    domains = {known.name for known in facts.snapshot.catalog.types if known.kind is TypeKind.DOMAIN}
    for type_ in types:
        if type_.name.removesuffix("[]").rpartition(".")[2].strip('"') in domains:
            raise NotDone(f"It has a parameter of the domain {type_.name}, whose checks would run")
    return value_sets(shape, types, facts, text=each.candidate.text, most=min(most, SETS), logged=not each.renumbered)


def not_planned_yet(sets: Sequence[ValueSet], query_id: str, plans: list[ObservedPlan]) -> list[ValueSet]:
    """The sets that no plan of the statement is for yet, so that none is asked for twice.

    A plan for typical values is one for a set with the same values: from then on one that was executed is said to be
    for that set, one that was not stands there for both.
    """
    known = {
        tuple(parameter.value for parameter in plan.parameters): index
        for index, plan in enumerate(plans)
        if plan.query_id == query_id and plan.parameters
    }
    new = []
    for each in sets:
        index = known.get(each.texts)
        if index is None:
            new.append(each)
        elif plans[index].values is ValueChoice.TYPICAL:
            plan = msgspec.structs.replace(plans[index], values=each.choice, parameters=each.values)
            if plan.method is PlanMethod.EXECUTED:
                plans[index] = plan
            else:
                plans.append(plan)
    return new


def plans_for(opened: Opened, sets: Sequence[ValueSet], into: Observation) -> Iterator[tuple[ValueSet, dict[str, Any]]]:
    """The plan for each set, as custom plans are made: the values are bound as text, never part of the command.

    Counts each EXPLAIN in `into`.
    Raises psycopg.Error where the server refuses, NotDone where the time for it is used up.
    """
    command = explain_command(_OPTIONS, opened.text)
    for chosen in sets:
        opened.bound()
        into.explained += 1
        into.value_explains += 1
        yield chosen, explain_with(opened.session, command, chosen.texts)
