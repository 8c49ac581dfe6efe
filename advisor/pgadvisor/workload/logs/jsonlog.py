"""Logs in jsonlog format (15 and later): one object on each line.

https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-JSONLOG
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from pgadvisor.workload.logs.events import Events
from pgadvisor.workload.logs.record import Reading

BOUNDARY = re.compile(rb"\n(?=[^\n])")
_FAILURES = frozenset(("ERROR", "FATAL", "PANIC"))


class _Record(msgspec.Struct, gc=False):
    """The keys that are read; any may be missing."""

    timestamp: str = ""
    user: str = ""
    dbname: str = ""
    pid: int = 0
    error_severity: str = ""
    message: str = ""
    detail: str = ""
    context: str = ""
    query_id: int = 0


_DECODER = msgspec.json.Decoder(_Record)


def is_jsonlog(line: bytes) -> bool:
    """Whether a line is a record, or the beginning of one."""
    return line.startswith(b"{") and b'"timestamp"' in line[:200] and b'"error_severity"' in line


def read_jsonlog(batches: Iterator[list[bytes]], database: str | None, events: Events) -> Reading:
    """Tells events of each record of sessions in this database, of all databases where it is None."""
    reading = Reading()
    for batch in batches:
        for line in batch:
            record = _decoded(line)
            if record is None or not record.error_severity:
                reading.unread += bool(line.strip())
                continue
            if not reading.since:
                reading.since = record.timestamp.encode()
            reading.until = record.timestamp.encode()
            if database is not None and record.dbname and record.dbname != database:
                reading.elsewhere += 1
                continue
            session = b"%d" % record.pid
            if record.error_severity in _FAILURES:
                events.failed(session)
                continue
            events.message(
                session,
                record.message.encode("utf-8", "replace"),
                record.detail.encode("utf-8", "replace") or None,
                bool(record.context),
                record.user.encode("utf-8", "replace") or None,
                b"%d" % record.query_id,
            )
    return reading


def _decoded(line: bytes) -> _Record | None:
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError):
        pass
    try:
        # Bytes that are not UTF-8, as clients of databases in SQL_ASCII send them.
        return _DECODER.decode(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
