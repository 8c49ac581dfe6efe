"""What is gathered of a statement while it is read, on the way to its shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pgadvisor.model.shape import (
    ColumnRef,
    Join,
    Predicate,
    ShapeRelation,
    SortKey,
    StatementKind,
    StatementShape,
)
from pgadvisor.workload.scopes import Origin


@dataclass
class Gathered:
    """Parts of a StatementShape, each once, in the order met."""

    relations: dict[ShapeRelation, None] = field(default_factory=dict)
    predicates: dict[Predicate, None] = field(default_factory=dict)
    joins: dict[Join, None] = field(default_factory=dict)
    sort: tuple[SortKey, ...] = ()
    group: tuple[ColumnRef, ...] = ()
    has_limit: bool = False
    limit_parameters: dict[int, None] = field(default_factory=dict)
    offset_parameters: dict[int, None] = field(default_factory=dict)
    read: dict[ColumnRef, None] = field(default_factory=dict)
    written: dict[ColumnRef, None] = field(default_factory=dict)
    conflict: dict[ColumnRef, None] = field(default_factory=dict)
    unresolved: dict[str, None] = field(default_factory=dict)

    def reads(self, origins: Iterable[Origin | None]) -> None:
        """Notes columns as read."""
        for origin in origins:
            if origin is not None:
                self.read[reference(origin)] = None

    def shape(self, query_id: str, kind: StatementKind) -> StatementShape:
        """The finished shape."""
        return StatementShape(
            query_id=query_id,
            kind=kind,
            relations=tuple(self.relations),
            predicates=tuple(self.predicates),
            joins=tuple(self.joins),
            sort=self.sort,
            group=self.group,
            has_limit=self.has_limit,
            limit_parameters=tuple(self.limit_parameters),
            offset_parameters=tuple(self.offset_parameters),
            columns_read=_sorted(self.read),
            columns_written=_sorted(self.written),
            conflict_columns=tuple(self.conflict),
            unresolved=tuple(self.unresolved),
        )


def reference(origin: Origin) -> ColumnRef:
    """The column an origin stands for."""
    return ColumnRef(relation_oid=origin.relation_oid, column=origin.column.name)


def _sorted(columns: Iterable[ColumnRef]) -> tuple[ColumnRef, ...]:
    return tuple(sorted(columns, key=lambda ref: (ref.relation_oid, ref.column)))
