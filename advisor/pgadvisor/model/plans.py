"""Plans that the server showed, as it showed them, with how they were had."""

from __future__ import annotations

import enum
from typing import Any

from pgadvisor.model.base import Model


class PlanMethod(enum.StrEnum):
    """How a plan was had: for unknown values, for given values, executed with given values, or from a log.

    One from a log (auto_explain) was executed by the application itself, with its values and its settings.
    """

    GENERIC = "generic"
    VALUES = "values"
    EXECUTED = "executed"
    LOGGED = "logged"


class ValueChoice(enum.StrEnum):
    """What a set of values stands for, by the parameter that varies between the sets of one statement."""

    TYPICAL = "typical"
    COMMON = "common"
    RARE = "rare"
    LOW = "low"
    HIGH = "high"
    ABSENT = "absent"
    LOGGED = "logged"
    GIVEN = "given"


class ParameterValue(Model, frozen=True, kw_only=True):
    """A value a statement was planned with, and where it came from (such as "most common value of public.t.c").

    Of one from statistics the source ends in table and column, by which values that are secrets are told.
    """

    position: int
    type: str
    value: str | None
    source: str


class ObservedPlan(Model, frozen=True, kw_only=True):
    """One plan of one statement.

    equivalent_select: the role may not EXPLAIN the statement itself, so the SELECT that finds the same rows was
    planned. plan is EXPLAIN's JSON object ("Plan", "Planning Time", "Settings" ...), untouched. planner names the
    planner and its version. values says what the parameters stand for, None where there are none. role is the role it
    was planned as where that is another than the collecting one; role_missed names the role that runs the statement
    where it could not be planned as that one. rewritten: a constant that the text had lost was given a type. run_ms are
    the times of all executions, the plan's own the last.
    """

    query_id: str
    method: PlanMethod
    plan: dict[str, Any]
    planner: str
    equivalent_select: bool = False
    parameters: tuple[ParameterValue, ...] = ()
    values: ValueChoice | None = None
    role: str = ""
    role_missed: str = ""
    rewritten: bool = False
    run_ms: tuple[float, ...] = ()
