"""An explanation for a terminal: what the statement asks for, its plans side by side, what limits it, what helps."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pgadvisor.model.explanation import Explanation, PlanSide
from pgadvisor_reports import explanation_words as said
from pgadvisor_reports import formatting, words
from pgadvisor_reports.page import group_gaps
from pgadvisor_reports.terminal import name, paragraph, plain_console, prose
from pgadvisor_reports.terminal_plan import write_plan
from pgadvisor_reports.text import clip, one_line, visible

MIN_WIDTH = 60
MAX_TEXT = 4_000
MAX_CONDITIONS = 30
MAX_TREES = 4
MAX_GAPS = 6


def render(explanation: Explanation, width: int, colour: bool) -> str:
    """The explanation as text of at most `width` columns, but for SQL; strangers' text cannot steer the terminal."""
    output = io.StringIO()
    console = plain_console(output, max(width, MIN_WIDTH), colour)
    _Writer(console, explanation).write()
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


class _Writer:
    """Writes one explanation to one console."""

    def __init__(self, console: Console, explanation: Explanation) -> None:
        self.console = console
        self.explanation = explanation

    def write(self) -> None:
        self._statement()
        self._shape()
        self._plans()
        self._limits()
        self._help()
        self._gaps()

    def _statement(self) -> None:
        explanation = self.explanation
        self._line(name(said.title(explanation)), "bold")
        source = explanation.source
        self._line(
            f"{one_line(source.database)}, {one_line(words.server(explanation))}, as role {name(source.role)}", "dim"
        )
        self.console.print()
        for line in visible(clip(explanation.text, MAX_TEXT)).split("\n"):
            self.console.print(Text(f"  {line}", style="cyan"), soft_wrap=True)
        self.console.print()
        view = explanation.statement
        if view is None:
            self._line("The server has no figures of it: it is not among the statements counted.", "dim")
            return
        self._line(
            f"{words.plural(view.calls, 'call')}, {formatting.duration(view.mean_ms).text} on average, "
            f"{formatting.duration(view.max_ms).text} at most, {formatting.fraction(view.share).text} of all time"
        )

    def _shape(self) -> None:
        shape = self.explanation.shape
        if shape is None:
            if self.explanation.not_understood:
                self._line(f"It could not be understood: {prose(self.explanation.not_understood)}.", "yellow")
            return
        self._head("What it asks for")
        if shape.read_by == "plan":
            self._line("Its text could not be read; this is what the server's plan shows.", "dim")
        for relation in shape.relations:
            through = f", through {', '.join(relation.through)}" if relation.through else ""
            rows = "unknown rows" if relation.row_count is None else f"{formatting.count(relation.row_count).text} rows"
            size = "" if relation.total_bytes is None else f", {formatting.size(relation.total_bytes).text}"
            columns = f": {', '.join(relation.columns)}" if relation.columns else ""
            self._line(f"{name(relation.name)} ({rows}{size}{one_line(through)}){prose(columns)}", hanging=2)
        if shape.conditions:
            self.console.print(self._conditions())
        for label, texts in said.rest_of(shape):
            self._line(Text.assemble((f"{label}: ", "bold"), prose(", ".join(texts))), hanging=2)

    def _conditions(self) -> Table:
        table = _table()
        table.add_column("Condition", overflow="fold", ratio=3)
        table.add_column("Index?", overflow="fold", ratio=3)
        table.add_column("One value", justify="right", no_wrap=True)
        table.add_column("Commonest", justify="right", no_wrap=True)
        shape = self.explanation.shape
        for item in () if shape is None else shape.conditions[:MAX_CONDITIONS]:
            table.add_row(
                Text(prose(item.text)),
                Text(prose(said.use(item))),
                formatting.fraction(item.kept_fraction).text if item.kept_fraction is not None else "",
                formatting.fraction(item.most_common_fraction).text if item.most_common_fraction is not None else "",
            )
        return table

    def _plans(self) -> None:
        self._head("Plans")
        plans = self.explanation.plans
        if not plans:
            self._line("No plan of it was had; below stands why.")
            return
        if self.explanation.planned_as:
            self._line(prose(self.explanation.planned_as), "dim", hanging=2)
        table = _table()
        table.add_column("Planned for", overflow="fold", ratio=3)
        table.add_column("Cost", justify="right", no_wrap=True)
        table.add_column("Rows", justify="right", no_wrap=True)
        if any(side.execution_ms is not None for side in plans):
            table.add_column("Met", justify="right", no_wrap=True)
            table.add_column("Time", justify="right", no_wrap=True)
        table.add_column("Reads", overflow="fold", ratio=4)
        for number, side in enumerate(plans):
            table.add_row(*self._side(number, side, measured=len(table.columns) > 4))
        self.console.print(table)
        for side in plans:
            if values := said.own_values(side, plans):
                self._line(f"For {prose(side.label)}: {prose('; '.join(values))}", "dim", hanging=2)
        if common := said.common_values(plans):
            self._line(f"Unless said otherwise: {prose('; '.join(common))}", "dim", hanging=2)
        different = [side for number, side in enumerate(plans) if side.alike == number]
        for side in different[:MAX_TREES]:
            self._tree(side)

    def _side(self, number: int, side: PlanSide, *, measured: bool) -> list[Text]:
        alike = side.alike != number
        reads = f"as for {self.explanation.plans[side.alike].label}" if alike else "; ".join(side.summary)
        met = [formatting.count(side.actual_rows).text, formatting.duration(side.execution_ms).text]
        return [
            Text(prose(side.label)),
            Text(formatting.cost(side.total_cost).text),
            Text(formatting.count(side.estimated_rows).text),
            *([Text(each) for each in (met if side.execution_ms is not None else ["", ""])] if measured else []),
            Text(prose(reads)),
        ]

    def _tree(self, side: PlanSide) -> None:
        self.console.print()
        self._line(f"Plan for {prose(side.label)}", "bold")
        write_plan(self.console, side.plan)

    def _limits(self) -> None:
        self._head("What limits it")
        for number, item in enumerate(self.explanation.limitations, start=1):
            figures = ", ".join(f"{each.label} {formatting.evidence(each).text}" for each in item.evidence)
            self._line(f"{number:>2}. {prose(item.sentence)}" + (f" ({prose(figures)})" if figures else ""), hanging=4)
        if not self.explanation.limitations:
            plans = self.explanation.plans
            self._line("Nothing that its plans show." if plans else "Without a plan that cannot be told.")

    def _help(self) -> None:
        self._head("What would help")
        explanation = self.explanation
        advice = said.advice(explanation)
        for finding in explanation.findings:
            head = f"{finding.severity.value}: {name(finding.title)}: {name(finding.subject_name)}"
            self._line(Text(head, style="bold"), hanging=4)
            self._line(prose(finding.sentence), indent=4)
            if fix := advice.pop(finding.rule, ""):
                self._line(prose(fix), "dim", indent=4)
        for action in explanation.recommendations:
            if action.values_masked:
                self._line("Holds values of rows, masked here: run again with --show-values for SQL to run.", indent=4)
            for step in action.steps:
                for line in visible(step.sql).split("\n"):
                    self.console.print(Text(f"    {line}", style="cyan"), soft_wrap=True)
        if not explanation.findings and not explanation.recommendations:
            self._line("No rule has anything to say about it.")
        for finding in explanation.other_findings:
            self._line(f"Also on its tables: {name(finding.title)}: {name(finding.subject_name)}", "dim", hanging=2)

    def _gaps(self) -> None:
        groups = group_gaps(self.explanation.gaps)
        if not groups:
            return
        self._head("Not seen")
        for group in groups[:MAX_GAPS]:
            remedy = f". Mend: {prose(group.remedy)}" if group.remedy else ""
            self._line(f"{words.FACT[group.fact]}: {prose(group.reason).rstrip('.')}{remedy}", hanging=2)
        if len(groups) > MAX_GAPS:
            self._line(f"and {words.plural(len(groups) - MAX_GAPS, 'more reason')}")

    def _head(self, text: str) -> None:
        self.console.print()
        self._line(text, "bold underline")

    def _line(self, text: str | Text, style: str = "", *, indent: int = 0, hanging: int = 0) -> None:
        paragraph(self.console, text, style, indent=indent, hanging=hanging)


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), expand=True)
