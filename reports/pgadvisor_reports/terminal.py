"""The report for a terminal: the ranked result, what to run, and what was not seen."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from pgadvisor.model.base import Severity
from pgadvisor.model.coverage import Fact
from pgadvisor.model.findings import OutcomeStatus
from pgadvisor.model.report import Recommendation, Report, ReportFinding, Step
from pgadvisor_reports import formatting, words
from pgadvisor_reports import index_words as said
from pgadvisor_reports.index_view import index_pages
from pgadvisor_reports.page import Page
from pgadvisor_reports.text import clip, is_fit, one_line, visible

MAX_FINDINGS = 20
# Without these most rules have nothing to go by, so what is missing of them stands on top.
ESSENTIAL = frozenset({Fact.CATALOG, Fact.STATEMENTS})
MAX_GAPS = 6
MAX_NOTES = 6
MAX_HOSTS = 12
MAX_PROSE = 600
MAX_NAME = 120

_STYLE = {Severity.CRITICAL: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold blue"}
_MARK = {Severity.CRITICAL: "✖", Severity.WARNING: "▲", Severity.INFO: "●"}


def render(report: Report, width: int, colour: bool) -> str:
    """The report as text of at most `width` columns (no less than 40), but for SQL: a line of it is never broken.

    Text of strangers reaches the terminal without characters that steer it.
    """
    output = io.StringIO()
    if report.verification is not None:
        return _of_trial(report, width, colour)
    console = plain_console(output, max(width, 40), colour)
    _Writer(console, Page(report)).write()
    return output.getvalue()


def _of_trial(report: Report, width: int, colour: bool) -> str:
    """What is new in a report that was tried; all else was told when it was made."""
    # It needs what is below.
    from pgadvisor_reports import verification_terminal

    return verification_terminal.render(report, width, colour)


def plain_console(output: io.StringIO, width: int, colour: bool) -> Console:
    """A console that takes text as it is: nothing in it is markup, an emoji's name or worth a highlight."""
    return Console(
        file=output,
        width=width,
        height=100,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


# Stands for the blank within a number while lines are broken.
_JOINT = "\ue000"


def paragraph(console: Console, text: str | Text, style: str = "", *, indent: int = 0, hanging: int = 0) -> None:
    """A paragraph, wrapped to the width; hanging indents all lines but the first."""
    line = text.copy() if isinstance(text, Text) else Text(text, style=style)
    # A number is one word, though blanks part its digits.
    line.plain = line.plain.replace(formatting.GROUP, _JOINT)
    room = max(console.width - indent - hanging, 1)
    for number, wrapped in enumerate(line.wrap(console, room, overflow="fold")):
        wrapped.rstrip()
        wrapped.plain = wrapped.plain.replace(_JOINT, formatting.GROUP)
        blanks = " " * (indent + (hanging if number else 0))
        console.print(Text.assemble(blanks, wrapped), no_wrap=True, overflow="ignore", crop=False)


class _Writer:
    """Writes one report to one console."""

    def __init__(self, console: Console, page: Page) -> None:
        self.console = console
        self.page = page
        self.report = page.report
        self._prepared: Step | None = None
        self._advised = index_pages(page.report, page.recommendations)
        self._scales = {each.database: each.scale for each in self._advised}
        self._texts = {(view.database, view.query_id): view.text for view in page.report.statements}

    def write(self) -> None:
        self._header()
        self._indexes()
        self._findings()
        self._outcomes()
        self._gaps()
        self._footprint()
        if self.report.recommendations:
            self.console.print()
            self._line(
                "Before you run any of it: its lock, checks and caveats stand in the HTML and JSON reports.", "dim"
            )

    def _header(self) -> None:
        source, trust = self.report.source, self.report.trust
        self._line(Text.assemble((name(words.subject(self.report)), "bold"), "  ", one_line(words.server(self.report))))
        superuser = ", a superuser" if source.is_superuser else ""
        self._line(f"as role {name(source.role)}{superuser}, {formatting.moment(source.collected_at).text}", "dim")
        if trust.partial_reason is not None:
            self._line(f"PARTIAL REPORT: {prose(trust.partial_reason)}", "bold yellow")
        if redacted := words.redaction(self.report):
            self._line(redacted, "bold yellow")
        self.console.print()
        for label, window in (("Use of objects", trust.counters_window), ("Statements", trust.statements_window)):
            text = formatting.window_length(window)
            if window is not None:
                since = formatting.moment(window.since).text if window.since else "an unknown time"
                text += f", since {since} ({prose(window.source)})"
            self._field(label, text)
        self._watched()
        for gap in trust.gaps:
            if gap.fact in ESSENTIAL and not gap.scope:
                self._line(f"NOT SEEN: {prose(gap.reason).rstrip('.')}. {prose(gap.remedy)}", "bold yellow")
        if any(share.of_time_ms for share in trust.shares):
            parts = (
                f"{formatting.fraction(share.time_ms / share.of_time_ms if share.of_time_ms else None).text} "
                f"{one_line(share.label)}"
                for share in words.shares(trust)
            )
            self._field("Of their time", ", ".join(parts))
        for sentence in filter(None, (words.active_time(trust), words.evictions(trust))):
            self._field("", prose(sentence))
        self.console.print()

    def _watched(self) -> None:
        """The interval, what it lost, and the servers added up."""
        change, hosts = self.report.trust.change, self.report.source.hosts
        if change is not None:
            span = f"{formatting.moment(change.since).text} to {formatting.moment(change.until).text}"
            self._field("Between two looks", f"{span}; {words.change(change)}")
            for note in change.notes[:MAX_NOTES]:
                self._field("", prose(note))
            if len(change.notes) > MAX_NOTES:
                self._field("", f"and {words.plural(len(change.notes) - MAX_NOTES, 'more note')}")
        if hosts:
            shown = [
                f"{name(words.host(host))} {formatting.window_length(host.counters_window)}"
                for host in hosts[:MAX_HOSTS]
            ]
            more = [f"{len(hosts) - MAX_HOSTS} more"] if len(hosts) > MAX_HOSTS else []
            self._field(f"{words.plural(len(hosts), 'server')} added up", ", ".join([*shown, *more]))

    def _indexes(self) -> None:
        """The advice on indexes in a few lines; nothing where no planner was asked."""
        for page in self._advised:
            if page.advice is None:
                continue
            where = f"Database {name(page.database)}: " if page.database else ""
            head = (f"{where}{said.headline(page)}", "bold")
            self._line(Text.assemble(head, f". {said.effects(page.advice.workload)}."))
            for label, text in said.figures(page):
                self._field(label, text)
            if page.left_count:
                left = f"{words.plural(page.left_count, 'other was', 'others were')} thought of and left"
                self._line(f"{left}: pgadvisor indexes and the HTML report say why.", "dim")
            self.console.print()

    def _findings(self) -> None:
        self._line(words.verdict(self.report), "bold")
        if self.page.preparation is not None:
            self.console.print()
            self._line("In the session that runs any of the commands below, first:", "dim")
            self._sql(self.page.preparation.sql)
            self._prepared = self.page.preparation
        shown = self.report.findings[:MAX_FINDINGS]
        told: set[str] = set()
        for finding in shown:
            self.console.print()
            self._finding(finding)
            for action in self.page.recommendations:
                if action.key in finding.recommendations:
                    self._action(action, action.key in told)
                    told.add(action.key)
        left = self.page.total() - len(shown)
        if left > 0:
            self.console.print()
            self._line(f"{words.plural(left, 'more finding')} not shown here.", "dim")
        self.console.print()

    def _finding(self, finding: ReportFinding) -> None:
        trust = self.report.trust
        head = Text.assemble(
            f"{finding.rank:>3}  ",
            (f"{_MARK[finding.severity]} {finding.severity.value}", _STYLE[finding.severity]),
            f"  {name(finding.title)}: ",
            (name(finding.subject_name), "bold"),
        )
        self._line(head, hanging=5)
        self._line(prose(finding.sentence), indent=5)
        several = len(self.report.source.hosts) > 1
        windows = trust.statements_window, trust.counters_window
        figures = [figure.text for figure in formatting.impact(finding.impact, *windows, several)]
        known = f"{finding.confidence.value} · {name(finding.rule)}"
        self._line(Text.assemble((" · ".join([*figures, ""]), "bold"), (known, "dim")), indent=5)
        if finding.query_ids and (text := self._texts.get((finding.database, finding.query_ids[0]))):
            more = len(finding.query_ids) - 1
            self._statement(text, f" (and {words.plural(more, 'more statement')})" if more else "")

    def _statement(self, text: str, more: str) -> None:
        """The costliest statement concerned, as much of it as fits on one line."""
        line = Text(f"in: {one_line(text[:MAX_PROSE])}", style="dim")
        line.truncate(self.console.width - 5 - len(more), overflow="ellipsis")
        self._line(Text.assemble(line, (more, "dim")), indent=5)

    def _action(self, action: Recommendation, told: bool) -> None:
        if told:
            self._line(f"{name(action.title)}: see above.", "dim", indent=5)
            return
        if action.values_masked:
            self._line("Holds values of rows, masked here: run again with --show-values for SQL to run.", indent=5)
        for step in self.page.steps(action):
            self._step(step)
        if action.copies:
            others = words.plural(len(action.copies), "other schema")
            self._line(f"and the same in {others}: their SQL is in the HTML and JSON reports", "dim", indent=5)
        if action.advised is not None and (scale := self._scales.get(action.database)):
            self._line(said.together(action.advised, scale), "dim", indent=5)
        facts = [f"{one_line(item.label)}: {formatting.evidence(item).text}" for item in action.price]
        undo = [step.undo for step in action.steps if step.undo]
        is_short = len(undo) == 1 and "\n" not in undo[0]
        if undo and not is_short:
            facts.append("undo: in the reports")
        if facts:
            self._line("; ".join(facts), "dim", indent=5)
        if is_short:
            self._line("undo:", "dim", indent=5)
            self._sql(undo[0])

    def _step(self, step: Step) -> None:
        """A command; what prepares the session only where it is not so prepared by what stands above."""
        if step.prepares:
            if step == self._prepared:
                return
            if self._prepared is None:
                self._line("In the session that runs this and what follows, first:", "dim", indent=5)
            self._prepared = step
        self._sql(step.sql)

    def _outcomes(self) -> None:
        for status, outcomes in self.page.outcomes_by_status.items():
            if status is OutcomeStatus.FINDINGS:
                continue
            label = words.STATUS_SHORT[status]
            if status in {OutcomeStatus.CLEAN, OutcomeStatus.DISABLED}:
                self._field(label, ", ".join(one_line(outcome.title) for outcome in outcomes))
                continue
            for outcome in outcomes:
                reason = outcome.error or (outcome.gaps[0].reason if outcome.gaps else "no reason is known")
                more = f" (and {len(outcome.gaps) - 1} more)" if len(outcome.gaps) > 1 else ""
                self._field(label, f"{one_line(outcome.title)}: {prose(reason)}{more}")

    def _gaps(self) -> None:
        # What was merely not executed is a choice of policy; the shares above and the other reports tell of it.
        groups = [group for group in self.page.gap_groups if group.fact is not Fact.EXECUTED_PLANS]
        for group in groups[:MAX_GAPS]:
            more = f" and {group.more_scopes} more" if group.more_scopes else ""
            scope = f" ({name(group.first_scope)}{more})" if group.scopes else ""
            remedy = f". Mend: {prose(group.remedy)}" if group.remedy else ""
            self._field("Not seen", f"{words.FACT[group.fact]}{scope}: {prose(group.reason).rstrip('.')}{remedy}")
        if len(groups) > MAX_GAPS:
            self._field("", f"and {words.plural(len(groups) - MAX_GAPS, 'more reason')}")

    def _footprint(self) -> None:
        cost = self.report.trust.footprint
        self._field(
            "Looking cost",
            f"{formatting.duration(cost.server_ms).text} of the server's time at most, "
            f"{words.plural(cost.transactions, 'read-only transaction')}, {cost.explained} planned, "
            f"{cost.executed} executed, {cost.statement_entries} entries added to pg_stat_statements at most",
        )

    def _field(self, label: str, text: str) -> None:
        head = f"{label}: " if label else "  "
        self._line(Text.assemble((head, "bold"), text), hanging=2)

    def _line(self, text: str | Text, style: str = "", *, indent: int = 0, hanging: int = 0) -> None:
        paragraph(self.console, text, style, indent=indent, hanging=hanging)

    def _sql(self, sql: str) -> None:
        """SQL as it is to be copied: never broken, never cut, each line indented by blanks alone."""
        if not all(is_fit(character) for character in sql):
            self._line("holds characters that are not shown: copy it from the JSON report", "yellow", indent=5)
        for line in visible(sql).split("\n"):
            self.console.print(Text(f"     {line}", style="cyan"), soft_wrap=True)


def prose(text: str) -> str:
    """A sentence of somebody's on one line, of bearable length."""
    return clip(one_line(text), MAX_PROSE)


def name(text: str) -> str:
    """A name on one line, its end left out where it is too long to be one."""
    line = one_line(text)
    return line if len(line) <= MAX_NAME else f"{line[: MAX_NAME - 1]}…"
