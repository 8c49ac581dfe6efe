"""What a what-if tells with everything in it, as it is, and one whose every text is hostile."""

from __future__ import annotations

from typing import Any

import msgspec

from pgadvisor.advise.whatif import Change, whatif_of
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.whatif import Configuration, PlannerIdentity, PlannerKind, Shortfall
from pgadvisor.model.whatif_result import WhatIfResult
from pgadvisor.planner.protocol import Question
from pgadvisor.workload.index_names import find_index
from pgadvisor.workload.index_text import read_index
from support.fake_planner import FakePlanner
from support.hostile_reports import spoiled
from support.snapshots import facts

_LONG = (
    "SELECT o.id, o.created_at, c.email, sum(l.amount) AS total FROM orders AS o JOIN customers AS c ON c.id = "
    "o.customer_id JOIN lines AS l ON l.order_id = o.id WHERE o.status = $1 AND c.country = $2 AND o.created_at >= $3 "
    "GROUP BY o.id, o.created_at, c.email ORDER BY total DESC LIMIT $4"
)
_SHOP: dict[str, Any] = {
    "tables": {
        "public.orders": {
            "rows": 1.2e6,
            "columns": ["id bigint not null", "customer_id bigint", "status text", "created_at date", "note text"],
            "indexes": {"orders_pkey": "unique primary btree (id)", "orders_status_idx": "btree (status)"},
            "index_bytes": {"orders_status_idx": 9_000_000, "orders_pkey": 26_000_000},
            "constraints": {"orders_pkey": "primary key (id)"},
            "counters": {"rows_inserted": 70_000, "rows_updated": 10_000},
        },
        "public.customers": {"rows": 1e5, "columns": ["id bigint", "email text", "country text"]},
        "public.lines": {
            "rows": 4e6,
            "columns": ["id bigint", "order_id bigint", "amount numeric"],
            "constraints": {"lines_order_fk": "foreign key (order_id) references public.orders (id)"},
        },
    },
    "statements": [
        {
            "id": "-4810837286530721331",
            "text": "SELECT note FROM orders WHERE customer_id = $1",
            "calls": 412_000,
            "total_ms": 9_000_000,
            "plans": [
                {"tree": "Seq Scan on public.orders cost=24000 rows=10 filter: (customer_id = $1)"},
                {
                    "tree": "Seq Scan on public.orders cost=24000 rows=900 filter: (customer_id = '7')",
                    "method": "values",
                    "values": "common",
                    "parameters": ["7"],
                },
            ],
        },
        {
            "id": "2",
            "text": _LONG,
            "calls": 1_200,
            "total_ms": 600_000,
            "plans": [{"tree": "Sort cost=90000 rows=9\n  Seq Scan on public.orders cost=89000 rows=9"}],
        },
        {
            "id": "3",
            "text": "SELECT count(*) FROM orders WHERE status = $1",
            "calls": 90,
            "total_ms": 100,
            "plans": [{"tree": "Index Only Scan using orders_status_idx on public.orders cost=10 rows=1"}],
        },
        {"id": "4", "text": "UPDATE orders SET status = $1 WHERE id = $2", "calls": 5_000, "total_ms": 4_000},
        {"id": "5", "text": "SELECT st_area(note) FROM orders", "calls": 5, "total_ms": 10},
        {"id": "6", "text": "VACUUM orders", "calls": 2, "total_ms": 70_000},
        {"id": "7", "calls": 5, "total_ms": 850},
    ],
}


def _tree(question: Question, configuration: Configuration) -> str:
    changed = bool(configuration.create)
    match question.query_id:
        case "-4810837286530721331" if changed:
            return (
                "Index Scan using idx_orders_customer_id on public.orders cost=24.5 rows=10 "
                "index cond: (customer_id = $1) ; filter: (status = 'open'::text)"
            )
        case "-4810837286530721331":
            return "Seq Scan on public.orders cost=24000 rows=10 filter: (customer_id = $1)"
        case "2":
            join = "Nested Loop cost=61000 rows=9" if changed else "Hash Join cost=89000 rows=9 hash cond: (c.id = $1)"
            scan = "Index Scan using idx_orders_customer_id" if changed else "Seq Scan"
            return (
                f"Sort cost={61_900 if changed else 89_900} rows=9 sort: (sum(l.amount)) DESC\n  {join}\n"
                f"    {scan} on public.orders o cost=20000 rows=900 filter: (o.status = $1)\n"
                "    Seq Scan on public.customers c cost=2000 rows=100 filter: (c.country = $2)"
            )
        case "3" if changed:
            return "Seq Scan on public.orders cost=24000 rows=1 filter: (status = $1)"
        case "3":
            return "Index Only Scan using orders_status_idx on public.orders cost=10 rows=1"
        case "4":
            return (
                "Update on public.orders cost=8 rows=0\n  Index Scan using orders_pkey on public.orders cost=8 rows=1"
            )
        case _:
            return "!The server does not know a name in it: function st_area(text) does not exist"


def sample_whatif(*, change: bool = True) -> WhatIfResult:
    """The shop with one index more, one less and another work_mem; or as it is."""
    shop = facts(_SHOP)
    oid = next(oid for oid, relation in shop.relations.items() if relation.name == "customers")
    planner = FakePlanner(
        _tree,
        identity=PlannerIdentity(kind=PlannerKind.TWIN, version="18.6", server_version="15.4"),
        size_bytes=27_000_000,
        shortfalls=(
            Shortfall(
                what="collation public.de",
                reason="The twin's programs have no ICU, so C.UTF-8 stands in for it and orders text otherwise.",
                relation_oids=(oid,),
            ),
            Shortfall(
                what="extension postgis",
                reason="The twin's server does not have it, so that its functions are missing.",
                names=("st_area",),
                prevents=True,
            ),
            Shortfall(what="function private.tally", reason="Its body is not on the twin.", names=("tally",)),
        ),
    )
    text = "CREATE INDEX ON orders (customer_id) INCLUDE (note) WHERE status = 'open'"
    wish = Change(
        (read_index(text, shop.snapshot.catalog, ("public",)),),
        tuple(find_index(name, shop.indexes.values(), ("public",)) for name in ("orders_status_idx", "orders_pkey")),
        (("work_mem", "64MB"),),
    )
    result = whatif_of(shop, planner, wish if change else Change(), asked=["2"])
    gap = Gap(fact=Fact.COLUMN_STATISTICS, scope="public.lines", reason="It was never analyzed", remedy="ANALYZE it.")
    return msgspec.structs.replace(result, gaps=(gap,))


def hostile_whatif() -> WhatIfResult:
    """The same, hostile in every field that holds text of strangers."""
    data = msgspec.json.decode(msgspec.json.encode(sample_whatif()))
    effects = [(each["effect"], [known["effect"] for known in each["by_values"]]) for each in data["statements"]]
    kind = data["planner"]["kind"]
    data = spoiled(data)
    data["planner"]["kind"] = kind
    for each, (effect, for_values) in zip(data["statements"], effects, strict=True):
        each["effect"] = effect
        for known, value in zip(each["by_values"], for_values, strict=True):
            known["effect"] = value
    return msgspec.convert(data, WhatIfResult)
