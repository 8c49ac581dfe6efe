"""An answer is asked for once, and again only where something changed that it may hang on."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.objects import Function, RewriteRule
from pgadvisor.model.statements import StatementRole
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName
from pgadvisor.planner import cached
from pgadvisor.planner.cached import Cached
from pgadvisor.planner.protocol import Question
from support.fake_planner import FakePlanner
from support.snapshots import facts
from support.twins import question

ORDERS = "select * from orders where customer_id = $1"
BOTH = "select * from orders join customers on customers.id = customer_id"
PARTITION = "select * from logs_2 where at > now()"


@pytest.fixture
def seen() -> Facts:
    return facts(
        {
            "tables": {
                "public.customers": {"columns": ["id bigint"], "indexes": {"c_id": "btree (id)"}},
                "public.orders": {
                    "columns": ["id bigint", "customer_id bigint"],
                    "indexes": {"o_c": "btree (customer_id)"},
                },
                "public.logs": {"columns": ["at timestamptz"], "partition_by": "range (at)"},
                "public.logs_1": {"columns": ["at timestamptz"], "partition_of": "public.logs"},
                "public.logs_2": {"columns": ["at timestamptz"], "partition_of": "public.logs"},
            }
        }
    )


def fake() -> FakePlanner:
    return FakePlanner(lambda asked, _: "!It is refused." if "refused" in asked.text else "Seq Scan cost=5 rows=1")


def on(table: str, column: str = "id") -> IndexDefinition:
    return IndexDefinition(schema="public", table=table, keys=(IndexKey(column=column),))


def with_indexes(*tables: str, drop: tuple[str, ...] = ()) -> Configuration:
    names = tuple(IndexName(schema="public", name=name) for name in drop)
    return Configuration(create=tuple(map(on, tables)), drop=names)


def asks(planner: Cached, asked: Question, *configurations: Configuration) -> int:
    """How many EXPLAINs it takes to ask the same under several configurations."""
    before = planner.asked
    for configuration in configurations:
        planner.costs([asked], configuration)
    return planner.asked - before


def test_indexes_of_other_tables_make_no_other_question(seen: Facts) -> None:
    planner = Cached(fake(), seen)
    other = with_indexes("customers", "logs", drop=("c_id",))
    own = with_indexes("orders", "logs")
    orders = question(ORDERS, seen.snapshot)
    assert asks(planner, orders, AS_IS, other, own, with_indexes("customers", "orders"), AS_IS) == 2
    assert planner.saved == 3
    assert asks(planner, question(BOTH, seen.snapshot), AS_IS, other, own) == 3
    assert asks(planner, orders, with_indexes(drop=("o_c",)), with_indexes(drop=("o_c", "c_id"))) == 1
    # Two indexes are the same ones in any order.
    both = [
        Configuration(create=each) for each in ((on("orders"), on("orders", "x")), (on("orders", "x"), on("orders")))
    ]
    assert asks(planner, orders, *both) == 1


def test_a_partition_and_its_table_are_one(seen: Facts) -> None:
    planner = Cached(fake(), seen)
    partition = question(PARTITION, seen.snapshot)
    assert asks(planner, partition, AS_IS, with_indexes("logs"), with_indexes("logs_2"), with_indexes("orders")) == 3


@pytest.mark.parametrize(
    "text", ["select customer_id from", "select * from nowhere", "select * from orders where id = own_code(id)"]
)
def test_where_the_tables_are_not_known_everything_counts(seen: Facts, text: str) -> None:
    function = Function(oid=1, schema="public", name="own_code", owner="o", language="sql", volatility="s", cost=1.0)
    catalog = msgspec.structs.replace(seen.snapshot.catalog, functions=(function,))
    snapshot = msgspec.structs.replace(seen.snapshot, catalog=catalog)
    asked = question(text, snapshot)
    assert (asked.shape is None) == text.endswith("from")
    assert asks(Cached(fake(), Facts(snapshot, {})), asked, AS_IS, with_indexes("customers")) == 2


def test_values_roles_and_settings_make_another_question(seen: Facts) -> None:
    planner = Cached(fake(), seen)
    plain = question(ORDERS, seen.snapshot)
    role = StatementRole(oid=1, name="app")
    others = [
        question(ORDERS, seen.snapshot, ("1",)),
        question(ORDERS, seen.snapshot, (None,)),
        Question(query_id=ORDERS, text=ORDERS, shape=plain.shape, role=role),
    ]
    assert planner.costs([plain, *others, plain]) == (5.0,) * 5
    assert (planner.asked, planner.saved) == (4, 1)
    assert asks(planner, plain, Configuration(settings=(("work_mem", "1GB"),)), AS_IS) == 1


def test_refusals_are_remembered_and_a_plan_tells_the_cost(seen: Facts) -> None:
    inner = fake()
    planner = Cached(inner, seen)
    refused = question("select refused from orders")
    assert planner.plan(refused).refusal == "It is refused."
    assert planner.plan(refused).plan is None
    assert planner.costs([refused, question(ORDERS)]) == (None, 5.0)
    assert len(inner.asked) == 2
    planner.close()
    assert inner.closed


def test_memory_is_bounded(seen: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "_COSTS", 2)
    planner = Cached(fake(), seen)
    texts = [question(f"select {number}") for number in range(5)]
    assert planner.costs(texts) == (5.0,) * 5
    assert planner.costs(texts[3:]) == (5.0, 5.0)
    assert planner.asked == 5
    planner.costs(texts[:1])
    assert planner.asked == 6


def test_what_a_rule_reads_is_not_known(seen: Facts) -> None:
    write = question("insert into orders values (1)", seen.snapshot)
    other = with_indexes("customers")
    assert asks(Cached(fake(), seen), write, AS_IS, other) == 1
    oid = next(oid for oid, relation in seen.relations.items() if relation.name == "orders")
    for enabled, asked in (("O", 2), ("D", 1)):
        rules = (RewriteRule(oid=1, relation_oid=oid, name="r", event="insert", enabled=enabled),)
        catalog = msgspec.structs.replace(seen.snapshot.catalog, rules=rules)
        ruled = Facts(msgspec.structs.replace(seen.snapshot, catalog=catalog), seen.shapes)
        assert asks(Cached(fake(), ruled), write, AS_IS, other) == asked
        # It is read as it ever was.
        assert asks(Cached(fake(), ruled), question(ORDERS, seen.snapshot), AS_IS, other) == 1
