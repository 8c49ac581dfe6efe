"""Two looks at one database of one server, as one over the interval between them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pgadvisor.model.coverage import Coverage, Fact, FactCoverage, Footprint, Gap, Presence
from pgadvisor.model.snapshot import Change, Snapshot
from pgadvisor.snapshots.counter_delta import counters_between, moment
from pgadvisor.snapshots.statement_delta import statements_between

# What is subtracted, so that it takes both looks.
COUNTED = (
    Fact.TABLE_COUNTERS,
    Fact.INDEX_COUNTERS,
    Fact.DATABASE_COUNTERS,
    Fact.SERVER_COUNTERS,
    Fact.STATEMENTS,
)
_WORST = (Presence.ABSENT, Presence.PARTIAL, Presence.PRESENT)


def between(old: Snapshot, new: Snapshot) -> Snapshot:
    """The new look, with counters and statements of the time between the two alone.

    Both must be of the same database of the same server, the old one taken first, and neither an interval itself.
    Catalog, statistics, sizes, plans, settings and activity are the new one's. What the interval lost is in the notes
    of its `change`; what the old look lacks is a gap.
    """
    notes = list(_restarts(old, new))
    counters = counters_between(old, new, notes)
    delta = statements_between(old, new, notes)
    return msgspec.structs.replace(
        new,
        counters=counters,
        statements=delta.statements,
        coverage=_coverage(old, new),
        change=Change(
            since=old.server.collected_at if old.counters is None else old.counters.window.until,
            until=new.server.collected_at if new.counters is None else new.counters.window.until,
            new=delta.new,
            vanished=delta.vanished,
            matched_by_text=delta.matched_by_text,
            notes=tuple(notes),
        ),
    )


def _restarts(old: Snapshot, new: Snapshot) -> Iterable[str]:
    if new.server.started_at != old.server.started_at:
        yield f"The server was started again at {moment(new.server.started_at)}."
    if old.server.version_num != new.server.version_num:
        yield f"It was PostgreSQL {old.server.version} at the first look and {new.server.version} at the second."
    if old.server.in_recovery and not new.server.in_recovery:
        yield "It was a standby at the first look and was promoted: of writes it counts only those since then."
    if new.server.in_recovery and not old.server.in_recovery:
        yield "It was a primary at the first look and is a standby now: it counts no writes since then."


def _coverage(old: Snapshot, new: Snapshot) -> Coverage:
    """The new look's, no better than the old one's where both are needed."""
    known = {gap for gap in new.coverage.gaps if gap.fact in COUNTED}
    earlier = (gap for gap in old.coverage.gaps if gap.fact in COUNTED and gap not in known)
    missing = [
        fact
        for fact in COUNTED
        if old.coverage.presence(fact) is Presence.ABSENT and new.coverage.presence(fact) is not Presence.ABSENT
    ]
    return Coverage(
        facts=tuple(
            FactCoverage(fact=entry.fact, presence=worst(entry.presence, old.coverage.presence(entry.fact)))
            if entry.fact in COUNTED
            else entry
            for entry in new.coverage.facts
        ),
        gaps=(
            *new.coverage.gaps,
            *(msgspec.structs.replace(gap, reason=f"At the first look: {gap.reason}") for gap in earlier),
            *(
                Gap(fact=fact, scope="", reason="The first look did not have it, so there is nothing to compare with")
                for fact in missing
            ),
        ),
        footprint=both(old.coverage.footprint, new.coverage.footprint),
    )


def worst(*presences: Presence) -> Presence:
    """The least of them."""
    return min(presences, key=_WORST.index)


def both(first: Footprint, second: Footprint) -> Footprint:
    """What two looks cost together."""
    locks = [cost.peak_locks for cost in (first, second) if cost.peak_locks is not None]
    scans = {
        name: first.scans_added.get(name, 0) + second.scans_added.get(name, 0)
        for name in sorted({*first.scans_added, *second.scans_added})
    }
    return Footprint(
        server_ms=round(first.server_ms + second.server_ms, 1),
        transactions=first.transactions + second.transactions,
        queries=first.queries + second.queries,
        explained=first.explained + second.explained,
        executed=first.executed + second.executed,
        executed_ms=round(first.executed_ms + second.executed_ms, 1),
        longest_transaction_ms=max(first.longest_transaction_ms, second.longest_transaction_ms),
        peak_locks=max(locks, default=None),
        statement_entries=first.statement_entries + second.statement_entries,
        scans_added=scans,
    )
