"""A narrower index in the place of a new one, where every plan is known: where it is about as good, and only there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from msgspec.structs import replace

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.search import Chosen, Selection
from pgadvisor.advise.slimming import slim
from pgadvisor.config import IndexesConfig
from pgadvisor.model.index_advice import IndexPrice, LeftIndex, WhyNot
from pgadvisor.model.whatif import IndexSize
from support.snapshots import facts
from support.worlds import MB, Plans, World, chosen, columns_of, index_on

SIZES = {"a": 1.0, "a,b": 3.0, "a,b,c": 4.0, "a,b(c)": 5.0, "c": 1.0, "c,d": 3.0}
# The second key takes a page off each call; without any index all pages are read.
PAGES: Plans = {"": 10_000.0, "a,b": 3.0, "a": 6.0}
# No value of the first key has many rows.
FEW = {"n_distinct": 1e5, "values": ["1"], "frequencies": [0.00005]}


@dataclass
class Given:
    """A set of new indexes, each by its columns, and what is known of their table."""

    statements: Mapping[str, Plans]
    create: Sequence[str] = ("a,b",)
    values: Mapping[str, Sequence[Plans]] = field(default_factory=dict)
    table: Mapping[str, Any] = field(default_factory=dict)
    foreign_keys: frozenset[str] = frozenset()
    going: str = ""
    sizes: Mapping[str, float] = field(default_factory=lambda: SIZES)
    cut_short: str = ""
    write_ms: float = 0.0
    # What some values cost with the first key alone.
    spoilt: str = ""
    candidates: Sequence[Candidate] = ()
    # Keys by the statements that are their checks.
    checks: Mapping[str, str] = field(default_factory=dict)

    def slimmed(self) -> Selection:
        parent = {"columns": ["a int", "b int"], "rows": 10, "constraints": {"p_key": "unique (a, b)"}}
        table = {"columns": [f"{name} int" for name in "abcd"], "rows": 1e6, "stats": {"a": FEW}, **self.table}
        known = facts({"tables": {"public.p": parent, "public.t": table}, "statements_days": 0.01})
        existing = {name: text.removeprefix("btree (")[:-1] for name, text in self.table.get("indexes", {}).items()}
        shop = World(self.statements, [*self.sizes], existing=existing, facts=known, values=self.values)
        planner = cast("Any", shop.planner())
        planner.sizes = lambda definitions: tuple(
            IndexSize(definition=each, size_bytes=self._bytes(each)) for each in definitions
        )
        answers = planner.tree
        if self.spoilt:
            planner.tree = lambda question, tried: (
                f"Result cost={self.spoilt}"
                if question.values and index_on("a") in tried.create
                else answers(question, tried)
            )
        old = known.index_named("public", self.going)
        selection = Selection(
            create=[Chosen(self._candidate(each), self._price(each)) for each in self.create],
            drop=[] if old is None else [old],
            left=[LeftIndex(definition=index_on("b"), why=WhyNot.BETTER_ONE, sentence="", served_by="public.t (a, b)")],
            cut_short=self.cut_short,
        )
        loads = [dataclasses.replace(each, foreign_key=self.checks.get(each.query_id, "")) for each in shop.loads()]
        evaluator = Evaluator(planner, loads, 10_000, known)
        slim(selection, self.candidates, evaluator, Prices(known), IndexesConfig())
        return selection

    def _candidate(self, columns: str) -> Candidate:
        return Candidate(
            definition=index_on(columns),
            query_ids=frozenset(self.statements),
            foreign_keys=self.foreign_keys,
            findings=frozenset({"r:0"}),
            reasons=frozenset({"equality, index-only"}),
        )

    def _price(self, columns: str) -> IndexPrice:
        return IndexPrice(size_bytes=self._bytes(index_on(columns)), write_ms=self.write_ms)

    def _bytes(self, definition: Any) -> int:
        return round(self.sizes[columns_of(definition)] * MB * (0.1 if definition.predicate else 1))


def test_a_key_that_saves_a_page_is_left_out() -> None:
    found = Given({"q": PAGES}).slimmed()
    assert chosen(found) == ["a"]
    assert found.create[0].price.size_bytes == MB
    assert found.create[0].candidate.reasons == {"equality"}
    gone, passed_on = found.left
    assert (gone.definition, gone.why, gone.sentence, gone.served_by, gone.findings) == (
        index_on("a,b"),
        WhyNot.BETTER_ONE,
        "public.t (a), which is proposed, is smaller and does about the same.",
        "public.t (a)",
        ("r:0",),
    )
    assert passed_on.served_by == "public.t (a)"


def test_what_is_included_is_left_out_where_its_gain_is_small() -> None:
    # By the third key nothing is found any more; without the second many rows are.
    plans = {"": 10_000.0, "a,b(c)": 100.0, "a,b": 104.0, "a": 4000.0}
    assert chosen(Given({"q": plans}, ["a,b(c)"]).slimmed()) == ["a,b"]


@pytest.mark.parametrize(
    ("other", "left"),
    [
        # Of 9,000 ms that all save, this one saves 25;
        ({"": 1000.0, "a,b(c)": 950.0}, "a,b"),
        # and this one 29, which is half of its cost.
        ({"": 100.0, "a,b(c)": 50.0}, "a,b(c)"),
    ],
)
def test_what_hardly_gains_makes_no_index_wider(other: Plans, left: str) -> None:
    plans = {"": 10_000.0, "a,b(c)": 100.0, "a,b": 104.0, "a": 4000.0}
    assert chosen(Given({"q": plans, "r": other}, ["a,b(c)"]).slimmed()) == [left]


def test_of_about_as_small_ones_the_better_is_had() -> None:
    plans = {"": 10_000.0, "a,b(c)": 100.0, "a,b": 100.0, "a": 106.0}
    assert chosen(Given({"q": plans}, ["a,b(c)"]).slimmed()) == ["a"]
    assert chosen(Given({"q": plans}, ["a,b(c)"], sizes={**SIZES, "a,b": 1.2}).slimmed()) == ["a,b"]


def test_the_rows_of_one_condition_are_enough_where_statements_state_it() -> None:
    partial = replace(index_on("a"), predicate="(a IS NOT NULL)")
    wanted = [Candidate(definition=partial, query_ids=frozenset({"q"}), findings=frozenset({"r:1"}))]
    found = Given({"q": PAGES}, candidates=wanted).slimmed()
    assert [each.candidate.definition for each in found.create] == [partial]
    assert found.create[0].candidate.findings == {"r:1"}
    # It is for another statement: nobody asks.
    other = [Candidate(definition=partial, query_ids=frozenset({"r"}))]
    found = Given({"q": PAGES}, candidates=other).slimmed()
    assert [each.candidate.definition for each in found.create] == [index_on("a")]
    # One that holds another column does not come of it.
    more = [Candidate(definition=replace(index_on("c"), predicate="(a > 1)"), query_ids=frozenset({"q"}))]
    found = Given({"q": {**PAGES, "c": 2.0}}, candidates=more).slimmed()
    assert [each.candidate.definition for each in found.create] == [index_on("a")]


def test_a_few_pages_count_where_other_keys_find_many_rows_for_some_values() -> None:
    # As many keys, of which the first one is another.
    other = replace(index_on("b,a"), predicate="(a IS NOT NULL)")
    wanted = [Candidate(definition=other, query_ids=frozenset({"q"}))]
    plans = {"": 10_000.0, "a,b": 3.0, "b,a": 6.0}
    sizes = {**SIZES, "b,a": 3.0}
    found = Given({"q": plans}, sizes=sizes, candidates=wanted).slimmed()
    assert [each.candidate.definition for each in found.create] == [other]
    found = Given({"q": plans}, table={"stats": {}}, sizes=sizes, candidates=wanted).slimmed()
    assert chosen(found) == ["a,b"]


@pytest.mark.parametrize(
    "given",
    [
        # It finds far fewer rows by both keys.
        Given({"q": {**PAGES, "a": 3000.0}}),
        # What it loses is 0.8% of the workload, more than an index has to save.
        Given({"q": {**PAGES, "a,b": 100.0, "a": 117.0}}),
        # Most of what it gains, which is not much beside the rest.
        Given({"q": {"": 100.0, "a,b": 80.0, "a": 98.0}, "r": {"": 10_000.0}}),
        # A page counts where no index is worth more than pages.
        Given({"q": {"": 9.0, "a,b": 3.0, "a": 6.0}}),
        # For some values it would cost more than now, or lose nearly all, though for others it does about the same.
        Given({"q": PAGES}, values={"q": [{"": 5.0, "a,b": 3.0}]}, spoilt="30"),
        Given({"q": PAGES, "r": {"": 1e7}}, values={"q": [{"": 200.0, "a,b": 3.0, "a": 190.0}]}),
        # One value has a twentieth of all rows, or nobody knows: what is typical says little.
        Given({"q": PAGES}, table={"stats": {"a": {**FEW, "frequencies": [0.05]}}}),
        Given({"q": PAGES}, table={"stats": {}}),
        # It is no smaller.
        Given({"q": PAGES}, sizes={"a,b": 3.0, "a": 2.95}),
        # One on the first key is there: it gains what it does beside that.
        Given({"q": PAGES}, table={"indexes": {"t_a": "btree (a)"}}),
        # It stands in for one that goes.
        Given({"q": PAGES}, table={"indexes": {"t_ab": "btree (a,b)"}}, going="t_ab"),
        # A foreign key is checked by both.
        Given(
            {"q": PAGES},
            table={"constraints": {"t_p": "foreign key (a, b) references public.p (a, b)"}},
            foreign_keys=frozenset({"t_p"}),
        ),
        # No more is to be asked.
        Given({"q": PAGES}, cut_short="20 EXPLAINs may be asked for"),
    ],
)
def test_it_stays_as_wide_as_its_work(given: Given) -> None:
    assert chosen(given.slimmed()) == ["a,b"]


def test_what_stands_in_for_one_that_goes_does_so_without_what_it_includes() -> None:
    plans = {"": 10_000.0, "a,b(c)": 100.0, "a,b": 104.0}
    table = {"indexes": {"t_ac": "btree (a) include (c)"}}
    assert chosen(Given({"q": plans}, ["a,b(c)"], table=table).slimmed()) == ["a,b"]
    assert chosen(Given({"q": plans}, ["a,b(c)"], table=table, going="t_ac").slimmed()) == ["a,b(c)"]


def test_none_becomes_a_copy_of_another() -> None:
    plans = {"": 10_000.0, "a,b": 6.0, "a": 6.0}
    assert chosen(Given({"q": plans}, ["a,b", "a"], write_ms=1.0).slimmed()) == ["a,b", "a"]


def test_a_foreign_key_is_served_by_what_begins_with_it() -> None:
    keys = {"constraints": {"t_p": "foreign key (a) references public.p (a)"}}
    given = Given({"q": PAGES}, table=keys, foreign_keys=frozenset({"t_p"}))
    assert chosen(given.slimmed()) == ["a"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        # It serves the key as well, so that it is for it.
        ("a", ("a", frozenset({"t_p"}))),
        ("a, b", ("a,b", frozenset())),
    ],
)
def test_a_foreign_key_with_checks_is_served_still(columns: str, expected: tuple[str, frozenset[str]]) -> None:
    # What was thought of for statements serves the key, too, and its checks cost less than an index is to save. One of
    # fewer rows is the smallest that does for the statements.
    key = f"foreign key ({columns}) references public.p ({columns})"
    partial = Candidate(replace(index_on("a"), predicate="(b IS NULL)"), frozenset({"q"}))
    given = Given({"q": PAGES, "check": {"": 0.1}}, table={"constraints": {"t_p": key}}, candidates=[partial])
    assert [each.candidate.definition for each in given.slimmed().create] == [partial.definition]
    given.checks = {"check": "public.t.t_p"}
    (one,) = given.slimmed().create
    assert one.candidate.definition.predicate is None
    assert (columns_of(one.candidate.definition), one.candidate.foreign_keys) == expected


def test_what_was_thought_of_for_a_foreign_key_is_for_it() -> None:
    keys = {"constraints": {"t_p": "foreign key (a) references public.p (a)"}}
    named, reasons = frozenset({"t_p"}), frozenset({"foreign key"})
    known = Candidate(index_on("a"), frozenset({"q"}), foreign_keys=named, reasons=reasons)
    (one,) = Given({"q": PAGES}, table=keys, candidates=[known]).slimmed().create
    assert (one.candidate.foreign_keys, one.candidate.reasons) == (named, reasons)


def test_all_of_them_lose_no_more_than_one_index_is_to_save() -> None:
    # Each loses 60 ms by itself, of 100 ms that an index is to save of 20 s.
    plans = {"q": {"": 10_000.0, "a,b": 100.0, "a": 112.0}, "r": {"": 10_000.0, "c,d": 100.0, "c": 112.0}}
    assert chosen(Given(plans, ["a,b", "c,d"]).slimmed()) == ["a", "c,d"]
