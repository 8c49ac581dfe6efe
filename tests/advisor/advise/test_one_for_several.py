"""One index in the place of several, where every plan is known: where it is better, within what it may cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.one_for_several import one_for_several
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.search import Chosen, Selection
from pgadvisor.config import IndexesConfig
from pgadvisor.model.index_advice import IndexPrice, LeftIndex, WhyNot
from support.snapshots import facts
from support.worlds import MB, Plans, World, chosen, index_on

# Neither of the two goes as long as the other is there, and beside both the one for all gains next to nothing.
TOGETHER: Plans = {"": 10_000.0, "a": 4000.0, "b": 6000.0, "a+b": 400.0, "c": 380.0}
CANDIDATES = ("a", "b", "c")


def candidate(columns: str, *query_ids: str) -> Candidate:
    return Candidate(definition=index_on(columns), query_ids=frozenset(query_ids), findings=frozenset({f"r:{columns}"}))


def exchanged(
    statements: Mapping[str, Plans],
    options: IndexesConfig | None = None,
    values: Mapping[str, Sequence[Plans]] | None = None,
    of_c: Sequence[str] = ("q",),
    cut_short: str = "",
    key: str = "",
    check: str = "",
) -> Selection:
    parent = {"columns": ["k int"], "rows": 10, "constraints": {"p_key": "unique (k)"}}
    keys = {"t_p": f"foreign key ({key}) references public.p (k)"} if key else {}
    table = {"columns": ["a int", "b int", "c int"], "rows": 1e6, "constraints": keys}
    known = facts({"tables": {"public.p": parent, "public.t": table}, "statements_days": 0.1})
    shop = World(statements, CANDIDATES, megabytes={"c": 3.0}, facts=known, values=values or {})
    price = IndexPrice(size_bytes=MB, write_ms=0.0)
    planner = cast("Any", shop.planner())
    answers = planner.tree
    if values:
        # With the one index it takes that for these values, too, and is worse off.
        planner.tree = lambda question, tried: (
            "Result cost=200" if question.values and index_on("c") in tried.create else answers(question, tried)
        )
    served = LeftIndex(definition=index_on("b,c"), why=WhyNot.BETTER_ONE, sentence="", served_by="public.t (b)")
    names = frozenset() if check else frozenset(keys)
    ones = [replace(candidate(each, "q"), foreign_keys=names) for each in ("a", "b")]
    create = [Chosen(each, price) for each in ones]
    selection = Selection(create=create, left=[served], cut_short=cut_short)
    wanted = [candidate("a", "q"), candidate("b", "q"), candidate("c", *of_c)]
    loads = [replace(each, foreign_key="public.t.t_p") if each.query_id == check else each for each in shop.loads()]
    one_for_several(
        selection, wanted, Evaluator(planner, loads, 1000, known), Prices(known), options or IndexesConfig()
    )
    return selection


def test_one_that_does_the_work_of_two_takes_their_place() -> None:
    selection = exchanged({"q": TOGETHER})
    assert chosen(selection) == ["c"]
    *gone, told = selection.left
    assert (told.served_by, told.sentence) == (
        "public.t (c)",
        "Beside public.t (c), which is proposed, it would gain next to nothing.",
    )
    assert [(each.definition, each.why, each.served_by, each.findings) for each in gone] == [
        (index_on(columns), WhyNot.BETTER_ONE, "public.t (c)", (f"r:{columns}",)) for columns in ("a", "b")
    ]
    assert selection.create[0].price.size_bytes == 3 * MB


def test_a_foreign_key_is_served_still() -> None:
    assert chosen(exchanged({"q": TOGETHER}, key="a")) == ["a", "b"]
    # What serves it is for it, so that it is not made narrower than that.
    (one,) = exchanged({"q": TOGETHER}, key="c").create
    assert one.candidate.foreign_keys == {"t_p"}


def test_a_foreign_key_with_checks_is_served_still() -> None:
    # They cost less than an index is to save, and what serves it was thought of for something else.
    statements: dict[str, Plans] = {"q": TOGETHER, "check": {"": 1.0, "a": 0.1}}
    assert chosen(exchanged(statements, key="a", check="check")) == ["a", "b"]
    assert chosen(exchanged(statements, key="a", check="none")) == ["c"]
    assert chosen(exchanged(statements, key="c", check="check")) == ["c"]


@pytest.mark.parametrize(
    ("statements", "options", "values", "of_c", "cut_short"),
    [
        # It is worse by more than an index is to save.
        ({"q": {**TOGETHER, "c": 1200.0}}, None, None, ("q",), ""),
        # Another statement needs one of the two.
        ({"q": TOGETHER, "r": {"": 9000.0, "b": 10.0}}, None, None, ("q",), ""),
        # Of some values it would cost more than it does now.
        ({"q": {**TOGETHER, "a+b": 3000.0}}, None, {"q": [{"": 100.0}]}, ("q",), ""),
        # It is over the budget.
        ({"q": TOGETHER}, IndexesConfig(max_bytes=2 * MB), None, ("q",), ""),
        # It was thought of for another statement.
        ({"q": TOGETHER}, None, None, ("r",), ""),
        # No more is to be asked.
        ({"q": TOGETHER}, None, None, ("q",), "20 EXPLAINs may be asked for"),
    ],
)
def test_the_two_stay_where_that_is_no_gain(
    statements: Mapping[str, Plans],
    options: IndexesConfig | None,
    values: Mapping[str, Sequence[Plans]] | None,
    of_c: Sequence[str],
    cut_short: str,
) -> None:
    selection = exchanged(statements, options, values, of_c, cut_short)
    assert chosen(selection) == ["a", "b"]
    assert [each.served_by for each in selection.left] == ["public.t (b)"]
