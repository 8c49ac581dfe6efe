"""Constraints that rest on no index of their own: foreign keys, and what is not validated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Constraint, ConstraintKind, Relation
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.indexes import deferrability
from pgadvisor.planner.twin.schema.making import NotWrittenByServerError, Way, Wish, clause, make_all
from pgadvisor.planner.twin.schema.partitions import depths_of

_ACTIONS = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_ENFORCED_SINCE = 18
_NOT_NULL_SINCE = 18
# So many are named in a shortfall; all count in relation_oids.
_NAMED = 10


def create_constraints(building: Building) -> None:
    """Makes what CREATE TABLE and indexes left: foreign keys, and CHECKs and NOT NULLs that are not validated.

    Of a partition those that its parent's bring are left out; those of children come before their parents', which then
    find them there.
    """
    facts = building.facts
    depths = depths_of(facts)
    constraints = [each for each in facts.constraints.values() if _table(building, each) is not None]
    unvalidated = [each for each in constraints if not each.validated and each.enforced]
    unvalidated.sort(key=lambda each: (-depths.get(each.table_oid, 0), each.oid))
    make_all(building, _unvalidated(building, unvalidated))
    keys = [each for each in constraints if each.kind is ConstraintKind.FOREIGN_KEY and each.parent_oid is None]
    make_all(building, (wish for each in keys if (wish := _foreign_key(building, each)) is not None))
    _note_unread(building, constraints)
    _note_unheld(building, keys)


def _table(building: Building, constraint: Constraint) -> Relation | None:
    return None if constraint.table_oid in building.failed else building.facts.relations.get(constraint.table_oid)


def _unvalidated(building: Building, constraints: Iterable[Constraint]) -> Iterator[Wish]:
    for constraint in constraints:
        table = building.facts.relations[constraint.table_oid]
        if constraint.kind is ConstraintKind.CHECK and constraint.definition is not None:
            yield _wish(table, constraint, partial(_check, constraint))
        elif constraint.kind is ConstraintKind.NOT_NULL and building.major >= _NOT_NULL_SINCE:
            # The planner of older versions takes a column for NOT NULL or not, and this one is not.
            yield _wish(table, constraint, partial(_not_null, constraint))


def _check(constraint: Constraint) -> Sequence[str]:
    return (clause(constraint.definition or "", "check"),)


def _not_null(constraint: Constraint) -> Sequence[str]:
    if len(constraint.columns) != 1:
        raise NotWrittenByServerError
    inherited = " NO INHERIT" if constraint.no_inherit else ""
    return (f"NOT NULL {quote_identifier(constraint.columns[0])}{inherited} NOT VALID",)


def _foreign_key(building: Building, constraint: Constraint) -> Wish | None:
    """None where it tells the planner nothing: it is read where both tables are, and it is enforced."""
    facts = building.facts
    table = facts.relations[constraint.table_oid]
    referenced = facts.relations.get(constraint.referenced_oid or 0)
    if referenced is None or referenced.oid in building.failed:
        return None
    if not constraint.enforced and building.major < _ENFORCED_SINCE:
        return None
    index = facts.indexes.get(constraint.index_oid or 0)
    over_time = index is not None and index.definition.access_method != "btree"
    return _wish(table, constraint, partial(_reference, constraint, referenced, over_time=over_time), referenced.oid)


def _reference(constraint: Constraint, referenced: Relation, *, over_time: bool) -> Sequence[str]:
    whole = " ".join(
        (
            f"FOREIGN KEY ({_columns(constraint.columns, over_time)})",
            f"REFERENCES {qualified(referenced.schema, referenced.name)}",
            f"({_columns(constraint.referenced_columns, over_time)})",
            *(("MATCH FULL",) if constraint.match_type == "f" else ()),
            *((f"ON UPDATE {_ACTIONS[constraint.on_update]}",) if constraint.on_update in _ACTIONS else ()),
            *((f"ON DELETE {_ACTIONS[constraint.on_delete]}",) if constraint.on_delete in _ACTIONS else ()),
            *deferrability(constraint),
        )
    )
    if not constraint.enforced:
        return (f"{whole} NOT ENFORCED",)
    # A partitioned table has none that is not validated before 18; whether it is tells the planner nothing.
    return (whole,) if constraint.validated else (f"{whole} NOT VALID", whole)


def _columns(names: Sequence[str], over_time: bool) -> str:
    """The columns of a key, the last one as a period where the key is over time."""
    quoted = [quote_identifier(name) for name in names]
    if over_time:
        quoted[-1:] = [f"PERIOD {name}" for name in quoted[-1:]]
    return ", ".join(quoted)


def _wish(table: Relation, constraint: Constraint, texts: Callable[[], Sequence[str]], *others: int) -> Wish:
    def ways() -> Sequence[Way]:
        start = f"ALTER TABLE {qualified(table.schema, table.name)} ADD CONSTRAINT {quote_identifier(constraint.name)}"
        return tuple(Way(f"{start} {text}") for text in texts())

    return Wish(
        what=f"constraint {constraint.name} of {table.schema}.{table.name}",
        ways=ways,
        without="the table is there without it",
        relation_oids=(table.oid, *others),
    )


def _note_unread(building: Building, constraints: Iterable[Constraint]) -> None:
    """CHECKs, which the planner takes to rule out tables, of which the text is not known."""
    oids = {each.table_oid for each in constraints if each.kind is ConstraintKind.CHECK and each.definition is None}
    if oids:
        building.shortfalls.append(
            Shortfall(
                what="CHECK constraints",
                reason="Their definitions could not be read; the tables are there without them.",
                relation_oids=tuple(sorted(oids)),
            )
        )


def _note_unheld(building: Building, keys: Iterable[Constraint]) -> None:
    """Foreign keys to tables that the snapshot does not hold; of a join with one the planner would know by the key."""
    unheld = [key for key in keys if key.referenced_oid not in building.facts.relations and key.enforced]
    if unheld:
        names = [f"{key.name} of {_named(building, key)}" for key in unheld[:_NAMED]]
        more = f" and {len(unheld) - _NAMED:,} more" if len(unheld) > _NAMED else ""
        building.shortfalls.append(
            Shortfall(
                what=f"foreign key {'; '.join(names)}{more}",
                reason="The snapshot does not hold the table that it refers to, such as one of a schema that was left "
                "out; the table is there without it.",
                relation_oids=tuple(sorted({key.table_oid for key in unheld})),
            )
        )


def _named(building: Building, key: Constraint) -> str:
    table = building.facts.relations[key.table_oid]
    return f"{table.schema}.{table.name}"
