"""What a look saw and what not, as a table for a terminal: before any audit, and without its findings."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from pgadvisor.model.coverage import GapKind, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor_reports import formatting, words
from pgadvisor_reports.page import GapGroup, group_gaps
from pgadvisor_reports.terminal import name, plain_console, prose
from pgadvisor_reports.text import one_line

_SEEN = {Presence.PRESENT: ("yes", "green"), Presence.PARTIAL: ("in part", "yellow"), Presence.ABSENT: ("no", "red")}


def render(snapshot: Snapshot, hints: Sequence[str], width: int, colour: bool) -> str:
    """A line for each fact: whether it was seen, and if not why and what to do; then what was watched how long.

    hints are sentences on what would show more.
    """
    output = io.StringIO()
    console = plain_console(output, max(width, 60), colour)
    server = snapshot.server
    superuser = ", a superuser" if server.is_superuser else ""
    console.print(Text(name(server.database), style="bold"), f"PostgreSQL {one_line(server.version)}")
    console.print(Text(f"as role {name(server.role)}{superuser}", style="dim"))
    console.print(_table(snapshot))
    for label, window in _windows(snapshot):
        console.print(Text(f"{label}: {window}"))
    for hint in hints:
        console.print(Text(f"Would show more: {prose(hint)}"))
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


def _table(snapshot: Snapshot) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), expand=False)
    table.add_column("What", no_wrap=True)
    table.add_column("Seen", no_wrap=True)
    table.add_column("Why not, and what to do", overflow="fold")
    for entry in snapshot.coverage.facts:
        seen, style = _SEEN[entry.presence]
        gaps = [gap for gap in snapshot.coverage.gaps if gap.fact is entry.fact]
        kinds = {(gap.reason, gap.remedy): gap.kind for gap in gaps}
        told = [_told(group, kinds[group.reason, group.remedy]) for group in group_gaps(gaps)]
        table.add_row(Text(words.FACT[entry.fact]), Text(seen, style=style), Text("\n".join(told)))
    return table


def _told(group: GapGroup, kind: GapKind) -> str:
    """A group of gaps in a paragraph: of what kind, on what, why, and what to do."""
    more = f" and {group.more_scopes} more" if group.more_scopes else ""
    scope = f" ({name(group.first_scope)}{more})" if group.scopes else ""
    remedy = f" {prose(group.remedy)}" if group.remedy else ""
    return f"{kind.value.capitalize()}{scope}: {prose(group.reason).rstrip('.')}.{remedy}"


def _windows(snapshot: Snapshot) -> list[tuple[str, str]]:
    counters, statements = snapshot.counters, snapshot.statements
    found = []
    for label, window in (
        ("Use of tables and indexes was counted for", None if counters is None else counters.window),
        ("Statements were counted for", None if statements is None else statements.window),
    ):
        if window is not None:
            since = "an unknown time" if window.since is None else formatting.moment(window.since).text
            found.append((label, f"{formatting.window_length(window)}, since {since} ({one_line(window.source)})"))
    return found
