"""What is told once, what in place, and how much of a long list."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

import msgspec
import pytest

from pgadvisor.model.base import Severity
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.proposals import AddPrimaryKey, AnalyzeTable, DropIndex, Proposal
from pgadvisor.model.report import Report
from pgadvisor_reports import html, json, terminal
from pgadvisor_reports.page import Page, group_gaps
from support.recipe_reports import partitioned, plain, recipe_report
from support.reports import index, sample_report

DROP = DropIndex(schema="public", name="t_b", definition=index("t", "b"))
KEY = AddPrimaryKey(schema="public", table="k", columns=("a",), missing_not_null=("a",))
ANALYZE = AnalyzeTable(schema="public", table="t", columns=())
MIXED: tuple[tuple[Proposal, ...], ...] = (
    (plain("t"), plain("u"), partitioned("p"), partitioned("q")),
    (partitioned("p"), plain("t"), partitioned("q"), plain("u")),
    (partitioned("p"), partitioned("q")),
    (KEY, msgspec.structs.replace(KEY, table="l")),
    (plain("t"), partitioned("p"), ANALYZE, DROP),
)
ALIKE: tuple[tuple[Proposal, ...], ...] = ((plain("t"), plain("u")), (DROP, ANALYZE, plain("t"), plain("u")))


class _Text(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.text += data


def findings_section(report: Report) -> str:
    text = html.render(report).decode()
    start = text.index('<section id="findings"')
    return " ".join(_Text(text[start : text.index("</section>", start)]).text.split())


def commands(text: str, report: Report) -> list[str]:
    """The commands of the report's recommendations in the order in which a text shows them."""
    flat = " ".join(text.split())
    found: list[tuple[int, str]] = []
    for sql in {step.sql for action in report.recommendations for step in action.steps}:
        words, place = " ".join(sql.split()), -1
        while (place := flat.find(words, place + 1)) >= 0:
            found.append((place, sql))
    return [sql for _, sql in sorted(found)]


def assert_each_runs_as_it_should(shown: Sequence[str]) -> None:
    """Concurrent builds without lock_timeout, what stands in front of others with a short one."""
    short = None
    for sql in shown:
        if "set_config" in sql:
            short = False
        elif sql.startswith("SET lock_timeout"):
            short = True
        elif "CONCURRENTLY" in sql:
            assert short is False, sql
        elif " ONLY " in sql or "ATTACH" in sql or "ADD CONSTRAINT" in sql:
            assert short is True, sql


def without_repeats(report: Report) -> list[str]:
    """The commands in order, but for what sets the session as it is set already."""
    kept: list[str] = []
    prepared = ""
    for step in (step for action in report.recommendations for step in action.steps):
        if step.prepares and step.sql == prepared:
            continue
        prepared = step.sql if step.prepares else prepared
        kept.append(step.sql)
    return kept


@pytest.mark.parametrize("proposals", MIXED)
def test_preparations_that_differ_are_shown_in_place_and_in_order(proposals: tuple[Proposal, ...]) -> None:
    report = recipe_report(proposals)
    every = [step.sql for action in report.recommendations for step in action.steps]
    page = Page(report)
    assert page.preparation is None
    assert [step.sql for action in page.recommendations for step in page.steps(action)] == every
    text = terminal.render(report, 100, False)
    assert commands(findings_section(report), report) == every
    assert commands(text, report) == without_repeats(report)
    for shown in (commands(text, report), commands(findings_section(report), report)):
        assert_each_runs_as_it_should(shown)
    assert text.count("first:") == 1


@pytest.mark.parametrize("proposals", ALIKE)
def test_one_preparation_for_all_is_told_once(proposals: tuple[Proposal, ...]) -> None:
    report = recipe_report(proposals)
    shown = commands(terminal.render(report, 100, False), report)
    assert shown.count(report.recommendations[0].steps[0].sql) == 1
    assert shown[0] == report.recommendations[0].steps[0].sql
    assert_each_runs_as_it_should(shown)
    builds = [step.sql for action in report.recommendations for step in action.steps if "set_config" not in step.sql]
    assert shown[1:] == commands(findings_section(report), report) == builds


def test_only_the_first_step_is_left_out() -> None:
    report = recipe_report((plain("t"), plain("u")))
    first, second = report.recommendations
    again = msgspec.structs.replace(first, steps=(*first.steps, *first.steps))
    page = Page(msgspec.structs.replace(report, recommendations=(again, second)))
    assert page.steps(again) == (first.steps[1], *first.steps)


def test_a_single_recommendation_is_whole() -> None:
    report = recipe_report((plain("t"),))
    assert commands(terminal.render(report, 100, False), report) == [s.sql for s in report.recommendations[0].steps]


IDS = [str(-7046029254386353131 + number) for number in range(20)]


@pytest.mark.parametrize(
    ("scopes", "first", "more"),
    [
        ((), "", 0),
        (("public.t",), "public.t", 0),
        (("public.t", "public.u", "public.v"), "public.t", 2),
        ((f"statements {', '.join(IDS)} and 5 more",), f"statements {IDS[0]}, {IDS[1]}, …", 0),
        ((f"statements {', '.join(IDS)}", "public.t"), f"statements {IDS[0]}, {IDS[1]}, …", 0),
        (("public." + "x" * 63,), "public." + "x" * 63, 0),
        (("public." + "x" * 63 + ", public.u",), "public." + "x" * 63 + ", …", 0),
        ((",,,," + "x" * 63,), ",,,, …", 0),
        (("," + "x" * 63,), ", …", 0),
    ],
)
def test_of_a_long_scope_the_beginning_is_shown(scopes: tuple[str, ...], first: str, more: int) -> None:
    gaps = [Gap(fact=Fact.PLANS, scope=scope, reason="why") for scope in scopes or ("",)]
    (group,) = group_gaps(gaps)
    assert (group.first_scope, group.more_scopes) == (first, more)
    assert group.scopes == scopes


def test_a_long_scope_is_whole_only_where_all_is_told() -> None:
    report = sample_report()
    scope = f"statements {', '.join(IDS)} and 5 more"
    gaps = (Gap(fact=Fact.PLANS, scope=scope, reason="The role may not."),)
    report = msgspec.structs.replace(report, trust=msgspec.structs.replace(report.trust, gaps=gaps))
    short = f"(statements {IDS[0]}, {IDS[1]}, …): The role may not"
    assert short in " ".join(terminal.render(report, 100, False).split())
    assert IDS[2] not in terminal.render(healthy(report), 100, False)
    text = html.render(report).decode()
    box = text[text.index('<section id="trust"') : text.index("</section>", text.index('<section id="trust"'))]
    assert short in _Text(box).text
    assert scope not in box
    assert scope in _Text(text[text.index('<h3 id="gaps"') : text.index('<h3 id="footprint"')]).text
    assert scope.encode() in json.render(report)


def healthy(report: Report) -> Report:
    return msgspec.structs.replace(
        report, findings=(), recommendations=(), severity_counts=dict.fromkeys(Severity, 0), statements=()
    )
