"""Twins for a whole workload under many configurations: one for each core, none asked twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from pgadvisor.facts import Facts
from pgadvisor.planner.cached import Cached
from pgadvisor.planner.protocol import Planner
from pgadvisor.planner.twin.twin import Twin
from pgadvisor.planner.workers import Workers
from pgadvisor.progress import Progress, silent

# Each has a server of its own: more of them cost more memory than most searches are worth.
_MOST = 2


def twins(
    facts: Facts,
    *,
    server: str = "auto",
    session: Mapping[str, str] | None = None,
    progress: Progress = silent,
    count: int | None = None,
) -> Cached:
    """As many twins as there are cores, two at most, as one planner that remembers its answers.

    One twin is worth more than two where it is asked for a few hundred plans only: count says how many. Raises
    PlannerError where they cannot be built.
    """
    wanted = count or min(_cores(), _MOST)

    def build(step: Progress) -> Callable[[], Planner]:
        return lambda: Twin(facts, server=server, session=session, progress=step)

    if wanted == 1:
        return Cached(build(progress)(), facts)
    return Cached(Workers([build(progress), *(build(silent) for _ in range(wanted - 1))]), facts)


def _cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
