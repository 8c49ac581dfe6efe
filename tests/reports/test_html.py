from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser

import msgspec
import pytest

from pgadvisor.model.base import Severity
from pgadvisor.model.findings import Evidence, OutcomeStatus, Unit
from pgadvisor.model.report import Left, Report, Step
from pgadvisor_reports.html import MAX_TEXT, render
from support.hostile_reports import HOSTILE, hostile_report
from support.index_reports import (
    hostile_index_report,
    index_report,
    nothing_report,
    several_databases_report,
    unproved_report,
)
from support.reports import healthy_report, interval_report, large_report, partial_report, sample_report

REPORTS = {
    "sample": sample_report,
    "healthy": healthy_report,
    "interval": interval_report,
    "partial": partial_report,
    "large": large_report,
    "hostile": hostile_report,
    "indexes": index_report,
    "indexes tried": lambda: index_report(verified=True),
    "indexes of several databases": several_databases_report,
    "hostile indexes": hostile_index_report,
    "no index": nothing_report,
    "no planner": unproved_report,
}
VOID = {"meta", "link", "br", "img", "input", "hr", "base"}
LOADS = {"src", "srcset", "data", "poster", "action", "background", "formaction", "ping", "manifest"}


class Parsed(HTMLParser):
    """What the page's structure tests look at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.handlers: list[str] = []
        self.tables: list[dict[str, int]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        self.handlers += [name for name in attributes if name.startswith("on")]
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "table":
            self.tables.append({"th": 0, "unscoped": 0, "caption": 0, "rows": 0})
        if tag == "th":
            self.tables[-1]["th"] += 1
            self.tables[-1]["unscoped"] += "scope" not in attributes
        if tag == "caption":
            self.tables[-1]["caption"] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self) -> str:
        return "".join(data for tag, data in self.texts if tag not in {"script", "style"})


@pytest.fixture(scope="module", params=list(REPORTS))
def case(request: pytest.FixtureRequest) -> tuple[Report, str, Parsed]:
    report = REPORTS[request.param]()
    text = render(report).decode()
    return report, text, Parsed(text)


def page(report: Report) -> Parsed:
    return Parsed(render(report).decode())


def test_every_element_is_closed(case: tuple[Report, str, Parsed]) -> None:
    assert case[2].open == []


def test_ids_are_unique_and_every_link_inside_the_page_has_a_target(case: tuple[Report, str, Parsed]) -> None:
    _, _, parsed = case
    assert len(parsed.ids) == len(set(parsed.ids))
    targets = {attributes["href"][1:] for _, attributes in parsed.tags if attributes.get("href", "").startswith("#")}
    assert targets <= set(parsed.ids)


def test_nothing_is_loaded_and_no_handler_is_inline(case: tuple[Report, str, Parsed]) -> None:
    _, text, parsed = case
    assert not parsed.handlers
    for tag, attributes in parsed.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "img"}
        assert not LOADS & attributes.keys()
        assert attributes.get("href", "#").startswith(("#", "https://"))
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text


def test_only_our_scripts_are_there(case: tuple[Report, str, Parsed]) -> None:
    scripts = [attributes.get("type", "") for tag, attributes in case[2].tags if tag == "script"]
    assert scripts in (["application/json", ""], [""])


def test_headings_skip_no_level(case: tuple[Report, str, Parsed]) -> None:
    headings = case[2].headings
    assert headings.count(1) == 1
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))


def test_every_table_has_a_caption_and_scoped_headers(case: tuple[Report, str, Parsed]) -> None:
    assert case[2].tables
    for table in case[2].tables:
        assert table["th"] > 0
        assert table["unscoped"] == 0
        assert table["caption"] == 1


def test_every_finding_and_recommendation_and_statement_has_its_anchor(case: tuple[Report, str, Parsed]) -> None:
    report, _, parsed = case
    for items in (report.findings, report.recommendations, report.statements):
        assert {item.anchor for item in items} <= set(parsed.ids)


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render(sample_report()) == render(sample_report())


def test_hostile_text_is_shown_and_never_acts() -> None:
    text = render(hostile_report()).decode()
    parsed = Parsed(text)
    shown = parsed.text()
    for piece in (HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[3], HOSTILE[6], HOSTILE[7]):
        assert shown.count(piece) > 50
    assert "<img" not in text
    assert "<script>alert" not in text
    assert text.count("</script>") == 2
    # Outside SQL, where each stands in a span that shows it, no such character reaches the page.
    for character in "\x1b\x07\x9b\x00":
        assert character not in text
    bare = re.sub(r'<span class="ctl" title="U\+[0-9A-F]+">.</span>', "", text)
    for character in "\u202e\u2066\u200b\u2028\u2029\ufeff\u00ad":
        assert character not in bare


def test_data_of_the_page_is_the_report() -> None:
    report = hostile_report()
    text = render(report).decode()
    block = text.split('id="report-data">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(block)
    assert msgspec.json.decode(block, type=Report) == report
    json.loads(block)


def test_a_report_too_large_to_carry_along_says_so() -> None:
    text = render(large_report()).decode()
    assert 'id="report-data"' not in text
    assert 'id="download"' not in text
    assert "too large to carry along" in text


def test_size_stays_in_budget() -> None:
    assert len(render(large_report())) < 750_000
    assert len(render(sample_report())) < 150_000


def test_one_long_text_is_cut_and_said_to_be() -> None:
    report = sample_report()
    long = Evidence(label="Text", value="x" * 1_000_000, unit=Unit.TEXT)
    sql = Evidence(label="SQL", value="y" * 1_000_000, unit=Unit.SQL)
    finding = msgspec.structs.replace(report.findings[0], sentence="z" * 1_000_000, evidence=(long, sql))
    text = render(msgspec.structs.replace(report, findings=(finding, *report.findings[1:]))).decode()
    assert len(text) < 250_000
    assert text.count(f"{1_000_000 - MAX_TEXT:,} more characters not shown") == 4


def test_what_a_cap_left_out_is_said() -> None:
    report = msgspec.structs.replace(sample_report(), left_out=Left(findings=3, statements=4, tables=5, indexes=1))
    text = " ".join(page(report).text().split())
    for words in ("3 more findings", "4 more statements", "5 more tables", "1 more index"):
        assert f"{words} not shown." in text


def test_the_interval_and_the_servers_are_said() -> None:
    text = " ".join(page(interval_report()).text().split())
    assert "Between two looks 2 statements are new, 1 is gone, 1 is known by the text alone." in text
    assert "3 notes" in text
    assert "Made by pgadvisor 0.1.0 from two looks at shop on each of 3 servers, the last at 2026-03-14" in text
    for note in interval_report().trust.change.notes:  # type: ignore[union-attr]
        assert note in text
    assert "Servers added up db1.example.org:5432 (primary), db2.example.org:5432 (standby)" in text
    assert "Statements that are gone" in text
    assert "Servers whose counters are added up" not in page(sample_report()).text()


def test_the_time_is_cut_up_by_how_far_it_was_seen() -> None:
    parsed = page(sample_report())
    label = (
        "Of the statements' time: understood and planned 94%, understood, not planned 2.3%, opaque 1.2%, "
        "not understood 0.5%, not looked into 2%"
    )
    assert label in [attributes.get("aria-label") for _, attributes in parsed.tags]
    bars = [attributes["class"] for tag, attributes in parsed.tags if tag == "i" and "part" in attributes["class"]]
    assert bars == ["part1", "part2", "part4", "part5", "part6"]
    assert "Statements account for 91.0%" in parsed.text()
    assert "pushed out of pg_stat_statements" in parsed.text()


def test_a_healthy_database_is_told_what_was_checked_and_what_not_seen() -> None:
    text = " ".join(page(healthy_report()).text().split())
    assert "7 rules looked and found nothing to change. 2 rules could not see everything" in text
    assert "permission denied for table ledger" in text
    assert "What was found" in text


def test_nothing_checked_is_not_called_healthy() -> None:
    report = healthy_report()
    outcomes = tuple(msgspec.structs.replace(o, status=OutcomeStatus.NOT_CHECKED) for o in report.outcomes)
    text = " ".join(page(msgspec.structs.replace(report, outcomes=outcomes)).text().split())
    assert "nothing can be said" in text
    assert "found nothing to change" not in text


def test_a_partial_report_says_so_first() -> None:
    text = page(partial_report()).text()
    assert text.index("This report is partial.") < text.index("Can this be trusted?")
    assert "Since an unknown time" in text
    assert "not collected" in text
    assert "since an unknown time" in text


def test_reading_order() -> None:
    text = page(sample_report()).text()
    places = [
        text.index(words)
        for words in (
            "Can this be trusted?",
            "Where the time goes",
            "In numbers",
            "In this order.",
            "Settings",
            "As it was used",
        )
    ]
    assert places == sorted(places)


def test_five_findings_stand_above_the_fold() -> None:
    text = render(large_report()).decode()
    top = text[text.index('class="toplist"') : text.index("</ol>", text.index('class="toplist"'))]
    assert top.count("<li ") == 5


def test_what_undoes_several_steps_is_told_once() -> None:
    """As dropping the index of a partitioned table undoes what was attached to it."""
    report = sample_report()
    undone = ("DROP INDEX i;", "DROP INDEX c;", 'DROP INDEX "C";', "DROP INDEX i;")
    steps = tuple(Step(sql=f"SELECT {at};", undo=sql, lock="") for at, sql in enumerate(undone))
    made = msgspec.structs.replace(report.recommendations[0], steps=steps)
    page = render(msgspec.structs.replace(report, recommendations=(made,))).decode()
    assert page.count('aria-label="SQL to undo"') == 3


def test_the_same_for_other_schemas_stands_apart() -> None:
    report = sample_report()
    steps = tuple(Step(sql=f"CREATE INDEX i ON {x}.t;", undo=f"DROP INDEX {x}.i;", lock="SHARE") for x in "bc")
    made = msgspec.structs.replace(report.recommendations[0], copies=("b", "c"), copy_steps=steps)
    page = render(msgspec.structs.replace(report, recommendations=(made, *report.recommendations[1:]))).decode()
    assert page.count("The same for 2 other schemas") == 1
    assert page.count('aria-label="SQL to run for other schemas"') == 2
    assert page.count('aria-label="SQL to undo for other schemas"') == 2
    assert "The same for" not in render(report).decode()


def test_masking_is_said() -> None:
    report = sample_report()
    assert "Values of rows are masked" in page(report).text()
    shown = msgspec.structs.replace(report, trust=msgspec.structs.replace(report.trust, values_masked=False))
    assert "This report shows values of rows." in page(shown).text()


def test_references_are_links_only_where_they_are_web_addresses() -> None:
    report = sample_report()
    rule = msgspec.structs.replace(report.rules[0], references=("javascript:alert(1)", "https://example.org/"))
    parsed = page(msgspec.structs.replace(report, rules=(rule, *report.rules[1:])))
    addresses = [attributes["href"] for tag, attributes in parsed.tags if tag == "a" and "href" in attributes]
    assert "https://example.org/" in addresses
    assert not any(address.startswith("javascript") for address in addresses)
    assert "javascript:alert(1)" in parsed.text()


def test_a_rule_without_text_and_a_key_that_leads_nowhere_do_no_harm() -> None:
    report = sample_report()
    lost = msgspec.structs.replace(
        report.findings[0], rule="gone", query_ids=("1",), related=("no",), recommendations=("no",)
    )
    parsed = page(msgspec.structs.replace(report, findings=(lost, *report.findings[1:]), action_plan=("no",)))
    assert "1 more statement not shown." in parsed.text()
    assert lost.anchor in parsed.ids


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})\b", block))


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_contrasts_as_wcag_aa_asks(theme: str) -> None:
    text = render(sample_report()).decode()
    colours = _colours(re.findall(r":root(?:\[data-theme=dark\])?\{(.*?)\}", text, re.DOTALL)[theme == "dark"])
    pairs = [(text_colour, ground) for text_colour in ("text", "soft", "link") for ground in ("bg", "surface", "sunk")]
    pairs += [(s, ground) for s in ("critical", "warning", "info", "ok") for ground in ("bg", "surface", f"{s}-bg")]
    pairs += [(token, ground) for token in "ksnpc" for ground in ("sunk", "surface", "warning-bg")]
    pairs += [("soft", "warning-bg"), ("text", "warning-bg"), ("text", "plain-bar")]
    for front, ground in pairs:
        low, high = sorted((_luminance(colours[front]), _luminance(colours[ground])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (front, ground)


def test_dark_by_choice_and_by_system_are_the_same_colours() -> None:
    text = render(sample_report()).decode()
    blocks = re.findall(r"color-scheme:dark;(.*?)\}", text, re.DOTALL)
    assert len(blocks) == 2
    assert _colours(blocks[0]) == _colours(blocks[1])


def test_severity_is_a_word_not_only_a_colour() -> None:
    text = render(sample_report()).decode()
    for severity in Severity:
        assert f"</svg>{severity.value.capitalize()}</span>" in text
