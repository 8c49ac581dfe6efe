"""Which of a statement's possible values its calls had, by the rows that they returned.

Nobody has seen a call, and the values that statistics offer are as far apart as can be. A call for a value with many
rows returns many: of all calls such can be no more than what was returned, divided by what each of them returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.model.shape import StatementKind
from pgadvisor.planner.protocol import Planner

# What the planner expects and what is returned differ by this factor without a word about the values.
_ERRS = 5.0
# Statements that took less of the time of all are left as they are: each costs some plans.
_LEAST_SHARE = 0.001


def with_likely_values(facts: Facts, loads: Sequence[Load], planner: Planner) -> tuple[Load, ...]:
    """Loads with the weights of those values that their calls may have had, as far as returned rows say so.

    What a statement returns is the mean of all of its calls. Where no values explain it, none is thought more likely.
    Raises PlannerError where the planner is gone.
    """
    least_ms = _LEAST_SHARE * sum(load.total_ms for load in loads)
    return tuple(_weighed(load, facts, planner) if load.total_ms >= least_ms else load for load in loads)


def _weighed(load: Load, facts: Facts, planner: Planner) -> Load:
    statement = facts.statements.get(load.query_id)
    counting = [weight for weight in load.weights if weight]
    is_select = load.shape is not None and load.shape.kind is StatementKind.SELECT
    # Where some values count and others do not, calls were seen.
    if statement is None or not statement.calls or not is_select or len(counting) < max(len(load.weights), 2):
        return load
    returned = max(statement.rows / statement.calls, 1.0)
    expected = list(_expected(load, planner))
    if not any(each is not None and returned / _ERRS <= each <= returned * _ERRS for each in expected):
        return load
    shares = [
        0.0 if each is not None and each > returned * _ERRS else weight * min(1.0, returned / (each or 1.0))
        for each, weight in zip(expected, load.weights, strict=True)
    ]
    if all(shares):
        return load
    return replace(load, weights=tuple(share / sum(shares) for share in shares))


def _expected(load: Load, planner: Planner) -> Iterator[float | None]:
    """Rows that the planner expects of each question, at least one; None where there is no plan."""
    for question in load.questions:
        plan = planner.plan(question).plan
        yield None if plan is None else max(float(plan["Plan"]["Plan Rows"]), 1.0)
