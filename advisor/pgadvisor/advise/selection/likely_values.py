"""Which of a statement's possible values its calls had, by the rows that they returned.

Nobody has seen a call, and the values that statistics offer are as far apart as can be. A call for a value with many
rows returns many: of all calls such can be no more than what was returned, divided by what each of them returns. A call
for a value that is not there returns none: such can be no more than the others leave, if these return all they may.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, inf

from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.model.plans import ValueChoice
from pgadvisor.model.shape import StatementKind
from pgadvisor.model.whatif import AS_IS
from pgadvisor.planner.counted import Counted
from pgadvisor.planner.protocol import Planner, Question

# What the planner expects and what is returned differ by this factor without a word about the values.
_ERRS = 5.0
# Of a bigint. Python reads no number of thousands.
_DIGITS = 19
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


def _weighed(load: Load, facts: Facts, planned: Sequence[float | None]) -> Load:
    """A load by the rows that the planner expects of each question, at least one; None where there is no plan."""
    statement = facts.statements[load.query_id]
    mean = statement.rows / statement.calls
    returning = _returning(load, facts, planned, ceil(max(mean, 1.0)))
    least, most = max(mean, 1.0) / _ERRS, max(mean, 1.0) * _ERRS
    told = [rows for rows in returning if rows is not None]
    # Where a call returns less than a row, some return none.
    fitting = [rows for rows in told if least <= rows <= most or (not rows and mean < 1)]
    if not fitting or all(least <= rows <= most for rows in told):
        return load
    # Those of few rows leave to the others what these return at most.
    highest = max(*fitting, 1.0)

    def part(rows: float | None, known: float | None) -> float:
        """How many of all calls may have been for a value of which each returns so many rows."""
        if rows is None:
            return 1.0
        if rows < least:
            return max(highest - mean, 0.0) / (highest - rows)
        # Where the planner expects a few there may be none.
        returned = mean if known is not None and known > _ERRS else max(mean, 1.0)
        return min(1.0, returned / rows) if rows <= most else 0.0

    parts = map(part, returning, planned)
    shares = [weight * each for weight, each in zip(load.weights, parts, strict=True)]
    return replace(load, weights=tuple(share / sum(shares) for share in shares)) if any(shares) else load


def _returning(load: Load, facts: Facts, planned: Sequence[float | None], limit: int) -> list[float | None]:
    """The rows that a call for each question returns.

    A LIMIT was planned for as good as any: it is taken to be the least by which calls return what they did. One further
    down, by which the statement itself may return more rows, says nothing.
    """
    absent = {
        tuple(each.value for each in sorted(plan.observed.parameters, key=lambda each: each.position))
        for plan in facts.plans(load.query_id)
        if plan.observed.values is ValueChoice.ABSENT
    }
    # Of what returns a row whatever it is asked, as a count does, the planner expects as many for any value.
    differ = max((rows for rows in planned if rows is not None), default=1.0) > 1
    limits = () if load.shape is None else load.shape.limit_parameters

    asked = [_least(question.values or (), limits) for question in load.questions]
    known = [(rows, most) for rows, most in zip(planned, asked, strict=True) if rows is not None and most is not None]
    ends_it = bool(known) and all(rows <= most for rows, most in known)

    def of(question: Question, rows: float | None, most: int | None) -> float | None:
        if rows is not None and rows <= 1 and differ and question.values in absent:
            return 0.0
        if rows is None or not ends_it:
            return rows
        return float(limit if most is None or rows >= most else min(rows, limit))

    return [of(*each) for each in zip(load.questions, planned, asked, strict=True)]


def _least(values: Sequence[str | None], positions: Sequence[int]) -> int | None:
    """The least of the numbers that stand at some positions; None where there is none."""
    given = [values[position - 1] for position in positions if position <= len(values)]
    return min((int(each) for each in given if each and each.isdecimal() and len(each) <= _DIGITS), default=None)
