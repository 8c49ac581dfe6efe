"""Column statistics: the snapshot's rows of pg_stats as the twin's rows of pg_statistic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pgadvisor.model.statistics import PgStats
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.statistics.losses import Losses
from pgadvisor.planner.twin.statistics.slots import Subject, slots_of
from pgadvisor.planner.twin.statistics.staging import Staged, Staging
from pgadvisor.planner.twin.statistics.subjects import Attributes, read_attributes
from pgadvisor.planner.twin.statistics.types import FLOAT8, TEXT, TwinTypes

# One batch: so many rows or so much text, whichever is less; what is staged at a time.
_BATCH_ROWS = 4000
_BATCH_CHARACTERS = 16_000_000
# The first version whose pg_stats shows statistics of ranges.
_SHOWS_RANGES = 17

VALUES = "values in the statistics"
_UNREADABLE = "the twin cannot read them, so estimates go by what is left: nulls, width, distinct values, correlation"
_NOT_PARSED = "{}, so estimates go by what is left: nulls, width, distinct values, correlation"
_NO_COLUMN = "the twin has no such column, or not one of a known type, so the planner's defaults stand in"
_RANGES = (
    "before 17 the server shows no statistics of lengths and bounds of ranges, so the planner's defaults stand in "
    "where ranges are compared"
)
_OWN = (
    "an extension makes statistics of its own for the type, which the server does not show, so the planner's defaults "
    "stand in for them"
)


def load_columns(building: Building, types: TwinTypes, staging: Staging, losses: Losses) -> None:
    """Puts all column statistics in. Raises psycopg.OperationalError where the server is gone."""
    total = len(building.facts.snapshot.column_statistics)
    done = 0
    for batch in _batches(building):
        building.progress("Loading statistics", done, total)
        _load(building, batch, types, staging, losses)
        done += sum(len(rows) for _, rows in batch)


# Relations of the snapshot with their rows.
_Batch = list[tuple[int, list[PgStats]]]
# Relation and column of the twin, and whether the children are in it.
_Key = tuple[int, int, bool]


def _batches(building: Building) -> Iterator[_Batch]:
    """The rows of relations that the twin has, by the snapshot's oid of the relation."""
    known = (row for row in building.facts.snapshot.column_statistics if row.relation_oid in building.oids)
    batch: _Batch = []
    rows = characters = 0
    for oid, group in groupby(sorted(known, key=lambda row: row.relation_oid), key=lambda row: row.relation_oid):
        batch.append((oid, list(group)))
        rows += len(batch[-1][1])
        characters += sum(map(_characters, batch[-1][1]))
        if rows >= _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, rows, characters = [], 0, 0
    if batch:
        yield batch


def _characters(row: PgStats) -> int:
    texts = (row.most_common_vals, row.histogram, row.most_common_elems, row.range_bounds_histogram)
    return sum(len(text) for text in texts if text is not None)


def _load(building: Building, batch: _Batch, types: TwinTypes, staging: Staging, losses: Losses) -> None:
    attributes = read_attributes(building, [building.oids[oid] for oid, _ in batch])
    of_all = (attribute for each in attributes.values() for attribute in each.by_name.values())
    types.read([TEXT, FLOAT8, *(each.subject.type_oid for each in of_all if each.subject is not None)])
    staged: dict[_Key, Staged] = {}
    sources: list[PgStats] = []
    for oid, rows in batch:
        twin_oid = building.oids[oid]
        for row, attribute in attributes.get(twin_oid, Attributes()).matched(rows):
            if attribute is None or attribute.subject is None:
                losses.add("statistics", _NO_COLUMN, oid, row.column)
                continue
            key = twin_oid, attribute.number, row.inherited
            # A snapshot that somebody wrote by hand may say a thing twice, which the catalog's unique index refuses.
            if key not in staged:
                staged[key] = _staged(building, row, attribute.subject, types, losses, key)
                sources.append(row)
    _note(staging.insert(list(staged.values())), sources, losses)


def _note(lost: set[int], sources: Sequence[PgStats], losses: Losses) -> None:
    for number in sorted(lost):
        losses.add(VALUES, _UNREADABLE, sources[number].relation_oid, sources[number].column)


def _staged(building: Building, row: PgStats, subject: Subject, types: TwinTypes, losses: Losses, key: _Key) -> Staged:
    made = slots_of(row, subject, types)
    if made.lost:
        losses.add(VALUES, _NOT_PARSED.format(made.lost), row.relation_oid, row.column)
    if building.facts.server.major < _SHOWS_RANGES and types.range(subject.type_oid):
        losses.add("statistics", _RANGES, row.relation_oid, row.column)
    if types[types.base(subject.type_oid)].has_own_analyze:
        losses.add("statistics", _OWN, row.relation_oid, row.column)
    return Staged(
        relation=key[0],
        column=key[1],
        inherited=key[2],
        null_fraction=row.null_fraction,
        average_width_bytes=row.average_width_bytes,
        n_distinct=row.n_distinct,
        slots=made.slots,
    )
