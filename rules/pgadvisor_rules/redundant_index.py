"""Indexes whose work a wider one does as well."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pgadvisor.indexes.standing import Standing
from pgadvisor.rules_api import (
    Amount,
    Confidence,
    Count,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    Index,
    Options,
    Relation,
    Rule,
    Severity,
    Unit,
)
from pgadvisor_rules._common import absent, qualified, window_evidence
from pgadvisor_rules._indexes import (
    belongs_to_parent,
    cause_of,
    drop,
    duplicates,
    held_by,
    indexed_tables,
    keys_of,
    name_of,
    scans,
    stand_ins,
    subject_of,
    unread,
    usage_evidence,
    weight,
)


class RedundantIndexOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_size_bytes: smaller indexes are passed over. From warning_bytes of size on, or from warning_writes entries
    written to it over the counters' window, a finding is a warning; below it is for information. Where the wider index
    is more than max_size_ratio times as large and the narrow one is in use, no drop is proposed: scans would read that
    much more.
    """

    min_size_bytes: Count = 1_048_576
    warning_bytes: Count = 10_485_760
    warning_writes: Count = 1_000_000
    max_size_ratio: Amount = 10.0


def check(facts: Facts, options: RedundantIndexOptions) -> Iterator[Finding | Gap]:
    """Indexes that a wider one covers. Equal ones are the business of duplicate_index."""
    yield from absent(facts, {Fact.INDEX_COUNTERS: "How much the redundant indexes are used is unknown"})
    yield from unread(facts)
    for table in indexed_tables(facts):
        indexes = [group.kept for group in duplicates(facts, table)]
        standing = Standing((index, index.definition) for index in indexes)
        redundant = {index.oid for index in indexes if any(stand_ins(standing, index))}
        for index in indexes:
            if index.oid not in redundant or belongs_to_parent(index) or held_by(facts, index) is not None:
                continue
            wide = _stand_in(facts, index, standing, redundant)
            size = facts.size_bytes(index.oid)
            if wide is not None and (size is None or size >= options.min_size_bytes):
                yield _finding(facts, table, index, wide, options)


def _stand_in(facts: Facts, narrow: Index, standing: Standing[Index], redundant: Collection[int]) -> Index | None:
    """The smallest of the covering indexes that no other makes redundant in turn; one that is used before all others.

    One without a scan may go for that.
    """
    staying = (
        index
        for index in stand_ins(standing, narrow)
        if index.oid not in redundant or held_by(facts, index) is not None
    )

    def rank(index: Index) -> tuple[bool, int, int]:
        idle = scans(facts, index) == 0 and held_by(facts, index) is None
        return (idle, facts.size_bytes(index.oid) or 0, index.oid)

    return min(staying, key=rank, default=None)


def _finding(facts: Facts, table: Relation, narrow: Index, wide: Index, options: RedundantIndexOptions) -> Finding:
    size, wide_size = facts.size_bytes(narrow.oid), facts.size_bytes(wide.oid)
    ratio = wide_size / size if size and wide_size is not None else None
    used = scans(facts, narrow)
    worth_keeping = ratio is not None and ratio > options.max_size_ratio and used != 0
    written = facts.entries_written(table.oid)
    sentence = f"{name_of(wide)} ({keys_of(wide)}) can do all the work of {name_of(narrow)} ({keys_of(narrow)})"
    evidence = [*usage_evidence(facts, narrow), *usage_evidence(facts, wide)]
    if ratio is not None:
        evidence.append(Evidence(label="size of the wider index, times the narrow one's", value=round(ratio, 1)))
    evidence.append(Evidence(label="entries written to the narrow index", value=written, unit=Unit.COUNT))
    evidence.append(window_evidence(facts.counters_window, "counters cover"))
    if worth_keeping:
        sentence += ", but is so much larger that scans of the narrow one would cost more without it."
        severity = Severity.INFO
    else:
        sentence += f" on {qualified(table)}."
        severity = weight(size, written, options.warning_bytes, options.warning_writes)
    return Finding(
        subject=subject_of(narrow),
        identity=facts.index_identity(narrow),
        sentence=sentence,
        severity=severity,
        confidence=Confidence.ESTIMATED,
        evidence=tuple(evidence),
        causes=(cause_of(narrow),),
        proposals=() if worth_keeping else (drop(facts, narrow, wide),),
        impact=Impact() if worth_keeping else Impact(bytes=size, writes=written),
    )


RULE = Rule(
    id="IDX004",
    name="redundant_index",
    title="Index whose work a wider one does as well",
    looks_for="Valid indexes whose keys are the beginning of another index's keys (or of its exact reverse), with the "
    "same access method, operator classes, collations and predicate, whose included columns the other holds too, and "
    "that enforce and identify nothing of their own.",
    why="Whatever searches or sorts by the first columns of an index can use the wider index for it. The narrow one is "
    "still written at every insert and most updates, and takes memory away from data that is needed.",
    fix="Drop the narrow index concurrently. Scans that used it turn to the wider one and read somewhat larger pages "
    "of the same rows.",
    false_positives=(
        "The narrow index is much smaller, is scanned very often and must stay in memory.",
        "Index-only scans of large parts of the narrow index, such as counts, take as much longer as the wider one is "
        "larger.",
        "The wider index is itself on trial and may go again.",
    ),
    severity=Severity.WARNING,
    confidence=Confidence.ESTIMATED,
    needs=(Fact.CATALOG,),
    references=(
        "https://www.postgresql.org/docs/current/indexes-multicolumn.html",
        "https://www.postgresql.org/docs/current/indexes-index-only-scans.html",
    ),
    options=RedundantIndexOptions,
    check=check,
)
