"""Two looks in one run: what is counted first, and after a while everything. Nothing stays open in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.model.coverage import Fact, Gap, GapKind
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.spans import span
from pgadvisor.postgres.read import read_numbers
from pgadvisor.snapshots.delta import between
from pgadvisor.snapshots.nodes import same_node

if TYPE_CHECKING:
    from pgadvisor.collecting.look import Look
    from pgadvisor.collecting.workload import Workload
    from pgadvisor.progress import Progress

# However long the wait, no more is told about it than this.
_TOLD_TIMES = 60


def take_numbers(look: Look, workload: Workload, progress: Progress) -> None:
    """Takes the first look at one database: what is counted, and who the server is."""
    with look.kept():
        read_numbers(look.session, workload.config, look.collected, progress, workload.statements)


def wait(seconds: float, progress: Progress, sleep: Callable[[float], None] = time.sleep) -> None:
    """Waits, and says for how long still. Ctrl-C ends the wait, not the run."""
    until = time.monotonic() + seconds
    step = max(seconds / _TOLD_TIMES, 1.0)
    try:
        while (left := until - time.monotonic()) > 0:
            progress(f"Waiting {span(left)} for the second look; Ctrl-C takes it now")
            sleep(min(step, left))
    except KeyboardInterrupt:
        progress("Taking the second look now")


def intervals(first: Sequence[Snapshot], second: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """Each snapshot of the second look with the counters of the time since the first."""
    earlier = {snapshot.server.database: snapshot for snapshot in first}
    return tuple(_interval(earlier.get(snapshot.server.database), snapshot) for snapshot in second)


def _interval(old: Snapshot | None, new: Snapshot) -> Snapshot:
    if old is not None and same_node(old.server, new.server):
        return between(old, new)
    reason = (
        "The first look did not see this database, so all is counted since the last reset"
        if old is None
        else "The two looks were answered by different servers, so all is counted since the last reset"
    )
    gap = Gap(
        fact=Fact.SERVER,
        scope="first look",
        reason=reason,
        remedy="Connect to the server itself, past any pooler or load balancer, and run again.",
        kind=GapKind.OTHER,
    )
    coverage = msgspec.structs.replace(new.coverage, gaps=(*new.coverage.gaps, gap))
    return msgspec.structs.replace(new, coverage=coverage)
