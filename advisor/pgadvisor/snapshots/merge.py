"""Looks at a primary and its standbys as one: each server counts its own scans and statements, so they are added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from pgadvisor.model.counters import Counters, IndexCounters, TableCounters, Window
from pgadvisor.model.coverage import Coverage, Fact, FactCoverage, Gap, Presence
from pgadvisor.model.snapshot import Change, Contents, Host, Snapshot
from pgadvisor.model.statements import StatementRole, StatementRow, Statements, StatementSource
from pgadvisor.snapshots.arithmetic import Row, added, fields
from pgadvisor.snapshots.delta import COUNTED, both, worst
from pgadvisor.snapshots.nodes import host_name
from pgadvisor.snapshots.sameness import different, same_indexes
from pgadvisor.snapshots.statement_delta import together
from pgadvisor.workload.folding import folded

# What a server counts of its own reads. Writes, VACUUM and ANALYZE happen on the primary alone; a standby replays them
# and counts none. https://www.postgresql.org/docs/current/hot-standby.html
_READS = frozenset(
    (
        *("seq_scans", "seq_rows_read", "last_seq_scan", "index_scans", "index_rows_fetched", "last_index_scan"),
        *("heap_blocks_read", "heap_blocks_hit", "toast_blocks_read", "toast_blocks_hit"),
    )
)
_NOT_READS = frozenset((*fields(TableCounters).counted, *fields(TableCounters).moments)) - _READS
# Windows that differ by less are as good as equal: hosts are looked at one after the other.
_ALIKE = 0.9


def merge(snapshots: Sequence[Snapshot]) -> Snapshot:
    """One snapshot of a database that several servers hold: at most one primary, and standbys of the same cluster.

    Scans, reads, function calls and statements are added up. All else is the primary's: catalog, sizes, statistics,
    settings, activity, writes, counters of the database and the server; without a primary the standby's with the least
    lag, which a gap says. The window is as long as the shortest of them: over no longer is anything unused everywhere.
    Plans are kept of all, with the host that made them.
    """
    base, *others = sorted(snapshots, key=_rank)
    if not others:
        return base
    names = dict(zip(map(id, (base, *others)), _names((base, *others)), strict=True))
    gaps = [*_gaps(base, others, names), *_without_primary(base, names)]
    counters = _counters(base, others, names, gaps)
    statements = _statements(base, others)
    for fact, windows in (
        (Fact.INDEX_COUNTERS, [each.counters.window for each in (base, *others) if each.counters]),
        (Fact.STATEMENTS, [each.statements.window for each in (base, *others) if each.statements]),
    ):
        gaps += _uneven(fact, windows)
    footprint = base.coverage.footprint
    for other in others:
        footprint = both(footprint, other.coverage.footprint)
    return msgspec.structs.replace(
        base,
        counters=counters,
        statements=statements,
        plans=tuple(
            msgspec.structs.replace(plan, planner=f"{plan.planner}, on {names[id(each)]}")
            for each in (base, *others)
            for plan in each.plans
        ),
        coverage=Coverage(facts=_presences(base, others), gaps=(*base.coverage.gaps, *gaps), footprint=footprint),
        contents=_contents((base, *others)),
        hosts=tuple(_host(each, names[id(each)]) for each in (base, *others)),
        change=_change((base, *others), names),
    )


def _rank(snapshot: Snapshot) -> tuple[bool, float, str, str]:
    """The primary first, then who is least behind."""
    server = snapshot.server
    lag = float("inf") if server.replay_lag_s is None else server.replay_lag_s
    return (server.in_recovery, lag if server.in_recovery else 0.0, host_name(server), server.started_at.isoformat())


def _names(snapshots: Sequence[Snapshot]) -> list[str]:
    """What each server is called; where two are called alike (over sockets of their own), with when it was started."""
    names = [host_name(snapshot.server) for snapshot in snapshots]
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name}, started {snapshot.server.started_at:%Y-%m-%d %H:%M:%S}"
        for name, snapshot in zip(names, snapshots, strict=True)
    ]


def _host(snapshot: Snapshot, name: str) -> Host:
    return Host(
        name=name,
        in_recovery=snapshot.server.in_recovery,
        started_at=snapshot.server.started_at,
        collected_at=snapshot.server.collected_at,
        counters_window=None if snapshot.counters is None else snapshot.counters.window,
        statements_window=None if snapshot.statements is None else snapshot.statements.window,
        standbys=None if snapshot.activity is None else snapshot.activity.physical_standbys,
    )


def _without_primary(base: Snapshot, names: dict[int, str]) -> Iterable[Gap]:
    if base.server.in_recovery:
        yield Gap(
            fact=Fact.TABLE_COUNTERS,
            scope="primary",
            reason=f"No snapshot of the primary was given, so writes are not known; the catalog is {names[id(base)]}'s",
            remedy="Give a snapshot of the primary as well.",
        )


def _gaps(base: Snapshot, others: Sequence[Snapshot], names: dict[int, str]) -> list[Gap]:
    """What was not seen on the other servers, of what is added up."""
    return [
        msgspec.structs.replace(gap, reason=f"On {names[id(other)]}: {gap.reason}")
        for other in others
        for gap in other.coverage.gaps
        if gap.fact in COUNTED or gap.fact is Fact.CONNECTION
    ]


def _presences(base: Snapshot, others: Sequence[Snapshot]) -> tuple[FactCoverage, ...]:
    added_up = {*COUNTED, Fact.CONNECTION}
    return tuple(
        FactCoverage(
            fact=entry.fact,
            presence=_together(entry.presence, *(other.coverage.presence(entry.fact) for other in others)),
        )
        if entry.fact in added_up
        else entry
        for entry in base.coverage.facts
    )


def _together(*presences: Presence) -> Presence:
    """What one server has and another lacks is there in part."""
    if len(set(presences)) > 1 and worst(*presences) is Presence.ABSENT:
        return Presence.PARTIAL
    return worst(*presences)


def _shortest(windows: Sequence[Window]) -> Window:
    """The shortest; of unknown length if one of them is."""
    shortest = min(windows, key=lambda window: -1.0 if window.seconds is None else window.seconds)
    return msgspec.structs.replace(shortest, source=f"{shortest.source}, the shortest of {len(windows)} servers")


def _uneven(fact: Fact, windows: Sequence[Window]) -> Iterable[Gap]:
    """A gap where servers were watched for times of different length."""
    known = sorted(window.seconds for window in windows if window.seconds is not None)
    if len(known) > 1 and known[0] < _ALIKE * known[-1]:
        yield Gap(
            fact=fact,
            scope="several servers",
            reason="The servers have counted for times of different length: what is said of use covers the shortest, "
            "and rates go by the longest, so that they are rather too low",
            remedy="Take two snapshots of each server: then all cover the same interval.",
        )


def _counters(base: Snapshot, others: Sequence[Snapshot], names: dict[int, str], gaps: list[Gap]) -> Counters | None:
    mine = base.counters
    theirs = [(other, other.counters) for other in others if other.counters is not None]
    if mine is None or not theirs:
        return mine
    windows = [mine.window, *(counters.window for _, counters in theirs)]
    alike = [_alike(counters, different(base, other)) for other, counters in theirs]
    return msgspec.structs.replace(
        mine,
        window=_shortest(windows),
        tables=_sums(mine.tables, [c.tables for c in alike], lambda row: row.relation_oid, _NOT_READS),
        indexes=_indexes(mine, [_OfIndexes(names[id(o)], c, same_indexes(base, o)) for o, c in theirs], gaps),
        sequences=_sums(mine.sequences, [c.sequences for c in alike], lambda row: row.sequence_oid),
        functions=_sums(mine.functions, [c.functions for c in alike], lambda row: row.function_oid),
    )


def _alike(counters: Counters, besides: frozenset[int]) -> Counters:
    """The counters without those of other objects that have an oid of ours."""
    if not besides:
        return counters
    return msgspec.structs.replace(
        counters,
        tables=tuple(row for row in counters.tables if row.relation_oid not in besides),
        sequences=tuple(row for row in counters.sequences if row.sequence_oid not in besides),
        functions=tuple(row for row in counters.functions if row.function_oid not in besides),
    )


def _sums(
    rows: Iterable[Row],
    others: Sequence[Iterable[Row]],
    oid_of: Callable[[Row], int],
    besides: frozenset[str] = frozenset(),
) -> tuple[Row, ...]:
    maps = [{oid_of(row): row for row in other} for other in others]
    return tuple(
        added(row, [found for each in maps if (found := each.get(oid_of(row))) is not None], besides) for row in rows
    )


class _OfIndexes:
    """What one of the other servers counted of indexes that are the same there; counted are all it counted."""

    def __init__(self, name: str, counters: Counters, same: frozenset[int]) -> None:
        self.name = name
        self.counted = frozenset(row.index_oid for row in counters.indexes)
        self.rows = tuple(row for row in counters.indexes if row.index_oid in same)
        self.known = frozenset(row.index_oid for row in self.rows)


def _indexes(mine: Counters, theirs: Sequence[_OfIndexes], gaps: list[Gap]) -> tuple[IndexCounters, ...]:
    """Scans of all servers together; an index that one of them did not count is not said to be unused."""
    for each in theirs:
        missing = [row.index_oid for row in mine.indexes if row.index_oid not in each.known and not row.scans]
        if missing:
            indexes = "1 index is" if len(missing) == 1 else f"{len(missing)} indexes are"
            otherwise = "" if each.counted.isdisjoint(missing) else ", or of another name or definition there"
            gaps.append(
                Gap(
                    fact=Fact.INDEX_COUNTERS,
                    scope=each.name,
                    reason=f"{indexes} missing in this server's snapshot{otherwise}, so that their use there is not "
                    "known",
                    remedy="Take the snapshots at about the same time, with the same --schema.",
                )
            )
    rows = tuple(row for row in mine.indexes if row.scans or all(row.index_oid in each.known for each in theirs))
    return _sums(rows, [each.rows for each in theirs], lambda row: row.index_oid)


def _statements(base: Snapshot, others: Sequence[Snapshot]) -> Statements | None:
    """Entries of all servers added up; roles have the same oids on all of them. A file that was given to several of
    them counts once.
    """
    found = [each.statements for each in (base, *others) if each.statements is not None]
    if len(found) < 2:
        return found[0] if found else None
    rows: dict[tuple[str, int, bool | None], StatementRow] = {}
    sources: dict[StatementSource, None] = {}
    for statements in found:
        is_known = bool(statements.sources) and all(source in sources for source in statements.sources)
        sources.update(dict.fromkeys(statements.sources))
        for row in statements.rows:
            if is_known and not row.user_oid:
                continue
            key = (row.query_id, row.user_oid, row.toplevel)
            rows[key] = together(rows[key], [row]) if key in rows else row
    evicted = [statements.evicted for statements in found]
    return msgspec.structs.replace(
        found[0],
        window=_shortest([statements.window for statements in found]),
        rows=tuple(
            sorted(rows.values(), key=lambda row: (-row.total_ms, row.query_id, row.user_oid, row.toplevel or False))
        ),
        texts=folded([text for statements in found for text in statements.texts], rows.values()),
        samples=tuple(dict.fromkeys(sample for statements in found for sample in statements.samples)),
        sources=tuple(sources),
        roles=_roles(found),
        other_databases_ms=sum(statements.other_databases_ms for statements in found),
        other_databases_calls=sum(statements.other_databases_calls for statements in found),
        own_entries=sum(statements.own_entries for statements in found),
        evicted=None if None in evicted else sum(count or 0 for count in evicted),
    )


def _roles(found: Sequence[Statements]) -> tuple[StatementRole, ...]:
    """Roles of all servers by oid, as the first that has one shows it."""
    roles = {role.oid: role for statements in reversed(found) for role in statements.roles}
    return tuple(roles[oid] for oid in sorted(roles))


def _contents(snapshots: Sequence[Snapshot]) -> Contents:
    return Contents(
        redacted=all(snapshot.contents.redacted for snapshot in snapshots),
        names_redacted=all(snapshot.contents.names_redacted for snapshot in snapshots),
        holds=tuple(dict.fromkeys(phrase for snapshot in snapshots for phrase in snapshot.contents.holds)),
    )


def _change(snapshots: Sequence[Snapshot], names: dict[int, str]) -> Change | None:
    """What changed between two looks at several servers: new was known to none, vanished is left on none."""
    changes = [(snapshot, snapshot.change) for snapshot in snapshots if snapshot.change is not None]
    if not changes:
        return None
    known: set[str] = set()
    present: set[str] = set()
    for snapshot, change in changes:
        ids = {row.query_id for row in snapshot.statements.rows} if snapshot.statements else set()
        present |= ids
        known |= ids - set(change.new)
    return Change(
        since=changes[0][1].since,
        until=changes[0][1].until,
        new=tuple(dict.fromkeys(i for _, change in changes for i in change.new if i not in known)),
        vanished=tuple(dict.fromkeys(i for _, change in changes for i in change.vanished if i not in present)),
        matched_by_text=max(change.matched_by_text for _, change in changes),
        notes=tuple(f"On {names[id(snapshot)]}: {note}" for snapshot, change in changes for note in change.notes),
    )
