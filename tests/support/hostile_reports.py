"""A report whose every text tries to break out of the page or the terminal."""

from __future__ import annotations

from typing import Any

import msgspec

from pgadvisor.model.report import Report
from support.reports import interval_report

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "{{ 7*7 }}{% raw %}",
    '" onmouseover="alert(3)" x=\'',
    "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "\u202e\u2066evil\u200b\u2028\u2029\ufeff\u00ad",
    "[bold red]markup[/] [link=file:///]x[/link] :smile:",
    "x';-- \\ ]]> <!-- --> &amp; &lt;",
    "a" * 70 + "\U0001f418" * 20 + "表" * 40,
)


def hostile(text: str) -> str:
    """Every hostile string at once around a readable word, so that a test can look for all of them in each place."""
    return f"{text} {' '.join(HOSTILE)}"


# Fields that lead from one part of the report to another, or are words of the model.
_LINKS = "key anchor query_id query_ids findings related recommendations action_plan rule rule_id"
_WORDS = "fact presence type per status unit kind severity confidence severity_counts"
_MOMENTS = "since until started_at collected_at last_analyzed last_scan"
_KEPT = frozenset(f"{_LINKS} {_WORDS} {_MOMENTS}".split())


def hostile_report() -> Report:
    """The shop's report on an interval and several servers, hostile in every field that holds text of strangers."""
    data = msgspec.json.decode(msgspec.json.encode(interval_report()))
    lists = {name: [spoiled(item) for item in data[name]] for name in ("findings", "recommendations")}
    data = spoiled(data) | lists
    data["tables"] = [view | {"kind": hostile(view["kind"])} for view in data["tables"]]
    footprint = data["trust"]["footprint"]
    footprint["scans_added"] = {hostile(name): scans for name, scans in footprint["scans_added"].items()}
    return msgspec.convert(data, Report)


def spoiled(value: Any) -> Any:
    """JSON with every text of strangers in it made hostile."""
    if isinstance(value, dict):
        return {name: item if name in _KEPT else spoiled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [spoiled(item) for item in value]
    return hostile(value) if isinstance(value, str) else value
