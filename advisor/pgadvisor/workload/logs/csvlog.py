"""Logs in csvlog format: 23 columns, with backend_type 24 (13), with leader_pid and query_id 26 (14 and later).

https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-CSVLOG
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from pgadvisor.workload.logs.events import Events
from pgadvisor.workload.logs.record import Reading

_MOMENT = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^,\n]{1,12}"
BOUNDARY = re.compile(rb"\n(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} )")
# A column that the server writes in quotes, and leaves empty for null.
_TEXT = rb'(?:"([^"]*+(?:""[^"]*+)*+)")?,'
_SKIPPED = rb'(?:"[^"]*+(?:""[^"]*+)*+")?,'
_ROW = re.compile(
    rb"(%b)," % _MOMENT  # log_time
    + _TEXT * 2  # user_name, database_name
    + rb"(\d*+),"  # process_id
    + _SKIPPED  # connection_from
    + rb"[^,\n\"]*+,\d*+,"  # session_id, session_line_num
    + _SKIPPED  # command_tag
    + rb"[^,\n\"]*+,[^,\n\"]*+,\d*+,"  # session_start_time, virtual_transaction_id, transaction_id
    + rb"([^,\n\"]*+),\w*+,"  # error_severity, sql_state_code
    + _TEXT * 2  # message, detail
    + _SKIPPED * 2  # hint, internal_query
    + rb"\d*+,"  # internal_query_pos
    + rb'("(?:[^"]*+(?:""[^"]*+)*+)")?,'  # context
    + _SKIPPED  # query
    + rb"\d*+,"  # query_pos
    + _SKIPPED  # location
    + rb'(?:"[^"]*+(?:""[^"]*+)*+")?'  # application_name
    + rb'(?:,(?:"[^"]*+")?(?:,\d*+,(-?\d*+)(?:,[^\n]*+)?)?)?\s*+\Z'  # backend_type, leader_pid, query_id
)
_COLUMNS, _QUERY_ID = 23, 25
_FAILURES = frozenset((b"ERROR", b"FATAL", b"PANIC"))


def is_csvlog(line: bytes) -> bool:
    """Whether a line begins as a record does."""
    return re.match(_MOMENT + rb',(?:"[^"\n]*"|[^,\n]*),(?:"[^"\n]*"|[^,\n]*),\d*,', line) is not None


def read_csvlog(batches: Iterator[list[bytes]], database: bytes | None, events: Events) -> Reading:
    """Tells events of each record of sessions in this database, of all databases where it is None."""
    reading = Reading()
    pending = b""
    columns: tuple[bytes | None, ...] | None = None
    for batch in batches:
        for piece in batch:
            # A text may hold a line that begins as a record does: then the quotes before it are not closed.
            record = pending + piece
            pending = b""
            found = _ROW.match(record)
            if found is None and record.count(b'"') % 2 and len(record) < (1 << 20):
                found = _ROW.match(piece) if record is not piece else None
                if found is None:
                    pending = record + b"\n"
                    continue
                reading.unread += 1
            columns = found.groups() if found else _columns(record)
            if columns is None:
                reading.unread += bool(record.strip())
                continue
            _tell(columns, database, events, reading)
    if pending:
        reading.unread += 1
    return reading


def _tell(columns: tuple[bytes | None, ...], database: bytes | None, events: Events, reading: Reading) -> None:
    """Tells events of one record, and notes its moment."""
    moment, role, base, process, severity, message, detail, context, query_id = columns
    reading.until = moment or b""
    if not reading.since:
        reading.since = reading.until
    if database is not None and base and base != database:
        reading.elsewhere += 1
    elif severity in _FAILURES:
        events.failed(process or b"")
    elif message:
        events.message(
            process or b"", _unquoted(message), _unquoted(detail) if detail else None, bool(context), role, query_id
        )


def _unquoted(text: bytes) -> bytes:
    return text.replace(b'""', b'"') if b'""' in text else text


def _columns(record: bytes) -> tuple[bytes | None, ...] | None:
    """The same columns of a record that another program has written, with other quotes; None where it is none."""
    try:
        row = next(csv.reader((record.decode("utf-8", "surrogateescape"),)), [])
    except csv.Error:
        return None
    if len(row) < _COLUMNS or not row[3].isdigit() or not re.match(r"\d{4}-\d\d-\d\d ", row[0]):
        return None
    chosen = [row[n] for n in (0, 1, 2, 3, 11, 13, 14, 18)] + [row[_QUERY_ID] if len(row) > _QUERY_ID else ""]
    # Quotes are taken off once more by the caller.
    return tuple(text.encode("utf-8", "surrogateescape").replace(b'"', b'""') for text in chosen)
