"""Indexes that are the same but for their names."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.rules_api import (
    Confidence,
    Count,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    Options,
    Relation,
    Rule,
    Severity,
    Unit,
)
from pgadvisor_rules._common import absent, qualified, window_evidence
from pgadvisor_rules._indexes import (
    Duplicates,
    cause_of,
    drop,
    duplicates,
    indexed_tables,
    keys_of,
    name_of,
    subject_of,
    total_bytes,
    unread,
    usage_evidence,
    weight,
)


class DuplicateIndexOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From warning_bytes of duplicates on, or from warning_writes entries written to them over the counters' window,
    a finding is a warning; below it is for information.
    """

    warning_bytes: Count = 1_048_576
    warning_writes: Count = 100_000


def check(facts: Facts, options: DuplicateIndexOptions) -> Iterator[Finding | Gap]:
    """Groups of equal indexes; those of partitions are judged with their parent's."""
    yield from absent(facts, {Fact.INDEX_COUNTERS: "Which of two equal indexes is used more is unknown"})
    yield from unread(facts)
    for table in indexed_tables(facts):
        for group in duplicates(facts, table):
            if group.spare:
                yield _finding(facts, table, group, options)


def _finding(facts: Facts, table: Relation, group: Duplicates, options: DuplicateIndexOptions) -> Finding:
    bytes_saved = total_bytes(facts, group.spare)
    written = facts.entries_written(table.oid)
    writes_saved = None if written is None else written * len(group.spare)
    names = ", ".join(name_of(index) for index in group.spare)
    repeat = "repeats" if len(group.spare) == 1 else "repeat"
    evidence = [entry for index in (group.kept, *group.spare) for entry in usage_evidence(facts, index)]
    evidence.append(Evidence(label="entries written to the duplicates", value=writes_saved, unit=Unit.COUNT))
    evidence.append(window_evidence(facts.counters_window, "counters cover"))
    return Finding(
        subject=subject_of(group.spare[0]),
        identity=min(facts.index_identity(index) for index in (group.kept, *group.spare)),
        sentence=f"{names} {repeat} {name_of(group.kept)} on {qualified(table)} ({keys_of(group.kept)}): each row is "
        f"indexed {len(group.spare) + 1} times over.",
        severity=weight(bytes_saved, writes_saved, options.warning_bytes, options.warning_writes),
        confidence=Confidence.ESTIMATED,
        evidence=tuple(evidence),
        causes=(cause_of(group.kept),),
        proposals=tuple(drop(facts, index, group.kept) for index in group.spare),
        impact=Impact(bytes=bytes_saved, writes=writes_saved),
    )


RULE = Rule(
    id="IDX003",
    name="duplicate_index",
    title="Indexes that are the same but for their names",
    looks_for="Valid indexes on one table with the same access method, keys, operator classes, collations, predicate "
    "and included columns, in the same order of rows or its exact reverse. One that enforces nothing may repeat one "
    "that does.",
    why="Each of them is written at every insert and most updates, vacuumed, backed up, replicated and kept in memory "
    "beside the other, and makes updates of its columns lose the HOT shortcut, for nothing: the planner uses either.",
    fix="Keep the one that enforces a constraint or serves as an identity, else the one used more, and drop the others "
    "concurrently.",
    false_positives=(
        "Two indexes on purpose, for a while: one is being replaced by a copy in another tablespace or with another "
        "fill factor.",
        "Statements that name an index in a hint (pg_hint_plan) or a tool that expects its name.",
    ),
    severity=Severity.WARNING,
    confidence=Confidence.ESTIMATED,
    needs=(Fact.CATALOG,),
    references=(
        "https://www.postgresql.org/docs/current/indexes-intro.html",
        "https://www.postgresql.org/docs/current/indexes-ordering.html",
        "https://wiki.postgresql.org/wiki/Index_Maintenance",
    ),
    options=DuplicateIndexOptions,
    check=check,
)
