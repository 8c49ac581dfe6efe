"""The advice on indexes for a terminal: what is gained for what price, each index with its proof, and what was left."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pgadvisor.model.effects import Effect
from pgadvisor.model.index_advice import Goal, IndexAdvice, LeftIndex, StatementEffect
from pgadvisor.model.report import Recommendation, Report, Step
from pgadvisor.model.verification import Verdict
from pgadvisor_reports import formatting, words
from pgadvisor_reports import index_words as said
from pgadvisor_reports import verification_words as tested
from pgadvisor_reports.index_notes import notes
from pgadvisor_reports.index_view import AdvisedRow, IndexPage, LeftGroup, index_pages
from pgadvisor_reports.page import Page
from pgadvisor_reports.terminal import name, paragraph, plain_console, prose
from pgadvisor_reports.text import clip, is_fit, one_line, visible
from pgadvisor_reports.whatif_words import marks, planner, shortcoming

MIN_WIDTH = 60
# What is shown without --all.
MAX_DETAILS = 5
MAX_STATEMENTS = 2
MAX_LEFT = 3
MAX_REASONS = 5
_MAX_TEXT = 2_000
_COLOUR = {Effect.GAINS: "green", Effect.LOSES: "red"}
_EVERYTHING = 1_000_000
# How a check begins that is to be made once the step is done.
_AFTER = "-- After"


def render(report: Report, width: int, colour: bool, everything: bool = False) -> str:
    """The advice as text of at most `width` columns, but for SQL; everything: nothing is left for the page.

    Text of strangers cannot steer the terminal.
    """
    output = io.StringIO()
    console = plain_console(output, max(width, MIN_WIDTH), colour)
    for number, page in enumerate(index_pages(report, Page(report).recommendations)):
        if number:
            console.print()
        _Writer(console, page, everything).write()
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


class _Writer:
    """Writes the advice on one database to one console."""

    def __init__(self, console: Console, page: IndexPage, everything: bool) -> None:
        self.console = console
        self.report = page.report
        self.everything = everything
        self.page = page
        self._prepared: Step | None = None
        # What was told of all of a kind, with the first of them.
        self._minded: set[str] = set()

    def write(self) -> None:
        self._header()
        self._unseen()
        advice = self.page.advice
        if advice is not None:
            self._figures(advice)
        self._verification()
        if self.page.rows:
            self.console.print(self._table())
        self._details()
        if self.page.unproved:
            self._unproved()
        if advice is not None:
            self._left()
            self._not_planned(advice)
            self._shortcomings(advice)
        # Of all databases together, so once.
        if self.page.number == max(len(self.report.databases), 1):
            self._not_judged()
        self._more()

    def _most(self, number: int) -> int:
        return _EVERYTHING if self.everything else number

    def _header(self) -> None:
        source, advice = self.report.source, self.page.advice
        self._line(said.headline(self.page), "bold")
        seen = formatting.moment(source.collected_at).text
        where = f"{name(self.page.database or source.database)}, {one_line(words.server(self.report))}"
        window = formatting.window_length(self.report.trust.statements_window)
        self._line(f"{where}, as seen {seen}; statements of {window}", "dim")
        if advice is not None:
            self._line(prose(planner(advice.planner)), "" if advice.planner.same_major else "yellow")
        if redacted := words.redaction(self.report):
            self._line(redacted, "bold yellow")

    def _unseen(self) -> None:
        """What keeps the advice from being all it could be."""
        trust = self.report.trust
        if trust.partial_reason is not None:
            self._line(f"PARTIAL: {prose(trust.partial_reason)}", "bold yellow")
        for group in said.gaps_of_advice(trust.gaps):
            remedy = f" {prose(group.remedy)}" if group.remedy else ""
            self._line(f"NOT SEEN: {prose(group.reason).rstrip('.')}.{remedy}", "bold yellow")

    def _figures(self, advice: IndexAdvice) -> None:
        self.console.print()
        self._line(f"{said.effects(advice.workload)}.")
        for label, text in said.figures(self.page):
            self._line(Text.assemble((f"{label}: ", "bold"), text), hanging=2)
        self._line(prose(said.searched(advice)), "dim")
        for note in notes(self.page):
            self._line(note, "dim")

    def _verification(self) -> None:
        """What came of it on a copy of this database; what did not keep its promise first."""
        tried = self.report.verification
        if tried is None or not self.page.was_tried:
            return
        self.console.print()
        self._line(prose(tested.verified(tried)))
        if times := tested.verified_times(tried):
            self._line(Text.assemble(("Time of the calls counted, measured: ", "bold"), times), hanging=2)
        worse = [each for each in tried.statements if each.verdict is Verdict.WORSE]
        told = tried.statements if self.everything else worse
        for each in told[: self._most(MAX_REASONS)]:
            promised = f"; promised {tested.promised(each)}" if each.promise is not None else ""
            style = "red" if each.verdict is Verdict.WORSE else ""
            line = f"{name(each.query_id)}: {each.verdict.value}: {prose(tested.measured_times(each))}{promised}"
            self._line(line, style, indent=2, hanging=2)
        if len(told) > self._most(MAX_REASONS):
            self._line(f"and {len(told) - MAX_REASONS} more {Verdict.WORSE.value}: --all", "red", indent=2)
        for note in tested.verification_notes(tried):
            self._line(prose(note), "dim", indent=2)

    def _table(self) -> Table:
        """What is advised, a line each."""
        page, advice = self.page, self.page.advice
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), expand=False, caption_justify="left")
        table.add_column("", justify="right", no_wrap=True)
        table.add_column("Index", overflow="fold", ratio=1)
        for head in ("Size", "Gains", "Price", "+/−"):
            table.add_column(head, justify="right", no_wrap=True)
        for row in page.rows:
            together = row.advised.together
            table.add_row(
                str(row.number),
                Text(
                    f"{'drop ' if row.goes else ''}{name(said.advised(row.advised))}",
                    style="yellow" if row.goes else "",
                ),
                said.size(row),
                said.gain(row, page.scale, Goal.TIME if advice is None else advice.goal),
                said.price(row, page.scale),
                f"{together.gain}/{together.lose}",
            )
        table.caption = Text(
            f"Gains: at least so much, of drops about; price: time to write it; both {page.scale.over}. "
            "+/−: statements that gain and lose by it.",
            style="dim",
        )
        return table

    def _details(self) -> None:
        shown = self.page.rows[: self._most(MAX_DETAILS)]
        for row in shown:
            self.console.print()
            self._row(row)
        if len(shown) < len(self.page.rows):
            self.console.print()
            self._line(f"{len(self.page.rows) - len(shown)} more in the table alone: --all.", "dim")

    def _row(self, row: AdvisedRow) -> None:
        advised, scale = row.advised, self.page.scale
        head = Text.assemble(f"{row.number:>2}  ", (name(row.action.title), "bold"))
        self._line(head, hanging=4)
        if because := said.because(advised):
            self._line(f"For: {prose(because)}", indent=4, hanging=2)
        self._line(said.together(advised, scale), indent=4, hanging=2)
        if self.everything:
            self._line(said.alone(advised, scale), indent=4, hanging=2)
        self._effects(advised.effects)
        self._line(f"Proof: {prose(row.action.proof)}", indent=4, hanging=2)
        if row.action.measured is not None:
            self._line(f"Measured on a copy: {prose(tested.measured(row.action.measured))}", indent=4, hanging=2)
        price = said.price_facts(advised.price, scale, goes=row.goes)
        if price:
            label = "Frees" if row.goes else "Price"
            told = "; ".join(f"{said.lowered(each)} {text}" for each, text in price)
            self._line(f"{label}: {told}", indent=4, hanging=2)
        self._action(row.action)

    def _effects(self, effects: Sequence[StatementEffect]) -> None:
        """The greatest, and the greatest of those that lose, which nobody is to overlook."""
        shown = list(effects[: self._most(MAX_STATEMENTS)])
        losing = [each for each in effects if each.effect is Effect.LOSES and each not in shown]
        shown += losing[:MAX_STATEMENTS]
        for effect in shown:
            self._effect(effect)
        if len(shown) < len(effects):
            self._line(f"and {words.plural(len(effects) - len(shown), 'more statement')}", "dim", indent=4)

    def _effect(self, effect: StatementEffect) -> None:
        """A statement before and after, and as much of its text as fits on a line."""
        line = said.statement_line(effect, self.page.scale)
        self._line(Text(line, style=_COLOUR.get(effect.effect, "")), indent=4, hanging=2)
        marked = f" {marks(effect.marks)}" if effect.marks else ""
        text = one_line(self.page.text_of(effect.query_id)[:_MAX_TEXT])
        # What is no statement, such as the checks of a foreign key, is called what it is.
        called = "" if text == one_line(effect.query_id) else f"{name(effect.query_id)}{marked}: "
        shown = Text.assemble((called, "dim"), text)
        shown.truncate(self.console.width - 6, overflow="ellipsis")
        self._line(shown, indent=6)

    def _action(self, action: Recommendation) -> None:
        if action.values_masked:
            self._line("Holds values of rows, masked here: run again with --show-values for SQL to run.", indent=4)
        after = [check for check in action.checks if check.sql.startswith(_AFTER)]
        for check in action.checks if self.everything else ():
            if check not in after:
                self._sql(check.sql)
        for step in action.steps:
            self._step(step)
        for check in after if self.everything else ():
            self._sql(check.sql)
        # What undoes several steps at once is told once.
        undo = list(dict.fromkeys(step.undo for step in reversed(action.steps) if step.undo))
        if undo and (self.everything or len(undo) == 1):
            self._line("undo:", "dim", indent=4)
            for sql in undo:
                self._sql(sql)
        self._caveats(action)

    def _caveats(self, action: Recommendation) -> None:
        """What to mind. But where everything is told, what holds of all of a kind is told with the first of them."""
        alike = [each for each in self.page.actions if type(each.proposal) is type(action.proposal)]
        for caveat in action.caveats:
            is_of_all = not self.everything and all(caveat in each.caveats for each in alike)
            if is_of_all and caveat in self._minded:
                continue
            if is_of_all:
                self._minded.add(caveat)
            self._line(f"Mind: {prose(caveat)}", "yellow", indent=4, hanging=2)

    def _step(self, step: Step) -> None:
        """A command; what prepares the session once, for all that need the same."""
        if step.prepares:
            if step == self._prepared:
                return
            self._prepared = step
            self._line("In the session that runs this and what follows, first:", "dim", indent=4)
        self._sql(step.sql)
        if self.everything and step.lock and not step.prepares:
            self._line(f"Lock: {prose(step.lock)}", "dim", indent=4, hanging=2)

    def _unproved(self) -> None:
        self._head(f"Not proved by a planner: {words.plural(len(self.page.unproved), 'recommendation')}")
        for action in self.page.unproved[: self._most(MAX_DETAILS)]:
            self._line(Text(name(action.title), style="bold"), hanging=2)
            self._line(prose(action.proof), "dim", indent=4)
            self._action(action)
        if len(self.page.unproved) > self._most(MAX_DETAILS):
            self._line(f"and {len(self.page.unproved) - MAX_DETAILS} more: --all.", "dim")

    def _left(self) -> None:
        if not self.page.left_count:
            return
        self._head(f"Thought of and left: {words.plural(self.page.left_count, 'index', 'indexes')}")
        for group in self.page.left:
            self._group(group)

    def _group(self, group: LeftGroup) -> None:
        sentence = f": {prose(group.sentence)}" if group.sentence else ""
        head = f"{group.why.value.capitalize()} ({len(group.indexes)})"
        self._line(Text.assemble((head, "bold"), sentence), hanging=2)
        most = self._most(MAX_LEFT)
        for item in group.indexes[:most]:
            self._line(self._left_line(item, told=bool(sentence)), indent=2, hanging=2)
        if len(group.indexes) > most:
            self._line(f"and {len(group.indexes) - most} more", "dim", indent=2)

    def _left_line(self, item: LeftIndex, *, told: bool) -> Text:
        facts = [formatting.size(item.size_bytes).text] if item.size_bytes is not None else []
        if item.gain_ms:
            facts.append(f"gains {self.page.scale.duration(item.gain_ms)}")
        if item.write_ms:
            facts.append(f"writes {self.page.scale.duration(item.write_ms)}")
        tail = f" ({', '.join(facts)})" if facts else ""
        return Text.assemble(name(said.left(item)), (tail if told else f"{tail}: {prose(item.sentence)}", "dim"))

    def _not_planned(self, advice: IndexAdvice) -> None:
        if not advice.not_planned:
            return
        self._head("Not planned")
        for reason in advice.not_planned[: self._most(MAX_REASONS)]:
            self._line(prose(said.reason(reason)), hanging=2)
        if len(advice.not_planned) > self._most(MAX_REASONS):
            self._line(f"and {words.plural(len(advice.not_planned) - MAX_REASONS, 'more reason')}")

    def _shortcomings(self, advice: IndexAdvice) -> None:
        touching = [item for item in advice.shortcomings if item.statements or self.everything]
        if not touching:
            return
        self._head("Otherwise than on the server")
        for item in touching[: self._most(MAX_REASONS)]:
            self._line(f"{marks((item.number,))} {prose(shortcoming(item))}", hanging=4)
        if len(touching) > self._most(MAX_REASONS):
            self._line(f"and {len(touching) - MAX_REASONS} more")

    def _not_judged(self) -> None:
        told = said.not_judged(self.report)
        if told:
            self._head("What is not known of the use of existing indexes")
        for each in told:
            self._line(prose(each), hanging=2)

    def _more(self) -> None:
        if (self.page.rows or self.page.unproved) and not self.everything:
            self.console.print()
            self._line(
                "Before you run any of it: its locks, checks and caveats stand in the HTML report, or here with --all.",
                "dim",
            )

    def _head(self, text: str) -> None:
        self.console.print()
        self._line(text, "bold underline")

    def _line(self, text: str | Text, style: str = "", *, indent: int = 0, hanging: int = 0) -> None:
        paragraph(self.console, text, style, indent=indent, hanging=hanging)

    def _sql(self, sql: str) -> None:
        """SQL as it is to be copied: never broken, but where characters of it would not be seen."""
        if not all(is_fit(character) for character in sql):
            self._line("holds characters that are not shown: copy it from the JSON report", "yellow", indent=4)
        for line in visible(clip(sql, _MAX_TEXT * 4)).split("\n"):
            self.console.print(Text(f"    {line}", style="cyan"), soft_wrap=True)
