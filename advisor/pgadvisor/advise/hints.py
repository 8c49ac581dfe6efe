"""What would make the next look see more, where nothing is missing that could be called a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgadvisor.model.snapshot import Snapshot

SECONDS_PER_DAY = 86_400.0
# From this share of all entries on, evictions say that the view is too small for the workload.
_EVICTED_SHARE = 0.1


def hints(snapshot: Snapshot) -> tuple[str, ...]:
    """Sentences, each with what to set or to wait for."""
    settings = {setting.name: setting.value for setting in snapshot.server.settings}
    statements, counters = snapshot.statements, snapshot.counters
    found = []
    if settings.get("track_io_timing") == "off":
        found.append("track_io_timing is off, so no time is counted as I/O; ALTER SYSTEM SET track_io_timing = on.")
    evicted = 0 if statements is None else statements.evicted or 0
    if statements is not None and evicted > _EVICTED_SHARE * (statements.capacity or 0):
        found.append(
            f"pg_stat_statements has pushed out {evicted} entries for want of room; raise pg_stat_statements.max above "
            f"{statements.capacity}."
        )
    for what, window in (
        ("the use of tables and indexes has", None if counters is None else counters.window),
        ("statements have", None if statements is None else statements.window),
    ):
        if window is not None and window.seconds is not None and window.seconds < SECONDS_PER_DAY:
            found.append(f"{what} been counted for less than a day; look again when a typical week is covered.")
    return tuple(sentence[0].upper() + sentence[1:] for sentence in found)
