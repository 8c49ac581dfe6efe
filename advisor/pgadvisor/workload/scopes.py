"""What the names in one query level stand for: the sources in its FROM clause and the columns they show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgadvisor.model.catalog import Column, Relation
from pgadvisor.model.shape import ColumnRef


@dataclass(frozen=True)
class Origin:
    """The column of a base relation that a name stands for.

    occurrence tells two uses of the same relation apart. filtered: a condition on the name limits the rows read of
    the relation. joined: an equality on it can drive a lookup in the relation. Both are lost where a subquery
    that cannot be merged into the level above stands between (aggregates, LIMIT, window functions, a CTE used twice).
    nullable: an outer join below may fill it up with NULLs. guarded: a security barrier stands between, which lets
    only leakproof operators through.
    """

    relation_oid: int
    occurrence: int
    alias: str
    column: Column
    filtered: bool = True
    joined: bool = True
    nullable: bool = False
    guarded: bool = False


@dataclass(frozen=True)
class Subject:
    """A base column in a condition, and what hides it from an index."""

    origin: Origin
    hidden_by: str = ""


@dataclass(frozen=True)
class Output:
    """What a column of a source stands for.

    origin is the one base column it is, None where it is computed. subjects are the base columns that a condition on it
    is about: itself, those in the expression, or one per arm of a set operation. needs are the base columns read where
    it is used.
    """

    origin: Origin | None = None
    subjects: tuple[Subject, ...] = ()
    needs: tuple[ColumnRef, ...] = ()

    def changed(self, change: Callable[[Origin], Origin]) -> Output:
        """The output with other origins."""
        if not self.subjects and self.origin is None:
            return self
        return Output(
            None if self.origin is None else change(self.origin),
            tuple(Subject(change(each.origin), each.hidden_by) for each in self.subjects),
            self.needs,
        )


COMPUTED = Output()


def reference(origin: Origin) -> ColumnRef:
    """The column an origin stands for."""
    return ColumnRef(relation_oid=origin.relation_oid, column=origin.column.name)


class BaseColumns(Mapping[str, Output]):
    """The columns of one use of a base relation, made when they are asked for: few of a wide table's are."""

    def __init__(self, relation: Relation, occurrence: int, alias: str, columns: Mapping[str, Column]) -> None:
        self.occurrence = occurrence
        self._relation = relation
        self._alias = alias
        self._columns = columns
        self._made: dict[str, Output] = {}

    def __getitem__(self, name: str) -> Output:
        """What a column stands for. Raises KeyError where there is none of the name."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._output(self._columns[name])
        return made

    def __iter__(self) -> Iterator[str]:
        """Names, in the columns' order."""
        return iter(self._columns)

    def __len__(self) -> int:
        """How many columns there are."""
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        """Whether there is a column of a name, told without making it."""
        return name in self._columns

    def system(self, name: str) -> Output | None:
        """A system column, which `*` does not show."""
        if name not in _SYSTEM_TYPES:
            return None
        if name not in self._made:
            self._made[name] = self._output(_system_column(self._relation.oid, name))
        return self._made[name]

    def _output(self, column: Column) -> Output:
        origin = Origin(self._relation.oid, self.occurrence, self._alias, column)
        return Output(origin, (Subject(origin),), (reference(origin),))


# https://www.postgresql.org/docs/current/ddl-system-columns.html, with their types (name in pg_type, oid).
_SYSTEM_TYPES = {
    "tableoid": ("oid", 26),
    "ctid": ("tid", 27),
    "xmin": ("xid", 28),
    "cmin": ("cid", 29),
    "xmax": ("xid", 28),
    "cmax": ("cid", 29),
}


def _system_column(relation_oid: int, name: str) -> Column:
    type_name, type_oid = _SYSTEM_TYPES[name]
    return Column(
        relation_oid=relation_oid,
        number=-1,
        name=name,
        type=type_name,
        type_oid=type_oid,
        type_name=type_name,
        type_category="U",
        not_null=True,
    )


@dataclass
class Source:
    """Something in FROM: its alias and the columns it shows, in order.

    is_open: there may be more columns than are known. relation is set for a base relation.
    """

    alias: str
    columns: Mapping[str, Output]
    is_open: bool = False
    relation: Relation | None = None

    def renamed(self, names: Sequence[str]) -> Source:
        """The source with its first columns renamed, as in `t AS x (a, b)`."""
        if not names:
            return self
        outputs = list(self.columns.values())
        kept = list(self.columns)[len(names) :]
        outputs += [COMPUTED] * (len(names) - len(outputs))
        return replace(self, columns=dict(zip([*names, *kept], outputs, strict=False)))

    def output(self, name: str) -> Output | None:
        """What a name stands for in it, None where it shows no such column."""
        if name in self.columns:
            return self.columns[name]
        return self.columns.system(name) if isinstance(self.columns, BaseColumns) else None

    def occurrences(self) -> set[int]:
        """The uses of base relations that its columns show."""
        if isinstance(self.columns, BaseColumns):
            return {self.columns.occurrence}
        return {each.origin.occurrence for output in self.columns.values() for each in output.subjects}

    def needs(self) -> Iterator[ColumnRef]:
        """The base columns read where all of it is."""
        for output in self.columns.values():
            yield from output.needs

    def changed(self, change: Callable[[Origin], Origin]) -> Source:
        """The source with another origin for each column that has one."""
        return replace(self, columns={name: output.changed(change) for name, output in self.columns.items()})


@dataclass
class Scope:
    """One query level. ctes are those visible in it, by name; extra are sources that only a qualified name reaches."""

    outer: Scope | None = None
    ctes: dict[str, Source] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Output] = field(default_factory=dict)
    nullable: set[int] = field(default_factory=set)
    extra: dict[str, Source] = field(default_factory=dict)

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
            if alias in scope.extra:
                return scope.extra[alias]
            scope = scope.outer
        return None

    def output(self, name: str, alias: str = "") -> Output | None:
        """What a column name stands for; None where it is unknown, or could be several."""
        if alias:
            source = self.source(alias)
            return None if source is None else source.output(name)
        scope: Scope | None = self
        while scope is not None:
            if name in scope.merged:
                return scope.merged[name]
            found = [output for source in scope.sources if (output := source.output(name)) is not None]
            if found:
                return found[0] if len(found) == 1 else None
            if any(source.is_open for source in scope.sources):
                return None
            scope = scope.outer
        return None

    def is_nullable(self, origin: Origin) -> bool:
        """Whether the column's relation is on the side of an outer join that may be filled up with NULLs."""
        if origin.nullable:
            return True
        scope: Scope | None = self
        while scope is not None:
            if origin.occurrence in scope.nullable:
                return True
            scope = scope.outer
        return False


def occurrences(sources: Iterable[Source]) -> frozenset[int]:
    """The uses of base relations that the given sources show."""
    return frozenset(occurrence for source in sources for occurrence in source.occurrences())
