"""What begins with an equality wins over what begins with a range where costs hardly tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from pgadvisor.advise import index_advice
from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.equality_first import equality_first
from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.loads import Load, loads_of
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.search import Chosen, Selection
from pgadvisor.config import IndexesConfig
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.index_advice import IndexPrice, LeftIndex, WhyNot
from pgadvisor.model.whatif import IndexSize
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.snapshots import facts
from support.twins import snapshot_of
from support.workloads import facts_with
from support.worlds import MB, Plans, World, chosen, columns_of, index_on

CARRIED = "SELECT weight FROM t WHERE carrier = $1 AND shipped_at > $2"
LATEST = "SELECT weight FROM t WHERE shipped_at > $1"
# Of values that are the newest a range leaves no more rows than it does with the equality.
ALIKE: Plans = {
    "": 1000.0,
    "shipped_at": 10.0,
    "carrier,shipped_at": 10.1,
    "carrier": 300.0,
    "shipped_at,carrier": 10.05,
}
CANDIDATES = ("shipped_at", "carrier,shipped_at", "carrier", "shipped_at,carrier")


def world(
    plans: Mapping[str, Plans], texts: Mapping[str, str], table_has: Mapping[str, Any] | None = None, **given: Any
) -> World:
    parent = {"columns": ["at timestamptz"], "rows": 10, "constraints": {"p_key": "unique (at)"}}
    table = {
        "columns": ["carrier text", "shipped_at timestamptz", "weight int"],
        "stats": {"carrier": {"n_distinct": 8, "width": 6}, "shipped_at": {"n_distinct": -1}},
        "rows": 1e6,
        **(table_has or {}),
    }
    statements = [{"id": each, "text": texts[each], "total_ms": 1000.0} for each in plans]
    known = facts({"tables": {"public.p": parent, "public.t": table}, "statements": statements, "statements_days": 0.1})
    return World(plans, CANDIDATES, facts=known, **given)


def advised(shop: World, options: IndexesConfig | None = None) -> tuple[list[str], tuple[LeftIndex, ...]]:
    assert shop.facts is not None
    decided = advise_indexes(shop.facts, shop.planner(), options or IndexesConfig())
    return [columns_of(each.proposal.definition) for each in decided.created], decided.left


SCHEMA = """
CREATE TABLE shipments (id int PRIMARY KEY, carrier text NOT NULL, shipped_at timestamptz NOT NULL, weight int);
SELECT setseed(0.3);
INSERT INTO shipments SELECT
    n, CASE WHEN n % 100 = 0 THEN 'rare' ELSE 'post' END, '2026-01-01'::timestamptz + random() * interval '300 days', n
    FROM generate_series(1, 30000) n;
"""
NEWEST = "SELECT weight FROM shipments WHERE carrier = $1 AND shipped_at > $2"
EVERY = "SELECT weight FROM shipments WHERE shipped_at > $1"


def test_the_newest_of_the_commonest_carrier_on_a_twin(database: Database) -> None:
    database.execute(SCHEMA)
    database.execute("VACUUM ANALYZE shipments")
    snapshot = snapshot_of(database.dsn)
    # In the calls that were seen it was the carrier of nearly all rows.
    seen: dict[str, list[tuple[str, ...]]] = {
        NEWEST: [("post", "2026-10-20"), ("post", "2026-10-26")],
        EVERY: [("2026-10-24",)],
    }
    found = []
    for asked in ({NEWEST: 90_000.0}, {NEWEST: 9000.0, EVERY: 9000.0}):
        facts = facts_with(snapshot, asked, seen)
        with Twin(facts) as twin:
            created = advise_indexes(facts, twin, IndexesConfig(min_rows=1000)).created
        found.append([each.proposal.definition.key_columns for each in created])
    assert found == [[("carrier", "shipped_at")], [("shipped_at",)]]


def test_of_equals_that_with_the_equality_in_front_is_advised() -> None:
    created, left = advised(world({"q": ALIKE}, {"q": CARRIED}))
    assert created == ["carrier,shipped_at"]
    name = "public.t (carrier, shipped_at)"
    told = {columns_of(each.definition): each for each in left}
    assert (told["shipped_at"].why, told["shipped_at"].served_by) == (WhyNot.BETTER_ONE, name)
    assert (
        told["shipped_at"].sentence == f"{name}, which is proposed, costs about the same and serves all values alike."
    )
    assert {each.served_by for each in left if each.why is WhyNot.BETTER_ONE} == {name}
    assert "carrier,shipped_at" not in told


def of_values(*costs: tuple[float, float, float]) -> dict[str, Any]:
    """Values of calls, with what each costs without an index, with that on the range, and with the equality first."""
    return {"values": {"q": [dict(zip(("", "shipped_at", "carrier,shipped_at"), each, strict=True)) for each in costs]}}


@pytest.mark.parametrize(
    ("plans", "texts", "given", "options"),
    [
        # It is not the same.
        ({"q": {**ALIKE, "carrier,shipped_at": 10.4}}, {"q": CARRIED}, {}, IndexesConfig()),
        # Another statement needs the range in front.
        ({"q": ALIKE, "r": {"": 900.0, "shipped_at": 9.0}}, {"q": CARRIED, "r": LATEST}, {}, IndexesConfig()),
        # Nothing is compared for equality.
        ({"q": ALIKE}, {"q": "SELECT weight FROM t WHERE carrier > $1 AND shipped_at > $2"}, {}, IndexesConfig()),
        # Of some values it costs more, though not by the mean.
        ({"q": ALIKE}, {"q": CARRIED}, of_values((1000, 500, 400), (600, 400, 500)), IndexesConfig()),
        # For some values all is lost, though for those that gain least it is no worse, nor by the mean.
        ({"q": ALIKE}, {"q": CARRIED}, of_values((1000, 900, 400), (1000, 10, 400)), IndexesConfig()),
        # It is over the budget.
        ({"q": ALIKE}, {"q": CARRIED}, {"megabytes": {"carrier,shipped_at": 3.0}}, IndexesConfig(max_bytes=2 * MB)),
    ],
)
def test_that_with_the_range_in_front_stays(
    plans: Mapping[str, Plans], texts: Mapping[str, str], given: dict[str, Any], options: IndexesConfig
) -> None:
    assert exchanged(world(plans, texts, **given), options) == ["shipped_at"]


def exchanged(
    shop: World,
    options: IndexesConfig,
    write_ms: float = 0.0,
    create: Sequence[str] = ("shipped_at",),
    foreign_keys: frozenset[str] = frozenset(),
    planner: Any = None,
) -> list[str]:
    """What a set with the range in front becomes."""
    return chosen(exchanged_set(shop, options, write_ms, create, foreign_keys, planner))


def exchanged_set(
    shop: World,
    options: IndexesConfig,
    write_ms: float = 0.0,
    create: Sequence[str] = ("shipped_at",),
    foreign_keys: frozenset[str] = frozenset(),
    planner: Any = None,
) -> Selection:
    known = shop.facts
    assert known is not None
    evaluator = Evaluator(planner or shop.planner(), loads_with_values(shop), 1000, known)
    prices = _Prices(write_ms)
    candidates = [Candidate(definition=index_on(each), foreign_keys=foreign_keys) for each in create]
    selection = Selection(create=[Chosen(each, IndexPrice(size_bytes=MB)) for each in candidates])
    before = list(selection.create)
    did = equality_first(selection, shop.wanted(), evaluator, cast("Prices", prices), options)
    assert did == (selection.create != before)
    return selection


def test_what_it_does_the_work_of_goes_with_it() -> None:
    plans = {"q": ALIKE, "r": {"": 900.0, "carrier": 10.0, "carrier,shipped_at": 10.1}}
    shop = world(plans, {"q": CARRIED, "r": "SELECT weight FROM t WHERE carrier = $1"})
    found = exchanged_set(shop, IndexesConfig(), create=("carrier", "shipped_at"))
    assert chosen(found) == ["carrier,shipped_at"]
    assert {(columns_of(each.definition), each.served_by) for each in found.left} == {
        ("carrier", "public.t (carrier, shipped_at)"),
        ("shipped_at", "public.t (carrier, shipped_at)"),
    }


def test_none_becomes_a_copy_of_another() -> None:
    create = ("shipped_at", "carrier,shipped_at")
    assert exchanged(world({"q": ALIKE}, {"q": CARRIED}), IndexesConfig(), create=create) == [*create]


def test_a_foreign_key_is_served_still() -> None:
    keys = {"t_p": "foreign key (shipped_at) references public.p (at)"}
    found = []
    # Where another index serves it, the new one need not.
    for indexes in ({}, {"t_s": "btree (shipped_at)"}):
        shop = world({"q": ALIKE}, {"q": CARRIED}, {"constraints": keys, "indexes": indexes})
        found += exchanged(shop, IndexesConfig(), foreign_keys=frozenset(keys))
    assert found == ["shipped_at", "carrier,shipped_at"]


def test_no_value_costs_more_than_it_may() -> None:
    shop = world({"q": ALIKE}, {"q": CARRIED}, values={"q": [{"": 100.0}]})
    for becomes, expected in ((109.5, "carrier,shipped_at"), (111.0, "shipped_at")):
        planner = cast("Any", shop.planner())
        planner.tree = spoilt(planner.tree, {"shipped_at": 109.0, "carrier,shipped_at": becomes})
        assert exchanged(shop, IndexesConfig(max_regression=0.1), planner=planner) == [expected]


def spoilt(answers: Any, costs: Mapping[str, float]) -> Any:
    """A planner's answers, with known values taking an index whatever it costs them."""

    def tree(question: Any, tried: Any) -> Any:
        found = [costs.get(columns_of(each), 1000.0) for each in tried.create]
        return f"Result cost={found[0]}" if question.values and found else answers(question, tried)

    return tree


def test_one_of_unknown_size_is_not_advised() -> None:
    shop = world({"q": ALIKE}, {"q": CARRIED})
    planner = cast("Any", shop.planner())
    planner.sizes = lambda definitions: tuple(IndexSize(definition=each, size_bytes=None) for each in definitions)
    assert exchanged(shop, IndexesConfig(), planner=planner) == ["shipped_at"]


def test_one_that_cannot_be_imagined_is_not_advised() -> None:
    created, left = advised(world({"q": ALIKE}, {"q": CARRIED}, unable=frozenset({"carrier,shipped_at"})))
    assert "carrier,shipped_at" not in created
    told = {columns_of(each.definition): each.why for each in left}
    assert told["carrier,shipped_at"] is WhyNot.IMPOSSIBLE


def test_what_does_nothing_beside_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_another(selection: Selection, *_: Any) -> bool:
        selection.create.append(Chosen(Candidate(definition=index_on("weight")), IndexPrice(size_bytes=MB)))
        return True

    monkeypatch.setattr(index_advice, "equality_first", with_another)
    created, _ = advised(world({"q": ALIKE}, {"q": CARRIED}))
    assert created == ["shipped_at"]


def test_what_writing_takes_more_counts() -> None:
    shop = world({"q": ALIKE}, {"q": CARRIED})
    # It saves 900 ms.
    assert exchanged(shop, IndexesConfig(), 10.0) == ["carrier,shipped_at"]
    assert exchanged(shop, IndexesConfig(), 30.0) == ["shipped_at"]


def loads_with_values(shop: World) -> list[Load]:
    """The statements as they are understood, for the values of the world."""
    assert shop.facts is not None
    shapes = {each.query_id: each.shape for each in loads_of(shop.facts)}
    return [
        replace(
            each,
            shape=shapes[each.query_id],
            questions=tuple(replace(question, shape=shapes[each.query_id]) for question in each.questions),
        )
        for each in shop.loads()
    ]


class _Prices:
    """What a set's new index takes to be written, by the window."""

    def __init__(self, write_ms: float) -> None:
        self._write_ms = write_ms

    def of(self, definition: IndexDefinition, size_bytes: int | None, share: float | None = None) -> IndexPrice:
        return IndexPrice(size_bytes=size_bytes, write_ms=self._write_ms)
