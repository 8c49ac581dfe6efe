"""What a what-if tells for a terminal: what is imagined, the workload before and after, who gains, who loses, plans."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from pgadvisor.model.effects import Effect
from pgadvisor.model.plan_view import PlanView
from pgadvisor.model.whatif_result import CreatedIndex, DroppedIndex, Next, WhatIfResult, WhatIfStatement
from pgadvisor_reports import formatting, words
from pgadvisor_reports import whatif_words as said
from pgadvisor_reports.page import group_gaps
from pgadvisor_reports.terminal import name, paragraph, plain_console, prose
from pgadvisor_reports.terminal_plan import write_plan
from pgadvisor_reports.text import clip, one_line, visible

MIN_WIDTH = 60
MAX_STATEMENTS = 15
MAX_PLANS = 2
MAX_INDEXES = 20
MAX_REASONS = 6
MAX_DIFFERENCES = 5
MAX_TEXT = 2_000
MAX_UNDO_LINES = 8
_COLOUR = {Effect.GAINS: "green", Effect.LOSES: "red", Effect.OTHER_PLAN: "yellow"}
_REPORTS = "the reports that --html FILE and --json FILE write"


def render(result: WhatIfResult, width: int, colour: bool) -> str:
    """The result as text of at most `width` columns, but for SQL; strangers' text cannot steer the terminal."""
    output = io.StringIO()
    console = plain_console(output, max(width, MIN_WIDTH), colour)
    _Writer(console, result).write()
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


class _Writer:
    """Writes one result to one console."""

    def __init__(self, console: Console, result: WhatIfResult) -> None:
        self.console = console
        self.result = result

    def write(self) -> None:
        self._header()
        self._configuration()
        self._workload()
        if self.result.changes_anything:
            self._statements("Lose", Effect.LOSES)
            self._statements("Gain", Effect.GAINS)
            self._statements("Another plan", Effect.OTHER_PLAN)
        self._not_planned()
        self._plans()
        self._differences()
        self._shortcomings()
        self._gaps()

    def _header(self) -> None:
        result = self.result
        source = result.source
        self._line(said.title(result), "bold")
        seen = formatting.moment(source.collected_at).text
        self._line(f"{name(source.database)}, {one_line(words.server(result))}, as seen {seen}", "dim")
        self._line(prose(said.planner(result.planner)), "" if result.planner.same_major else "yellow")
        self._line(said.fidelity(result))

    def _configuration(self) -> None:
        result = self.result
        if not result.changes_anything:
            return
        self._head("Imagined")
        for created in result.created[:MAX_INDEXES]:
            self._created(created)
        for dropped in result.dropped[:MAX_INDEXES]:
            self._dropped(dropped)
        left = max(len(result.created) - MAX_INDEXES, 0) + max(len(result.dropped) - MAX_INDEXES, 0)
        if left:
            self._line(f"{words.plural(left, 'more index', 'more indexes')} not shown here.", "dim")
        for setting in result.settings:
            before = "" if setting.before is None else f" (it is {prose(setting.before)})"
            self._line(f"~ {name(setting.name)} = {prose(setting.after)}{before}", hanging=2)
            for number, way in enumerate(setting.ways):
                if number:
                    self._line("or", "dim", indent=4)
                self._sql(way.sql)
        to_run = [*(each.next for each in result.created), *(each.next for each in result.dropped)]
        if any(each is not None for each in to_run):
            self._line(f"Before you run it: its locks, checks and caveats are in {_REPORTS}.", "dim")

    def _called(self, query_id: str) -> str:
        return name(said.called(query_id, self.result))

    def _created(self, created: CreatedIndex) -> None:
        how = "guessed" if created.size_guessed else "predicted"
        size = "unknown" if created.size_bytes is None else f"{formatting.size(created.size_bytes).text} {how}"
        self._line(f"+ {name(created.name)} on {name(created.table)}, size {size}", hanging=2)
        self._next(created.next, created.sql)
        if created.price:
            price = "; ".join(f"{one_line(each.label)}: {formatting.evidence(each).text}" for each in created.price)
            self._line(price, "dim", indent=4)
        for caveat in created.caveats:
            self._line(f"Mind: {prose(caveat)}.", "yellow", indent=4)

    def _next(self, after: Next | None, sql: str = "") -> None:
        """What to run, and what undoes it, where that is short; else how many steps it takes."""
        if after is None:
            return
        steps = said.commands(after.steps)
        if len(steps) > 1:
            self._sql(sql)
            self._line(f"online by {len(steps)} steps, which are in {_REPORTS}", "dim", indent=4)
            return
        for step in steps:
            self._sql(step.sql)
            if step.undo:
                self._undo(step.undo.splitlines())

    def _undo(self, lines: Sequence[str]) -> None:
        self._line("undo:", "dim", indent=4)
        for line in lines[:MAX_UNDO_LINES]:
            self._sql(line)
        if len(lines) > MAX_UNDO_LINES:
            self._line(f"and {words.plural(len(lines) - MAX_UNDO_LINES, 'more line')} in {_REPORTS}", "dim", indent=4)

    def _sql(self, sql: str) -> None:
        if sql:
            self.console.print(Text(f"    {visible(clip(one_line(sql), MAX_TEXT))}", style="cyan"), soft_wrap=True)

    def _dropped(self, dropped: DroppedIndex) -> None:
        size = "size unknown" if dropped.size_bytes is None else f"{formatting.size(dropped.size_bytes).text} freed"
        self._line(f"- {name(dropped.name)} on {name(dropped.table)}, {size}", hanging=2)
        self._next(dropped.next)
        for caveat in dropped.caveats:
            self._line(f"Mind: {prose(caveat)}.", "yellow", indent=4)

    def _workload(self) -> None:
        result = self.result
        self._head("Workload")
        self._line(said.effects(result))
        if left_out := said.left_out(result):
            self._line(left_out, "dim")
        for label, text in said.totals(result):
            self._line(Text.assemble((f"{label}: ", "bold"), text), hanging=2)

    def _statements(self, head: str, effect: Effect) -> None:
        found = said.having(self.result, effect)
        if not found:
            return
        self._head(f"{head}: {words.plural(len(found), 'statement')}")
        rows = [self._figures(each) for each in found[:MAX_STATEMENTS]]
        then = "" if effect is Effect.OTHER_PLAN else " → estimated"
        heads = ("Calls", "Cost/call", "After", "", f"Time of all calls{then}")
        widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(4)]
        self._line(_aligned(heads, widths), "dim")
        for each, row in zip(found, rows, strict=False):
            self._line(Text(_aligned(row, widths), style=_COLOUR[effect]), hanging=4)
            self._text(each)
            if changes := said.plan_changes(each):
                self._line(f"{prose(changes)}.", indent=4)
            if by_value := said.by_value(each):
                self._line(f"{prose(by_value)}.", "yellow", indent=4)
        if len(found) > MAX_STATEMENTS:
            self._line(f"{words.plural(len(found) - MAX_STATEMENTS, 'more statement')} not shown here.", "dim")

    def _figures(self, each: WhatIfStatement) -> tuple[str, ...]:
        costs = said.decisive(each)
        time = formatting.duration(each.total_ms).text if each.total_ms else ""
        if time and each.effect is not Effect.OTHER_PLAN:
            time += f" → {said.time_of(each)}"
        return (
            formatting.count(each.calls).text,
            formatting.cost(costs.cost_before).text,
            formatting.cost(costs.cost_after).text,
            said.change(each),
            time,
        )

    def _text(self, each: WhatIfStatement) -> None:
        """Id and marks of a statement, and as much of its text as fits on the line."""
        marks = f" {said.marks(each.marks)}" if each.marks else ""
        values = f" for {one_line(label)}" if (label := said.decisive(each).label) else ""
        head = f"{self._called(each.query_id)}{marks}{values}: "
        line = Text.assemble((head, "dim"), one_line(each.text[:MAX_TEXT]))
        line.truncate(self.console.width - 4, overflow="ellipsis")
        self._line(line, indent=4)

    def _not_planned(self) -> None:
        reasons = self.result.reasons
        if not reasons:
            return
        self._head("Not planned")
        for reason in reasons[:MAX_REASONS]:
            self._line(f"{prose(said.reason(reason, self.result))}", hanging=2)
        if len(reasons) > MAX_REASONS:
            self._line(f"and {words.plural(len(reasons) - MAX_REASONS, 'more reason')}")

    def _plans(self) -> None:
        shown = said.beside(self.result)
        asked = [each for each in shown if each.asked]
        for each in asked or shown[:MAX_PLANS]:
            self._beside(each)
        left = 0 if asked else len(shown) - MAX_PLANS
        if left > 0:
            self.console.print()
            self._line(f"Plans of {words.plural(left, 'more statement')} are in {_REPORTS}.", "dim")

    def _beside(self, each: WhatIfStatement) -> None:
        marks = f" {said.marks(each.marks)}" if each.marks else ""
        self._head(f"Plans of {self._called(each.query_id)}{marks}: {prose(said.summary_line(each, self.result))}")
        for line in visible(clip(each.text, MAX_TEXT)).split("\n"):
            self.console.print(Text(f"  {line}", style="cyan"), soft_wrap=True)
        if heading := said.plan_heading(each):
            self._line(prose(heading), hanging=2)
        for value in each.by_values:
            before, after = formatting.cost(value.cost_before).text, formatting.cost(value.cost_after).text
            costs = f"{before} → {after}" if self.result.changes_anything else before
            which = f" ({prose('; '.join(value.values))})" if value.values else ""
            self._line(f"For {prose(value.label)}{which}: {costs}", "dim", hanging=2)
        if each.plans is None:
            return
        same = each.plans.after is None or not self.result.changes_anything
        for label, view in (("As it is" if same else "Before", each.plans.before), ("After", each.plans.after)):
            self._plan(label, view)

    def _plan(self, label: str, view: PlanView | None) -> None:
        if view is not None:
            self.console.print()
            self._line(label, "bold")
            write_plan(self.console, view)

    def _differences(self) -> None:
        found = self.result.fidelity.differences
        if not found:
            return
        self._head("Observed plans and costs that it gives otherwise")
        for each in found[:MAX_DIFFERENCES]:
            marks = f" {said.marks(each.marks)}" if each.marks else ""
            observed, given = formatting.cost(each.cost_observed).text, formatting.cost(each.cost_given).text
            changes = prose(said.difference(each))
            self._line(
                f"{self._called(each.query_id)}{marks}: cost {observed} observed, {given} given: {changes}",
                hanging=2,
            )
        if len(found) > MAX_DIFFERENCES:
            self._line(f"and {words.plural(len(found) - MAX_DIFFERENCES, 'more statement')}", "dim")

    def _shortcomings(self) -> None:
        if self.result.shortcomings:
            self._head("Otherwise than on the server")
        for item in said.touching(self.result):
            self._line(f"{said.marks((item.number,))} {prose(said.shortcoming(item))}", hanging=4)
        if untouching := said.untouching(self.result):
            self._line(prose(untouching), "dim")

    def _gaps(self) -> None:
        groups = group_gaps(self.result.gaps)
        if groups:
            self._head("Not seen")
        for group in groups[:MAX_REASONS]:
            remedy = f". Mend: {prose(group.remedy)}" if group.remedy else ""
            self._line(f"{words.FACT[group.fact]}: {prose(group.reason).rstrip('.')}{remedy}", hanging=2)
        if len(groups) > MAX_REASONS:
            self._line(f"and {words.plural(len(groups) - MAX_REASONS, 'more reason')}")

    def _head(self, text: str) -> None:
        self.console.print()
        self._line(text, "bold underline")

    def _line(self, text: str | Text, style: str = "", *, indent: int = 0, hanging: int = 0) -> None:
        paragraph(self.console, text, style, indent=indent, hanging=hanging)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Cells in columns, numbers to the right, what is said of them to the left."""
    calls, before, after, change, time = cells
    left = f"{calls:>{widths[0]}}  {before:>{widths[1]}}  {after:>{widths[2]}}  {change:<{widths[3]}}"
    return f"{left}  {time}".rstrip()
