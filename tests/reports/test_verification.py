"""What a trial on a copy came to, in a terminal: amounts as they are known, and nothing wider than it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.model.report import Report
from pgadvisor.model.verification import MeasuredStatement, Promise, Verdict, Verification
from pgadvisor_reports.verification_terminal import render
from support.index_reports import tried_index_report

_TRIED = tried_index_report()


def _measured(**more: Any) -> MeasuredStatement:
    fields: dict[str, Any] = {
        "query_id": "1",
        "anchor": "a1",
        "calls": 1,
        "verdict": Verdict.BETTER,
        "promise": Promise(low=0.00001, high=0.0001),
        "before_ms": 5.0,
        "after_ms": 0.0005,
        "runs": 12,
    }
    return MeasuredStatement(**(fields | more))


def _with(*statements: MeasuredStatement, **more: Any) -> Report:
    verification = msgspec.structs.replace(_verification(), statements=statements, **more)
    return msgspec.structs.replace(_TRIED, verification=verification)


def _verification() -> Verification:
    assert _TRIED.verification is not None
    return _TRIED.verification


def _told(report: Report, width: int = 100) -> str:
    return " ".join(render(report, width, False).replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def test_what_is_next_to_nothing_is_told_in_words() -> None:
    text = _told(_with(_measured(noise=0.0004), _measured(noise=0.031, promise=Promise(high=0.5))))
    assert "5 ms < 0.001 ms under 0.001 ms better than promised in:" in text
    assert "at most 2.5 ms better than promised (±3.1%) in:" in text
    assert "at most <" not in text
    assert "±<" not in text
    # That it takes so little at least says nothing.
    loses = _measured(before_ms=0.0005, after_ms=0.0006, promise=Promise(low=1.1), verdict=Verdict.KEPT)
    assert "< 0.001 ms < 0.001 ms – kept in:" in _told(_with(loses))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (False, False, "8.1 s → 912 ms (11.3% of it)"),
        (True, False, "at least 8.1 s → 912 ms (at most 11.3% of it)"),
        (False, True, "8.1 s → at least 912 ms (at least 11.3% of it)"),
        (True, True, "at least 8.1 s → at least 912 ms"),
    ],
)
def test_a_sum_with_a_timeout_in_it_is_at_least_so_much(before: bool, after: bool, said: str) -> None:
    statements = (
        _measured(),
        _measured(timed_out_before=before),
        _measured(timed_out_after=after),
    )
    text = _told(_with(*statements, before_ms=8_100.0, after_ms=912.0))
    assert f"Calls of those that were run, by the times measured: {said} The indexes took" in text


def test_the_first_line_says_how_many_were_run() -> None:
    idle = _measured(verdict=Verdict.NOT_RUN, before_ms=None, after_ms=None, runs=0, reason="It writes.")
    for statements, not_run, said, is_little in (
        ((_measured(),), 0, "1 statement was run: 1 better than promised.", False),
        ((_measured(), idle), 1, "1 of 2 statements was run: 1 better than promised.", False),
        ((_measured(), _measured(verdict=Verdict.KEPT), idle), 20, "2 of 22 statements were run: 1 kept, 1 be", True),
        ((idle,), 1, "none of 1 statement was run.", True),
        ((), 0, "nothing to run.", False),
    ):
        report = _with(*statements, not_run=not_run)
        assert f"PostgreSQL 18.3: {said}" in _told(report)
        assert ("\x1b[1;33m" in render(report, 200, True)) is is_little


def test_what_takes_long_is_run_less_often_and_told_so() -> None:
    assert "run less often" not in _told(_with(_measured(runs=10), runs=5))
    text = _told(_with(_measured(runs=9), _measured(runs=2), _measured(runs=0), runs=5))
    assert "2 statements that take long were run less often than that: after 5 s for a set of values" in text
    assert "the first of a round counts too" in text
    assert "1 statement that takes long was run less often" in _told(_with(_measured(runs=9), runs=5))


@pytest.mark.parametrize("width", [60, 100])
def test_no_row_is_wider_than_the_terminal(width: int) -> None:
    slow = _measured(before_ms=100_123.0, after_ms=99_123.0, timed_out_before=True, noise=0.0312)
    text = render(_with(slow, _measured(), _measured(promise=Promise(high=0.0004))), width, False)
    assert max(map(len, text.split("\n"))) <= width
    assert "better than promised (±3.1%)" in text
    lines = [" ".join(line.split()) for line in text.split("\n")]
    assert ("before after promised, verdict" in lines) is (width == 60)


def test_a_statement_is_that_of_its_own_database() -> None:
    view = _TRIED.statements[0]
    views = [
        msgspec.structs.replace(view, database=name, anchor=f"of-{name}", text=f"SELECT {name}")
        for name in ("first", "second")
    ]
    report = msgspec.structs.replace(
        _with(_measured(query_id=view.query_id, anchor="of-second")), statements=tuple(views)
    )
    assert "in: SELECT second" in _told(report)
    assert "SELECT first" not in _told(report)
