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
    exp.StartsWith: "^@",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
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
    "<<": ">>",
    ">>": "<<",
}

# The operator that holds where one does not; the planner does the same. (negate_clause in prepqual.c.)
NEGATED = {
    "=": "<>",
    "<>": "=",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
    "between": "not between",
    "between symmetric": "not between symmetric",
    "like": "not like",
    "ilike": "not ilike",
    "~": "!~",
    "~*": "!~*",
    "similar to": "not similar to",
    "is distinct from": "is not distinct from",
    "is not distinct from": "is distinct from",
}

_BTREE = frozenset({"=", "<", "<=", ">", ">=", "between", "between symmetric", "in", "is null", "is true", "is false"})

# Types without a default B-tree operator class. (pg_opclass.)
_NO_BTREE_TYPES = words("json xml point line lseg box path polygon circle xid cid aclitem")


# Operators with a pattern on their right.
PATTERNS = words("like ilike not_like not_ilike similar_to not_similar_to")

# Types whose comparisons are leakproof, so that a security barrier lets them through. (pg_proc.proleakproof.)
LEAKPROOF_TYPES = words(
    "bool bytea char int2 int4 int8 float4 float8 text varchar bpchar name oid date time timetz timestamp timestamptz "
    "uuid"
)
LEAKPROOF = frozenset(
    {"=", "<>", "<", "<=", ">", ">=", "between", "in", "not in", "is null", "is not null", "is true", "is false"}
)


def is_pattern(operator: str) -> bool:
    """Whether what stands on the right of an operator is a pattern."""
    return operator.removesuffix(" any").removesuffix(" all").replace(" ", "_") in PATTERNS


def can_use_btree(operator: str, column: Column, constant: str | None) -> bool:
    """Whether a B-tree on a column serves an operator: equality, range, IN, IS NULL, LIKE with a fixed beginning.

    Of ^@, which knows no wildcards, a beginning with one is not believed either: few patterns begin so.
    """
    # Columns of the system have no numbers above zero, and no index.
    if column.type_name in _NO_BTREE_TYPES or column.number < 0:
        return False
    if operator in ("like", "^@"):
        return constant is not None and not constant.startswith(("'%", "'_", "'\\", "''"))
    return operator in _BTREE
