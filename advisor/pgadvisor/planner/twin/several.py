"""Twins for a whole workload under many configurations: one for each core, none asked twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from pgadvisor.facts import Facts
from pgadvisor.planner.cached import Cached
from pgadvisor.planner.protocol import Planner
from pgadvisor.planner.twin.storage.prediction import Predictions
from pgadvisor.planner.twin.twin import Twin
from pgadvisor.planner.workers import Workers
from pgadvisor.progress import Progress, silent

# Each has a server of its own: more of them cost more memory than most searches are worth.
_MOST = 2
# From so many EXPLAINs on, and one more for each relation and index of the catalog, a second twin saves more than it
# costs. An EXPLAIN takes the server 0.25 to 0.6 ms, which is what two may do at once, and Python 0.15 to 0.5 ms, which
# they may not; to build another twin takes Python 0.3 s, and 0.2 ms more for each relation and index, which is not done
# at once either, and the server as much again (the demo's 123, and 2,000; PostgreSQL 18). Numbers alone decide, no
# clock: the same input is planned by as many twins each time.
_LEAST_EXPLAINS = 2_000


def twins(
    facts: Facts,
    *,
    explains: int,
    server: str = "auto",
    session: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Cached:
    """A twin, or one for each core, two at most, where so many EXPLAINs are worth it; as a planner that remembers.

    Raises PlannerError where they cannot be built.
    """

    predictions = Predictions(facts)

    def build(step: Progress) -> Callable[[], Planner]:
        return lambda: Twin(facts, server=server, session=session, predictions=predictions, progress=step)

    count = _worthwhile(facts, explains)
    if count == 1:
        return Cached(build(progress)(), facts)
    return Cached(Workers([build(progress), *(build(silent) for _ in range(count - 1))]), facts)


def _worthwhile(facts: Facts, explains: int) -> int:
    """How many twins are to share so many EXPLAINs."""
    least = _LEAST_EXPLAINS + len(facts.relations) + len(facts.indexes)
    return 1 if explains < least else max(1, min(_cores(), _MOST))


def _cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
