"""A statement as it was understood, for people: conditions with the indexes that serve them, joins and order in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pgadvisor.indexes.predicates import only_not_null
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.masking import MASK, mask_literals
from pgadvisor.model.explanation import ConditionView, RelationView, ShapeView, Use
from pgadvisor.model.shape import ColumnRef, Comparand, Predicate, ShapeRelation, StatementKind, StatementShape

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import Index
    from pgadvisor.model.shape import Join, SortKey
    from pgadvisor.statement_facts import StatementPlan

# What a B-tree serves; other access methods serve what their operator classes have.
_BTREE = frozenset(("=", "in", "<", "<=", ">", ">=", "between", "is null", "is not null", "like", "^@", "~"))
_SERVING = ("btree", "hash")
# What plans spell otherwise, or with other operators: LIKE 'a%' is a range.
_REWRITTEN = frozenset(
    ("like", "ilike", "in", "between", "is null", "is not null", "is true", "is false", "similar to")
)
# For each index that plans find rows by, its conditions in them.
_Scans = Mapping[str, Sequence[str]]
_WHOLE_ROWS = {
    StatementKind.INSERT: "new rows of",
    StatementKind.MERGE: "rows of",
    StatementKind.DELETE: "rows deleted from",
}
# Of other functions the other arguments are not known.
_OF_ONE_ARGUMENT = frozenset(("lower", "upper", "abs", "length", "md5", "initcap", "unaccent"))


def shape_view(
    shape: StatementShape, facts: Facts, show_values: bool, plans: Sequence[StatementPlan] = ()
) -> ShapeView:
    """The shape with names in place of oids; constants masked unless values are shown.

    plans are the statement's: an index that one of them finds rows by under a condition serves that, whatever it is.
    """
    scans = _scans(plans)
    several = len({relation.alias for relation in shape.relations}) > 1
    return ShapeView(
        kind=shape.kind.value,
        read_by=shape.read_by.value,
        relations=tuple(_relation(relation, shape, facts) for relation in shape.relations),
        conditions=tuple(
            _condition(predicate, facts, several, show_values, scans)
            for predicate in shape.predicates
            if predicate.relation_oid in facts.relations
        ),
        joins=tuple(_join(join, facts) for join in shape.joins),
        sort=tuple(_sort_key(key, facts) for key in shape.sort),
        group=tuple(_name(column, facts) for column in shape.group),
        distinct=tuple(_name(column, facts) for column in shape.distinct) or (("all columns",) * shape.is_distinct),
        limit=_limit(shape),
        locking=shape.locking,
        written=tuple(_written(shape, facts)),
        functions=shape.functions,
        others=shape.unresolved,
    )


def serving(predicate: Predicate, facts: Facts, scans: _Scans) -> tuple[Index, ...]:
    """The indexes in use by which rows that meet a condition can be found: they begin with its column, or plans say so.

    An index on some rows alone is none, unless a plan uses it.
    """
    indexes = [index for index in facts.indexes_of(predicate.relation_oid) if index.valid and index.ready]
    return tuple(
        index
        for index in indexes
        if _is_shown(index, predicate, scans) or (_begins(index, predicate) and _has_all(index, predicate, scans))
    )


def _begins(index: Index, predicate: Predicate) -> bool:
    """Whether an index begins with the column of a condition that it can serve as it is written."""
    if not predicate.indexable or predicate.hidden_by or predicate.in_or or predicate.operator not in _BTREE:
        return False
    definition = index.definition
    return definition.access_method in _SERVING and definition.keys[0].column == predicate.column


def _has_all(index: Index, predicate: Predicate, scans: _Scans) -> bool:
    """Whether an index holds all rows that can meet a condition."""
    if predicate.operator == "is null":
        return index.definition.predicate is None or index.name in scans
    return only_not_null(index.definition.predicate, (predicate.column,)) or index.name in scans


def _is_shown(index: Index, predicate: Predicate, scans: _Scans) -> bool:
    """Whether a plan finds rows by an index under this condition: through a GIN, an expression, below an OR."""
    if predicate.hidden_by and predicate.hidden_by != "leading wildcard":
        has_column = any(predicate.column in (key.expression or "") for key in index.definition.keys)
    else:
        has_column = predicate.column in index.definition.key_columns
    if not has_column:
        return False
    wanted = [quote_identifier(predicate.column)]
    kind, _, what = predicate.hidden_by.partition(" ")
    if kind == "function":
        wanted.append(f"{what.rpartition('.')[2]}(")
    if predicate.operator not in _REWRITTEN:
        wanted.append(f" {predicate.operator} ")
    return any(all(each in text for each in wanted) for text in scans.get(index.name, ()))


def _scans(plans: Sequence[StatementPlan]) -> _Scans:
    found: dict[str, list[str]] = defaultdict(list)
    for plan in plans:
        for node in plan.root.walk():
            if node.index is not None:
                found[node.index].append(node.index_condition or "")
    return found


def condition_text(predicate: Predicate, *, qualified: bool, show_values: bool) -> str:
    """A condition in SQL, as near to how it was written as its parts tell."""
    column = quote_identifier(predicate.column)
    if qualified:
        column = f"{quote_identifier(predicate.alias)}.{column}"
    hidden = predicate.hidden_by
    if hidden.startswith("function "):
        name = hidden.removeprefix("function ")
        column = f"{name}({column})" if name in _OF_ONE_ARGUMENT else f"{name}(… {column} …)"
    elif hidden.startswith("cast to "):
        column = f"{column}::{hidden.removeprefix('cast to ')}"
    elif hidden == "expression":
        column = f"(… {column} …)"
    text = f"{column} {predicate.operator.upper()}{_operand(predicate, show_values)}"
    return f"NOT ({text})" if predicate.negated else text


def _operand(predicate: Predicate, show_values: bool) -> str:
    parameters = ", ".join(f"${position}" for position in predicate.parameters)
    match predicate.comparand:
        case Comparand.NOTHING:
            return ""
        case Comparand.CONSTANT if predicate.constant is not None:
            text = predicate.constant if show_values else mask_literals(predicate.constant)
            return f" ({text})" if predicate.operator == "in" else f" {text}"
        case Comparand.PARAMETER if predicate.operator == "between":
            return f" {' AND '.join(f'${position}' for position in predicate.parameters)}"
        case Comparand.PARAMETER if len(predicate.parameters) > 1 or predicate.operator == "in":
            return f" ({parameters})"
        case Comparand.PARAMETER:
            return f" {parameters}"
    return f" {MASK}" if not parameters else f" {MASK} {parameters} {MASK}"


def _condition(predicate: Predicate, facts: Facts, several: bool, show_values: bool, scans: _Scans) -> ConditionView:
    relation = facts.relations[predicate.relation_oid]
    indexes = serving(predicate, facts, scans)
    statistics = facts.statistics(predicate.relation_oid, predicate.column)
    distinct = facts.distinct_values(predicate.relation_oid, predicate.column)
    kept = None
    if statistics is not None and distinct and predicate.operator in ("=", "in"):
        kept = (1.0 - statistics.null_fraction) / max(distinct, 1.0)
    frequencies = () if statistics is None else statistics.most_common_frequencies or ()
    use, reason = _use(predicate, indexes, facts)
    return ConditionView(
        relation=f"{relation.schema}.{relation.name}",
        alias=predicate.alias,
        column=predicate.column,
        text=condition_text(predicate, qualified=several, show_values=show_values),
        compared_with=predicate.comparand.value,
        use=use,
        reason=reason,
        indexes=tuple(index.name for index in indexes),
        kept_fraction=kept,
        most_common_fraction=frequencies[0] if frequencies and predicate.operator == "=" else None,
    )


def _use(predicate: Predicate, indexes: tuple[Index, ...], facts: Facts) -> tuple[Use, str]:
    if indexes:
        return Use.SERVED, ""
    if predicate.hidden_by:
        kind, _, what = predicate.hidden_by.partition(" ")
        if kind == "function":
            return Use.HIDDEN, f"the function {what} stands around the column"
        if kind == "cast":
            return Use.HIDDEN, f"the column is {predicate.hidden_by}"
        if predicate.hidden_by == "leading wildcard":
            return Use.HIDDEN, "the pattern begins with a wildcard"
        return Use.HIDDEN, "the column stands within an expression"
    if predicate.in_or:
        return Use.LIMITS_NOTHING, "it stands below OR, NOT or an outer join, and alone limits nothing"
    others = [index for index in facts.indexes_of(predicate.relation_oid) if predicate.column in _first_columns(index)]
    special = [index for index in others if index.definition.access_method not in _SERVING]
    if special:
        named = ", ".join(f"{index.name} ({index.definition.access_method})" for index in special)
        return Use.NOT_SERVED, f"{named} may serve it, but no plan at hand uses it"
    if not predicate.indexable:
        if predicate.operator == "like" and predicate.parameters:
            return Use.HIDDEN, "an index serves only a pattern that is known to begin with no wildcard"
        return Use.HIDDEN, f"no B-tree serves {predicate.operator.upper()}"
    if any(index.definition.predicate for index in others):
        return Use.NOT_SERVED, "no index on all rows begins with this column"
    return Use.NOT_SERVED, "no index begins with this column"


def _first_columns(index: Index) -> tuple[str | None, ...]:
    """The columns that an index finds rows by on their own: of a B-tree the first, of a GIN or a BRIN any."""
    columns = index.definition.key_columns
    return columns if index.definition.access_method in ("gin", "brin") else columns[:1]


def _relation(relation: ShapeRelation, shape: StatementShape, facts: Facts) -> RelationView:
    known = facts.relations.get(relation.relation_oid)
    columns = [each.column for each in shape.columns_read if each.relation_oid == relation.relation_oid]
    return RelationView(
        name=relation.alias if known is None else f"{known.schema}.{known.name}",
        alias=relation.alias,
        written=relation.written,
        through=relation.through,
        row_count=facts.row_count(relation.relation_oid),
        total_bytes=facts.total_bytes(relation.relation_oid),
        columns=tuple(dict.fromkeys(columns)),
    )


def _written(shape: StatementShape, facts: Facts) -> Iterator[str]:
    """What it writes: whole rows, and the columns that it assigns."""
    what = _WHOLE_ROWS.get(shape.kind)
    for relation in shape.relations:
        known = facts.relations.get(relation.relation_oid)
        if what and relation.written and known is not None:
            yield f"{what} {quote_identifier(known.name)}"
    yield from (_name(column, facts) for column in shape.columns_written)


def _name(column: ColumnRef | SortKey, facts: Facts) -> str:
    relation = facts.relations.get(column.relation_oid)
    table = "" if relation is None else f"{quote_identifier(relation.name)}."
    return table + quote_identifier(column.column)


def _join(join: Join, facts: Facts) -> str:
    return f"{_name(join.left, facts)} = {_name(join.right, facts)}"


def _sort_key(key: SortKey, facts: Facts) -> str:
    text = _name(key, facts) + (" DESC" if key.descending else "")
    # PostgreSQL's default puts nulls last where the order is ascending.
    return text if key.nulls_first == key.descending else f"{text} NULLS {'FIRST' if key.nulls_first else 'LAST'}"


def _limit(shape: StatementShape) -> str:
    if not shape.has_limit:
        return ""
    limit = shape.limit if shape.limit is not None else ", ".join(f"${n}" for n in shape.limit_parameters) or MASK
    offset = shape.offset if shape.offset is not None else ", ".join(f"${n}" for n in shape.offset_parameters)
    return f"LIMIT {limit}" + (f" OFFSET {offset}" if offset not in ("", None) else "")
