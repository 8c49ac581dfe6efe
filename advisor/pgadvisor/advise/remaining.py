"""What is left when indexes go one after the other: what stands in for one, and what serves foreign keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.indexes.algebra import serves_equality_on
from pgadvisor.indexes.standing import Standing
from pgadvisor.model.catalog import Constraint, ConstraintKind, Index, IndexDefinition
from pgadvisor.model.proposals import DropIndex

# Schema and name of an index.
Named = tuple[str, str]


def with_parents(index: Index, facts: Facts) -> Iterator[Index]:
    """An index and those it is a part of, up to the topmost."""
    while True:
        yield index
        parent = facts.indexes.get(index.parent_oid or 0)
        if parent is None:
            return
        index = parent


class Remaining:
    """The indexes of a database, without some that go."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._standing: dict[int, Standing[Index]] = {}
        self._by_name = {f"{each.schema}.{each.name}": each for each in facts.indexes.values()}

    def named(self, name: str) -> Index | None:
        """An index by its qualified name, whether it goes or not; None where it is not known."""
        return self._by_name.get(name)

    def as_is(self, drop: DropIndex, gone: Collection[Named], *, unused: bool) -> DropIndex | None:
        """A drop by what stands in for it when those are gone, the smallest; None where nothing does any more.

        unused: it would go with nothing in its place, too.
        """
        if drop.because_of is None or not self._goes(drop.because_of, gone):
            return drop
        index = self._facts.index_named(drop.schema, drop.name)
        others = () if index is None else self._table(index.table_oid).covering(drop.definition)
        left = [
            each
            for each in others
            if each is not index and (each.immediate or not drop.definition.unique) and not self._gone(each, gone)
        ]
        if left:
            best = min(left, key=lambda each: (self._facts.size_bytes(each.oid) or 0, each.oid))
            return replace(drop, because_of=f"{best.schema}.{best.name}")
        return replace(drop, because_of=None) if unused else None

    def foreign_key_without(
        self, drop: DropIndex, gone: Collection[Named], new: Iterable[IndexDefinition]
    ) -> str | None:
        """The name of a foreign key that no index serves any more when one goes after others; None where there is none.

        An index that stood in the way of nothing, as an invalid one, is not asked about.
        """
        index = self._facts.index_named(drop.schema, drop.name)
        if index is None or not index.valid:
            return None
        # What goes already may be much, and is not copied.
        also = ((drop.schema, drop.name),)
        created = tuple(new)
        for part in self._tree(index):
            for key in self._foreign_keys(part.table_oid):
                if not serves_equality_on(part.definition, key.columns):
                    continue
                servers = self._table(part.table_oid).serving_equality(key.columns)
                table = (part.definition.schema, part.definition.table)
                anew = any(
                    (each.schema, each.table) == table and serves_equality_on(each, key.columns) for each in created
                )
                if not anew and all(self._gone(each, gone) or self._gone(each, also) for each in servers):
                    return key.name
        return None

    def _foreign_keys(self, table_oid: int) -> Iterable[Constraint]:
        """Foreign keys of a table, one for each set of columns."""
        keys = (each for each in self._facts.constraints_of(table_oid) if each.kind is ConstraintKind.FOREIGN_KEY)
        first: dict[frozenset[str], Constraint] = {}
        for each in sorted(keys, key=lambda each: each.oid):
            first.setdefault(frozenset(each.columns), each)
        return first.values()

    def _goes(self, name: str, gone: Collection[Named]) -> bool:
        """Whether an index goes, by its qualified name; what is not known stays."""
        index = self.named(name)
        return index is not None and self._gone(index, gone)

    def _gone(self, index: Index, gone: Collection[Named]) -> bool:
        return any((each.schema, each.name) in gone for each in with_parents(index, self._facts))

    def _tree(self, index: Index) -> Iterator[Index]:
        """An index and its parts on partitions of every level."""
        found = {index.oid: index}
        for leaf in self._facts.child_indexes(index.oid):
            for each in with_parents(leaf, self._facts):
                if each.oid in found:
                    break
                found[each.oid] = each
        yield from found.values()

    def _table(self, table_oid: int) -> Standing[Index]:
        if table_oid not in self._standing:
            usable = (
                each
                for each in self._facts.indexes_of(table_oid)
                if each.valid and each.ready and each.live and each.complete and not each.being_built
            )
            self._standing[table_oid] = Standing((each, each.definition) for each in usable)
        return self._standing[table_oid]
