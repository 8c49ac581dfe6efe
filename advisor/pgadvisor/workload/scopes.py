"""What the names in one query level stand for: the sources in its FROM clause and the columns they show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pgadvisor.model.catalog import Column, Relation


@dataclass(frozen=True)
class Origin:
    """The column of a base relation that a name stands for.

    occurrence tells two uses of the same relation apart. filtered: a condition on the name limits the rows read of
    the relation. joined: an equality on it can drive a lookup in the relation. Both are lost where a subquery
    that cannot be merged into the level above stands between (aggregates, LIMIT, window functions, a CTE used twice).
    """

    relation_oid: int
    occurrence: int
    alias: str
    column: Column
    filtered: bool = True
    joined: bool = True


@dataclass
class Source:
    """Something in FROM: its alias and the columns it shows, in order; a computed column stands as None.

    is_open: there may be more columns than are known. relation is set for a base relation.
    """

    alias: str
    columns: dict[str, Origin | None]
    is_open: bool = False
    relation: Relation | None = None

    def renamed(self, names: list[str]) -> Source:
        """The source with its first columns renamed, as in `t AS x (a, b)`."""
        if not names:
            return self
        origins = list(self.columns.values())
        kept = list(self.columns)[len(names) :]
        origins += [None] * (len(names) - len(origins))
        return replace(self, columns=dict(zip([*names, *kept], origins, strict=False)))


@dataclass
class Scope:
    """One query level. ctes are those visible in it, by name."""

    outer: Scope | None = None
    ctes: dict[str, Source] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Origin | None] = field(default_factory=dict)
    nullable: set[int] = field(default_factory=set)

    def cte(self, name: str) -> Source | None:
        """The CTE of a name, the innermost first."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.ctes:
                return scope.ctes[name]
            scope = scope.outer
        return None

    def source(self, alias: str) -> Source | None:
        """The source of an alias, the innermost first."""
        scope: Scope | None = self
        while scope is not None:
            for source in scope.sources:
                if source.alias == alias:
                    return source
            scope = scope.outer
        return None

    def column(self, name: str, alias: str = "") -> Origin | None:
        """What a column name stands for; None where it is computed, unknown, or could be several."""
        if alias:
            source = self.source(alias)
            return None if source is None else source.columns.get(name)
        scope: Scope | None = self
        while scope is not None:
            if name in scope.merged:
                return scope.merged[name]
            found = [source.columns[name] for source in scope.sources if name in source.columns]
            if found:
                return found[0] if len(found) == 1 else None
            if any(source.is_open for source in scope.sources):
                return None
            scope = scope.outer
        return None

    def is_nullable(self, origin: Origin) -> bool:
        """Whether the column's relation is on the side of an outer join that may be filled up with NULLs."""
        scope: Scope | None = self
        while scope is not None:
            if origin.occurrence in scope.nullable:
                return True
            scope = scope.outer
        return False

    def occurrences(self, sources: list[Source]) -> Iterator[int]:
        """The uses of base relations that the given sources show."""
        for source in sources:
            for origin in source.columns.values():
                if origin is not None:
                    yield origin.occurrence
