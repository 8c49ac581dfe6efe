"""Entries of pg_stat_statements over the interval between two looks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import StatementRow, Statements
from pgadvisor.snapshots.arithmetic import added, difference, went_back
from pgadvisor.snapshots.counter_delta import TWO_SNAPSHOTS, moment
from pgadvisor.snapshots.nodes import same_cluster
from pgadvisor.snapshots.texts import ids_of, matched
from pgadvisor.workload.folding import folded

Key = tuple[str, int, bool | None]


@dataclass(frozen=True)
class StatementDelta:
    """Statements over the interval; the ids of those that are new and of those that are gone."""

    statements: Statements | None
    new: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    matched_by_text: int = 0


def statements_between(old: Snapshot, new: Snapshot, notes: list[str]) -> StatementDelta:
    """The new look's entries less the old one's; texts are the new one's.

    Where all entries were reset in between they cover the time since, which the window and a note say. An entry that
    was pushed out and came back, or was reset by itself, counts from then on. Files and logs
    are the new look's.
    """
    if old.statements is None or new.statements is None:
        return StatementDelta(None)
    before, after = _of_server(old.statements), _of_server(new.statements)
    renamed = matched(before, after) if _ids_may_differ(old, new) else {}
    reset = _whole_reset(old, new, before, after, notes)
    if reset is None:
        rows = _rows(old, new, before, after, notes)
        window = Window(since=before.window.until, until=after.window.until, source=TWO_SNAPSHOTS)
        vanished = (
            ids_of(before) - ids_of(after) - _entries(before, renamed.values())
            if _may_vanish(before, after)
            else frozenset()
        )
    else:
        # Of statements that were not seen since the reset nobody knows whether they are gone.
        rows, vanished = after.rows, frozenset[str]()
        source = TWO_SNAPSHOTS if after.window.since is None else after.window.source
        window = Window(since=reset, until=after.window.until, source=source)
    earlier = ids_of(before).union(renamed)
    ordered = tuple(sorted(rows, key=lambda row: (-row.total_ms, row.query_id, row.user_oid, row.toplevel or False)))
    evicted = _less(before.evicted, after.evicted)
    if evicted and reset is None:
        entries = "1 entry was" if evicted == 1 else f"{evicted} entries were"
        notes.append(f"{entries} pushed out of pg_stat_statements in between: what they counted is lost.")
    return StatementDelta(
        statements=msgspec.structs.replace(
            after,
            window=window,
            rows=(*ordered, *(row for row in new.statements.rows if not row.user_oid)),
            texts=folded(after.texts, after.rows),
            other_databases_ms=_grown(before.other_databases_ms, after.other_databases_ms),
            other_databases_calls=int(_grown(before.other_databases_calls, after.other_databases_calls)),
            evicted=after.evicted if reset else evicted,
        ),
        new=tuple(dict.fromkeys(row.query_id for row in ordered if row.query_id not in earlier)),
        vanished=tuple(dict.fromkeys(row.query_id for row in before.rows if row.query_id in vanished)),
        matched_by_text=len(set(renamed.values())),
    )


def grown(before: Sequence[StatementRow], after: Sequence[StatementRow]) -> tuple[StatementRow, ...]:
    """Entries less what they had counted before; those that are new or began again as they are."""
    earlier = {(row.query_id, row.user_oid, row.toplevel): row for row in before}
    pairs = ((earlier.get((row.query_id, row.user_oid, row.toplevel)), row) for row in after)
    return tuple(row if old is None or went_back(old, row) else difference(old, row) for old, row in pairs)


def _of_server(statements: Statements) -> Statements:
    """Without what files and logs have counted, which is no server's."""
    return msgspec.structs.replace(statements, rows=tuple(row for row in statements.rows if row.user_oid))


def _entries(statements: Statements, query_ids: Iterable[str]) -> frozenset[str]:
    """The ids of all entries of statements."""
    also = {text.query_id: text.also for text in statements.texts}
    return frozenset(each for query_id in query_ids for each in (query_id, *also.get(query_id, ())))


def _ids_may_differ(old: Snapshot, new: Snapshot) -> bool:
    """Whether the same statement may have another id: it depends on the version and on the oids of what it names."""
    versions = [(s.server.version_num, s.statements.extension_version if s.statements else None) for s in (old, new)]
    return versions[0] != versions[1] or same_cluster(old.server, new.server) is False


def _may_vanish(before: Statements, after: Statements) -> bool:
    """Whether entries were pushed out. If not, those that only the old look has are this tool's own, since taken off.

    Before 1.9 of the extension nobody counts that, but it takes as many entries as there is room for.
    """
    evicted = _less(before.evicted, after.evicted)
    if evicted is not None:
        return evicted > 0
    return after.capacity is None or 2 * (len(after.rows) + after.own_entries) >= after.capacity


def _whole_reset(
    old: Snapshot, new: Snapshot, before: Statements, after: Statements, notes: list[str]
) -> datetime | None:
    """Since when all entries count, where they were reset after the old look; None where they were not.

    Before 1.9 of the extension nobody notes a reset. Then it shows in most entries having gone back, and is as late as
    may be: the interval is the longest time that they can cover.
    """
    seen, since = before.window.until, after.window.since
    if old.server.system_identifier != new.server.system_identifier and same_cluster(old.server, new.server) is False:
        return max(seen, since or new.server.started_at)
    if since is not None and since > seen:
        notes.append(f"pg_stat_statements was reset at {moment(since)}: statements cover the time since.")
        return since
    if since is not None:
        return None
    pairs = _pairs(before, after)
    back = sum(1 for earlier, later in pairs if earlier is not None and went_back(earlier, later))
    if back and 2 * back >= sum(1 for earlier, _ in pairs if earlier is not None):
        notes.append(
            "pg_stat_statements was reset between the two looks, nobody noted when: rates of statements are too low."
        )
        return seen
    return None


def _rows(
    old: Snapshot, new: Snapshot, before: Statements, after: Statements, notes: list[str]
) -> tuple[StatementRow, ...]:
    blind = _saw_less(old, new)
    rows, again, unseen = [], 0, 0
    for earlier, later in _pairs(before, after):
        if earlier is None:
            if blind and (later.since is None or later.since <= before.window.until):
                unseen += 1
            else:
                rows.append(later)
        elif went_back(earlier, later) or _began_again(earlier, later):
            again += 1
            rows.append(later)
        else:
            rows.append(_less_row(earlier, later))
    if again:
        entries = "1 entry" if again == 1 else f"{again} entries"
        notes.append(f"{entries} of pg_stat_statements began again in between, and count from then on.")
    if unseen:
        entries = "1 entry is" if unseen == 1 else f"{unseen} entries are"
        notes.append(
            f"{entries} left out: the first look did not see all of pg_stat_statements, so that they may be older."
        )
    return tuple(rows)


def _saw_less(old: Snapshot, new: Snapshot) -> bool:
    """Whether entries that the old look lacks may have been there, hidden from its role."""
    roles = [(s.server.role, s.server.memberships, s.server.is_superuser) for s in (old, new)]
    return roles[0] != roles[1] or old.coverage.presence(Fact.STATEMENTS) is not Presence.PRESENT


def _began_again(old: StatementRow, new: StatementRow) -> bool:
    return old.since is not None and new.since is not None and old.since != new.since


def _pairs(before: Statements, after: Statements) -> list[tuple[StatementRow | None, StatementRow]]:
    """Each new row with the old row of the same entry."""
    # Before 1.9 of the extension an entry does not say whether it is of a statement within a function.
    levels = all(row.toplevel is not None for statements in (before, after) for row in statements.rows)
    earlier = _by_key(before.rows, levels=levels)
    return [(earlier.get(key), row) for key, row in _by_key(after.rows, levels=levels).items()]


def _by_key(rows: Iterable[StatementRow], *, levels: bool) -> Mapping[Key, StatementRow]:
    found: dict[Key, StatementRow] = {}
    for row in rows:
        key = (row.query_id, row.user_oid, row.toplevel if levels else None)
        found[key] = together(found[key], [row]) if key in found else row
    return found


def together(row: StatementRow, others: Iterable[StatementRow]) -> StatementRow:
    """Entries of one statement as one: what was counted added up, its mean and spread worked out anew."""
    for other in others:
        total = added(row, [other], besides=("since",))
        mean = total.total_ms / total.calls if total.calls else 0.0
        spread = _square(row) + _square(other) + _between_means(row, other)
        counted = [each for each in (row, other) if each.calls]
        row = msgspec.structs.replace(
            total,
            mean_ms=mean,
            min_ms=min((each.min_ms for each in counted), default=0.0),
            max_ms=max(row.max_ms, other.max_ms),
            stddev_ms=math.sqrt(spread / total.calls) if total.calls else 0.0,
        )
    return row


def _less_row(old: StatementRow, new: StatementRow) -> StatementRow:
    """The interval's part of an entry. Its spread follows from those before and after (as Welford's method has it).

    The largest and the smallest time are the interval's own only where they are new records; else they bound it.
    """
    less = difference(old, new)
    if not less.calls:
        return msgspec.structs.replace(less, mean_ms=0.0, min_ms=0.0, max_ms=0.0, stddev_ms=0.0)
    mean = less.total_ms / less.calls
    part = msgspec.structs.replace(less, mean_ms=mean)
    spread = max(_square(new) - _square(old) - _between_means(old, part), 0.0)
    return msgspec.structs.replace(
        part,
        max_ms=new.max_ms if new.max_ms > old.max_ms else min(new.max_ms, less.total_ms),
        stddev_ms=math.sqrt(spread / less.calls),
    )


def _square(row: StatementRow) -> float:
    """The sum of squared distances from the mean: pg_stat_statements shows the root of its average."""
    return row.stddev_ms * row.stddev_ms * row.calls


def _between_means(first: StatementRow, second: StatementRow) -> float:
    calls = first.calls + second.calls
    apart = second.total_ms / second.calls - first.total_ms / first.calls if first.calls and second.calls else 0.0
    return apart * apart * first.calls * second.calls / calls if calls else 0.0


def _less(before: int | None, after: int | None) -> int | None:
    if before is None or after is None:
        return None
    return after - before if after >= before else after


def _grown(before: float, after: float) -> float:
    return after - before if after >= before else after
