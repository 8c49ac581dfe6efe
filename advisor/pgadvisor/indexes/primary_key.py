"""A primary key without a long lock: columns made NOT NULL first, the index built concurrently, then the constraint."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from pgadvisor.indexes import checks, ddl
from pgadvisor.indexes.on_partitions import Built
from pgadvisor.indexes.partitions import Partition
from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.indexes.words import ALTERS_BRIEFLY, ATTACHES, BUILDS_CONCURRENTLY, VALIDATES
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.proposals import AddPrimaryKey
from pgadvisor.model.report import Step


def primary_key_steps(proposal: AddPrimaryKey, taken: Container[str], partitions: Sequence[Partition] = ()) -> Built:
    """Steps for a proposal; of a partitioned table, all that takes long is done partition by partition."""
    names = _Names(taken)
    table = (proposal.schema, proposal.table)
    steps = [checks.short_lock_timeout()] if proposal.missing_not_null else []
    for column in proposal.missing_not_null:
        steps += _not_null(table, column, names, partitions)
    if partitions:
        steps += _partitioned(proposal, names, partitions)
    elif proposal.using_index is None:
        index = names.new(f"{proposal.table}_pkey")
        steps += [checks.no_timeouts(), _unique_index(table, proposal.columns, index), checks.short_lock_timeout()]
        steps.append(_constraint(table, index, rebuilt=""))
    else:
        steps.append(checks.short_lock_timeout())
        rebuilt = ddl.create_index(proposal.definition or _definition(table, proposal.columns), proposal.using_index)
        steps.append(_constraint(table, proposal.using_index, rebuilt))
    return Built(tuple(steps), tuple(names.own), (table,))


class _Names:
    """Hands out names that are neither taken nor handed out before."""

    def __init__(self, taken: Container[str]) -> None:
        self._taken = taken
        self.own: list[str] = []

    def __contains__(self, name: object) -> bool:
        return name in self._taken or name in self.own

    def new(self, wish: str) -> str:
        name = ddl.free_name(wish, self)
        self.own.append(name)
        return name


def _not_null(table: tuple[str, str], column: str, names: _Names, partitions: Sequence[Partition]) -> list[Step]:
    """SET NOT NULL scans under ACCESS EXCLUSIVE, unless a validated CHECK proves it (PostgreSQL 12 and later).

    From 18 on the partitions' keys make NOT NULL their own, so that it has to be undone on them as well.
    """
    alter = f"ALTER TABLE {qualified(*table)}"
    name = quote_identifier(names.new(f"{table[1]}_{column}_not_null"))
    check = f"{alter} ADD CONSTRAINT {name} CHECK ({quote_identifier(column)} IS NOT NULL) NOT VALID;"
    drop = f"{alter} DROP CONSTRAINT {name};"
    return [
        Step(sql=check, undo=drop, lock=ALTERS_BRIEFLY),
        Step(sql=f"{alter} VALIDATE CONSTRAINT {name};", undo="", lock=VALIDATES),
        Step(
            sql=f"{alter} ALTER COLUMN {quote_identifier(column)} SET NOT NULL;",
            undo="\n".join(
                f"ALTER TABLE {qualified(*each)} ALTER COLUMN {quote_identifier(column)} DROP NOT NULL;"
                for each in (table, *_all(partitions))
            ),
            lock=ALTERS_BRIEFLY,
        ),
        Step(sql=drop, undo=check, lock=ALTERS_BRIEFLY),
    ]


def _all(partitions: Sequence[Partition]) -> Iterator[tuple[str, str]]:
    for partition in partitions:
        yield partition.schema, partition.name
        yield from _all(partition.children)


def _definition(table: tuple[str, str], columns: Sequence[str]) -> IndexDefinition:
    return IndexDefinition(
        schema=table[0], table=table[1], keys=tuple(IndexKey(column=column) for column in columns), unique=True
    )


def _unique_index(table: tuple[str, str], columns: Sequence[str], name: str) -> Step:
    return Step(
        sql=ddl.create_index(_definition(table, columns), name),
        undo=ddl.drop_index(table[0], name, if_exists=True),
        lock=BUILDS_CONCURRENTLY,
        outside_transaction=True,
    )


def _constraint(table: tuple[str, str], index: str, rebuilt: str) -> Step:
    """rebuilt makes the index anew that goes with the constraint when that is dropped."""
    alter = f"ALTER TABLE {qualified(*table)}"
    name = quote_identifier(index)
    drop = f"{alter} DROP CONSTRAINT {name};"
    return Step(
        sql=f"{alter} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {name};",
        undo=f"{drop}\n{rebuilt}" if rebuilt else drop,
        lock=ALTERS_BRIEFLY,
        outside_transaction=False,
    )


def _partitioned(proposal: AddPrimaryKey, names: _Names, partitions: Sequence[Partition]) -> list[Step]:
    """USING INDEX does not work on a partitioned table: an empty key on the parent, then the partitions' attached."""
    table = (proposal.schema, proposal.table)
    parent = names.new(f"{proposal.table}_pkey")
    drop = f"ALTER TABLE {qualified(*table)} DROP CONSTRAINT IF EXISTS {quote_identifier(parent)};"
    empty = [_empty_key(table, proposal.columns, parent, drop)]
    builds: list[Step] = []
    attaches: list[Step] = []

    def below(above: tuple[str, str], children: Sequence[Partition]) -> None:
        for child in children:
            here = (child.schema, child.name)
            name = names.new(f"{child.name}_pkey")
            attach = Step(sql=ddl.attach(*above, child.schema, name), undo=drop, lock=ATTACHES)
            if child.partitioned:
                undo = f"ALTER TABLE {qualified(*here)} DROP CONSTRAINT IF EXISTS {quote_identifier(name)};"
                empty.extend((_empty_key(here, proposal.columns, name, undo), attach))
                below((child.schema, name), child.children)
            else:
                undo = f"ALTER TABLE {qualified(*here)} DROP CONSTRAINT IF EXISTS {quote_identifier(name)};"
                builds.append(_unique_index(here, proposal.columns, name))
                key = _constraint(here, name, "")
                attaches.extend((Step(sql=key.sql, undo=undo, lock=key.lock), attach))

    below((proposal.schema, parent), partitions)
    return [
        checks.short_lock_timeout(),
        *empty,
        checks.no_timeouts(),
        *builds,
        checks.short_lock_timeout(),
        *attaches,
    ]


def _empty_key(table: tuple[str, str], columns: Sequence[str], name: str, undo: str) -> Step:
    keys = ", ".join(quote_identifier(column) for column in columns)
    return Step(
        sql=f"ALTER TABLE ONLY {qualified(*table)} ADD CONSTRAINT {quote_identifier(name)} PRIMARY KEY ({keys});",
        undo=undo,
        lock=ALTERS_BRIEFLY,
    )
