"""Indexes of partitioned tables: the parent's first and empty, then each partition's concurrently, then attached."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from pgadvisor.indexes import checks, ddl
from pgadvisor.indexes.partitions import Partition
from pgadvisor.indexes.words import ATTACHES, BUILDS_CONCURRENTLY, BUILDS_ON_ONLY
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.report import Step

Name = tuple[str, str]


@dataclass(frozen=True)
class Built:
    """Steps, the names they make and the (schema, name) of the tables they build indexes on."""

    steps: tuple[Step, ...]
    names: tuple[str, ...]
    tables: tuple[Name, ...]


def partitioned_steps(
    definition: IndexDefinition,
    name: str,
    taken: Container[str],
    partitions: Sequence[Partition],
    *,
    anew: bool = False,
    naming: str = ddl.NAME_PATTERN,
) -> Built:
    """Steps that build an index on a partitioned table and all its partitions.

    anew: what the partitions have attached is gone with the parent's index by then, and gets its name back.
    """
    root = (definition.schema, name)
    undo = ddl.drop_index(*root, concurrently=False, if_exists=True)
    plan = _Plan(definition, taken, root, undo=undo, anew=anew, naming=naming)
    plan.names.append(name)
    plan.empty.append(Step(sql=ddl.create_index(definition, name, on_only=True), undo=plan.undo, lock=BUILDS_ON_ONLY))
    plan.below(root, partitions)
    return plan.built()


def completed_steps(
    definition: IndexDefinition,
    index: Name,
    taken: Container[str],
    partitions: Sequence[Partition],
    naming: str = ddl.NAME_PATTERN,
) -> Built:
    """Steps that give an existing, incomplete index of a partitioned table what it lacks.

    None can be undone: PostgreSQL neither detaches an index nor drops one that is attached.
    """
    plan = _Plan(definition, taken, index, undo="", anew=False, naming=naming)
    plan.below(index, partitions)
    if not plan.attaches:
        plan.look_again(index, partitions)
    return plan.built()


@dataclass
class _Plan:
    definition: IndexDefinition
    taken: Container[str]
    root: Name
    undo: str
    anew: bool
    naming: str
    empty: list[Step] = field(default_factory=list)
    builds: list[Step] = field(default_factory=list)
    attaches: list[Step] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    tables: list[Name] = field(default_factory=list)

    def built(self) -> Built:
        steps: list[Step] = []
        if self.empty:
            steps += [checks.short_lock_timeout(), *self.empty]
        if self.builds:
            steps += [checks.no_timeouts(), *self.builds]
        if self.attaches:
            steps += [checks.short_lock_timeout(), *self.attaches]
        return Built(tuple(steps), tuple(self.names), tuple(self.tables))

    def look_again(self, parent: Name, partitions: Sequence[Partition]) -> None:
        """Has the server look whether the parent is complete, by attaching what is attached already."""
        first = next((each.index for each in partitions if each.index is not None and each.attached), None)
        if first is not None:
            self.attaches.append(self._attach(parent, first))

    def below(self, parent: Name, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            if not partition.foreign:
                self._one(parent, partition)

    def _one(self, parent: Name, partition: Partition) -> None:
        gone = self.anew and partition.attached
        index = None if gone else partition.index
        attached = index is not None and partition.attached
        if partition.partitioned:
            if index is None:
                index = self._new_empty(partition)
                # From the top down: only then does dropping the topmost take all the others with it.
                self.empty.append(self._attach(parent, index))
            elif not attached:
                self.attaches.append(self._attach(parent, index, self._again(partition, index)))
            self.below(index, partition.children)
        elif index is None:
            self.attaches.append(self._attach(parent, self._new(partition)))
        elif not attached:
            self.attaches.append(self._attach(parent, index, self._again(partition, index)))
        elif not partition.valid:
            self.builds.append(
                Step(sql=ddl.reindex(*index), undo="", lock=BUILDS_CONCURRENTLY, outside_transaction=True)
            )
            # Attaching what is attached makes the server look again whether the parent is complete.
            self.attaches.append(self._attach(parent, index))

    def _new(self, partition: Partition) -> Name:
        definition, name = self._named(partition)
        self.tables.append((partition.schema, partition.name))
        self.builds.append(
            Step(
                sql=ddl.create_index(definition, name),
                undo=self._unbuilt(partition.schema, name, concurrently=True),
                lock=BUILDS_CONCURRENTLY,
                outside_transaction=True,
            )
        )
        return partition.schema, name

    def _new_empty(self, partition: Partition) -> Name:
        definition, name = self._named(partition)
        self.empty.append(
            Step(
                sql=ddl.create_index(definition, name, on_only=True),
                undo=self._unbuilt(partition.schema, name, concurrently=False),
                lock=BUILDS_ON_ONLY,
            )
        )
        return partition.schema, name

    def _unbuilt(self, schema: str, name: str, *, concurrently: bool) -> str:
        """Nothing where the parent stays: what is attached to it cannot be dropped alone."""
        return ddl.drop_index(schema, name, concurrently=concurrently, if_exists=True) if self.undo else ""

    def _named(self, partition: Partition) -> tuple[IndexDefinition, str]:
        definition = self._on(partition)
        if partition.index is not None:
            return definition, partition.index[1]
        name = ddl.index_name(definition, _Both(self.taken, self.names), self.naming)
        self.names.append(name)
        return definition, name

    def _attach(self, parent: Name, index: Name, again: Sequence[str] = ()) -> Step:
        undo = "\n".join((self.undo, *again)) if self.undo else ""
        return Step(sql=ddl.attach(*parent, *index), undo=undo, lock=ATTACHES)

    def _again(self, partition: Partition, index: Name) -> Sequence[str]:
        """What builds an index that was there before: once attached, it goes with its parent."""
        definition = partition.definition or self._on(partition)
        if not partition.partitioned:
            return (ddl.create_index(definition, index[1]),)
        built = partitioned_steps(definition, index[1], self.taken, partition.children, anew=True, naming=self.naming)
        return tuple(step.sql for step in built.steps)

    def _on(self, partition: Partition) -> IndexDefinition:
        return replace(self.definition, schema=partition.schema, table=partition.name)


@dataclass(frozen=True)
class _Both:
    one: Container[str]
    other: Container[str]

    def __contains__(self, name: object) -> bool:
        return name in self.one or name in self.other
