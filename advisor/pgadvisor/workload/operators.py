"""PostgreSQL's spelling of comparison operators, and which of them a B-tree serves."""

from __future__ import annotations

from sqlglot import exp

from pgadvisor.model.catalog import Column
from pgadvisor.workload.words import words

BINARY: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "is not distinct from",
    exp.NullSafeNEQ: "is distinct from",
    exp.Like: "like",
    exp.ILike: "ilike",
    exp.RegexpLike: "~",
    exp.RegexpILike: "~*",
    exp.SimilarTo: "similar to",
    exp.ArrayContainsAll: "@>",
    exp.ArrayContainedBy: "<@",
    exp.ArrayOverlaps: "&&",
    exp.JSONBContainsTopKey: "?",
    exp.JSONBContainsAnyTopKeys: "?|",
    exp.JSONBContainsAllTopKeys: "?&",
    exp.JSONBPathExists: "@?",
    exp.Adjacent: "-|-",
    exp.ExtendsLeft: "&<",
    exp.ExtendsRight: "&>",
    exp.Overlaps: "overlaps",
}

# Operators that have a word, or another spelling, for a name.
SYNONYMS = {"!=": "<>", "~~": "like", "~~*": "ilike", "!~~": "not like", "!~~*": "not ilike"}

# The operator with its sides exchanged.
FLIPPED = {
    "=": "=",
    "<>": "<>",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
    "is distinct from": "is distinct from",
    "is not distinct from": "is not distinct from",
    "@>": "<@",
    "<@": "@>",
    "&&": "&&",
    "@@": "@@",
    "-|-": "-|-",
}

NEGATED = {
    "in": "not in",
    "not in": "in",
    "between": "not between",
    "like": "not like",
    "ilike": "not ilike",
    "~": "!~",
    "~*": "!~*",
    "similar to": "not similar to",
    "is distinct from": "is not distinct from",
    "is not distinct from": "is distinct from",
}

_BTREE = frozenset({"=", "<", "<=", ">", ">=", "between", "in", "is null", "is true", "is false"})

# Types without a default B-tree operator class. (pg_opclass.)
_NO_BTREE_TYPES = words("json xml point line lseg box path polygon circle xid cid aclitem")


def can_use_btree(operator: str, column: Column, constant: str | None) -> bool:
    """Whether a B-tree on a column serves an operator: equality, range, IN, IS NULL, LIKE with a fixed beginning."""
    if column.type_name in _NO_BTREE_TYPES:
        return False
    if operator == "like":
        return constant is not None and not constant.startswith(("'%", "'_", "'\\", "''"))
    return operator in _BTREE
