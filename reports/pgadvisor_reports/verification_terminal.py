"""What a trial on a copy came to, for a terminal: statements before and after, what was promised, and each index."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from pgadvisor.model.report import Report
from pgadvisor.model.verification import MeasuredStatement, Verdict, Verification
from pgadvisor_reports import verification_words as said
from pgadvisor_reports import words
from pgadvisor_reports.terminal import paragraph, plain_console
from pgadvisor_reports.text import clip, one_line

MIN_WIDTH = 60
MAX_STATEMENTS = 30
MAX_INDEXES = 40
MAX_NOT_RUN = 6
_MAX_TEXT = 400
_COLOUR = {Verdict.KEPT: "green", Verdict.BETTER: "green", Verdict.WORSE: "bold red", Verdict.NOISE: "dim"}
_HEADS = ("before", "after", "promised", "verdict")
_GAP = "  "


def render(report: Report, width: int, colour: bool) -> str:
    """The trial as text of at most `width` columns, no less than 60; strangers' text cannot steer the terminal."""
    output = io.StringIO()
    if report.verification is not None:
        _Writer(plain_console(output, max(width, MIN_WIDTH), colour), report, report.verification).write()
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


class _Writer:
    """Writes what came of a trial to a console."""

    def __init__(self, console: Console, report: Report, verification: Verification) -> None:
        self.console = console
        self.report = report
        self.verification = verification
        # The same statement may be that of several databases; each has an anchor of its own.
        self._texts = {view.anchor: view.text for view in report.statements}

    def write(self) -> None:
        """All of it."""
        tried = self.verification
        self._line(one_line(words.subject(self.report)), "bold")
        if tried.cut_short:
            self._line(f"CUT SHORT: {one_line(tried.cut_short)}", "bold yellow")
        style = "bold" if said.mostly_run(tried) else "bold yellow"
        self._line(one_line(said.verified(tried)), style if self.report.promises_kept() else "bold red")
        if times := said.verified_times(tried):
            self._line(f"Calls of those that were run, by the times measured: {times}")
        for note in said.verification_notes(tried)[1 if tried.cut_short else 0 :]:
            self._line(clip(one_line(note), _MAX_TEXT), "dim")
        self._statements()
        self._indexes()
        self._not_run()

    def _statements(self) -> None:
        run = [each for each in self.verification.statements if each.verdict is not Verdict.NOT_RUN]
        if not run:
            return
        self._head("Statements, with all of the indexes")
        rows = [_row(each) for each in run[:MAX_STATEMENTS]]
        widths = [max(len(row[column]) for row in [_HEADS, *rows]) for column in range(len(_HEADS))]
        is_wide = sum(widths) + len(_GAP) * (len(widths) - 1) > self.console.width
        heads = _aligned(_HEADS, widths)
        self._row(f"{heads[: -len(_HEADS[-1])].rstrip()}, verdict" if is_wide else heads, "dim")
        for each, row in zip(run, rows, strict=False):
            style = _COLOUR.get(each.verdict, "")
            if is_wide:
                self._row(_aligned((*row[:3], ""), widths), style)
                self._row(f"    {row[3]}", style)
            else:
                self._row(_aligned(row, widths), style)
            self._text(each, said.used(each))
        if len(run) > MAX_STATEMENTS:
            self._line(f"and {words.plural(len(run) - MAX_STATEMENTS, 'more statement')}", "dim")

    def _row(self, line: str, style: str) -> None:
        self.console.print(Text(line.rstrip(), style=style), no_wrap=True, overflow="ignore", crop=False)

    def _text(self, statement: MeasuredStatement, more: str) -> None:
        text = self._texts.get(statement.anchor)
        line = Text(f"in: {one_line((text or statement.query_id)[:_MAX_TEXT])}", style="dim")
        line.truncate(max(self.console.width - 4, 20), overflow="ellipsis")
        self.console.print(Text.assemble("    ", line), no_wrap=True, overflow="ignore", crop=False)
        self._line(clip(one_line(more.strip()), _MAX_TEXT), "dim", indent=4)

    def _indexes(self) -> None:
        tried = [each for each in self.report.recommendations if each.measured is not None]
        self._head("Indexes, each beside all the others")
        for each in tried[:MAX_INDEXES]:
            if each.measured is not None:
                self._line(
                    Text.assemble(
                        (one_line(clip(each.title, _MAX_TEXT)), "bold"),
                        ": ",
                        (one_line(said.measured(each.measured)), _COLOUR.get(each.measured.verdict, "")),
                    ),
                    hanging=2,
                )
        if len(tried) > MAX_INDEXES:
            self._line(f"and {words.plural(len(tried) - MAX_INDEXES, 'more index', 'more indexes')}", "dim")

    def _not_run(self) -> None:
        reasons: dict[str, int] = {}
        for each in self.verification.statements:
            if each.verdict is Verdict.NOT_RUN:
                reasons[each.reason] = reasons.get(each.reason, 0) + 1
        others = self.verification.not_run - sum(reasons.values())
        if others > 0:
            reasons["They were not come to, or are more than --statements allows"] = others
        if reasons:
            self._head("Not run")
        for reason, number in sorted(reasons.items(), key=lambda each: (-each[1], each[0]))[:MAX_NOT_RUN]:
            self._line(f"{words.plural(number, 'statement')}: {clip(one_line(reason), _MAX_TEXT)}", hanging=2)
        if len(reasons) > MAX_NOT_RUN:
            self._line(f"and {words.plural(len(reasons) - MAX_NOT_RUN, 'more reason')}", "dim")

    def _head(self, text: str) -> None:
        self.console.print()
        self._line(text, "bold underline")

    def _line(self, text: str | Text, style: str = "", *, indent: int = 0, hanging: int = 0) -> None:
        paragraph(self.console, text, style, indent=indent, hanging=hanging)


def _row(each: MeasuredStatement) -> tuple[str, str, str, str]:
    return said.before(each), said.after(each), said.promised(each), said.verdict(each)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Numbers to the right, what is said of them to the left."""
    before, after, promised, verdict = cells
    return _GAP.join((f"{before:>{widths[0]}}", f"{after:>{widths[1]}}", f"{promised:<{widths[2]}}", verdict))
