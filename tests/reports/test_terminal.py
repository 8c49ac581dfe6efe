from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import msgspec
import pytest
from rich.cells import cell_len

from pgadvisor.model.base import Severity
from pgadvisor.model.report import ActiveTime, Rate, RateUnit, Report, ReportImpact, Step
from pgadvisor.registry import load_renderer
from pgadvisor_reports.terminal import render
from support.hostile_reports import hostile_report
from support.reports import healthy_report, interval_report, large_report, partial_report, sample_report


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("make", [sample_report, healthy_report, partial_report, large_report, hostile_report])
def test_no_line_is_wider_than_the_terminal_but_sql(make: Callable[[], Report], width: int) -> None:
    report = make()
    steps = [step for action in report.recommendations for step in action.steps]
    sql = [text for step in steps for text in (step.sql, step.undo)]
    starts = {line.split()[0] for text in sql for line in text.split("\n") if line.split()}
    for line in render(report, width, False).split("\n"):
        assert cell_len(line) <= width or line.split()[0] in starts


def test_the_interval_and_the_servers_are_said() -> None:
    text = " ".join(render(interval_report(), 100, False).split())
    assert "Between two looks: 2026-03-14 03:26 UTC to 2026-03-14 09:26 UTC; 2 statements are new, 1 is gone" in text
    assert "3 entries were pushed out of pg_stat_statements" in text
    assert "3 servers added up: db1.example.org:5432 (primary) 6 h, db2.example.org:5432 (standby)" in text
    assert "Between two looks" not in render(sample_report(), 100, False)


def test_opaque_time_active_time_and_evictions_are_said() -> None:
    text = " ".join(render(sample_report(), 100, False).split())
    assert "54% executed, 1.2% opaque" in text
    trust = sample_report().trust
    none = tuple(msgspec.structs.replace(share, statements=0, time_ms=0.0) for share in trust.shares)
    clear = msgspec.structs.replace(sample_report(), trust=msgspec.structs.replace(trust, shares=none))
    assert "0% executed\n" in render(clear, 200, False)
    assert '<th scope="row">Opaque' not in load_renderer("html")(clear).decode()
    assert "Statements account for 91.0% of the 25.3 h in which the database's sessions were active." in text
    assert "1 204 entries were pushed out of pg_stat_statements" in text
    unknown = msgspec.structs.replace(
        sample_report().trust, active=ActiveTime(reason="The windows differ", remedy="Look twice."), evicted=1
    )
    text = " ".join(render(msgspec.structs.replace(sample_report(), trust=unknown), 100, False).split())
    assert "Of the database's active time no share is known. The windows differ. Look twice." in text
    assert "1 entry was pushed out" in text


def test_sql_is_whole_and_on_its_own_line() -> None:
    report = sample_report()
    lines = [line.strip() for line in render(report, 60, False).split("\n")]
    for action in report.recommendations:
        assert action.steps[0].sql in lines


@pytest.mark.parametrize("colour", [False, True])
def test_text_of_strangers_does_not_steer_the_terminal(colour: bool) -> None:
    text = render(hostile_report(), 80, colour)
    if colour:
        assert "\x1b[" in text
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    bad = {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}} - {"\n"}
    assert bad == set()
    assert "[bold red]markup[/]" in " ".join(text.split())
    assert ":smile:" in text
    assert "holds characters that are not shown" in text


def test_plain_output_has_no_escape_sequences() -> None:
    assert "\x1b" not in render(sample_report(), 80, False)


def test_findings_are_ranked_with_impact_and_confidence() -> None:
    text = render(sample_report(), 100, False)
    places = [text.index(finding.sentence[:40]) for finding in sample_report().findings]
    assert places == sorted(places)
    assert "7 findings: 1 critical, 4 warning, 2 info" in text
    assert "1.56 h per day (41.2% of the time) · measured · sequential_scan_with_filter" in text


def test_what_was_not_seen_is_said() -> None:
    text = " ".join(render(healthy_report(), 80, False).split())
    assert "No findings" in text
    assert "Checked and clean: Sequential scan with a filter, Foreign key" in text
    assert "Not checked: Index that nothing scans: permission denied for table ledger" in text
    assert "Not seen: Plans (14 statements): The limit of 150 EXPLAINs was reached. Mend: --max-explains" in text
    assert "Looking cost: 1.83 s" in text


def test_a_partial_report_says_so() -> None:
    text = render(partial_report(), 80, False)
    assert "PARTIAL REPORT: Interrupted by the user after 3 of 9 steps." in text
    assert "Statements: not collected" in text
    assert "20.6 min since an unknown time" in text


def test_what_is_not_shown_is_counted() -> None:
    assert "47 more findings not shown here." in render(large_report(), 80, False)


def test_a_recommendation_that_serves_two_findings_is_told_once() -> None:
    report = sample_report()
    key = report.recommendations[1].key
    both = tuple(msgspec.structs.replace(item, recommendations=(key,)) for item in report.findings[1:3])
    text = render(msgspec.structs.replace(report, findings=both), 80, False)
    assert text.count(report.recommendations[1].steps[0].sql) == 1
    assert "see above" in text


def test_what_several_recommendations_start_with_is_told_once() -> None:
    report = sample_report()
    first = Step(sql="SELECT 'settings';", undo="", lock="")
    actions = tuple(msgspec.structs.replace(a, steps=(first, *a.steps)) for a in report.recommendations)
    text = render(msgspec.structs.replace(report, recommendations=actions), 80, False)
    assert text.count(first.sql) == 1
    assert text.index(first.sql) < text.index(report.findings[0].sentence[:40])
    for action in report.recommendations:
        assert action.steps[0].sql in text


def test_undo_is_there_to_be_copied_where_it_is_one_line() -> None:
    report = sample_report()
    action = report.recommendations[1]
    undo = "DROP INDEX CONCURRENTLY IF EXISTS public." + "x" * 63 + ";"
    for undone, lines in (((undo,), ["undo:", undo]), ((f"{undo}\n{undo}",), []), ((undo, undo), [])):
        steps = tuple(Step(sql=f"SELECT {number};", undo=each, lock="") for number, each in enumerate(undone))
        made = msgspec.structs.replace(action, steps=steps)
        text = render(msgspec.structs.replace(report, recommendations=(made,)), 60, False)
        shown = [line.strip() for line in text.split("\n")]
        assert [line for line in shown if line in ("undo:", undo)] == lines
        assert ("undo: in the reports" in " ".join(text.split())) == (not lines)


def test_copies_in_other_schemas_are_counted_and_their_sql_is_elsewhere() -> None:
    report = sample_report()
    others = Step(sql="SELECT 'of the others';", undo="", lock="")
    made = msgspec.structs.replace(report.recommendations[1], copies=("b", "c"), copy_steps=(others,))
    text = render(msgspec.structs.replace(report, recommendations=(made,)), 100, False)
    assert "and the same in 2 other schemas: their SQL is in the HTML and JSON reports" in text
    assert others.sql not in text
    assert "other schema" not in render(report, 100, False)


@pytest.mark.parametrize("several", [False, True])
def test_totals_of_several_servers_are_over_no_one_window(several: bool) -> None:
    report = interval_report()
    if not several:
        report = msgspec.structs.replace(report, source=msgspec.structs.replace(report.source, hosts=()))
    total = Rate(total=6_780.0, value=6_780.0, per=RateUnit.TOTAL)
    first = msgspec.structs.replace(report.findings[0], impact=ReportImpact(time=total))
    views = tuple(msgspec.structs.replace(view, time=total) for view in report.statements)
    report = msgspec.structs.replace(report, findings=(first, *report.findings[1:]), statements=views)
    page, text = load_renderer("html")(report).decode(), " ".join(render(report, 100, False).split())
    for shown in (page.replace("&#39;", "'"), text):
        assert ("6.78 s in all, over the hosts' windows" in shown) is several
        assert ("6.78 s in 6 h" in shown) is not several


def test_severity_is_a_word() -> None:
    text = render(sample_report(), 80, False)
    for severity in Severity:
        assert f" {severity.value}  " in text
