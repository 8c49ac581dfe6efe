"""The report as JSON: the same data for machines, validated by a published schema."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import msgspec

from pgadvisor.model.report import Report

SCHEMA_FILE = "report.schema.json"


def render(report: Report) -> bytes:
    """The report as indented JSON that ends with a line break; the same report gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(report, order="deterministic"), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    return msgspec.json.schema(Report)


def schema_bytes() -> bytes:
    """The schema as it is published beside this module, and as ``pgadvisor schema`` prints it."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2) + b"\n"


def published_schema() -> bytes:
    """The published schema of the installed version."""
    return files(__package__ or "pgadvisor_reports").joinpath(SCHEMA_FILE).read_bytes()
