"""Reads what has been counted, since when, and how large relations are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.catalog import Catalog, RelationKind
from pgadvisor.model.counters import (
    SERVER_START,
    Counters,
    DatabaseCounters,
    FunctionCounters,
    IndexCounters,
    RelationSize,
    SequenceCounters,
    TableCounters,
    Window,
)
from pgadvisor.model.coverage import Fact, Gap, GapKind, Presence
from pgadvisor.postgres.batches import Batches, Misses, Target
from pgadvisor.postgres.reader import Reader, convert

_RESETS = (
    ("started_at", SERVER_START),
    ("database_reset", "reset of this database's counters"),
    # By hand, or by recovery from a crash, after which all counters start again.
    ("shared_reset", "reset of shared statistics, as after a crash"),
)

_COUNTED = (Fact.TABLE_COUNTERS, Fact.INDEX_COUNTERS, Fact.DATABASE_COUNTERS)


def read_counters(reader: Reader) -> None:
    """Counters of the database and what is in it. Asked before anything else, so that they do not count us."""
    reader.progress("Reading counters")
    for fact in _COUNTED:
        reader.present(fact, Presence.ABSENT)
    window = _window(reader)
    counting = reader.into.presence[Fact.TABLE_COUNTERS]
    tables = reader.rows(Fact.TABLE_COUNTERS, "table_counters", "the counters of tables")
    indexes = reader.rows(Fact.INDEX_COUNTERS, "index_counters", "the counters of indexes")
    reader.into.counters = Counters(
        window=window,
        tables=convert(tables or (), TableCounters),
        indexes=convert(indexes or (), IndexCounters),
    )
    reader.present(Fact.TABLE_COUNTERS, Presence.ABSENT if tables is None else counting)
    reader.present(Fact.INDEX_COUNTERS, Presence.ABSENT if indexes is None else counting)
    _read_database_counters(reader, counting)


def _read_database_counters(reader: Reader, counting: Presence) -> None:
    """Those of the database as a whole, of its sequences and of its functions."""
    fact = Fact.DATABASE_COUNTERS
    sequences = reader.rows(fact, "sequence_counters", "the counters of sequences")
    functions = reader.rows(fact, "function_counters", "the counters of functions")
    database = reader.rows(fact, "database_counters", "the counters of the database")
    if reader.into.counters is None:
        return
    reader.into.counters = msgspec.structs.replace(
        reader.into.counters,
        sequences=convert(sequences or (), SequenceCounters),
        functions=convert(functions or (), FunctionCounters),
        database=msgspec.convert(database[0], DatabaseCounters) if database else None,
    )
    answers = (sequences, functions, database)
    if any(answer is not None for answer in answers):
        reader.present(fact, Presence.PARTIAL if None in answers else counting)


def _window(reader: Reader) -> Window:
    """The window of counters; notes in presence how far counting is on."""
    rows = reader.rows(Fact.TABLE_COUNTERS, "counters_window", "when counters were last reset")
    reader.present(Fact.TABLE_COUNTERS, Presence.PRESENT if rows else Presence.PARTIAL)
    if not rows:
        return Window(since=None, until=datetime.now(UTC), source="unknown")
    (row,) = rows
    if not row["track_counts"]:
        reader.present(Fact.TABLE_COUNTERS, Presence.PARTIAL)
        for fact in _COUNTED:
            reader.into.gaps.append(
                Gap(
                    fact=fact,
                    scope="",
                    reason="track_counts is off, so the server counts nothing",
                    remedy="Set track_counts to on (autovacuum needs it as well), then wait for a typical period.",
                    kind=GapKind.SWITCHED_OFF,
                )
            )
    return window_since(row)


def window_since(row: Mapping[str, Any]) -> Window:
    """The window that starts at the latest of the known resets."""
    known = [(row[name], source) for name, source in _RESETS if row[name] is not None]
    since, source = max(known, key=lambda reset: reset[0], default=(None, "unknown"))
    return Window(since=since, until=row["until"], source=source)


def read_sizes(reader: Reader) -> None:
    """Sizes of tables and indexes: the files' own, never guessed from the catalog."""
    counters = reader.into.counters
    if counters is None:
        return
    reader.present(Fact.SIZES, Presence.ABSENT)
    misses = Misses()
    batches = Batches(reader, Fact.SIZES, "sizes", "sizes", misses=misses)
    targets = _with_storage(reader.into.catalog)
    try:
        batches.collect(targets)
        rows = _with_indexes(batches, reader.into.catalog)
    finally:
        reader.into.gaps += misses.gaps(Fact.SIZES)
    database = reader.rows(
        Fact.SIZES, "database_size", "the size of the database", remedy="GRANT pg_read_all_stats to the role."
    )
    reader.into.counters = msgspec.structs.replace(
        counters,
        sizes=tuple(sorted(convert(rows, RelationSize), key=lambda size: size.oid)),
        database_size_bytes=database[0]["database_size_bytes"] if database else None,
    )
    if len(batches.missing) == len(targets) and (targets or reader.into.presence[Fact.CATALOG] is Presence.ABSENT):
        return
    reader.present(Fact.SIZES, Presence.PARTIAL if batches.missing or not database else Presence.PRESENT)


def _with_indexes(batches: Batches, catalog: Catalog) -> list[dict[str, Any]]:
    """The sizes with those of indexes added to their tables'; a table of which one is missing is missing as well."""
    rows = {row["oid"]: row for row in batches.rows}
    of_indexes = {index.oid: rows[index.oid]["total_bytes"] for index in catalog.indexes if index.oid in rows}
    names = {relation.oid: qualified(relation.schema, relation.name) for relation in catalog.relations}
    for index in catalog.indexes:
        table = rows.get(index.table_oid)
        if table is None:
            continue
        if index.oid not in batches.missing:
            # One that was dropped in the meantime has no size.
            table["total_bytes"] += of_indexes.get(index.oid, 0)
            continue
        del rows[index.table_oid]
        batches.missing.add(index.table_oid)
        reason = "The size of one of its indexes could not be read, and so not its own"
        batches.misses.add([names[index.table_oid]], reason, "", GapKind.OTHER)
    return list(rows.values())


def _with_storage(catalog: Catalog) -> list[Target]:
    tables = {
        relation.oid: relation
        for relation in catalog.relations
        if relation.kind in (RelationKind.TABLE, RelationKind.MATERIALIZED_VIEW)
    }
    indexes = [index for index in catalog.indexes if index.table_oid in tables]
    # A table's total needs those of its indexes.
    opened = {oid: {oid} for oid in tables}
    for index in indexes:
        opened[index.table_oid].add(index.oid)
    return [
        *(
            Target(oid=oid, name=qualified(table.schema, table.name), locks=frozenset(opened[oid]))
            for oid, table in tables.items()
        ),
        *(
            Target(oid=index.oid, name=qualified(index.schema, index.name), locks=frozenset((index.oid,)))
            for index in indexes
        ),
    ]
