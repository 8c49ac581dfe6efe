"""Plans that the server showed, as it showed them, with how they were had."""

from __future__ import annotations

import enum
from typing import Any

from pgadvisor.model.base import Model


class PlanMethod(enum.StrEnum):
    """How a plan was had: for unknown values, for given values, or executed with given values."""

    GENERIC = "generic"
    VALUES = "values"
    EXECUTED = "executed"


class ParameterValue(Model, frozen=True, kw_only=True):
    """A value a statement was planned with, and where it came from (such as "most common value of public.t.c")."""

    position: int
    type: str
    value: str | None
    source: str


class ObservedPlan(Model, frozen=True, kw_only=True):
    """One plan of one statement.

    equivalent_select: the role may not EXPLAIN the statement itself, so the SELECT that finds the same rows was
    planned. plan is EXPLAIN's JSON object ("Plan", "Planning Time", "Settings" ...), untouched. planner names the
    planner and its version.
    """

    query_id: str
    method: PlanMethod
    plan: dict[str, Any]
    planner: str
    equivalent_select: bool = False
    parameters: tuple[ParameterValue, ...] = ()
