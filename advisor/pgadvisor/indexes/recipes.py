"""What to run for a proposal, in order, how to undo each step, and what to know before."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from pgadvisor.indexes import checks, ddl
from pgadvisor.indexes.on_partitions import completed_steps, partitioned_steps
from pgadvisor.indexes.partitions import Partition
from pgadvisor.indexes.primary_key import primary_key_steps
from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.indexes.words import (
    AFTER_SUCCESSOR,
    BUILDS_CONCURRENTLY,
    CANNOT_DETACH,
    DROPS_CONCURRENTLY,
    DROPS_PARTITIONED,
    FAILED_BUILD,
    FAILED_PART,
    FOREIGN_PARTITIONS,
    NOT_IN_TRANSACTION,
    RETRY,
    STANDBY_QUERIES,
)
from pgadvisor.model.proposals import AddPrimaryKey, AnalyzeTable, CreateIndex, DropIndex, Proposal, RebuildIndex
from pgadvisor.model.report import Step


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Steps in order; undone from the last to the first, each with its undo (some are several commands).

    checks are queries that change nothing, to run before or after, as the comment in each says. names are those
    of new indexes and constraints: no later recipe may use them again.
    """

    steps: tuple[Step, ...]
    checks: tuple[Step, ...] = ()
    caveats: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def recipe(
    proposal: Proposal,
    taken: Container[str],
    partitions: Sequence[Partition] = (),
    *,
    name: str = "",
    naming: str = ddl.NAME_PATTERN,
) -> Recipe:
    """The recipe of a proposal.

    taken are names of relations and constraints that a new index may not have. partitions are those directly
    below the proposal's table (partition_tree), needed where it is partitioned. name is the one that an index to be
    created is given, "" where it gets one of itself, by the pattern that naming is.
    """
    match proposal:
        case CreateIndex(partitioned=True):
            return _create_partitioned(proposal, taken, partitions, name, naming)
        case CreateIndex():
            return _create(proposal, taken, name, naming)
        case DropIndex(partitioned=True):
            return _drop_partitioned(proposal, taken, partitions)
        case DropIndex():
            return _drop(proposal)
        case RebuildIndex(partitioned=True):
            return _complete(proposal, taken, partitions, naming)
        case RebuildIndex():
            return _rebuild(proposal)
        case AnalyzeTable():
            return _analyze(proposal)
        case AddPrimaryKey():
            return _primary_key(proposal, taken, partitions)


def _create(proposal: CreateIndex, taken: Container[str], given: str, naming: str) -> Recipe:
    definition = proposal.definition
    name = given or ddl.index_name(definition, taken, naming)
    build = Step(
        sql=ddl.create_index(definition, name),
        undo=ddl.drop_index(definition.schema, name, if_exists=True),
        lock=BUILDS_CONCURRENTLY,
        outside_transaction=True,
    )
    return Recipe(
        steps=(checks.no_timeouts(), build),
        checks=(
            checks.open_transactions(),
            checks.leftovers(definition.schema, definition.table),
            checks.valid(definition.schema, name),
        ),
        caveats=(FAILED_BUILD, NOT_IN_TRANSACTION),
        names=(name,),
    )


def _create_partitioned(
    proposal: CreateIndex, taken: Container[str], partitions: Sequence[Partition], given: str, naming: str
) -> Recipe:
    definition = proposal.definition
    name = given or ddl.index_name(definition, taken, naming)
    built = partitioned_steps(definition, name, taken, partitions, naming=naming)
    return Recipe(
        steps=built.steps,
        checks=(
            checks.open_transactions(),
            *(checks.leftovers(schema, table) for schema, table in built.tables),
            checks.valid(definition.schema, name),
        ),
        caveats=(RETRY, FAILED_BUILD, NOT_IN_TRANSACTION, *_on_foreign(partitions)),
        names=built.names,
    )


def _by_scans(proposal: DropIndex) -> bool:
    """Whether it goes for want of scans, which can be looked at again."""
    return not (proposal.invalid or proposal.replaced) and proposal.because_of is None


def _after_successor(proposal: DropIndex) -> tuple[str, ...]:
    return (AFTER_SUCCESSOR,) if proposal.replaced else ()


def _drop(proposal: DropIndex) -> Recipe:
    undo = "" if proposal.invalid else ddl.create_index(proposal.definition, proposal.name)
    drop = Step(
        sql=ddl.drop_index(proposal.schema, proposal.name),
        undo=undo,
        lock=DROPS_CONCURRENTLY,
        outside_transaction=True,
    )
    before = [checks.open_transactions()]
    if _by_scans(proposal):
        before.append(checks.still_unused(proposal.schema, proposal.name))
    return Recipe(
        steps=(checks.no_timeouts(), drop),
        checks=tuple(before),
        caveats=(*_after_successor(proposal), STANDBY_QUERIES, NOT_IN_TRANSACTION),
    )


def _drop_partitioned(proposal: DropIndex, taken: Container[str], partitions: Sequence[Partition]) -> Recipe:
    undo: tuple[str, ...] = ()
    if not proposal.invalid:
        built = partitioned_steps(proposal.definition, proposal.name, taken, partitions, anew=True)
        undo = tuple(step.sql for step in built.steps)
    drop = Step(
        sql=ddl.drop_index(proposal.schema, proposal.name, concurrently=False),
        undo="\n".join(undo),
        lock=DROPS_PARTITIONED,
    )
    before = []
    if _by_scans(proposal):
        before.append(checks.still_unused(proposal.schema, proposal.name))
    return Recipe(
        steps=(checks.short_lock_timeout(), drop),
        checks=tuple(before),
        caveats=(*_after_successor(proposal), RETRY, STANDBY_QUERIES, *_on_foreign(partitions)),
    )


def _rebuild(proposal: RebuildIndex) -> Recipe:
    definition = proposal.definition
    concurrently = not proposal.exclusion
    build = Step(
        sql=ddl.reindex(proposal.schema, proposal.name, concurrently=concurrently),
        undo="",
        lock=BUILDS_CONCURRENTLY
        if concurrently
        else "SHARE on the table and ACCESS EXCLUSIVE on the index: writes wait until it is rebuilt, and so do "
        "queries that would use the index.",
        outside_transaction=concurrently,
    )
    caveats = [FAILED_BUILD, NOT_IN_TRANSACTION] if concurrently else []
    if definition.unique:
        caveats.append(
            "It fails where rows break the uniqueness that the index is to enforce: find and mend them first."
        )
    return Recipe(
        steps=(checks.no_timeouts() if concurrently else checks.short_lock_timeout(), build),
        checks=(
            checks.open_transactions(),
            checks.leftovers(definition.schema, definition.table, kept=(proposal.schema, proposal.name)),
            checks.valid(proposal.schema, proposal.name),
        ),
        caveats=tuple(caveats),
    )


def _complete(proposal: RebuildIndex, taken: Container[str], partitions: Sequence[Partition], naming: str) -> Recipe:
    definition = proposal.definition
    built = completed_steps(definition, (proposal.schema, proposal.name), taken, partitions, naming)
    return Recipe(
        steps=built.steps,
        checks=(
            checks.open_transactions(),
            *(checks.leftovers(schema, table) for schema, table in built.tables),
            checks.valid(proposal.schema, proposal.name),
        ),
        caveats=(RETRY, FAILED_PART, NOT_IN_TRANSACTION, CANNOT_DETACH, *_on_foreign(partitions)),
        names=built.names,
    )


def _analyze(proposal: AnalyzeTable) -> Recipe:
    columns = ", ".join(quote_identifier(column) for column in proposal.columns)
    step = Step(
        sql=f"ANALYZE {qualified(proposal.schema, proposal.table)}{f' ({columns})' if columns else ''};",
        undo="",
        lock="SHARE UPDATE EXCLUSIVE: reads and writes go on; VACUUM and most DDL on the table wait.",
    )
    return Recipe(
        steps=(step,),
        caveats=("Plans may change as soon as it is done, for the better as a rule; old statistics do not come back.",),
    )


def _primary_key(proposal: AddPrimaryKey, taken: Container[str], partitions: Sequence[Partition]) -> Recipe:
    built = primary_key_steps(proposal, taken, partitions)
    return Recipe(
        steps=built.steps,
        checks=(checks.open_transactions(), checks.leftovers(proposal.schema, proposal.table)),
        caveats=(
            "It fails where the columns hold NULL or the same values twice: look for such rows first.",
            RETRY,
            FAILED_BUILD,
            NOT_IN_TRANSACTION,
        ),
        names=built.names,
    )


def _on_foreign(partitions: Sequence[Partition]) -> tuple[str, ...]:
    def any_foreign(below: Sequence[Partition]) -> bool:
        return any(each.foreign or any_foreign(each.children) for each in below)

    return (FOREIGN_PARTITIONS,) if any_foreign(partitions) else ()
