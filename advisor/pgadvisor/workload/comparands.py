"""The two sides of a condition: the columns in it, and what they are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sqlglot import exp

from pgadvisor.model.catalog import Column
from pgadvisor.model.shape import Comparand
from pgadvisor.workload.mended_literals import is_cut
from pgadvisor.workload.scopes import Scope, Subject
from pgadvisor.workload.trees import Tree, bare, children, identifier, parameters, uncast, walk
from pgadvisor.workload.volatility import VOLATILE
from pgadvisor.workload.words import words

if TYPE_CHECKING:
    from pgadvisor.workload.reader import Reader

# What looks like a column but is a function without parentheses.
_NILADIC = words("current_user current_role session_user user current_catalog current_schema default")

_STRINGS = (exp.Literal, exp.ByteString, exp.RawString, exp.National, exp.HexString, exp.BitString)

_INTEGERS = frozenset({"int2", "int4", "int8"})
_WIDER_NUMBERS = {exp.DType.DECIMAL: "numeric", exp.DType.DOUBLE: "double precision", exp.DType.FLOAT: "real"}
# A cast of a column to these changes nothing that an index would notice. (pg_cast, castmethod b.)
_SAME = {
    "varchar": (exp.DType.TEXT, exp.DType.VARCHAR),
    "text": (exp.DType.TEXT, exp.DType.VARCHAR),
    "int2": (exp.DType.SMALLINT,),
    "int4": (exp.DType.INT,),
    "int8": (exp.DType.BIGINT,),
    "uuid": (exp.DType.UUID,),
    "date": (exp.DType.DATE,),
    "timestamp": (exp.DType.TIMESTAMP,),
    "timestamptz": (exp.DType.TIMESTAMPTZ,),
    "bool": (exp.DType.BOOLEAN,),
    "jsonb": (exp.DType.JSONB,),
    "numeric": (exp.DType.DECIMAL,),
    "float8": (exp.DType.DOUBLE,),
}


@dataclass(frozen=True)
class Other:
    """What stands on the other side. occurrences are the uses of relations whose columns are in it.

    wildcard: as a pattern it begins with one. collation is the one that COLLATE gives to the comparison.
    """

    comparand: Comparand
    constant: str | None = None
    parameters: tuple[int, ...] = ()
    occurrences: frozenset[int] = frozenset()
    volatile: bool = False
    cast_to: exp.DType | None = None
    wildcard: bool = False
    collation: str = ""

    def converts(self, column: Column) -> str:
        """The cast or collation that PostgreSQL itself gives to a column to compare it with this; "" for none."""
        if self.collation and self.collation != column.collation:
            return f"collation {self.collation}"
        if column.type_name in _INTEGERS and self.cast_to in _WIDER_NUMBERS:
            return f"cast to {_WIDER_NUMBERS[self.cast_to]}"
        if column.type_name == "bpchar" and self.cast_to is exp.DType.TEXT:
            return "cast to text"
        return ""


def subjects(reader: Reader, node: Tree, scope: Scope) -> list[Subject]:
    """The base columns on one side of a condition, subqueries left out."""
    node = bare(node)
    if isinstance(node, exp.Column):
        return list(reader.output_of(node, scope).subjects)
    if isinstance(node, exp.Cast | exp.Collate) and isinstance(bare(node.this), exp.Column):
        return [_wrapped(subject, node) for subject in subjects(reader, node.this, scope)]
    hidden_by = _hiding(reader, node)
    found: dict[Subject, None] = {}
    for each in _values(node):
        if isinstance(each, exp.Column):
            for subject in reader.output_of(each, scope).subjects:
                found[Subject(subject.origin, hidden_by)] = None
    return list(found)


def _values(node: Tree) -> Iterator[Tree]:
    """The parts of an expression; of a CASE not what stands after WHEN, which decides but is not compared."""
    stack = [node]
    while stack:
        each = stack.pop()
        yield each
        if isinstance(each, exp.Query):
            continue
        parts = children(each)
        if isinstance(each, exp.Case):
            parts = [part.args["true"] if isinstance(part, exp.If) else part for part in parts if part is not each.this]
        stack.extend(reversed(parts))


def others(reader: Reader, nodes: Sequence[Tree], scope: Scope) -> Other:
    """What a column is compared with: one value, or those of a list or a range taken together."""
    each = [_other(reader, node, scope) for node in nodes]
    if len(each) == 1:
        return each[0]
    kinds = {other.comparand for other in each}
    constants = [other.constant for other in each if other.constant is not None]
    for comparand in (Comparand.COLUMN, Comparand.EXPRESSION, Comparand.PARAMETER, Comparand.CONSTANT):
        if comparand in kinds:
            break
    else:
        comparand = Comparand.EXPRESSION
    return Other(
        comparand,
        constant=", ".join(constants) if comparand is Comparand.CONSTANT and len(constants) == len(each) else None,
        parameters=tuple(dict.fromkeys(n for other in each for n in other.parameters)),
        occurrences=frozenset().union(*(other.occurrences for other in each)),
        volatile=any(other.volatile for other in each),
        cast_to=next((other.cast_to for other in each if other.cast_to is not None), None),
        wildcard=any(other.wildcard for other in each),
        collation=next((other.collation for other in each if other.collation), ""),
    )


def _other(reader: Reader, node: Tree, scope: Scope) -> Other:
    node = bare(node)
    collation = _collation(node) if isinstance(node, exp.Collate) else ""
    node = bare(node.this) if isinstance(node, exp.Collate) else node
    cast_to = node.to.this if isinstance(node, exp.Cast) and isinstance(node.to, exp.DataType) else None
    inner = uncast(node)
    constant = _constant(inner)
    if constant is not None:
        wildcard = constant.startswith(("'%", "'_"))
        return Other(
            Comparand.CONSTANT, constant=constant or None, cast_to=cast_to, wildcard=wildcard, collation=collation
        )
    positions = parameters(node)
    if isinstance(inner, exp.Parameter):
        return Other(Comparand.PARAMETER, parameters=positions, cast_to=cast_to, collation=collation)
    occurrences: set[int] = set()
    volatile = False
    for each in walk(inner):
        if isinstance(each, exp.Column):
            occurrences |= reader.occurrences_of(each, scope)
        elif isinstance(each, exp.Func):
            volatile = volatile or reader.function_name(each) in VOLATILE
    is_column = isinstance(inner, exp.Column) and inner.name.lower() not in _NILADIC
    return Other(
        Comparand.COLUMN if is_column else Comparand.EXPRESSION,
        parameters=positions,
        occurrences=frozenset(occurrences),
        volatile=volatile,
        cast_to=cast_to,
        wildcard=_begins_with_wildcard(inner),
        collation=collation,
    )


def _begins_with_wildcard(node: Tree) -> bool:
    """Whether a pattern put together of parts begins with a wildcard: `'%' || $1`, `concat('%', $1, '%')`."""
    while isinstance(node, exp.DPipe | exp.Concat):
        node = uncast(node.expressions[0] if isinstance(node, exp.Concat) else node.this)
    return isinstance(node, exp.Literal) and node.is_string and node.name.startswith(("%", "_"))


def _constant(node: Tree) -> str | None:
    """A constant as SQL spells it; "" where it is too long to be kept, None where it is no constant."""
    if isinstance(node, exp.Neg):
        inner = _constant(uncast(node.this))
        return inner and f"-{inner}"
    if isinstance(node, exp.Literal) and not node.is_string:
        return str(node.name)
    if isinstance(node, _STRINGS):
        value = str(node.name)
        return "" if is_cut(value) else "'" + value.replace("'", "''") + "'"
    if isinstance(node, exp.Boolean | exp.Null):
        return node.sql().lower()
    return None


def _wrapped(subject: Subject, node: exp.Cast | exp.Collate) -> Subject:
    """A column below a cast or a COLLATE."""
    column = subject.origin.column
    if isinstance(node, exp.Collate):
        collation = _collation(node)
        hiding = "" if collation == column.collation else f"collation {collation}"
    else:
        same = node.to.this in _SAME.get(column.type_name, ()) and not node.to.expressions
        hiding = "" if same else f"cast to {_type_name(node.to)}"
    return Subject(subject.origin, subject.hidden_by or hiding)


def _collation(node: exp.Collate) -> str:
    named = node.expression
    return identifier(named.this if isinstance(named, exp.Column) else named)


def _type_name(node: Tree) -> str:
    """The name of a type; sqlglot has another for numeric."""
    plain = isinstance(node, exp.DataType) and isinstance(node.this, exp.DType) and not node.expressions
    name = _plain_type_name(node.this) if plain else node.sql(dialect="postgres").lower()
    return "numeric" + name.removeprefix("decimal") if name.startswith("decimal") else name


@cache
def _plain_type_name(kind: exp.DType) -> str:
    return exp.DataType(this=kind).sql(dialect="postgres").lower()


def _hiding(reader: Reader, node: Tree) -> str:
    """What stands around the columns of an expression."""
    while isinstance(node, exp.Collate):
        node = bare(node.this)
    if isinstance(node, exp.Cast):
        return f"cast to {_type_name(node.to)}"
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Func):
        node = node.expression
    name = reader.function_name(node) if isinstance(node, exp.Func) else ""
    # CASE, operators of JSON and the like are functions to the parser, but have no name in the text.
    return f"function {name}" if name else "expression"
