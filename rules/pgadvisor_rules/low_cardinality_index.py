"""Indexes whose key tells few rows apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgadvisor.rules_api import (
    Amount,
    Confidence,
    Count,
    CreateIndex,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    Index,
    IndexDefinition,
    Options,
    Presence,
    Rule,
    Severity,
    Unit,
    ValueChoice,
)
from pgadvisor_rules._common import counts_scans, scans_not_counted, shorter_than, window_evidence
from pgadvisor_rules._indexes import (
    belongs_to_parent,
    cause_of,
    drop,
    held_by,
    indexed_tables,
    is_partitioned,
    keys_of,
    listed,
    name_of,
    only_server_of_foreign_key,
    rows_per_scan,
    scans,
    stand_ins,
    subject_of,
    unread,
    usable,
    usable_indexes,
    weight,
)
from pgadvisor_rules._value_lookups import serves_common_values, wants_rare_value
from pgadvisor_rules._value_shares import Shares, is_in_order, rare_predicate, shares

# An empty B-tree and its first leaf.
MIN_INDEX_BYTES = 16_384


class LowCardinalityIndexOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_rows: smaller tables are passed over. max_distinct: with more distinct values an index is not looked at.
    common_fraction: from this fraction of the rows on a value is common. min_common_fraction: the fraction of the rows
    that common values must hold together. selective_fraction: an index whose scans read no more of the table than
    this is in good use. in_order: how far beyond chance rows must lie in the order of the values, from 0 to 1, for
    an index to serve common values too. min_window_days: over fewer days no drop is proposed. From
    warning_bytes saved on, or from warning_writes entries written over the counters' window, a finding is a warning.
    """

    min_rows: Count = 10_000
    max_distinct: Count = 50
    common_fraction: Amount = 0.1
    min_common_fraction: Amount = 0.9
    selective_fraction: Amount = 0.05
    in_order: Amount = 0.5
    min_window_days: Amount = 7.0
    warning_bytes: Count = 10_485_760
    warning_writes: Count = 1_000_000


@dataclass(frozen=True)
class Key:
    """An index that separates little: rows of its table, and the shares of each key column's values."""

    index: Index
    rows: float
    columns: tuple[Shares, ...]

    @property
    def distinct(self) -> float:
        """Distinct keys at most."""
        product = 1.0
        for column in self.columns:
            product *= max(column.distinct, 1.0)
        return min(product, self.rows)


def check(facts: Facts, options: LowCardinalityIndexOptions) -> Iterator[Finding | Gap]:
    """B-trees whose whole key has few values, nearly all rows holding common ones."""
    yield from unread(facts)
    if not counts_scans(facts):
        yield scans_not_counted("what indexes with few values are good for is not known")
        return
    unknown: list[str] = []
    unseen: list[str] = []
    for index, rows in _candidates(facts, options):
        key = _key(facts, index, rows, options)
        if key is None:
            unknown.append(name_of(index))
        elif _separates_little(facts, key, options):
            finding = _judge(facts, key, options)
            if finding is not None:
                yield finding
            elif _unscanned(facts, index):
                unseen.append(name_of(index))
    if unknown:
        yield Gap(
            fact=Fact.COLUMN_STATISTICS,
            scope=listed(unknown),
            reason="Columns of these indexes have no statistics that this role may see",
            remedy="Run ANALYZE on their tables, and grant the role SELECT on them or pg_read_all_data.",
        )
    if unseen:
        yield Gap(
            fact=Fact.INDEX_COUNTERS,
            scope=listed(unseen),
            reason="These indexes separate little and were not scanned, but over too short a time to propose a drop",
            remedy="Run again later, or lower min_window_days in [rules.low_cardinality_index] of the configuration.",
        )


def _candidates(facts: Facts, options: LowCardinalityIndexOptions) -> Iterator[tuple[Index, float]]:
    """Plain B-trees on columns of large tables that nothing needs but queries, and no other index makes redundant."""
    for table in indexed_tables(facts):
        rows = facts.row_count(table.oid)
        if rows is None or rows < options.min_rows:
            continue
        for index in facts.indexes_of(table.oid):
            definition = index.definition
            if (
                usable(index)
                and definition.access_method == "btree"
                and not definition.unique
                and definition.predicate is None
                and not definition.include
                and None not in definition.key_columns
                and not belongs_to_parent(index)
                and held_by(facts, index) is None
                and not any(stand_ins(usable_indexes(facts, table.oid), index))
                and not only_server_of_foreign_key(facts, index)
            ):
                yield index, rows


def _key(facts: Facts, index: Index, rows: float, options: LowCardinalityIndexOptions) -> Key | None:
    columns = []
    for column in index.definition.key_columns:
        statistics = facts.statistics(index.table_oid, column or "")
        distinct = facts.distinct_values(index.table_oid, column or "")
        if statistics is None:
            return None
        if distinct is None:
            # n_distinct is 0 where all values are NULL.
            distinct = 0.0 if statistics.null_fraction >= 1 else rows
        columns.append(shares(statistics, distinct, options.common_fraction))
    return Key(index, rows, tuple(columns))


def _separates_little(facts: Facts, key: Key, options: LowCardinalityIndexOptions) -> bool:
    if key.distinct > options.max_distinct:
        return False
    for name, column in zip(key.index.definition.key_columns, key.columns, strict=True):
        statistics = facts.statistics(key.index.table_oid, name or "")
        correlation = None if statistics is None else statistics.correlation
        if column.common_share < options.min_common_fraction:
            return False
        # For a value that most rows hold, no order of the rows makes an index read less than the table.
        if column.common[0].share < 0.5 and is_in_order(correlation, column.by_chance, options.in_order):
            return False
    # Several columns may tell rows apart together though none does alone.
    return key.distinct * options.common_fraction <= 1 or len(key.columns) == 1


def _judge(facts: Facts, key: Key, options: LowCardinalityIndexOptions) -> Finding | None:
    """A partial index where rare values are looked up, a drop where nothing is; else it may well be of use."""
    read = rows_per_scan(facts, key.index)
    rare_wanted = wants_rare_value(facts, key.index, key.columns)
    selective_rows = options.selective_fraction * key.rows
    common_served = serves_common_values(facts, key.index, key.columns, selective_rows)
    if read is None and not _unscanned(facts, key.index):
        return _too_full(facts, key, options) if rare_wanted and not common_served else None
    if read is not None and read <= selective_rows:
        return None if common_served else _too_full(facts, key, options)
    if read is not None:
        return _of_little_use(facts, key, read)
    if _too_little_seen(facts, options) or rare_wanted or _in_plans(facts, key.index):
        return None
    return _useless(facts, key, options)


def _too_little_seen(facts: Facts, options: LowCardinalityIndexOptions) -> str:
    """Why the counters do not tell what all scans are for; "" where they do."""
    standbys = facts.snapshot.standbys_not_seen
    if shorter_than(facts.counters_window, options.min_window_days):
        return "the counters cover too short a time"
    if facts.server.in_recovery:
        return "a standby does not count the scans of the primary"
    if standbys is None:
        return "whether there are standbys, which count their own scans, could not be seen"
    return "standbys count their own scans" if standbys else ""


def _unscanned(facts: Facts, index: Index) -> bool:
    return scans(facts, index) == 0


def _in_plans(facts: Facts, index: Index) -> bool:
    """Whether a plan that was seen uses it (or a part of it on a partition); any index serves to find nothing."""
    names = {each.name for each in (index, *facts.child_indexes(index.oid))}
    return any(
        node.index in names
        for query in facts.planned()
        for plan in facts.plans(query)
        if plan.observed.values is not ValueChoice.ABSENT
        for node in plan.root.walk()
    )


def _partial(definition: IndexDefinition, predicate: str) -> IndexDefinition:
    """An index like another, of just some rows; it enforces nothing."""
    return IndexDefinition(
        schema=definition.schema,
        table=definition.table,
        keys=definition.keys,
        predicate=predicate,
        options=definition.options,
        tablespace=definition.tablespace,
    )


def _too_full(facts: Facts, key: Key, options: LowCardinalityIndexOptions) -> Finding | None:
    """Rare values are looked up in an index that holds mostly common ones: a partial one does the same."""
    index, column = key.index, key.columns[0]
    name = index.definition.key_columns[0]
    described = facts.column(index.table_oid, name or "")
    if len(key.columns) > 1 or described is None or not (column.rare_values or column.rare_null):
        return None
    predicate = rare_predicate(described, column)
    if predicate is None:
        return None
    text, holds_values = predicate
    size = facts.size_bytes(index.oid)
    smaller = None if size is None else max(round(size * (1 - column.common_share)), MIN_INDEX_BYTES)
    saved = None if size is None or smaller is None else max(size - smaller, 0)
    held_back = _too_little_seen(facts, options)
    if not held_back and facts.presence(Fact.STATEMENTS) is Presence.ABSENT:
        held_back = "which statements its scans belong to is not known"
    evidence = [
        *_evidence(facts, key),
        Evidence(label="size of a partial index, about", value=smaller, unit=Unit.BYTES),
        Evidence(
            label="prepared statements",
            value="Those that run on a generic plan cannot use a partial index.",
            unit=Unit.TEXT,
        ),
    ]
    if held_back:
        evidence.append(Evidence(label="nothing is proposed, since", value=held_back, unit=Unit.TEXT))
    proposals = (
        CreateIndex(
            definition=_partial(index.definition, text),
            partitioned=is_partitioned(facts, index),
            holds_values=holds_values,
        ),
        drop(facts, index, replaced=True),
    )
    return Finding(
        subject=subject_of(index),
        identity=facts.index_identity(index),
        sentence=f"{name_of(index)} holds all rows, but its scans look for rare values of {keys_of(index)}; nearly all "
        "rows hold a common one, for which no index is faster than the table.",
        severity=Severity.INFO if held_back else weight(saved, None, options.warning_bytes, options.warning_writes),
        confidence=Confidence.ESTIMATED,
        evidence=tuple(evidence),
        causes=(cause_of(index),),
        proposals=() if held_back else proposals,
        impact=Impact(bytes=saved),
    )


def _of_little_use(facts: Facts, key: Key, read: float) -> Finding:
    """Its scans read large parts of the table. The planner chose them, so what to do is left to the reader."""
    return Finding(
        subject=subject_of(key.index),
        identity=facts.index_identity(key.index),
        sentence=f"Each scan of {name_of(key.index)} reads {read / key.rows:.0%} of the table on average, since "
        f"{keys_of(key.index)} separates little: reading the table would cost about as much.",
        severity=Severity.INFO,
        confidence=Confidence.ESTIMATED,
        evidence=_evidence(facts, key),
        causes=(cause_of(key.index),),
    )


def _useless(facts: Facts, key: Key, options: LowCardinalityIndexOptions) -> Finding:
    """Nothing scans it, and for the values that nearly all rows hold nothing ever would."""
    index = key.index
    size, written = facts.size_bytes(index.oid), facts.entries_written(index.table_oid)
    return Finding(
        subject=subject_of(index),
        identity=facts.index_identity(index),
        sentence=f"{name_of(index)} is not scanned, and hardly can be: {keys_of(index)} separates so little that the "
        "planner prefers to read the table.",
        severity=weight(size, written, options.warning_bytes, options.warning_writes),
        confidence=Confidence.ESTIMATED,
        evidence=_evidence(facts, key),
        causes=(cause_of(index),),
        proposals=(drop(facts, index),),
        impact=Impact(bytes=size, writes=written),
    )


def _evidence(facts: Facts, key: Key) -> tuple[Evidence, ...]:
    index = key.index
    evidence = [
        Evidence(label="rows in the table", value=key.rows, unit=Unit.ROWS),
        Evidence(label="distinct keys", value=round(key.distinct)),
    ]
    for name, column in zip(index.definition.key_columns, key.columns, strict=True):
        commonest = column.common[0]
        if commonest.named:
            text = "NULL" if commonest.text is None else commonest.text
            evidence.append(Evidence(label=f"commonest value of {name}", value=text, unit=Unit.TEXT, holds_values=True))
        evidence.append(
            Evidence(label=f"share of the commonest value of {name}", value=commonest.share, unit=Unit.FRACTION)
        )
        evidence.append(
            Evidence(label=f"share of all common values of {name}", value=column.common_share, unit=Unit.FRACTION)
        )
    return (
        *evidence,
        Evidence(label="size of the index", value=facts.size_bytes(index.oid), unit=Unit.BYTES),
        Evidence(label="scans", value=scans(facts, index)),
        Evidence(label="rows read by a scan on average", value=rows_per_scan(facts, index), unit=Unit.ROWS),
        Evidence(label="entries written to it", value=facts.entries_written(index.table_oid)),
        window_evidence(facts.counters_window, "counters cover"),
    )


RULE = Rule(
    id="IDX007",
    name="low_cardinality_index",
    title="Index whose key tells few rows apart",
    looks_for="B-trees on large tables whose whole key has few values, where values that each stand in at least a "
    "tenth of the rows hold nearly all of them, and rows do not lie in the order of the key. What such an index is "
    "good for shows in how many rows its scans read.",
    why="For a common value the planner reads the table anyway: its pages would all be visited. The index is written "
    "with every insert and most updates for the sake of the few rows with rare values, if anybody looks for those.",
    fix="Where rare values are looked up, build a partial index that leaves the common ones out, check with EXPLAIN "
    "that the statements use it, then drop the full one. Where nothing uses it, drop it. Where it is to speed up a "
    "selection together with another column, build one index on both.",
    false_positives=(
        "Statements that are prepared and run on a generic plan cannot use a partial index on a parameter.",
        "Scans for common values that read few rows, in statements that were not seen or not understood.",
        "Counts by value as index-only scans, which read the index instead of a much wider table.",
        "A distribution about to change: a new column whose old rows all hold the default.",
    ),
    severity=Severity.WARNING,
    confidence=Confidence.ESTIMATED,
    needs=(Fact.CATALOG, Fact.COLUMN_STATISTICS, Fact.INDEX_COUNTERS),
    references=(
        "https://www.postgresql.org/docs/current/indexes-partial.html",
        "https://www.postgresql.org/docs/current/view-pg-stats.html",
        "https://www.postgresql.org/docs/current/sql-prepare.html",
    ),
    options=LowCardinalityIndexOptions,
    check=check,
)
