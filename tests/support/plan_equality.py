"""Whether what the parser says of a statement is what the server's verbose plan shows, and the schema to ask it with.

Both are told as relations (and which are written) and conditions (column and operator). What the planner
writes in another way is brought into one form, and nothing else:

- BETWEEN is two comparisons; IN of one member is `=`, NOT IN of one `<>`; LIKE and its kin are the operators `~~` ...
- A join is an equality of each of its columns. Equal columns are one (`a = b and b = c` may become `a = c`, and
  `a = b and a = 1` may become `b = 1`): each is called by the least of those equal to it. Their equality need not
  be shown again where another of the same class is.
- `x = true` is `x is true`, `x = false` is `x is false`.
- A condition that several uses of a relation share, or that the planner copies, is one; so is a relation that is used
  several times: shapes hold one use of each alias.
"""

from __future__ import annotations

from typing import Any

import psycopg

from pgadvisor.model.catalog import Catalog, Column, Relation, RelationKind
from pgadvisor.model.shape import StatementShape
from pgadvisor.workload.schema import SchemaView

Place = tuple[int, str]

_RELATIONS = """
select c.oid::int8, n.nspname, c.relname, c.relkind::text, i.inhparent::int8,
       case when c.relkind = 'v' then pg_get_viewdef(c.oid) end
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_inherits i on i.inhrelid = c.oid
where c.relkind in ('r', 'p', 'v', 'm') order by c.oid
"""
_COLUMNS = """
select a.attrelid::int8, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid::int8, t.typname,
       t.typcategory::text, a.attnotnull
from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_class c on c.oid = a.attrelid
where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm') order by 1, 2
"""


_KINDS = {
    "r": RelationKind.TABLE,
    "p": RelationKind.PARTITIONED,
    "v": RelationKind.VIEW,
    "m": RelationKind.MATERIALIZED_VIEW,
}


def whole_schema(connection: psycopg.Connection[Any]) -> SchemaView:
    """Everything in a database, the system's relations too, which collection leaves out."""
    relations = tuple(
        Relation(oid=oid, schema=schema, name=name, kind=_KINDS[kind], owner="o", parent_oid=parent, definition=text)
        for oid, schema, name, kind, parent, text in connection.execute(_RELATIONS).fetchall()
    )
    columns = tuple(
        Column(
            relation_oid=oid,
            number=number,
            name=name,
            type=type_,
            type_oid=type_oid,
            type_name=type_name,
            type_category=category,
            not_null=not_null,
        )
        for oid, number, name, type_, type_oid, type_name, category, not_null in connection.execute(_COLUMNS).fetchall()
    )
    return SchemaView(Catalog(relations=relations, columns=columns), ("pg_catalog", "public"))


def generic_plan(connection: psycopg.Connection[Any], text: str) -> dict[str, Any]:
    """The plan of a text for unknown values. Raises psycopg's errors where the server refuses it."""
    connection.execute("deallocate all")
    with connection.transaction(force_rollback=True):
        connection.execute(b"prepare statement as " + text.encode())
        types = "select cardinality(parameter_types) from pg_prepared_statements where name = 'statement'"
        row = connection.execute(types).fetchone()
        values = ", ".join(["null"] * (row[0] if row else 0))
        explain = "explain (verbose, costs off, format json) execute statement" + (f"({values})" if values else "")
        shown = connection.execute(explain.encode()).fetchone()
    assert shown is not None
    plan: dict[str, Any] = shown[0][0]
    return plan


def relations_of(shape: StatementShape) -> set[tuple[int, bool]]:
    """The relations used, and whether they are written."""
    written = {relation.relation_oid for relation in shape.relations if relation.written}
    return {(relation.relation_oid, relation.relation_oid in written) for relation in shape.relations}


def equal_columns(*shapes: StatementShape) -> dict[Place, Place]:
    """The least of the columns that a column is equal to."""
    least: dict[Place, Place] = {}

    def find(place: Place) -> Place:
        while least.get(place, place) != place:
            place = least[place]
        return place

    for shape in shapes:
        for join in shape.joins:
            one = find((join.left.relation_oid, join.left.column))
            other = find((join.right.relation_oid, join.right.column))
            least[max(one, other)] = min(one, other)
    places = {
        (join.relation_oid, join.column) for shape in shapes for pair in shape.joins for join in (pair.left, pair.right)
    }
    return {place: find(place) for place in places}


def difference(parsed: StatementShape, shown: StatementShape) -> str:
    """In what they differ; "" where they are equal."""
    if parsed.kind is not shown.kind:
        return f"{parsed.kind} is shown as {shown.kind}"
    if relations_of(parsed) != relations_of(shown):
        return f"relations {sorted(relations_of(parsed) ^ relations_of(shown))}"
    equal = equal_columns(parsed, shown)
    one, other = conditions_of(parsed, equal), conditions_of(shown, equal)
    return "" if one == other else f"conditions {sorted(one - other)} are shown as {sorted(other - one)}"


_SPLIT = {"between": (">=", "<="), "not between": ("<", ">")}
_SAME = {"in": "=", "not in": "<>", "= any": "=", "<> all": "<>"}


def conditions_of(shape: StatementShape, equal: dict[Place, Place]) -> set[tuple[int, str, str]]:
    """Columns and operators, in one form."""
    found: set[tuple[int, str, str]] = set()
    for predicate in shape.predicates:
        place = (predicate.relation_oid, predicate.column)
        for each in _SPLIT.get(predicate.operator, (predicate.operator,)):
            operator = _SAME.get(each, each)
            if operator == "=" and predicate.constant in ("true", "false"):
                operator = f"is {predicate.constant}"
            spelled = f"not {operator}" if predicate.negated else operator
            found.add((*(equal.get(place, place) if operator == "=" else place), spelled))
    for join in shape.joins:
        place = (join.left.relation_oid, join.left.column)
        found.add((*equal.get(place, place), "="))
    return found
