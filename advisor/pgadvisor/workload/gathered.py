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

    limit: int | None = None
    offset: int | None = None
    is_distinct: bool = False
    distinct: tuple[ColumnRef, ...] = ()
    locking: str = ""
    functions: dict[str, None] = field(default_factory=dict)
    views: dict[str, None] = field(default_factory=dict)

    def reads(self, refs: Iterable[ColumnRef]) -> None:
        """Notes columns as read."""
        self.read.update(dict.fromkeys(refs))

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
            limit=self.limit,
            offset=self.offset,
            is_distinct=self.is_distinct,
            distinct=self.distinct,
            locking=self.locking,
            functions=tuple(self.functions),
            views=tuple(self.views),
        )


def _sorted(columns: Iterable[ColumnRef]) -> tuple[ColumnRef, ...]:
    return tuple(sorted(columns, key=lambda ref: (ref.relation_oid, ref.column)))
