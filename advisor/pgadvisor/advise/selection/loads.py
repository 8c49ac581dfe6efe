"""The workload as it weighs: each statement with the values it is planned for, and the time that it took."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from pgadvisor.advise.whatif_values import ValueSets
from pgadvisor.facts import Facts
from pgadvisor.model.shape import StatementKind, StatementShape
from pgadvisor.planner.protocol import Question
from pgadvisor.statement_facts import Statement
from pgadvisor.workload.policies import Policies
from pgadvisor.workload.role_settings import costliest_roles

# Of names that are no relations of the database; extensions' views, as pg_stat_statements, are called so too.
_OF_SYSTEM = re.compile(r"(?:pg_catalog|information_schema)\.|pg_[^.]*$")
_PARAMETER = re.compile(r"\$\d")


@dataclass(frozen=True)
class Load:
    """A statement, or several that are planned alike, by what it is asked as and how it counts.

    questions are it for unknown values and for each set that is known, at least one; weights say how much each counts,
    1 in all: values of real calls alone count where there are any, the others then only say what must not get worse.
    total_ms is the time that it took over the window, without what its callers are counted for, and as far as its plan
    explains it (explained_time.py). stands_for are other statements whose calls and time it counts as its own.
    foreign_key is the key ("schema.table.name") whose check it is, which the server runs by itself; its calls are
    counted rows and its time is estimated then.
    """

    query_id: str
    shape: StatementShape | None
    questions: tuple[Question, ...]
    weights: tuple[float, ...]
    calls: int
    total_ms: float
    stands_for: tuple[str, ...] = ()
    foreign_key: str = ""


@dataclass(frozen=True)
class LoadCost:
    """Costs of a load's questions under one configuration, in their order.

    cautions are what of them the planner does not count (planner/caution.py), () for nothing.
    """

    load: Load
    costs: tuple[float, ...]
    cautions: tuple[float, ...] = ()

    @property
    def mean(self) -> float:
        """The cost of one call, its values by their weight; infinity where one that counts cannot be planned."""
        return sum(cost * weight for cost, weight in zip(self.costs, self.load.weights, strict=True) if weight)


def loads_of(facts: Facts) -> tuple[Load, ...]:
    """All statements that may have a plan and read more than system catalogs, the costliest first."""
    known = facts.snapshot.statements
    roles = {} if known is None else costliest_roles(known)
    value_sets = ValueSets(facts, show_values=False)
    policies = Policies(facts)

    def of(statement: Statement) -> Iterator[Load]:
        shape = facts.shapes.get(statement.query_id)
        if statement.text is None or (
            shape is not None and (shape.kind is StatementKind.UTILITY or _asks_catalog(shape))
        ):
            return
        role = roles.get(statement.query_id)
        # A planner has its policies, and plans by what they search.
        shape = None if shape is None else policies.within(shape, role)
        unknown = Question(query_id=statement.query_id, text=statement.text, shape=shape, role=role)
        known_values = value_sets.of(statement.query_id)
        real = [replace(unknown, values=each.values) for each in known_values if each.real]
        others = [unknown, *(replace(unknown, values=each.values) for each in known_values if not each.real)]
        counting = real or others
        yield Load(
            query_id=statement.query_id,
            shape=shape,
            questions=(*real, *others),
            weights=(*(1 / len(counting) for _ in counting), *(0.0 for _ in others if real)),
            calls=statement.calls,
            total_ms=statement.own_ms,
        )

    return tuple(load for statement in facts.statements.values() for load in of(statement))


def share_of_time(loads: Sequence[Load], of: Callable[[Load], bool]) -> float:
    """The share of their time that is of some of them."""
    whole = sum(load.total_ms for load in loads)
    return sum(load.total_ms for load in loads if of(load)) / whole if whole else 0.0


def lacks_values(load: Load) -> bool:
    """Whether a statement has parameters of which no call's values are known."""
    return any(
        weight and question.values is None and _PARAMETER.search(question.text)
        for question, weight in zip(load.questions, load.weights, strict=True)
    )


def _asks_catalog(shape: StatementShape) -> bool:
    """Whether a statement reads nothing but system catalogs and their views, as monitoring does.

    An index changes them, and with them what such a statement costs: a twin's catalog has a row for each it imagines.
    """
    return bool(shape.unresolved) and not shape.relations and all(map(_OF_SYSTEM.match, shape.unresolved))
