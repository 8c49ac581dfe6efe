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
    short = [
        what
        for what, window in (
            ("statements", None if statements is None else statements.window),
            ("the use of tables and indexes", None if counters is None else counters.window),
        )
        if window is not None and window.seconds is not None and window.seconds < SECONDS_PER_DAY
    ]
    if short:
        verb = "has" if short == ["the use of tables and indexes"] else "have"
        found.append(
            f"{' and '.join(short)} {verb} been counted for less than a day; look again when a typical week is covered."
        )
    return tuple(sentence[0].upper() + sentence[1:] for sentence in found)
