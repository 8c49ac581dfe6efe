"""The advice on indexes in the terminal: all parts of it, short, in the width, and no stranger's tricks."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.effects import TimeRange
from pgadvisor.model.index_advice import AdvisedIndex
from pgadvisor.model.proposals import DropIndex
from pgadvisor.model.report import Rate, RateUnit, Report, Step
from pgadvisor.model.verification import MeasuredStatement, Promise, Verdict
from pgadvisor.registry import load_index_terminal, load_renderer, load_terminal
from pgadvisor_reports import index_words as said
from pgadvisor_reports.index_view import Scale
from pgadvisor_reports.verification_words import verdict, verification_notes
from support.index_reports import (
    hostile_index_report,
    index_report,
    nothing_report,
    several_databases_report,
    tried_index_report,
    unproved_report,
)
from support.strangers_pages import check_terminal, check_width

_PLAIN = tried_index_report()


def _told(report: Report, width: int = 100, *, everything: bool = False) -> str:
    text = load_index_terminal()(report, width, False, everything)
    return " ".join(text.replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def test_all_parts_stand_in_reading_order() -> None:
    text = _told(_PLAIN)
    at = -1
    for part in (
        "2 indexes to create, 1 index to drop shop, PostgreSQL 18.3 on db1.example.org:5432",
        "Planned by the twin, PostgreSQL 18.3, of the same major version as the server.",
        "3 statements gain, 1 loses. Cost, weighted by calls: 1.02 billion → 310 million, 3.29 times less",
        "Time of the statements, per day: 3.79 h → 19.1 min or less, estimated; 1 statement takes longer: 1 h → ",
        "Disk: 58.2 MB more (104 MB of new indexes, 46.1 MB freed); the budget of new ones is 105 MB",
        "Time to write, per day: 51.3 s more, estimated",
        "from 64 candidates by 3 812 questions to the planner. The search ended early: 20,000 EXPLAINs were asked for.",
        "80 statements stood for 100; 0.4% of the time",
        "Tried on the copy shop_copy, PostgreSQL 18.3: 2 of 3 statements were run: 1 kept, 1 worse than promised.",
        "2.25 h → 15.2 min",
        "-7046029254386353130: worse than promised: 96.5 ms → 101 ms; promised at most 2.99 ms",
        "1 public.orders (status, created_at desc) include",
        "3 drop public.customers_email_idx1 −46.1 MB 7.89 s – 0/0",
        "For: equality, then order with LIMIT; partial",
        "Within the set: 1 statement gains, none loses; it saves at least 1.51 h per day, and without it the "
        "workload's cost would be 2.32 times more.",
        "cost 25 312 → 24.50, 1 033 times less; 1.56 h per day → 2.92 min or less",
        "-7046029254386353131 [1]: select o.id",
        "Proof: The planner of the twin says so",
        "Measured on a copy: kept; 36.3 MB, 36 MB promised; built in 3.9 s",
        "Price: disk 36 MB; entries written 199 233 per day; writing them 34.5 s per day; WAL for them 95.9 MB per day",
        "CREATE INDEX CONCURRENTLY orders_status_created_at_idx",
        "undo: DROP INDEX CONCURRENTLY public.orders_status_created_at_idx;",
        "Mind: Run it without lock_timeout",
        "For: foreign key order_items_product_id_fkey; in place of public.order_items_product_id_quantity_idx",
        # Whoever loses is shown, wherever it stands.
        "cost 8.40 → 8.90, 6.0% more",
        "Measured on a copy: not run; The build ran into its timeout",
        "Frees: disk 46.1 MB",
        "Not proved by a planner: 1 recommendation",
        "Thought of and left: 47 indexes Over budget (1) public.orders (note) (46.7 MB, gains 2.22 min per day): It",
        "Still needed (1) public.orders_is_gift_idx: public.orders (is_gift): Statement 3 would cost 3 times more.",
        "No gain (9): No plan uses it. public.orders (c0)",
        "and 6 more",
        "Not planned 5 statements (",
        "[2] extension postgis: The twin lacks it (1 statement cannot be planned).",
        "or here with --all.",
    ):
        assert part in text, part
        assert text.index(part) > at, part
        at = text.index(part)


def test_the_table_has_size_gain_price_and_who_gains_and_loses() -> None:
    text = load_index_terminal()(_PLAIN, 120, False, False).replace("\N{NARROW NO-BREAK SPACE}", " ")
    rows = [" ".join(line.split()) for line in text.split("\n")]
    assert any(row.startswith("1 public.orders (status") and row.endswith("36 MB 1.51 h 34.5 s 1/0") for row in rows)
    assert "2 public.order_items (product_id) 68.3 MB 1.96 h 24.7 s 2/1" in rows


def test_it_is_short_unless_all_is_asked_for() -> None:
    short, whole = _told(_PLAIN), _told(_PLAIN, everything=True)
    for part in ("public.orders (c8)", "pg_stat_activity", "As the only change: 1 statement gains", "[3] function"):
        assert part not in short
        assert part in whole
    assert "--all" not in whole
    nine = [msgspec.structs.replace(_PLAIN.recommendations[1], key=f"r{number}") for number in range(9)]
    many = msgspec.structs.replace(_PLAIN, recommendations=tuple(nine), action_plan=())
    assert "4 more in the table alone: --all." in _told(many)
    # The same caveat once, however many recommendations have it.
    assert _told(many).count("Mind: Run it without lock_timeout") == 1


def test_what_undoes_several_steps_is_told_once() -> None:
    steps = tuple(Step(sql=f"SELECT {at};", undo="DROP INDEX public.i;", lock="") for at in range(3))
    action = msgspec.structs.replace(_PLAIN.recommendations[0], steps=steps)
    text = _told(msgspec.structs.replace(_PLAIN, recommendations=(action,)), everything=True)
    assert text.count("DROP INDEX public.i;") == 1


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("make", [index_report, nothing_report, unproved_report, hostile_index_report])
@pytest.mark.parametrize("everything", [False, True])
def test_no_line_is_wider_than_the_terminal_but_sql(make: Callable[[], Report], width: int, everything: bool) -> None:
    report = make()
    steps = [step for action in report.recommendations for step in (*action.steps, *action.checks)]
    sql = [text for step in steps for text in (step.sql, step.undo)]
    check_width(load_index_terminal()(report, width, False, everything), width, sql)


def test_text_of_strangers_does_not_steer_the_terminal() -> None:
    for colour in (False, True):
        for terminal in (load_terminal()(hostile_index_report(), 80, colour), _coloured(colour)):
            check_terminal(terminal)


def _coloured(colour: bool) -> str:
    return load_index_terminal()(hostile_index_report(), 80, colour, True)


def test_nothing_to_do_and_nothing_proved_are_told_apart() -> None:
    assert _told(nothing_report()).startswith("No index is to be created or dropped shop")
    text = _told(unproved_report())
    assert text.startswith("Indexes: nothing is proved, since no planner said what they are worth")
    assert "there are no server programs. pip install 'pgadvisor[embedded]'" in text
    assert "Not proved by a planner: 4 recommendations" in text


def test_an_audit_tells_the_same_in_a_few_lines() -> None:
    text = " ".join(load_terminal()(index_report(), 100, False).replace("\N{NARROW NO-BREAK SPACE}", " ").split())
    for part in (
        "2 indexes to create, 1 index to drop. 3 statements gain, 1 loses.",
        "Disk: 58.2 MB more (104 MB of new indexes, 46.1 MB freed); the budget of new ones is 105 MB",
        "47 others were thought of and left",
        "2 statements gain, 1 loses; it saves at least 1.96 h per day, and without it the workload's cost would be "
        "51.6% more.",
    ):
        assert part in text
    assert "to create" not in load_terminal()(unproved_report(), 100, False)


def _goes(advised: AdvisedIndex | None) -> bool:
    return advised is not None and isinstance(advised.proposal, DropIndex)


def test_what_only_loses_and_what_is_kept_by_its_plan_alone_are_told() -> None:
    action = next(each for each in _PLAIN.recommendations if _goes(each.advised))
    assert action.advised is not None
    work = msgspec.structs.replace(action.advised.together, gain=0, lose=1, cost_before=100.0, cost_after=110.0)
    advised = msgspec.structs.replace(action.advised, together=work)
    kept = msgspec.structs.replace(_PLAIN, recommendations=(msgspec.structs.replace(action, advised=advised),))
    assert "Within the set: no statement gains, 1 loses; if it were kept, the workload's cost would be 9.1% less" in (
        _told(kept)
    )
    longer = MeasuredStatement(
        query_id="1", anchor="s1", calls=1, verdict=Verdict.KEPT, promise=Promise(high=1.1), before_ms=1.0, after_ms=1.5
    )
    assert verdict(longer) == "kept, the plan being the same"
    assert verdict(msgspec.structs.replace(longer, after_ms=1.05)) == "kept"


def test_a_time_of_which_only_what_it_was_is_sure_is_the_same_or_more() -> None:
    """As where some values lose and some do not, or some gain."""
    scale = Scale(unit="", factor=1.0, over="in 1 s")
    less, more = TimeRange(low_ms=0.0, high_ms=52.6), TimeRange(low_ms=52.6, high_ms=None)
    assert said.becomes(less, 52.6, scale) == "the same or less"
    assert said.becomes(more, 52.6, scale) == "the same or more"
    assert said.becomes(more, 40.0, scale) == said.scaled(more, scale)


def test_a_cost_that_is_not_that_of_explain_is_told_with_what_it_counts() -> None:
    action = next(each for each in _PLAIN.recommendations if each.advised and each.advised.effects)
    assert action.advised is not None
    for caution, told in ((0.0, 0), (10.0, 1)):
        effects = (msgspec.structs.replace(action.advised.effects[0], cost_after=24.5, caution=caution),)
        advised = msgspec.structs.replace(action.advised, effects=effects)
        text = _told(
            msgspec.structs.replace(_PLAIN, recommendations=(msgspec.structs.replace(action, advised=advised),))
        )
        assert text.count("(14.50 by EXPLAIN)") == told
        assert text.count('A cost with another "by EXPLAIN" beside it') == told


@pytest.mark.parametrize(("share", "told"), [(0.0, 0), (0.1, 0), (0.873, 1)])
def test_that_values_of_calls_would_help_is_told_where_they_are_missing(share: float, told: int) -> None:
    advice = _PLAIN.index_advice
    assert advice is not None
    text = _told(msgspec.structs.replace(_PLAIN, index_advice=msgspec.structs.replace(advice, without_values=share)))
    assert text.count("Of 87.3% of the time no values of calls are known.") == told


@pytest.mark.parametrize(("share", "told"), [(0.005, 0), (0.72, 1)])
def test_of_how_much_of_the_time_there_is_no_plan_is_told(share: float, told: int) -> None:
    advice = _PLAIN.index_advice
    assert advice is not None
    text = _told(msgspec.structs.replace(_PLAIN, index_advice=msgspec.structs.replace(advice, not_planned_share=share)))
    assert text.count("Statements with 72% of the time were not planned") == told


@pytest.mark.parametrize("bound", [False, True])
def test_prices_that_are_the_most_that_writes_take_are_told_as_such(bound: bool) -> None:
    advice = _PLAIN.index_advice
    assert advice is not None
    text = _told(msgspec.structs.replace(_PLAIN, index_advice=msgspec.structs.replace(advice, writes_at_most=bound)))
    assert text.count("they take so much at most") == bound


def test_statements_that_were_not_run_are_counted_once() -> None:
    tried = _PLAIN.verification
    assert tried is not None
    seen = sum(1 for each in tried.statements if each.verdict is Verdict.NOT_RUN)
    for number, told in ((seen, False), (seen + 10, True)):
        notes = verification_notes(msgspec.structs.replace(tried, not_run=number))
        assert ("Not come to, or more than --statements allows: 10 statements." in notes) is told
        assert not any(note.endswith("not run.") for note in notes)


def test_amounts_are_over_the_window_as_everywhere() -> None:
    """Per day only where the report has rates per day; else in all, over a window that is said."""
    assert "it saves at least 1.51 h per day" in _told(_PLAIN)
    views = tuple(
        msgspec.structs.replace(view, time=Rate(total=view.total_ms, value=view.total_ms, per=RateUnit.TOTAL))
        for view in _PLAIN.statements
    )
    text = _told(msgspec.structs.replace(_PLAIN, statements=views))
    assert "Time of the statements, in 6 days 2 h: 23.1 h → " in text
    assert "estimated; 1 statement takes longer: " in text
    assert "per day" not in text


def test_time_that_plans_do_not_explain_is_told_beside_the_rest() -> None:
    advice = _PLAIN.index_advice
    assert advice is not None
    waited = msgspec.structs.replace(advice, unexplained_ms=advice.workload.before_ms / 10)
    assert "Beyond what plans explain, per day: 22.7 min more" in _told(
        msgspec.structs.replace(_PLAIN, index_advice=waited)
    )
    assert "Beyond what plans explain" not in _told(_PLAIN)


def test_each_of_several_databases_has_its_own() -> None:
    text = _told(several_databases_report())
    shop, archive = text.index("Indexes: nothing is proved"), text.index("archive, PostgreSQL")
    assert shop < archive < text.index("For: equality")


def _not_judged(report: Report) -> Report:
    """The same, where a rule could not tell which indexes are used."""
    gap = Gap(
        fact=Fact.INDEX_COUNTERS,
        scope="public.a, public.b",
        reason="2 indexes have no use, but the counters cover 6 minutes, fewer than 30 days",
        remedy="Run again later.",
    )
    other = msgspec.structs.replace(gap, fact=Fact.PLANS, reason="A statement has no plan")
    first, *rest = report.outcomes
    return msgspec.structs.replace(report, outcomes=(msgspec.structs.replace(first, gaps=(gap, other)), *rest))


@pytest.mark.parametrize("report", [_PLAIN, several_databases_report(), unproved_report()])
def test_that_indexes_were_watched_for_too_short_a_time_is_said_once(report: Report) -> None:
    told = (
        "2 indexes have no use, but the counters cover 6 minutes, fewer than 30 days (public.a, public.b). "
        "Run again later."
    )
    text = _told(_not_judged(report))
    assert text.count(told) == 1 and "A statement has no plan (" not in text
    assert "not known of the use" not in _told(report)
    page = load_renderer("html_indexes")(_not_judged(report)).decode()
    has_section = report.index_advice is not None or bool(report.index_advice_by_database)
    assert page.count(f'<p class="note">{told}</p>') == has_section
