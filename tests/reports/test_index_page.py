"""The page's section on indexes: what it shows in place of words, and what leads where."""

from __future__ import annotations

import re

import msgspec

from pgadvisor.model.report import Report
from pgadvisor.registry import load_renderer
from pgadvisor_reports.html import render
from support.index_reports import (
    hostile_index_report,
    index_report,
    nothing_report,
    several_databases_report,
    tried_index_report,
    unproved_report,
)
from support.strangers_pages import check_page


def _section(report: Report) -> str:
    page = render(report).decode().replace("\N{NARROW NO-BREAK SPACE}", " ")
    start = page.index('<section id="indexes"')
    return page[start : page.index("</section>", start)]


def test_gain_and_price_are_drawn_to_one_scale() -> None:
    section = _section(index_report())
    row = section[section.index("<code>public.order_items (product_id)") :]
    gain, price = re.findall(r'class="m (less|more is)" style="--w:([\d.e-]+)%"', row)[:2]
    assert (gain[0], gain[1]) == ("less", "100")
    assert price[0] == "more is"
    # 24.7 s to write of 1.96 h gained.
    assert 0.2 < float(price[1]) < 0.5
    # One that goes takes nothing to write.
    drop = section[section.index("Drop <code>") :]
    assert "<td>–</td>" in drop[: drop.index("</tr>")]


def test_the_budget_is_filled_by_the_sizes_of_new_indexes() -> None:
    section = _section(index_report())
    shares = re.findall(r'class="info" style="flex-grow:([\d.]+)"', section)
    assert [round(float(share), 2) for share in shares] == [0.34, 0.65]
    assert 'class="rest" style="flex-grow:0.0060"' in section
    advice = index_report().index_advice
    assert advice is not None
    wide = msgspec.structs.replace(advice, budget_bytes=2 * (37_748_736 + 71_592_256))
    assert "50% left" in _section(msgspec.structs.replace(index_report(), index_advice=wide))
    without = msgspec.structs.replace(index_report(), index_advice=msgspec.structs.replace(advice, budget_bytes=None))
    assert "58.2 MB more (104 MB of new indexes, 46.1 MB freed), without a budget" in _section(without)
    assert "The budget" not in _section(without)


def test_what_gains_and_what_loses_are_told_by_word_and_colour() -> None:
    section = _section(index_report())
    assert '<tr class="gains">' in section
    loses = section[section.index('<tr class="loses">') :]
    assert "6.0% more" in loses[: loses.index("</tr>")]
    assert "19.1 min or less; 1 statement takes longer: 1 h → 1.03 h or more" in section


def test_time_that_plans_do_not_explain_has_a_row_of_its_own() -> None:
    advice = index_report().index_advice
    assert advice is not None
    waited = msgspec.structs.replace(advice, unexplained_ms=advice.workload.before_ms / 10)
    section = _section(msgspec.structs.replace(index_report(), index_advice=waited))
    assert "Beyond what plans explain</th><td>22.7 min more: waits" in section
    assert "Beyond what plans explain" not in _section(index_report())


def test_plans_stand_side_by_side() -> None:
    page = render(index_report()).decode()
    action = page[page.index("By the planner") :]
    beside = action[action.index('<div class="beside">') :]
    assert (
        beside.index("Before") < beside.index("Parallel Seq Scan") < beside.index("After") < beside.index("Index Scan")
    )


def test_what_was_left_is_folded_with_its_reasons() -> None:
    section = _section(index_report())
    left = section[section.index('<details class="more" id="left1">') :]
    for part in ("47 indexes thought of and left", "<b>Over budget</b> (1)", "<b>No gain</b> (9): No plan uses it.",
                 "Statement 3 would cost 3 times more.", "31 more were thought of."):  # fmt: skip
        assert part in left
    assert left.count("No plan uses it.") == 1


def test_what_was_measured_stands_beside_what_was_promised() -> None:
    page = render(tried_index_report()).decode()
    section = _section(tried_index_report())
    assert "<td>kept</td>" in section
    assert "Tried on a copy" in section
    assert "worse than promised (±3%)" in section
    assert "at most 2.99 ms" in section
    assert "No values of its parameters are known." in section
    assert "Measured on a copy" in page[page.index('<section id="actions"') :]
    assert "On the copy" not in _section(index_report())


def test_a_page_of_indexes_begins_with_them() -> None:
    audit, alone = render(index_report()).decode(), load_renderer("html_indexes")(index_report()).decode()
    assert audit.index('<section id="trust"') < audit.index('<section id="indexes"') < audit.index('id="findings"')
    assert alone.index('<section id="indexes"') < alone.index('<section id="trust"')
    assert alone.index('href="#indexes"') < alone.index('href="#trust"')


def test_without_advice_there_is_no_section() -> None:
    assert 'id="indexes"' not in render(unproved_report()).decode()
    section = _section(nothing_report())
    assert "No index is to be created or dropped" in section
    assert "What is advised" not in section
    assert "47 indexes thought of and left" in section


def test_several_databases_have_a_part_each() -> None:
    section = _section(several_databases_report())
    assert "Database <bdi>archive</bdi>" in section
    assert "Database <bdi>shop</bdi>" not in section


def test_text_of_strangers_is_text() -> None:
    check_page(render(hostile_index_report()).decode())
