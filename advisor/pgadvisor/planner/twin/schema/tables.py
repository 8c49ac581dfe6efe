"""Tables, and what stands on the twin as one: foreign tables and materialized views.

A materialized view is a table to the planner, and a table is what can be given a size; a foreign table's rows are
elsewhere, where nobody can be asked. All are permanent: whether a table is logged tells the planner nothing. Storage,
compression and replica identity are left out for the same reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Constraint, ConstraintKind, Relation, RelationKind
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.planner.twin.schema.columns import AFTER, INSIDE, ColumnTexts, Part, note_stand_ins
from pgadvisor.planner.twin.schema.dependencies import element_type, in_levels
from pgadvisor.planner.twin.schema.making import Way, Wish, clause, first_up, make_all, refusal, shortfall
from pgadvisor.planner.twin.schema.partitions import depths_of
from pgadvisor.planner.twin.schema.types import qualified_or_bare

_HEAP = "heap"


class Tables:
    """Makes the tables of a twin; what is left to add to them waits until functions that need tables are there."""

    def __init__(self, building: Building, tablespaces: set[str]) -> None:
        self._building = building
        self._tablespaces = tablespaces
        self._texts = ColumnTexts(building)
        self._later: list[Wish] = []

    def create(self) -> None:
        """Makes the tables in the order of their oids, which is that of their children in a plan.

        A table of which columns are of another's row type comes after that one. What the server refuses as a whole is
        made of those parts that it takes.
        """
        building = self._building
        relations = building.facts.relations.values()
        tables = [relation for relation in relations if relation.kind is not RelationKind.VIEW]
        for level in in_levels(tables, lambda each: qualified_or_bare(each.schema, each.name), self._needs):
            self._texts.refresh(level)
            self._create(level)
        self._texts.refresh([relation for relation in relations if relation.kind is RelationKind.VIEW])
        note_stand_ins(building, self._texts.types)
        note_kinds(building)

    def finish(self) -> None:
        """Adds to tables what had to wait, to children before their parents, which then find it there.

        What cannot be added even now is a shortfall.
        """
        depths = depths_of(self._building.facts)
        make_all(self._building, sorted(self._later, key=lambda wish: -depths.get(wish.relation_oids[0], 0)))

    def _needs(self, relation: Relation) -> Iterator[str]:
        types = self._texts.types
        return (
            element_type(column.type)
            for column in self._building.facts.columns(relation.oid)
            if types.stands_in(column)
        )

    def _create(self, relations: Sequence[Relation]) -> None:
        building = self._building
        written = [(relation, self._parts(relation)) for relation in relations]
        texts = [self._whole(relation, parts) for relation, parts in written]
        made = building.run(Command(text) for text in texts if text)
        stands = iter(made)
        for (relation, parts), text in zip(written, texts, strict=True):
            if not text or not next(stands):
                self._create_of_parts(relation, parts)

    def _whole(self, relation: Relation, parts: Sequence[Part]) -> str:
        """CREATE TABLE with all of its parts; "" where one of them is none that a server writes."""
        try:
            return self._text(relation, parts)
        except ValueError:
            return ""

    def _text(self, relation: Relation, parts: Sequence[Part]) -> str:
        """Raises ValueError for what no server writes."""
        by_place: dict[int, list[str]] = defaultdict(list)
        for part in parts:
            by_place[part.place].append(part.sql())
        columns = [
            " ".join((self._texts.must(column), *by_place.get(column.number, ())))
            for column in self._building.facts.columns(relation.oid)
        ]
        inside = ", ".join((*columns, *by_place.get(INSIDE, ())))
        name = qualified(relation.schema, relation.name)
        return " ".join((f"CREATE TABLE {name} ({inside})", *by_place.get(AFTER, ())))

    def _parts(self, relation: Relation) -> list[Part]:
        facts = self._building.facts
        parts = [part for column in facts.columns(relation.oid) for part in self._texts.parts(relation, column)]
        parts += [
            _check(relation, constraint) for constraint in facts.constraints_of(relation.oid) if _is_inline(constraint)
        ]
        if relation.kind is RelationKind.PARTITIONED:
            parts.append(_partition_key(relation))
        elif relation.tablespace in self._tablespaces:
            parts.append(_tablespace(relation, relation.tablespace or ""))
        return parts

    def _create_of_parts(self, relation: Relation, parts: Sequence[Part]) -> None:
        """Makes a table that the server refused as a whole, of as much as it takes."""
        if (refused := self._refused(relation, ())) is not None:
            self._missing(relation, refused)
            return
        kept, lost = most_of(parts, lambda some: self._refused(relation, some))
        if not all(self._building.run([Command(self._text(relation, sorted(kept, key=parts.index)))])):
            self._missing(relation, "The twin's server refused it after all")
            return
        for part, reason in lost:
            wish = _part_wish(relation, part)
            if part.later is None:
                self._building.shortfalls.append(shortfall(wish, reason, wish.without))
            else:
                self._later.append(wish)

    def _refused(self, relation: Relation, parts: Sequence[Part]) -> str | None:
        """Why a table cannot have some parts together; None where it can."""
        try:
            error = self._building.refusal(self._text(relation, parts))
        except ValueError as unwritten:
            return first_up(str(unwritten))
        return None if error is None else refusal(error)

    def _missing(self, relation: Relation, reason: str) -> None:
        self._building.failed.add(relation.oid)
        self._building.shortfalls.append(
            Shortfall(
                what=f"{relation.kind.value} {relation.schema}.{relation.name}",
                reason=f"{reason}; no statement on it can be planned.",
                relation_oids=(relation.oid,),
                prevents=True,
            )
        )


def most_of(
    parts: Sequence[Part], refused: Callable[[Sequence[Part]], str | None]
) -> tuple[list[Part], list[tuple[Part, str]]]:
    """As many parts as stand together, and those that do not with the reason, by halves: most tables lack few."""
    kept: list[Part] = []
    lost: list[tuple[Part, str]] = []
    groups = [list(parts)] if parts else []
    while groups:
        group = groups.pop()
        reason = refused([*kept, *group])
        if reason is None:
            kept += group
        elif len(group) == 1:
            lost.append((group[0], reason))
        else:
            middle = len(group) // 2
            groups += [group[middle:], group[:middle]]
    return kept, lost


def note_kinds(building: Building) -> None:
    """Says which tables of the twin are none in production, where that can make a difference."""
    for relation in building.facts.relations.values():
        if relation.oid in building.failed:
            continue
        if relation.kind is RelationKind.FOREIGN:
            building.shortfalls.append(
                Shortfall(
                    what=f"foreign table {relation.schema}.{relation.name}",
                    reason="What its server would do of a query cannot be asked; it is a table of its own on the twin.",
                    relation_oids=(relation.oid,),
                )
            )
        elif relation.kind is not RelationKind.PARTITIONED and relation.access_method not in (None, _HEAP):
            building.shortfalls.append(
                Shortfall(
                    what=f"access method {relation.access_method} of {relation.schema}.{relation.name}",
                    reason="The twin has no table of that kind; it is a heap there.",
                    relation_oids=(relation.oid,),
                )
            )


def _part_wish(relation: Relation, part: Part) -> Wish:
    later = part.later
    return Wish(
        what=part.what,
        ways=lambda: () if later is None else (Way(later()),),
        without=part.loss,
        relation_oids=(relation.oid,),
    )


def _is_inline(constraint: Constraint) -> bool:
    """Whether a constraint is a CHECK that CREATE TABLE can make.

    One that is not validated is added later, since a new table would take it for validated. The planner looks at none
    that is not enforced.
    """
    return (
        constraint.kind is ConstraintKind.CHECK
        and constraint.validated
        and constraint.enforced
        and constraint.definition is not None
    )


def _check(relation: Relation, constraint: Constraint) -> Part:
    def sql() -> str:
        return f"CONSTRAINT {quote_identifier(constraint.name)} {clause(constraint.definition or '', 'check')}"

    return Part(
        INSIDE,
        f"constraint {constraint.name} of {relation.schema}.{relation.name}",
        sql,
        "the table is there without it",
        lambda: f"ALTER TABLE {qualified(relation.schema, relation.name)} ADD {sql()}",
    )


def _partition_key(relation: Relation) -> Part:
    def sql() -> str:
        if relation.partition_key is not None:
            return f"PARTITION BY {clause(relation.partition_key, 'range', 'list', 'hash')}"
        columns = [quote_identifier(column) for column in relation.partition_columns if column is not None]
        if not columns or len(columns) < len(relation.partition_columns):
            raise ValueError("its partition key could not be read")
        return (
            f"PARTITION BY {clause(relation.partition_strategy or '', 'range', 'list', 'hash')} ({', '.join(columns)})"
        )

    return Part(
        AFTER,
        f"partition key of {relation.schema}.{relation.name}",
        sql,
        "it is an empty table without partitions there",
    )


def _tablespace(relation: Relation, name: str) -> Part:
    return Part(
        AFTER,
        f"tablespace of {relation.schema}.{relation.name}",
        lambda: f"TABLESPACE {quote_identifier(name)}",
        "it is in the default one",
    )
