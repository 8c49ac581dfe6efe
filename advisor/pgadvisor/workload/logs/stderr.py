"""Logs that the server wrote to its standard error, with any log_line_prefix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import itemgetter

from pgadvisor.workload.logs.events import Events
from pgadvisor.workload.logs.held import Held, plain
from pgadvisor.workload.logs.prefix import pattern, scanner
from pgadvisor.workload.logs.record import Reading

# Each line of a message after its first begins with a tab.
BOUNDARY = re.compile(rb"\n(?=[^\t])")
_OF_LINE = ("severity", "session", "database", "user", "query_id", "moment")
_PARTS = ("record", "duration", "execute", "text", "values", "session", "database", "user", "query_id", "moment")
# What it runs is said in a line that follows.
_FIRST = b"eE \t\r\n"
_EXECUTE = re.compile(rb"\s*execute\b", re.IGNORECASE)


class _Lines:
    """The lines of a log that are no call with all that belongs to it."""

    def __init__(self, prefix: str, database: bytes | None, events: Events) -> None:
        self.held = Held(events)
        self.reading = Reading(says_database=False, says_session="%p" in prefix or "%c" in prefix)
        self.since = b""
        self.until = b""
        self._match = pattern(prefix).match
        self._database = database

    def line(self, record: bytes) -> None:
        """One record of any kind."""
        found = self._match(record)
        if found is None:
            if record.strip():
                self.reading.unread += 1
            return
        severity, session, base, role, query_id, now = found.group(*_OF_LINE)
        self.until = now or b""
        self.since = self.since or self.until
        self.held.line(session or b"", severity, record[found.end() :], role or None, query_id, self.is_ours(base))

    def is_ours(self, base: bytes | None) -> bool:
        """Whether a record is of the database asked for, as far as it says so."""
        if not base:
            return True
        self.reading.says_database = True
        if self._database is None or base == self._database:
            return True
        self.reading.elsewhere += 1
        return False

    def end(self) -> Reading:
        """What the log told about itself."""
        self.held.end()
        reading = self.reading
        reading.since, reading.until = self.since, self.until
        return reading


def read_stderr(chunks: Iterable[bytes], prefix: str, database: bytes | None, events: Events) -> Reading:
    """Tells events of each record; database: only of sessions in it, as far as the prefix says.

    A call with its duration, whose values follow at once if it has any, is by far the most frequent: it is read without
    a detour, all else line by line.
    """
    lines = _Lines(prefix, database, events)
    held, line, call = lines.held.messages, lines.line, events.call
    scan = scanner(prefix)
    parts = itemgetter(*(scan.groupindex[part] - 1 for part in _PARTS))
    ours = None
    for chunk in chunks:
        for found in scan.findall(chunk):
            record, duration, name, text, values, session, base, role, query_id, now = parts(found)
            if not duration:
                if record:
                    line(record)
                continue
            if name:
                # Its values may come later, between the lines of other sessions.
                if not values and b"$" in text:
                    line(record)
                    continue
            elif text[:1] in _FIRST and _EXECUTE.match(text):
                line(record)
                continue
            if session in held:
                lines.held.release(session)
            lines.until = now
            if not lines.since:
                lines.since = now
            if base == database:
                ours = base
            elif not lines.is_ours(base):
                continue
            text = plain(text) if b"\n" in text else text.strip()
            if b"\n" in values:
                values = plain(values)
            call(session, float(duration), name, text, values or None, role, query_id)
    lines.is_ours(ours)
    return lines.end()
