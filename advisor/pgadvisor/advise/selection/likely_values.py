"""Which of a statement's possible values its calls had, by the rows that they returned.

Nobody has seen a call, and the values that statistics offer are as far apart as can be. A call for a value with many
rows returns many: of all calls such can be no more than what was returned, divided by what each of them returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.model.shape import StatementKind
from pgadvisor.model.whatif import AS_IS
from pgadvisor.planner.counted import Counted
from pgadvisor.planner.protocol import Planner

# What the planner expects and what is returned differ by this factor without a word about the values.
_ERRS = 5.0
# Statements that took less of the time of all are left as they are: each costs some plans.
_LEAST_SHARE = 0.001
# Of all that may be asked no more goes to this: the search is to come.
_SHARE_OF_EXPLAINS = 0.1


def with_likely_values(facts: Facts, loads: Sequence[Load], planner: Planner) -> tuple[Load, ...]:
    """Loads with the weights of those values that their calls may have had, as far as returned rows say so.

    What a statement returns is the mean of all of its calls. Where no values explain it, none is thought more likely.
    Nor is it of those that took least, where so many plans may not be asked for. Raises PlannerError where the planner
    is gone.
    """
    asked = list(_asked(facts, loads, planner))
    uses = iter(planner.uses([(question, AS_IS) for load in asked for question in load.questions]) if asked else ())
    expected = {load.query_id: [next(uses) for _ in load.questions] for load in asked}
    return tuple(
        _weighed(load, facts, [None if use is None else max(use.rows, 1.0) for use in expected[load.query_id]])
        if load.query_id in expected
        else load
        for load in loads
    )


def _asked(facts: Facts, loads: Sequence[Load], planner: Planner) -> Iterator[Load]:
    """The loads whose values may tell something, the costliest first, as many as may be asked about."""
    least_ms = _LEAST_SHARE * sum(load.total_ms for load in loads)
    most = planner.most_explains * _SHARE_OF_EXPLAINS if isinstance(planner, Counted) else inf
    for load in sorted(loads, key=lambda load: (-load.total_ms, load.query_id)):
        if load.total_ms < least_ms or len(load.questions) > most:
            return
        if _may_tell(load, facts):
            most -= len(load.questions)
            yield load


def _may_tell(load: Load, facts: Facts) -> bool:
    statement = facts.statements.get(load.query_id)
    counting = [weight for weight in load.weights if weight]
    is_select = load.shape is not None and load.shape.kind is StatementKind.SELECT
    # Where some values count and others do not, calls were seen.
    seen = len(counting) < max(len(load.weights), 2)
    return statement is not None and bool(statement.calls) and is_select and not seen


def _weighed(load: Load, facts: Facts, expected: Sequence[float | None]) -> Load:
    """A load by the rows that the planner expects of each question, at least one; None where there is no plan."""
    statement = facts.statements[load.query_id]
    returned = max(statement.rows / statement.calls, 1.0)
    if not any(each is not None and returned / _ERRS <= each <= returned * _ERRS for each in expected):
        return load
    shares = [
        0.0 if each is not None and each > returned * _ERRS else weight * min(1.0, returned / (each or 1.0))
        for each, weight in zip(expected, load.weights, strict=True)
    ]
    if all(shares):
        return load
    return replace(load, weights=tuple(share / sum(shares) for share in shares))
