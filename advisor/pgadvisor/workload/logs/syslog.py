"""Logs that went through syslog: heads are taken off, and the parts of a message joined again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgadvisor.workload.logs.prefix import pattern
from pgadvisor.workload.logs.streams import MAX_RECORD_BYTES

BOUNDARY = re.compile(rb"\n(?=.)")
# "Nov 21 13:00:00 host postgres[123]: [3-1] ", in newer ones with year and zone.
_HEAD = re.compile(
    rb"(?:<\d{1,3}>(?:\d )?)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]{8,15}(?:Z|[+-]\d\d:?\d\d))"
    rb" [^\s\[]{1,255} [^\s\[:]{1,64}\[(\d{1,10})\]: (?:\[\d{1,10}(?:-\d{1,10})?\] )?"
)
_TAB = re.compile(rb"#011|\t")
# What is put before each record, for a prefix that does not say the process.
PROCESS = "[%p] "
_MAX_OPEN_BYTES = 32 << 20


def is_syslog(line: bytes) -> bool:
    """Whether a line has syslog's head before PostgreSQL's."""
    return _HEAD.match(line) is not None


def without_head(line: bytes) -> bytes:
    """The line as the server wrote it."""
    found = _HEAD.match(line)
    return line[found.end() :] if found else line


class Parts:
    """Joins the parts of messages. Those of several sessions may stand between each other.

    The server cuts a message at its line ends, and lines at their 900th byte. A part that begins with a tab is a line
    of its own, one that begins as messages do is the next message, any other goes on where the one before was cut.
    """

    def __init__(self, prefix: str) -> None:
        self._begins = pattern(prefix).match
        self._open: dict[bytes, list[bytes]] = {}
        self._last = b""
        self._bytes = 0

    def records(self, batches: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        """The records, with PROCESS before each."""
        for batch in batches:
            done: list[bytes] = []
            for line in batch:
                self._line(line.rstrip(b"\r"), done)
            yield done
            if self._bytes > _MAX_OPEN_BYTES:
                yield self._closed()
        yield self._closed()

    def _line(self, line: bytes, done: list[bytes]) -> None:
        head = _HEAD.match(line)
        if head is None:
            # The journal writes the lines of one message without heads.
            self._more(self._last, b"\n\t" + line.strip(), done)
            return
        process, part = head[1], line[head.end() :]
        self._last = process
        tab = _TAB.match(part)
        if tab is not None:
            self._more(process, b"\n\t" + part[tab.end() :], done)
        elif self._begins(part) is None:
            self._more(process, part, done)
        else:
            before = self._open.get(process)
            if before is not None:
                done.append(b"".join(before))
            self._open[process] = [b"[%b] " % process, part]
            self._bytes += len(part)

    def _more(self, process: bytes, part: bytes, done: list[bytes]) -> None:
        """A part of an open message; where there is none, it is one that cannot be read."""
        parts = self._open.get(process)
        if parts is None:
            done.append(part)
        elif len(parts) < MAX_RECORD_BYTES // 64:
            parts.append(part)
            self._bytes += len(part)

    def _closed(self) -> list[bytes]:
        done = [b"".join(parts) for parts in self._open.values()]
        self._open.clear()
        self._bytes = 0
        return done
