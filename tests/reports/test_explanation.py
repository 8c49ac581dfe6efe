from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from pgadvisor.model.explanation import Explanation
from pgadvisor.registry import load_explanation, load_explanation_terminal
from support.explanations import hostile_explanation, sample_explanation
from support.strangers_pages import check_page, check_stands_alone, check_terminal, check_width

_PLAIN = sample_explanation()


def _terminal(explanation: Explanation, width: int = 80, *, colour: bool = False) -> str:
    return load_explanation_terminal()(explanation, width, colour)


def test_the_terminal_tells_all_parts() -> None:
    text = " ".join(_terminal(_PLAIN, 100).split())
    for part in (
        "SELECT on shop.orders, shop.customers",
        "shop.orders (1.2 million rows, 114 MB, through shop.open_orders): id, status",
        "yes: orders_status_idx",
        "no: function lower",
        "Joined by: orders.customer_id = customers.id",
        "Limited: LIMIT $3",
        "as for unknown values",
        "1. Most of its cost goes into the Seq Scan on orders. (share of the cost 97%)",
        "Executed plans: It was not executed. Mend: Use --run.",
    ):
        assert part.replace("\N{NARROW NO-BREAK SPACE}", " ") in text.replace("\N{NARROW NO-BREAK SPACE}", " "), part
    for action in _PLAIN.recommendations:
        assert " ".join(action.steps[0].sql.split()) in text


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("make", [sample_explanation, hostile_explanation])
def test_no_line_is_wider_than_the_terminal_but_sql(make: Callable[[], Explanation], width: int) -> None:
    explanation = make()
    sql = [explanation.text, *(step.sql for action in explanation.recommendations for step in action.steps)]
    check_width(_terminal(explanation, width), width, sql)


@pytest.mark.parametrize("colour", [False, True])
def test_text_of_strangers_does_not_steer_the_terminal(colour: bool) -> None:
    check_terminal(_terminal(hostile_explanation(), colour=colour))


def test_the_page_holds_text_of_strangers_as_text() -> None:
    check_page(load_explanation("html")(hostile_explanation()).decode())


def test_the_page_stands_alone() -> None:
    page = load_explanation("html")(_PLAIN).decode()
    check_stands_alone(page)
    for wanted in ("What it asks for", "orders_status_idx", "Seq Scan on orders", "What limits it", "What would help"):
        assert wanted in page


def test_json_is_the_whole_explanation() -> None:
    assert msgspec.json.decode(load_explanation("json")(_PLAIN), type=Explanation) == _PLAIN


def test_a_statement_of_which_nothing_is_known() -> None:
    bare = Explanation(
        tool=_PLAIN.tool, source=_PLAIN.source, text="SELECT 1", given="SELECT 1", not_understood="no text"
    )
    text = _terminal(bare)
    assert "No plan of it was had" in text
    assert "It could not be understood: no text." in text
    assert "No plan of it was had" in load_explanation("html")(bare).decode()
