"""Indexes that serve no query because their build did not end well."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgadvisor.rules_api import (
    Confidence,
    DropIndex,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    Index,
    Options,
    RebuildIndex,
    Relation,
    RelationKind,
    Rule,
    Severity,
    Unit,
)
from pgadvisor_rules._common import qualified
from pgadvisor_rules._indexes import (
    belongs_to_parent,
    cause_of,
    held_by,
    indexed_tables,
    is_partitioned,
    keys_of,
    name_of,
    subject_of,
    usable_indexes,
)
from pgadvisor_rules._remember import per_facts

# The names that REINDEX CONCURRENTLY gives (manual, "Rebuilding Indexes Concurrently").
_LEFT_BY_REINDEX = re.compile(r"_cc(new|old)\d*$")


class InvalidIndexOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to set: an invalid index is one whatever its size."""


def check(facts: Facts, options: InvalidIndexOptions) -> Iterator[Finding | Gap]:
    """Invalid indexes that nobody is building, each once: parts of a partitioned index with the whole."""
    del options
    for table in indexed_tables(facts):
        told: set[str] = set()
        for index in sorted(facts.indexes_of(table.oid), key=lambda index: _keeping_order(facts, index)):
            if not _failed(index):
                continue
            if is_partitioned(facts, index):
                yield from _incomplete(facts, table, index)
            elif not _told_with_parent(facts, index):
                identity = f"invalid {facts.index_identity(index)}"
                yield _broken(facts, table, index, f"{identity} as {name_of(index)}" if identity in told else identity)
                told.add(identity)


def _failed(index: Index) -> bool:
    return not ((index.valid and index.live) or index.being_built)


def _keeping_order(facts: Facts, index: Index) -> tuple[bool, int]:
    """Of several alike, the first is to stay: one that cannot go, else the oldest."""
    return (not belongs_to_parent(index) and held_by(facts, index) is None, index.oid)


def _told_with_parent(facts: Facts, index: Index) -> bool:
    parent = facts.indexes.get(index.parent_oid or 0)
    return parent is not None and not parent.valid


def _incomplete(facts: Facts, table: Relation, index: Index) -> Iterator[Finding]:
    """The index of a partitioned table, which is valid once every partition has its part of it."""
    if _told_with_parent(facts, index):
        return
    missing = list(_missing(facts, index))
    parts = facts.child_indexes(index.oid)
    if not missing and any(not part.valid and part.being_built for part in parts):
        return
    if any(_being_built_on(facts, relation) for relation in missing):
        return
    lacking = [relation for relation in missing if relation.kind is not RelationKind.FOREIGN]
    broken = [part for part in parts if not part.valid]
    if missing and not lacking and not broken:
        # Foreign tables can have no indexes, so it can never become valid.
        return
    names = ", ".join(qualified(relation) for relation in lacking[:3])
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    reason = f"{names}{more} lack their part of it" if lacking else "not all of its parts are valid and attached"
    enforces = held_by(facts, index)
    if index.definition.unique:
        reason += ", so uniqueness is not enforced there"
    yield Finding(
        subject=subject_of(index),
        identity=facts.index_identity(index),
        sentence=f"{name_of(index)} on the partitioned table {qualified(table)} is not complete: {reason}.",
        severity=Severity.WARNING,
        confidence=Confidence.ESTIMATED,
        evidence=(
            Evidence(label="partitions without it", value=len(lacking)),
            Evidence(label="partitions whose part is invalid", value=len(broken)),
            Evidence(label="partitions that have it", value=len(parts) - len(broken)),
        ),
        causes=(cause_of(index),),
        # A constraint is completed partition by partition with ALTER TABLE, which is no proposal of ours; what was not
        # read whole, or lost a secret, cannot be built on partitions.
        proposals=()
        if enforces or not index.complete
        else (RebuildIndex(schema=index.schema, name=index.name, definition=index.definition, partitioned=True),),
    )


def _missing(facts: Facts, index: Index) -> Iterator[Relation]:
    """Leaf partitions no index of which belongs to this one."""
    having = {part.table_oid for part in facts.child_indexes(index.oid)}
    for leaf in facts.leaves(index.table_oid):
        if leaf.oid not in having:
            yield leaf


def _being_built_on(facts: Facts, relation: Relation) -> bool:
    return any(index.being_built for index in facts.indexes_of(relation.oid))


def _broken(facts: Facts, table: Relation, index: Index, identity: str) -> Finding:
    sentence, proposal = _what_to_do(facts, table, index)
    size = facts.size_bytes(index.oid)
    # What is not ready was given up in the first phase of its build and gets no entries.
    written = facts.entries_written(index.table_oid) if index.ready and index.live else 0
    return Finding(
        subject=subject_of(index),
        identity=identity,
        sentence=sentence,
        severity=Severity.WARNING,
        confidence=Confidence.ESTIMATED,
        evidence=(
            Evidence(label="size of the index", value=size, unit=Unit.BYTES),
            Evidence(label="is written although invalid", value="yes" if index.ready else "no", unit=Unit.TEXT),
            Evidence(label="entries written to it", value=written, unit=Unit.COUNT),
        ),
        causes=(cause_of(index),),
        proposals=(proposal,),
        impact=Impact(bytes=size, writes=written),
    )


def _what_to_do(facts: Facts, table: Relation, index: Index) -> tuple[str, DropIndex | RebuildIndex]:
    """What is wrong with an invalid index, in words, and what mends it."""
    enforces = held_by(facts, index)
    stand_in = _stand_in(facts, index)
    twin = _rebuilt_twin(facts, index) if stand_in is None else None
    enough = stand_in or twin
    name = name_of(index)
    rebuild = RebuildIndex(schema=index.schema, name=index.name, definition=index.definition, exclusion=index.exclusion)
    proposal: DropIndex | RebuildIndex = DropIndex(
        schema=index.schema,
        name=index.name,
        definition=index.definition,
        because_of=None if enough is None else name_of(enough),
        invalid=True,
    )
    if enforces is not None:
        sentence = f"{name} {enforces}, but is invalid: queries cannot use it."
        proposal = rebuild
    elif not index.live:
        sentence = f"{name} was to be dropped concurrently, and that did not end: it serves nothing."
    elif _LEFT_BY_REINDEX.search(index.name):
        sentence = f"{name} was left behind by a REINDEX CONCURRENTLY that failed: it serves nothing."
    elif stand_in is not None:
        sentence = f"{name} is invalid, and {name_of(stand_in)} does its work already."
    elif twin is not None:
        sentence = f"{name} is invalid, and so is {name_of(twin)}, which is built alike: one of them is enough."
    elif index.definition.unique:
        # Building it again as it stands fails again, and leaves one more invalid index.
        sentence = (
            f"{name} on {qualified(table)} ({keys_of(index)}) is invalid: a concurrent build of it failed, as it does "
            "where rows break its uniqueness. Drop it; once those rows are mended, build it anew."
        )
    else:
        sentence = f"{name} on {qualified(table)} ({keys_of(index)}) is invalid: a concurrent build of it failed."
        proposal = rebuild
    return sentence, proposal


def _stand_in(facts: Facts, index: Index) -> Index | None:
    """A valid index that does what the invalid one was built for; a part of a parent's index cannot be dropped."""
    if not index.complete or belongs_to_parent(index):
        return None
    return min(
        usable_indexes(facts, index.table_oid).covering(index.definition),
        key=lambda other: (len(other.definition.keys), other.oid),
        default=None,
    )


def _rebuilt_twin(facts: Facts, index: Index) -> Index | None:
    """An invalid index of the same definition that is rebuilt, so that this one need not be."""
    own = _keeping_order(facts, index)
    if not index.complete or not own[0]:
        return None
    twin = _first_rebuilt(facts, index.table_oid).get(facts.index_identity(index))
    return twin if twin is not None and _keeping_order(facts, twin) < own else None


@per_facts
def _first_rebuilt(facts: Facts, table_oid: int) -> dict[str, Index]:
    """Of the invalid indexes of a table that are rebuilt, the first of each definition."""
    first: dict[str, Index] = {}
    for index in sorted(facts.indexes_of(table_oid), key=lambda index: _keeping_order(facts, index)):
        if (
            _failed(index)
            and index.live
            and index.complete
            # A unique one that enforces no constraint is not rebuilt either.
            and (not index.definition.unique or held_by(facts, index) is not None)
            and not _LEFT_BY_REINDEX.search(index.name)
        ):
            first.setdefault(facts.index_identity(index), index)
    return first


RULE = Rule(
    id="IDX006",
    name="invalid_index",
    title="Invalid index",
    looks_for="Indexes that PostgreSQL marks as invalid and that no session is building: what failed or cancelled "
    "concurrent builds and rebuilds left behind, and indexes of partitioned tables that some partition lacks.",
    why="The planner never uses an invalid index, so the queries it was built for are as slow as before, while most "
    "such indexes are still written with every change. A unique one may turn down rows although it was never "
    "complete. A migration with IF NOT EXISTS takes it for done.",
    fix="Rebuild it concurrently where it is still wanted, after mending what made the build fail (for a unique index "
    "mostly duplicate rows); drop it where a valid one does its work or a failed REINDEX left it. Give partitions the "
    "part that they lack, and attach it.",
    false_positives=(
        "A build is under way in a session whose progress this role may not see.",
        "An index of a partitioned table that is just being built partition by partition.",
    ),
    severity=Severity.WARNING,
    confidence=Confidence.ESTIMATED,
    needs=(Fact.CATALOG,),
    references=(
        "https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
        "https://www.postgresql.org/docs/current/sql-reindex.html#SQL-REINDEX-CONCURRENTLY",
        "https://www.postgresql.org/docs/current/sql-alterindex.html",
    ),
    options=InvalidIndexOptions,
    check=check,
)
