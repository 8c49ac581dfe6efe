"""A report as it was written with --json, of which nothing is believed but that it is one."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import msgspec

from pgadvisor.model.report import REPORT_FORMAT, Report

# What a report may grow to when it is read; those of thousands of statements with plans were seen to have 40 MB.
MAX_BYTES = 1024**3
# What the server itself counts in (int8).
_MOST = 2**63
_WANTED = "Name a file that pgadvisor audit or indexes wrote with --json."


class ReportError(Exception):
    """A report cannot be used; the message says what is wrong, with which file, and what to do."""


def read_report(path: Path) -> Report:
    """The report in a file. Raises ReportError where it cannot be read, or is none of a format known here."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ReportError(f"{path} is larger than {MAX_BYTES // 1024**2} MiB. {_WANTED}")
        data = path.read_bytes()
    except OSError as error:
        raise ReportError(f"Cannot read {path}: {error.strerror}. {_WANTED}") from error
    try:
        report = msgspec.json.decode(data, type=Report)
    except RecursionError:
        raise ReportError(f"{path} is nested deeper than any report. {_WANTED}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # Where it stumbled is told, not over what.
        where = str(error).rpartition(" - at ")[2] if " - at " in str(error) else "it is no such JSON"
        raise ReportError(f"{path} is no report ({where}). {_WANTED}") from None
    if report.format != REPORT_FORMAT:
        raise ReportError(
            f"{path} is a report of format {report.format}; this version reads format {REPORT_FORMAT}. Audit again."
        )
    _check(report, path)
    return report


def _check(report: Report, path: Path) -> None:
    """Raises ReportError for what fits the types, but no report has: it would be computed with."""
    parts: list[object] = [report]
    while parts:
        part = parts.pop()
        if isinstance(part, msgspec.Struct):
            values = msgspec.structs.astuple(part)
            if any(isinstance(value, int) and abs(value) >= _MOST for value in values):
                raise ReportError(f"{path} is no report (it holds a number that no server counts to). {_WANTED}")
            if any(isinstance(value, datetime) and value.tzinfo is None for value in values):
                raise ReportError(f"{path} is no report (it holds a time without its zone). {_WANTED}")
            parts += values
        elif isinstance(part, list | tuple):
            parts += part
        elif isinstance(part, dict):
            parts += part.values()
    keys = Counter((each.database, each.key) for each in report.recommendations)
    if any(count > 1 for count in keys.values()):
        raise ReportError(f"{path} is no report (several recommendations have one key). {_WANTED}")
