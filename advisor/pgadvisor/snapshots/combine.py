"""Any number of snapshots as what they are together: two looks an interval, several servers one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.snapshots.delta import between
from pgadvisor.snapshots.merge import merge
from pgadvisor.snapshots.nodes import host_name, look, same_database, same_node


class CombineError(Exception):
    """Snapshots that cannot be put together; the message says which, and what to do."""


def combine(snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """One snapshot for each database among those given, in whatever order.

    Two looks at one server are an interval; of more the first and the last count. A primary and its standbys are
    added up, over their intervals if there are two looks at each of them, else by their latest looks. Raises
    CombineError where a snapshot is given twice, or is an interval or merged already and would have to be compared,
    or where two servers were primaries at the same time.
    """
    ordered = sorted(snapshots, key=lambda s: (s.server.collected_at, host_name(s.server), s.server.database))
    databases = _grouped_by_database(ordered)
    return tuple(_combined(group) for group in databases)


def check_names(snapshots: Iterable[Snapshot]) -> None:
    """Raises CombineError where two of them cannot come into one report.

    It names databases by their names alone, and a baseline its findings by theirs.
    """
    known: dict[str, Snapshot] = {}
    for snapshot in snapshots:
        first = known.setdefault(snapshot.server.database, snapshot)
        if first is snapshot:
            continue
        if None in (first.server.system_identifier, snapshot.server.system_identifier):
            why = "Whether they are copies of one is known only to roles that may call pg_control_system()"
        else:
            why = "They are not copies of one"
        raise CombineError(
            f"Two databases have the same name, {look(first)} and {look(snapshot)}. {why}. Make a report on each of "
            "them by itself."
        )


def _grouped_by_database(snapshots: Sequence[Snapshot]) -> list[list[Snapshot]]:
    groups: list[list[Snapshot]] = []
    for snapshot in snapshots:
        mine = [group for group in groups if any(same_database(each.server, snapshot.server) for each in group)]
        others = [group for group in groups if group not in mine]
        groups = [*others, [*(each for group in mine for each in group), snapshot]] if mine else [*groups, [snapshot]]
    return sorted(groups, key=lambda group: (group[0].server.collected_at, group[0].server.database))


def _combined(group: Sequence[Snapshot]) -> Snapshot:
    if len(group) == 1:
        return group[0]
    nodes = _grouped_by_node(group)
    for looks in nodes:
        _check_looks(looks)
    if len(nodes) == 1:
        return _interval(nodes[0])
    _check_nodes(nodes)
    if all(len(looks) > 1 or looks[0].change is not None for looks in nodes):
        return merge([_interval(looks) for looks in nodes])
    if any(looks[-1].change is not None for looks in nodes):
        first = next(looks[-1] for looks in nodes if looks[-1].change is None)
        raise CombineError(
            f"Some of the snapshots are of an interval and {look(first)} is not, so they cannot be added up. "
            "Take two looks at each server."
        )
    return _with_left_aside(merge([looks[-1] for looks in nodes]), [each for looks in nodes for each in looks[:-1]])


def _with_left_aside(merged: Snapshot, left: Sequence[Snapshot]) -> Snapshot:
    """Says which looks are not in it, for there was no earlier one at every server."""
    if not left:
        return merged
    gap = Gap(
        fact=Fact.TABLE_COUNTERS,
        scope="earlier looks",
        reason=f"Left aside was {', '.join(map(look, left))}, since not every server was looked at before: all is "
        "counted since the last reset",
        remedy="Take two looks at each server.",
    )
    coverage = msgspec.structs.replace(merged.coverage, gaps=(*merged.coverage.gaps, gap))
    return msgspec.structs.replace(merged, coverage=coverage)


def _grouped_by_node(group: Sequence[Snapshot]) -> list[list[Snapshot]]:
    """Looks at one server each, in order of time."""
    nodes: list[list[Snapshot]] = []
    for snapshot in group:
        mine = next((node for node in nodes if same_node(node[-1].server, snapshot.server)), None)
        if mine is None:
            nodes.append([snapshot])
        else:
            mine.append(snapshot)
    return nodes


def _check_looks(looks: Sequence[Snapshot]) -> None:
    for earlier, later in pairwise(looks):
        if earlier.server.collected_at == later.server.collected_at:
            raise CombineError(f"A snapshot was given twice: {look(later)}. Give each of them once.")
    done = next((each for each in looks if each.change is not None or each.hosts), None)
    if len(looks) > 1 and done is not None:
        what = "of an interval" if done.change is not None else "of several servers"
        raise CombineError(
            f"Two looks at one server can be compared, but {look(done)} is {what} already. Give it alone, or give "
            "looks that were taken without --watch."
        )


def _check_nodes(nodes: Sequence[Sequence[Snapshot]]) -> None:
    merged = next((looks[0] for looks in nodes if looks[0].hosts), None)
    if merged is not None:
        raise CombineError(f"Servers cannot be added up with {look(merged)}, which is of several servers already.")
    primaries = [looks[-1] for looks in nodes if not looks[-1].server.in_recovery]
    if len(primaries) > 1:
        raise CombineError(
            f"Two servers of one cluster were primaries, {look(primaries[0])} and {look(primaries[1])}: one was "
            "promoted, or restored from the other's backup. Give the snapshots of one of them and its standbys alone."
        )


def _interval(looks: Sequence[Snapshot]) -> Snapshot:
    if len(looks) == 1:
        return looks[0]
    made = between(looks[0], looks[-1])
    between_them = len(looks) - 2
    if not between_them or made.change is None:
        return made
    left = "1 look" if between_them == 1 else f"{between_them} looks"
    note = f"{left} between the first and the last were left aside."
    return msgspec.structs.replace(made, change=msgspec.structs.replace(made.change, notes=(*made.change.notes, note)))
