"""Counters of tables, indexes and the server over the interval between two looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic

import msgspec

from pgadvisor.model.counters import Counters, DatabaseCounters, IndexCounters, TableCounters, ViewRow, Window
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.snapshots.arithmetic import Row, difference, went_back
from pgadvisor.snapshots.nodes import same_cluster
from pgadvisor.snapshots.sameness import same_indexes

TWO_SNAPSHOTS = "two snapshots"
# Not a counter: how many bytes an operation has (pg_stat_io before 18).
_CONSTANTS = frozenset({"op_bytes"})
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Found(Generic[Row]):
    """The rows of one kind over the interval; the oids of those that were not there before, and of those reset."""

    rows: tuple[Row, ...]
    fresh: tuple[int, ...]
    reset: tuple[int, ...]


def counters_between(old: Snapshot, new: Snapshot, notes: list[str]) -> Counters | None:
    """The new look's counters less the old one's; states, sizes and points in time are the new one's.

    Where all of them were reset in between they cover the time since, which the window and a note say. Sets no more
    than either look had: None, or a part left empty, where one of them lacks it.
    """
    before, after = old.counters, new.counters
    if before is None or after is None:
        return None
    anew = _anew(old, new)
    reset_at = None if anew else _reset_at(old, new)
    if anew:
        notes.append(anew)
    elif reset_at is not None:
        notes.append(
            f"All counters began again at {moment(reset_at)}, by a reset or a crash: they cover the time since."
        )
    whole = bool(anew) or reset_at is not None
    window = _window(old, new, before.window, after.window, reset_at)
    if whole:
        # Rows of a server that began again are what it has counted since.
        before = Counters(window=before.window)
    elif _scope(old) != _scope(new):
        notes.append("The two looks were at different schemas: what the first did not look at is left out.")
    tables = _of_tables(old, new, before, after, notes, quiet=whole)
    indexes = _of_indexes(old, new, before, after, notes, quiet=whole)
    return msgspec.structs.replace(
        after,
        window=window,
        tables=tables,
        indexes=indexes,
        sequences=_subtracted(before.sequences, after.sequences, lambda row: row.sequence_oid).rows,
        functions=_subtracted(before.functions, after.functions, lambda row: row.function_oid).rows,
        database=after.database if whole else _database(before.database, after.database),
        server_views=_views(old.counters.server_views if old.counters else (), after.server_views, notes),
    )


def _window(old: Snapshot, new: Snapshot, before: Window, after: Window, reset_at: datetime | None) -> Window:
    """From the old look to the new one, or since the reset. Nobody notes when a database was made."""
    if same_cluster(old.server, new.server) is False:
        made_in_place = old.server.system_identifier == new.server.system_identifier
        return Window(since=None, until=after.until, source="unknown") if made_in_place else after
    if reset_at is not None:
        return Window(since=reset_at, until=after.until, source=after.source)
    return Window(since=before.until, until=after.until, source=TWO_SNAPSHOTS)


def _scope(snapshot: Snapshot) -> tuple[frozenset[str], frozenset[str]]:
    """Which schemas were asked for."""
    return frozenset(snapshot.limits.schemas), frozenset(snapshot.limits.exclude_schemas)


def _anew(old: Snapshot, new: Snapshot) -> str:
    """How the new look's database came to be another one than the old look's; "" where it is the same."""
    if same_cluster(old.server, new.server) is not False:
        return ""
    if old.server.system_identifier == new.server.system_identifier:
        return "The database was made anew between the two looks: its counters cover the time since."
    return "A new cluster took the old one's place between the two looks: its counters cover the time since."


def _reset_at(old: Snapshot, new: Snapshot) -> datetime | None:
    """When all counters of the database were reset after the old look; None where they were not.

    A start that ends recovery from a crash, or a standby's before 15, resets all; a clean one keeps them. The resets
    of shared statistics tell of it, but can also be done by hand; then no counter of a table has gone back.
    https://www.postgresql.org/docs/current/monitoring-stats.html
    """
    if old.counters is None or new.counters is None:
        return None
    seen, since = old.counters.window.until, new.counters.window.since
    by_hand = None if new.counters.database is None else new.counters.database.reset_at
    if by_hand is not None and by_hand > seen:
        if not _all_began_again(old.counters, new.counters):
            return None
        return by_hand if since is None else max(by_hand, since if since != new.server.started_at else by_hand)
    is_later = since is not None and since > seen and since != new.server.started_at
    return since if is_later and _any_went_back(old.counters, new.counters) else None


def _all_began_again(old: Counters, new: Counters) -> bool:
    """Whether it was all counters that were reset by hand, and not those of single tables, which leaves the same mark.

    Those of the database tell, where they have not outgrown what they were. Single ones are few; where none went back
    at all, all have outgrown it.
    """
    if _database_went_back(old, new):
        return True
    rows = _rows_went_back(old, new)
    return not any(rows) or 2 * sum(rows) > len(rows)


def _any_went_back(old: Counters, new: Counters) -> bool:
    return _database_went_back(old, new) or any(_rows_went_back(old, new))


def _database_went_back(old: Counters, new: Counters) -> bool:
    return old.database is not None and new.database is not None and went_back(old.database, new.database)


def _rows_went_back(old: Counters, new: Counters) -> list[bool]:
    """Of each table and index that both looks counted, whether its counters are smaller than before."""
    tables = {row.relation_oid: row for row in old.tables}
    indexes = {row.index_oid: row for row in old.indexes}
    return [
        *(went_back(tables[row.relation_oid], row) for row in new.tables if row.relation_oid in tables),
        *(went_back(indexes[row.index_oid], row) for row in new.indexes if row.index_oid in indexes),
    ]


def _of_tables(
    old: Snapshot, new: Snapshot, before: Counters, after: Counters, notes: list[str], *, quiet: bool
) -> tuple[TableCounters, ...]:
    if old.coverage.presence(Fact.TABLE_COUNTERS) is Presence.ABSENT:
        return ()
    names = {relation.oid: f"{relation.schema}.{relation.name}" for relation in new.catalog.relations}
    earlier = {relation.oid: f"{relation.schema}.{relation.name}" for relation in old.catalog.relations}
    trusted = same_cluster(old.server, new.server) is True
    oids = {
        row.relation_oid: row.relation_oid
        for row in before.tables
        # Where the cluster may be another one, the same oid can be another table; else it was only renamed.
        if trusted or names.get(row.relation_oid) == earlier.get(row.relation_oid, names.get(row.relation_oid))
    }
    found = _subtracted(before.tables, after.tables, lambda row: row.relation_oid, oids)
    if not quiet and _scope(old) != _scope(new):
        return tuple(row for row in found.rows if row.relation_oid not in set(found.fresh))
    if not quiet:
        _note(notes, found.fresh, names, "table", "tables", "made between the two looks", "count from then on")
        _note(notes, found.reset, names, "table", "tables", "reset between the two looks", "count from then on")
    return found.rows


def _of_indexes(
    old: Snapshot, new: Snapshot, before: Counters, after: Counters, notes: list[str], *, quiet: bool
) -> tuple[IndexCounters, ...]:
    """Counters of indexes; of one that was built or reset in between, and not scanned since, there is nothing to say.

    REINDEX CONCURRENTLY makes a new index that takes over name and counters of the old one.
    """
    if old.coverage.presence(Fact.INDEX_COUNTERS) is Presence.ABSENT:
        return ()
    names = {index.oid: f"{index.schema}.{index.name}" for index in new.catalog.indexes}
    earlier = {f"{index.schema}.{index.name}": index.oid for index in old.catalog.indexes}
    counted = {row.index_oid for row in before.indexes}
    still = {row.index_oid for row in after.indexes}
    # An index that is another one now has not counted what the old one did, whatever oid they share.
    known = {index.oid for index in old.catalog.indexes} & {index.oid for index in new.catalog.indexes}
    other = known - same_indexes(old, new, renamed=True)
    oids = {oid: oid for oid in counted if oid not in other}
    for oid in still - counted:
        rebuilt = earlier.get(names.get(oid, ""))
        if rebuilt in counted and rebuilt not in still:
            oids[oid] = rebuilt
    found = _subtracted(before.indexes, after.indexes, lambda row: row.index_oid, oids)
    if quiet:
        return found.rows
    if _scope(old) != _scope(new):
        return tuple(row for row in found.rows if row.index_oid not in {*found.fresh, *found.reset})
    what = "count from then on, and nothing is said of those not scanned since"
    _note(notes, found.fresh, names, "index", "indexes", "built between the two looks", what)
    _note(notes, found.reset, names, "index", "indexes", "reset between the two looks", what)
    partial = {*found.fresh, *found.reset}
    return tuple(row for row in found.rows if row.scans or row.index_oid not in partial)


def _subtracted(
    before: Iterable[Row], after: Iterable[Row], oid_of: Callable[[Row], int], oids: Mapping[int, int] | None = None
) -> Found[Row]:
    """Rows less those before; oids are the old ones by the new ones, without it they are the same."""
    earlier = {oid_of(row): row for row in before}
    rows, fresh, reset = [], [], []
    for row in after:
        oid = oid_of(row)
        old = earlier.get(oid if oids is None else oids.get(oid, 0))
        if old is None:
            fresh.append(oid)
        elif went_back(old, row):
            reset.append(oid)
        else:
            rows.append(difference(old, row))
            continue
        rows.append(row)
    return Found(tuple(rows), tuple(fresh), tuple(reset))


def _database(before: DatabaseCounters | None, after: DatabaseCounters | None) -> DatabaseCounters | None:
    if before is None or after is None:
        return None
    return after if went_back(before, after) else difference(before, after)


def _views(before: Iterable[ViewRow], after: Iterable[ViewRow], notes: list[str]) -> tuple[ViewRow, ...]:
    """Rows of the server's statistics views; those that only one look has are left out."""
    earlier = {(row.view, row.key): row for row in before}
    pairs = [(earlier[row.view, row.key], row) for row in after if (row.view, row.key) in earlier]
    reset = sorted({new.view for old, new in pairs if _view_was_reset(old, new)})
    if reset:
        notes.append(f"{', '.join(reset)} of the server were reset between the two looks: they cover the time since.")
    return tuple(
        new if _view_was_reset(old, new) else msgspec.structs.replace(new, values=_less(new.values, old.values))
        for old, new in pairs
    )


def _view_was_reset(old: ViewRow, new: ViewRow) -> bool:
    return old.reset_at != new.reset_at or any(
        value is not None and (was := old.values.get(name)) is not None and value < was
        for name, value in new.values.items()
    )


def _less(new: Mapping[str, float | None], old: Mapping[str, float | None]) -> dict[str, float | None]:
    less: dict[str, float | None] = {}
    for name, value in new.items():
        was = old.get(name)
        less[name] = value if name in _CONSTANTS else None if value is None or was is None else value - was
    return less


def moment(when: datetime) -> str:
    """A point in time in a sentence."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _note(
    notes: list[str], oids: Sequence[int], names: Mapping[int, str], noun: str, nouns: str, what: str, then: str
) -> None:
    if not oids:
        return
    known = sorted(names[oid] for oid in oids if oid in names)[:_NAMES_SHOWN]
    more = len(oids) - len(known)
    listed = ", ".join(known) + (f" and {more} more" if known and more else "")
    was = f"1 {noun} was" if len(oids) == 1 else f"{len(oids)} {nouns} were"
    notes.append(f"{was} {what}{f' ({listed})' if listed else ''}: they {then}.")
