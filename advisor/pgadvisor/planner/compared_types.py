"""Types of parameters by the columns that they are compared with, where the server cannot tell them by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pgadvisor.model.shape import Comparand, StatementShape
from pgadvisor.workload.words import words

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

_MODIFIERS = re.compile(r"\(.*?\)")
# Types of the system's own, so that a cast to one runs nobody's code and no name of somebody's making enters a text.
_SYSTEM_TYPES = words("smallint integer bigint numeric real text date uuid boolean inet jsonb json") | {
    "double precision",
    "character varying",
    "timestamp without time zone",
    "timestamp with time zone",
    "interval",
}
_KEEPS_TYPE = ("", "function lower", "function upper")


def compared_types(shape: StatementShape | None, facts: Facts) -> Mapping[int, str]:
    """The system's types that columns compared with parameters have, by the parameters' positions.

    A parameter within an array has the type of an element.
    """
    found: dict[int, str] = {}
    for predicate in () if shape is None else shape.predicates:
        column = facts.column(predicate.relation_oid, predicate.column)
        if column is None or predicate.hidden_by not in _KEEPS_TYPE:
            continue
        type_ = _MODIFIERS.sub("", column.type)
        if predicate.comparand is Comparand.EXPRESSION:
            type_ = type_.removesuffix("[]")
        if type_ in _SYSTEM_TYPES:
            for position in predicate.parameters:
                found.setdefault(position, type_)
    return found
