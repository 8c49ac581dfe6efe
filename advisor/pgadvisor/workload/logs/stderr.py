"""Logs that the server wrote to its standard error, with any log_line_prefix."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pgadvisor.workload.logs.events import Events
from pgadvisor.workload.logs.held import Held, plain
from pgadvisor.workload.logs.prefix import pattern, scanner
from pgadvisor.workload.logs.record import Reading

# Each line of a message after its first begins with a tab.
BOUNDARY = re.compile(rb"\n(?=[^\t])")
_PARTS = ("duration", "execute", "text", "values", "other", "session", "database", "user", "query_id")
# What it runs is said in a line that follows.
_EXECUTE = re.compile(rb"\s*execute\b", re.IGNORECASE)


class _Lines:
    """The lines of a log that are no call with all that belongs to it."""

    def __init__(self, prefix: str, database: bytes | None, events: Events) -> None:
        self.held = Held(events)
        self.reading = Reading(says_database=False, says_session="%p" in prefix or "%c" in prefix)
        self.first: re.Match[bytes] | None = None
        self.last: re.Match[bytes] | None = None
        self._match = pattern(prefix).match
        self._database = database

    def line(self, record: bytes) -> None:
        """One record of any kind."""
        found = self._match(record)
        if found is None:
            if record.strip():
                self.reading.unread += 1
            return
        self.last = found
        if self.first is None:
            self.first = found
        severity, session, base, role, query_id = found.group("severity", "session", "database", "user", "query_id")
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
        reading.since = (self.first["moment"] or b"") if self.first else b""
        reading.until = (self.last["moment"] or b"") if self.last else b""
        return reading


def read_stderr(chunks: Iterable[bytes], prefix: str, database: bytes | None, events: Events) -> Reading:
    """Tells events of each record; database: only of sessions in it, as far as the prefix says.

    A call with its duration, whose values follow at once if it has any, is by far the most frequent: it is read without
    a detour, all else line by line.
    """
    lines = _Lines(prefix, database, events)
    held, line, is_ours, call = lines.held.messages, lines.line, lines.is_ours, events.call
    finditer = scanner(prefix).finditer
    for chunk in chunks:
        for found in finditer(chunk):
            duration, name, text, values, other, session, base, role, query_id = found.group(*_PARTS)
            if other is not None:
                if other:
                    line(other)
                continue
            # Its values may come later, between the lines of other sessions.
            if (name is not None and values is None and b"$" in text) or (name is None and _EXECUTE.match(text)):
                line(found[0].rstrip(b"\r\n"))
                continue
            lines.last = found
            if lines.first is None:
                lines.first = found
            if session in held:
                lines.held.release(session)
            if is_ours(base):
                call(session or b"", float(duration), name, plain(text), values, role or None, query_id)
    return lines.end()
