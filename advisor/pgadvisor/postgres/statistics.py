"""Reads column statistics, and tells those that are hidden from those that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import msgspec

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Relation, RelationKind
from pgadvisor.model.coverage import Fact, Gap, GapKind, Presence
from pgadvisor.model.statistics import PgStats
from pgadvisor.postgres.batches import Misses
from pgadvisor.postgres.gaps import gaps_on
from pgadvisor.postgres.reader import Reader, convert

# Columns in one look: with 100 common values and 100 bounds each some 10 MB and a quarter of a second.
BATCH_COLUMNS = 2000
# After so many looks that failed, each of which may have cost a timeout, the rest is given up: enough to find two
# relations with a flaw among the hundreds of a batch.
MAX_FAILURES = 20

_WHAT = "column statistics"

Rows = list[dict[str, Any]]


def read_statistics(reader: Reader) -> None:
    """The rows of pg_stats, of indexes on expressions as well. The view leaves out, without a word, what is hidden."""
    fact = Fact.COLUMN_STATISTICS
    reader.present(fact, Presence.ABSENT)
    reader.progress("Reading column statistics")
    targets = reader.rows(fact, "statistics_targets", "what can have column statistics")
    if targets is None:
        return
    indexes = [row for row in targets if row["is_index"] and not row["visible"]]
    subjects = [relation for relation in reader.into.catalog.relations if relation.kind is not RelationKind.VIEW]
    hidden = [relation for relation in subjects if not relation.statistics_visible]
    complete = _read(reader, targets)
    _note_hidden(reader, hidden, indexes)
    nothing_hidden = not hidden and not indexes
    if complete and nothing_hidden and reader.into.presence[Fact.CATALOG] is not Presence.ABSENT:
        reader.present(fact)
    elif (complete and len(hidden) < len(subjects)) or reader.into.column_statistics:
        reader.present(fact, Presence.PARTIAL)


def _read(reader: Reader, targets: Sequence[dict[str, Any]]) -> bool:
    """Reads batch after batch into the snapshot, as many as come before a cut; whether all could be read."""
    visible = [row for row in targets if row["visible"]]
    looks = _Looks(reader, unread={row["oid"] for row in visible})
    done = 0
    try:
        for batch in _batches(visible):
            reader.progress("Reading column statistics", done, len(visible))
            looks.take(batch)
            done += len(batch)
    finally:
        looks.rows.sort(key=lambda row: (row.relation_oid, row.column, row.inherited))
        reader.into.column_statistics = tuple(looks.rows)
        reader.into.gaps += looks.misses.gaps(Fact.COLUMN_STATISTICS)
        _mark(reader, looks.unread)
        if looks.rows:
            reader.present(Fact.COLUMN_STATISTICS, Presence.PARTIAL)
    return not looks.unread


@dataclass
class _Looks:
    """What looks at batches found, and what they did not; gave_up is why no more are taken."""

    reader: Reader
    unread: set[int]
    rows: list[PgStats] = field(default_factory=list)
    failures: int = 0
    gave_up: Gap | None = None
    misses: Misses = field(default_factory=Misses)

    def take(self, batch: Sequence[dict[str, Any]]) -> None:
        """Reads a batch; one that fails in halves, down to one relation, so that one with a flaw fails alone."""
        if self.gave_up is not None:
            self._miss(batch, self.gave_up)
            return
        answer = _ask(self.reader, batch)
        if answer is not None:
            self.rows += answer
            self.unread.difference_update(row["oid"] for row in batch)
            return
        gap = self.reader.into.gaps.pop()
        self.failures += 1
        if self.failures >= MAX_FAILURES or gap.kind in (GapKind.LIMIT, GapKind.NOT_OFFERED):
            self.gave_up = gap
        if len(batch) == 1 or self.gave_up is not None:
            self._miss(batch, gap)
            return
        middle = _middle(batch)
        self.take(batch[:middle])
        self.take(batch[middle:])

    def _miss(self, batch: Sequence[dict[str, Any]], gap: Gap) -> None:
        names = (qualified(row["schema"], row["name"]) for row in batch)
        self.misses.add(names, gap.reason, gap.remedy, gap.kind)


def _middle(batch: Sequence[dict[str, Any]]) -> int:
    """Where to cut a batch in two: between schemas if there are several, as _batches says why."""
    schemas = list(dict.fromkeys(row["schema"] for row in batch))
    if len(schemas) == 1:
        return len(batch) // 2
    later = frozenset(schemas[len(schemas) // 2 :])
    return next(number for number, row in enumerate(batch) if row["schema"] in later)


def _mark(reader: Reader, unread: Set[int]) -> None:
    """Statistics that were not read are not missing ones, of which the rules would say that ANALYZE never ran."""
    catalog = reader.into.catalog
    relations = tuple(
        msgspec.structs.replace(relation, statistics_visible=False) if relation.oid in unread else relation
        for relation in catalog.relations
    )
    reader.into.catalog = msgspec.structs.replace(catalog, relations=relations)


def _ask(reader: Reader, batch: Sequence[dict[str, Any]]) -> tuple[PgStats, ...] | None:
    oids: Mapping[tuple[str, str], int] = {(row["schema"], row["name"]): row["oid"] for row in batch}
    names = {
        "schema_names": sorted({schema for schema, _ in oids}),
        "relation_names": sorted({name for _, name in oids}),
    }
    rows = reader.rows(Fact.COLUMN_STATISTICS, "column_statistics", _WHAT, remedy=_remedy(reader), parameters=names)
    if rows is None:
        return None
    wanted: Rows = []
    for row in rows:
        oid = oids.get((row["schema"], row["relation"]))
        if oid is not None:
            row["relation_oid"] = oid
            wanted.append(row)
    return convert(wanted, PgStats)


def _batches(targets: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Targets by schema, about BATCH_COLUMNS in each batch.

    All names of a batch are looked up in all its schemas, so a schema shares one with others only as a whole.
    """
    batch: list[dict[str, Any]] = []
    columns = 0
    for _, of_schema in groupby(targets, key=lambda row: row["schema"]):
        relations = list(of_schema)
        width = sum(row["columns"] for row in relations)
        if columns + width > BATCH_COLUMNS:
            if batch:
                yield batch
            batch, columns = [], 0
        if width > BATCH_COLUMNS:
            yield from _parts(relations)
        else:
            batch += relations
            columns += width
    if batch:
        yield batch


def _parts(relations: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    columns = 0
    for row in relations:
        if part and columns + row["columns"] > BATCH_COLUMNS:
            yield part
            part, columns = [], 0
        part.append(row)
        columns += row["columns"]
    if part:
        yield part


def _note_hidden(reader: Reader, hidden: Sequence[Relation], indexes: Sequence[dict[str, Any]]) -> None:
    guarded = [relation for relation in hidden if relation.row_security]
    refused = [relation for relation in hidden if not relation.row_security]
    reader.into.gaps += gaps_on(
        Fact.COLUMN_STATISTICS,
        (qualified(relation.schema, relation.name) for relation in refused),
        "The role may not read the table, so the server hides the statistics of its columns",
        _remedy(reader),
        GapKind.HIDDEN,
    )
    reader.into.gaps += gaps_on(
        Fact.COLUMN_STATISTICS,
        (qualified(relation.schema, relation.name) for relation in guarded),
        "Row security applies to the role, so the server hides the statistics of its columns",
        "Audit as a role that may read the table and has BYPASSRLS, or as the table's owner.",
        GapKind.HIDDEN,
    )
    # Where those of the table are hidden as well, it goes without saying.
    tables = {relation.oid for relation in hidden}
    reader.into.gaps += gaps_on(
        Fact.COLUMN_STATISTICS,
        (qualified(row["schema"], row["name"]) for row in indexes if row["table_oid"] not in tables),
        "An index's statistics are shown to the owner of the table and to readers of all data only",
        _index_remedy(reader),
        GapKind.HIDDEN,
    )


def _remedy(reader: Reader) -> str:
    server = reader.into.server
    if server is None or server.major >= 14:
        return f"GRANT pg_read_all_data TO {_role(reader)}, or GRANT SELECT on these tables."
    return f"GRANT SELECT on these tables TO {_role(reader)}."


def _index_remedy(reader: Reader) -> str:
    server = reader.into.server
    if server is None or server.major >= 14:
        return f"GRANT pg_read_all_data TO {_role(reader)}."
    return f"GRANT the role that owns the table TO {_role(reader)}, or audit as that role."


def _role(reader: Reader) -> str:
    server = reader.into.server
    return "the role" if server is None else quote_identifier(server.role)
