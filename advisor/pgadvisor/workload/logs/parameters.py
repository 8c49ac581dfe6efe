"""Bound values as a log writes them: `$1 = '42', $2 = NULL`."""

from __future__ import annotations

import re

from pgadvisor.workload.logs.streams import text_of

# Longer lists of values than this are not kept; in bytes.
MAX_VALUES_BYTES = 8 << 10
# "parameters:" up to 15, "Parameters:" from 16 on.
_HEAD = re.compile(rb"(?:query )?parameters:\s", re.IGNORECASE)
_VALUE = re.compile(r"\s*\$(\d+) = (?:(NULL)|'((?:[^']++|'')*+)')(?:,|\s*\Z)")
_CUT = "..."


def given_values(detail: bytes) -> bytes | None:
    """The list of values in a DETAIL, None if it holds none."""
    found = _HEAD.match(detail)
    return detail[found.end() :] if found else None


def parse_values(listed: bytes) -> tuple[str | None, ...] | None:
    """The values of a list, by position. None where it cannot be read, or a value was cut by log_parameter_max_length.

    The server marks a value that it cut by three dots at its end, so that one that really ends so counts as cut.

    >>> parse_values(b"$1 = 'it''s', $2 = NULL")
    ("it's", None)
    """
    text = text_of(listed)
    values: list[str | None] = []
    position = 0
    while position < len(text):
        found = _VALUE.match(text, position)
        if found is None or int(found[1]) != len(values) + 1:
            return None
        value = None if found[2] else found[3].replace("''", "'")
        if value is not None and (value.endswith(_CUT) or "\ufffd" in value):
            return None
        values.append(value)
        position = found.end()
    return tuple(values)
