"""The advice on indexes in the terminal: what is to be minded of each stands at it, and what is left out is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.index_advice import WhyNot
from pgadvisor.model.proposals import DropIndex
from pgadvisor.model.report import Report, Step
from pgadvisor.model.verification import Verdict
from pgadvisor.registry import load_index_terminal, load_renderer
from pgadvisor_reports import index_words
from pgadvisor_reports.index_view import Scale
from support.index_reports import index_report, several_databases_report, tried_index_report, work

_PLAIN = index_report()
_GENERAL, _OF_ONE = "It waits for old transactions.", "This one serves one value alone."
_CHECK = Step(sql="SELECT 'what the build waits for';", undo="", lock="")


def _told(report: Report, *, everything: bool = False) -> str:
    text = load_index_terminal()(report, 100, False, everything)
    return " ".join(text.replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def _creating(*caveats: tuple[str, ...]) -> Report:
    """A report that recommends new indexes, of which each has caveats of its own."""
    (first,) = [each for each in _PLAIN.recommendations if each.advised and each.advised.effects][:1]
    step = Step(sql="CREATE INDEX x ON t (a);", undo="", lock="SHARE UPDATE EXCLUSIVE, as ever.")
    made = [
        msgspec.structs.replace(first, key=f"r{number}", caveats=each, checks=(_CHECK,), steps=(step,))
        for number, each in enumerate(caveats)
    ]
    return msgspec.structs.replace(_PLAIN, recommendations=tuple(made), action_plan=())


def test_a_caveat_of_one_index_stands_at_it_and_one_of_all_is_told_once() -> None:
    report = _creating((_GENERAL,), (_GENERAL, _OF_ONE), (_GENERAL, _OF_ONE))
    short, whole = _told(report), _told(report, everything=True)
    assert (short.count(_GENERAL), short.count(_OF_ONE)) == (1, 2)
    assert (whole.count(_GENERAL), whole.count(_OF_ONE)) == (3, 2)


def test_with_all_each_has_its_checks_and_its_locks() -> None:
    report = _creating((), ())
    short, whole = _told(report), _told(report, everything=True)
    assert (short.count("Lock: SHARE UPDATE"), short.count(_CHECK.sql)) == (0, 0)
    assert (whole.count("Lock: SHARE UPDATE EXCLUSIVE, as ever."), whole.count(_CHECK.sql)) == (2, 2)


def test_promises_that_were_broken_are_counted_where_they_are_not_shown() -> None:
    plain = tried_index_report()
    assert plain.verification is not None
    (worse,) = [each for each in plain.verification.statements if each.verdict is Verdict.WORSE]
    for number, more in ((5, ""), (7, "and 2 more worse than promised: --all")):
        statements = tuple(msgspec.structs.replace(worse, query_id=f"q{each}") for each in range(number))
        tried = msgspec.structs.replace(plain.verification, statements=statements)
        text = _told(msgspec.structs.replace(plain, verification=tried))
        assert text.count("worse than promised: 96.5 ms") == 5
        assert ("more worse than promised" in text) == bool(more)
        assert more in text


def test_what_was_tried_stands_at_its_own_database() -> None:
    report = several_databases_report()
    own = report.statements[0]
    assert report.verification is not None
    others = tuple(
        msgspec.structs.replace(view, database="shop", text="SELECT elsewhere") for view in report.statements
    )
    advice = report.index_advice_by_database["archive"]
    report = msgspec.structs.replace(
        report,
        statements=(*others, *report.statements),
        index_advice_by_database={"shop": advice, "archive": advice},
    )
    text = _told(report)
    assert text.count("Tried on the copy") == 1
    assert text.index("archive, PostgreSQL") < text.index("Tried on the copy")
    page = load_renderer("html")(report).decode()
    tried = page[page.index('id="tried"') :]
    tried = tried[: tried.index("</table>")]
    assert "elsewhere" not in tried
    assert (own.text or "")[:6].lower() in tried.lower()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"descending": True, "nulls_first": True}, "s.t (a desc)"),
        ({"descending": True}, "s.t (a desc nulls last)"),
        ({"nulls_first": True}, "s.t (a nulls first)"),
        ({}, "s.t (a)"),
    ],
)
def test_where_nulls_go_is_told_where_it_is_not_as_ever(more: dict[str, Any], said: str) -> None:
    assert index_words.definition(IndexDefinition(schema="s", table="t", keys=(IndexKey(column="a", **more),))) == said


def test_the_table_calls_an_index_what_its_title_does() -> None:
    definition = IndexDefinition(schema="s", table="t", access_method="gin", keys=(IndexKey(column="tags"),))
    assert index_words.definition(definition) == "s.t using gin (tags)"
    assert index_words.definition(msgspec.structs.replace(definition, unique=True)) == "unique s.t using gin (tags)"


def test_the_manual_has_every_reason_for_which_an_index_is_left() -> None:
    manual = (Path(__file__).parents[2] / "docs/indexes.md").read_text(encoding="utf-8")
    (told,) = [each for each in manual.split("\n- ") if each.startswith("**What was left and why**")]
    said = " ".join(told.split())
    assert [why.value for why in WhyNot if f"*{why.value}*" not in said] == []


def test_a_drop_that_costs_something_is_not_told_as_if_it_saved() -> None:
    report = index_report()
    (advised,) = [
        each.advised for each in report.recommendations if each.advised and isinstance(each.proposal, DropIndex)
    ]
    loses = msgspec.structs.replace(advised, together=work(0, 1, 1_000.0, 1_400.0, None), effects=())
    said = index_words.together(loses, Scale(1.0, "", ""))
    assert said == (
        "Within the set: no statement gains, 1 loses; if it were kept, the workload's cost would be 28.6% less."
    )
