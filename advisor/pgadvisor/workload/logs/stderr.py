"""Logs that the server wrote to its standard error, with any log_line_prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgadvisor.workload.logs.events import Events
from pgadvisor.workload.logs.held import Held
from pgadvisor.workload.logs.prefix import pattern
from pgadvisor.workload.logs.record import Reading

# Each line of a message after its first begins with a tab.
BOUNDARY = re.compile(rb"\n(?=[^\t])")


def read_stderr(batches: Iterator[list[bytes]], prefix: str, database: bytes | None, events: Events) -> Reading:
    """Tells events of each record; database: only of sessions in it, as far as the prefix says."""
    reading = Reading(says_database=False, says_session="%p" in prefix or "%c" in prefix)
    match = pattern(prefix).match
    held = Held(events)
    line = held.line
    first, last = None, None
    for batch in batches:
        for record in batch:
            found = match(record)
            if found is None:
                if record.strip():
                    reading.unread += 1
                continue
            severity, session, base, role, query_id = found.group("severity", "session", "database", "user", "query_id")
            ours = True
            if base:
                reading.says_database = True
                ours = database is None or base == database
                reading.elsewhere += not ours
            line(session or b"", severity, record[found.end() :], role or None, query_id, ours)
            last = found
            if first is None:
                first = found
    held.end()
    reading.records = first is not None
    reading.since = (first["moment"] or b"") if first else b""
    reading.until = (last["moment"] or b"") if last else b""
    return reading
