"""A plan as an indented tree for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from pgadvisor.model.plan_view import PlanView
from pgadvisor_reports import formatting, words
from pgadvisor_reports.plan_tree import plan_table
from pgadvisor_reports.terminal import paragraph, prose
from pgadvisor_reports.text import one_line

MAX_NODES = 40


def write_plan(console: Console, view: PlanView) -> None:
    """The nodes of a plan, each with its part of the cost or the time, its rows and its conditions."""
    tree = plan_table(view.plan, view.nodes)
    for row in tree.rows[:MAX_NODES]:
        rows = f"{formatting.count(row.estimated_rows).text} rows"
        if row.actual_rows is not None:
            rows += f" expected, {formatting.count(row.actual_rows).text} met"
        if row.loops == 0:
            rows += ", never run"
        mark = (" ◀ heaviest" if row.heaviest else "") + (" ◆ misjudged first" if row.guilty else "")
        head = Text.assemble(
            f"{formatting.fraction(row.share).text:>6} ",
            "  " * row.depth,
            (one_line(row.operation), "bold"),
            f" {one_line(row.target)} " if row.target else " ",
            (rows, "dim"),
            (mark, "yellow"),
        )
        paragraph(console, head, hanging=9 + 2 * row.depth)
        for label, text in row.details:
            detail = Text(f"{one_line(label)}: {prose(text)}", style="dim")
            paragraph(console, detail, indent=9 + 2 * row.depth, hanging=2)
    if view.misjudged:
        paragraph(console, f"◆ {prose(view.misjudged)}.", "yellow", hanging=2)
    left = len(tree.rows) - MAX_NODES + tree.left_out
    if left > 0:
        paragraph(console, f"{words.plural(left, 'more node')} not shown.", "dim")
