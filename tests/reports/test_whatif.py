"""What a what-if tells, in the terminal, as a page and as JSON: all of it, in the width, and no stranger's tricks."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from pgadvisor.model.whatif_result import WhatIfResult
from pgadvisor.registry import load_whatif, load_whatif_terminal
from support.strangers_pages import check_page, check_stands_alone, check_terminal, check_width
from support.whatifs import hostile_whatif, sample_whatif

_PLAIN = sample_whatif()
_NARROW = "\N{NARROW NO-BREAK SPACE}"


def _terminal(result: WhatIfResult, width: int = 80, *, colour: bool = False) -> str:
    return load_whatif_terminal()(result, width, colour)


def test_the_terminal_tells_all_parts() -> None:
    text = " ".join(_terminal(_PLAIN, 100).replace(_NARROW, " ").split())
    for part in (
        "What if: 1 index more, 2 indexes less, 1 setting otherwise",
        "Planned by the twin, PostgreSQL 18.6, where the server is 15.4: plans and costs may differ",
        "It gives 2 of 3 observed plans, cost equal within 0.1%.",
        "+ idx_orders_customer_id on public.orders, size 25.7 MB guessed",
        "WHERE (status = 'open');",
        "undo: DROP INDEX CONCURRENTLY IF EXISTS public.idx_orders_customer_id;",
        "DROP INDEX CONCURRENTLY public.orders_status_idx; undo: CREATE INDEX CONCURRENTLY orders_status_idx ON",
        "ALTER DATABASE shop SET work_mem TO '64MB'; or ALTER SYSTEM SET work_mem TO '64MB';",
        "index entries written, about, per day: 1 333",
        "- public.orders_status_idx on public.orders, 8.58 MB freed",
        "Mind: Foreign keys rest on it: lines_order_fk.",
        "~ work_mem = 64MB",
        "6 statements: 2 gaining, 1 losing, 1 staying as it is, 2 that could not be planned. Those",
        "Nothing is said of 1 statement whose text was not collected.",
        "Cost, weighted by calls: 10 billion → 86.6 million, 115 times less",
        "2.67 h measured; estimated: what gains 2.67 h → 13.1 min or less (12.2 times less)",
        "what loses 100 ms → 4.9 s or more (49 times more)",
        "24 000 24.50 980 times less 2.5 h → 4.79 min or less",
        "10.00 24 000 2 400 times more",
        "1 statement (5): The server does not know a name in it",
        "2 [1]: SELECT o.id",
        "Calls Cost/call After Time of all calls → estimated",
        "its locks, checks and caveats are in the reports that --html FILE and --json FILE write.",
        "Index Scan using idx_orders_customer_id instead of Seq Scan on public.orders o; Nested Loop instead",
        "[1] collation public.de: The twin's programs have no ICU",
        "(1 statement cannot be planned)",
        "Otherwise too, where no statement looked into is touched: [3] function private.tally.",
        "Column statistics: It was never analyzed. Mend: ANALYZE it.",
    ):
        assert part in text, part
    assert text.index("Lose:") < text.index("Gain:") < text.index("Not planned")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("make", [sample_whatif, hostile_whatif])
def test_no_line_is_wider_than_the_terminal_but_sql(make: Callable[[], WhatIfResult], width: int) -> None:
    result = make()
    to_run = [*(each.next for each in result.created), *(each.next for each in result.dropped)]
    steps = [step for each in to_run if each is not None for step in each.steps]
    ways = [step for each in result.settings for step in each.ways]
    texts = [text for step in (*steps, *ways) for text in (step.sql, step.undo)]
    sql = [*(each.text for each in result.statements), *(each.sql for each in result.created), *texts]
    check_width(_terminal(result, width), width, sql)


@pytest.mark.parametrize("colour", [False, True])
def test_text_of_strangers_does_not_steer_the_terminal(colour: bool) -> None:
    check_terminal(_terminal(hostile_whatif(), colour=colour))


def test_the_page_holds_text_of_strangers_as_text() -> None:
    check_page(load_whatif("html")(hostile_whatif()).decode())


def test_the_page_stands_alone() -> None:
    page = load_whatif("html")(_PLAIN).decode()
    check_stands_alone(page)
    for wanted in ("Statements that lose", "Statements that gain", "Plans side by side", "980 times less", "ICU"):
        assert wanted in page


def test_json_is_the_whole_of_it() -> None:
    assert msgspec.json.decode(load_whatif("json")(_PLAIN), type=WhatIfResult) == _PLAIN


def test_a_workload_as_it_is() -> None:
    result = sample_whatif(change=False)
    text = _terminal(result)
    page = load_whatif("html")(result).decode()
    for told in (text, page):
        assert "What the planner says as it is" in told
        assert "4 planned, 2 that could not be planned" in told
        assert "It gives 2 of 3 observed plans" in told
        assert "→" not in told.replace("side by side", "")
        assert "Imagined" not in told


def test_what_the_page_says_first_and_paints() -> None:
    """Who planned and how exactly stands under the title; red is what is worse, and nothing else."""
    page = load_whatif("html")(_PLAIN).decode()
    assert "Planned by the twin" in page[page.index("<h1>") : page.index("<nav")]
    assert "For exact ones install PostgreSQL 15, or name its programs by --twin-server." in page
    assert 'class="m is less"' in page
    assert 'aria-label="SQL to undo"' in page
    work = _PLAIN.workload
    assert work.estimated is not None
    unchanged = msgspec.structs.replace(work.estimated, low_ms=work.total_ms, high_ms=work.total_ms)
    same = msgspec.structs.replace(work, cost_after=work.cost_before, estimated=unchanged)
    page = load_whatif("html")(msgspec.structs.replace(_PLAIN, workload=same)).decode()
    assert 'class="m is less"' not in page
    assert 'class="m is more"' not in page


def test_a_statement_of_the_users_own_is_not_called_by_an_id() -> None:
    first, *rest = _PLAIN.statements
    (reason, *_) = _PLAIN.reasons
    own = msgspec.structs.replace(first, own=True, asked=True, calls=1, anchor="statement")
    reason = msgspec.structs.replace(reason, query_ids=(first.query_id,), statements=1)
    fidelity = msgspec.structs.replace(_PLAIN.fidelity, differences=())
    result = msgspec.structs.replace(_PLAIN, statements=(own, *rest), reasons=(reason,), fidelity=fidelity)
    page = load_whatif("html")(result).decode()
    for told in (_terminal(result), page):
        assert "the text of --query" in told
    assert f">{first.query_id}<" not in page
    assert f"({first.query_id})" not in _terminal(result)
    assert "<span>1 call</span>" in page


def test_digits_of_a_number_stay_together() -> None:
    for width in range(60, 81):
        assert f"1{_NARROW}333" in _terminal(_PLAIN, width)


def test_an_undo_of_several_commands_is_told() -> None:
    dropped = _PLAIN.dropped[0]
    assert dropped.next is not None
    undo = "\n".join(f"CREATE INDEX part_{number} ON part_{number} (id);" for number in range(10))
    step = msgspec.structs.replace(dropped.next.steps[-1], undo=undo)
    dropped = msgspec.structs.replace(dropped, next=msgspec.structs.replace(dropped.next, steps=(step,)))
    text = _terminal(msgspec.structs.replace(_PLAIN, dropped=(dropped,)))
    assert "CREATE INDEX part_7 ON" in text
    assert "part_8" not in text
    assert "and 2 more lines in the reports that --html FILE" in " ".join(text.split())
