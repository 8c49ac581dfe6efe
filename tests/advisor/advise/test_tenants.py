"""A schema for each tenant: one finding, one recommendation, with how many."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.analyze import analyze
from pgadvisor.config import Config
from pgadvisor.model.report import Report
from pgadvisor.registry import load_rules
from support.snapshots import snapshot

RULES = load_rules()
HOSTILE = ('we"ird.', "o's", "t.public", "*", "Ünïcode")


def tables(schema: str, rows: int = 1_000_000, **extra: str) -> dict[str, Any]:
    """Orders of customers, whose foreign key has no index."""
    return {
        f"{schema}.customers": {
            "rows": 1000,
            "columns": ["id bigint not null"],
            "stats": {"id": {"n_distinct": -1.0}},
            "constraints": {"customers_pkey": "primary key (id)"},
            "counters": {"rows_deleted": 50},
        },
        f"{schema}.orders": {
            "rows": rows,
            "columns": ["id bigint not null", "customer_id bigint not null", *extra.values()],
            "stats": {"customer_id": {"n_distinct": -0.05}},
            "constraints": {
                "orders_pkey": "primary key (id)",
                "orders_customer": f"foreign key (customer_id) references {schema}.customers (id)",
            },
            "counters": {"rows_inserted": 10},
        },
    }


def report(*each: dict[str, Any]) -> Report:
    every: dict[str, Any] = {}
    for some in each:
        every |= some
    return analyze(snapshot({"tables": every}), Config(), RULES)


def test_copies_of_a_table_are_one_subject() -> None:
    made = report(*(tables(f"tenant_{number}", rows=1_000_000 + number) for number in range(30)))
    (finding,) = made.findings
    assert finding.key == "unindexed_foreign_key:*.orders(customer_id) -> *.customers"
    assert len(finding.copies) == 29
    assert "The same holds in 29 other schemas" in finding.sentence
    assert finding.evidence[0].value == 30
    assert made.outcomes[[o.rule for o in made.outcomes].index("unindexed_foreign_key")].findings == 1
    (recommendation,) = made.recommendations
    assert finding.recommendations == (recommendation.key,)
    assert recommendation.findings == (finding.key,)
    assert recommendation.title.endswith("and so in 29 other schemas")
    assert len(recommendation.copies) == 29
    created = [step.sql for step in recommendation.steps if "CREATE INDEX" in step.sql]
    assert len(created) == len(set(created)) == 20
    assert all("idx_orders_customer_id ON" in sql for sql in created), "a schema has names of its own"
    assert any("20 of 30 schemas" in caveat for caveat in recommendation.caveats)
    written = [figure.value for figure in recommendation.price if figure.label.startswith("index entries written")]
    assert written == [6.0]


def test_the_key_stays_when_tenants_come_and_go() -> None:
    few, many = (report(*(tables(f"t{n}", rows=10**6 + n * sign) for n in range(c))) for c, sign in ((3, 1), (9, -1)))
    assert [f.key for f in few.findings] == [f.key for f in many.findings]
    assert [r.key for r in few.recommendations] == [r.key for r in many.recommendations]


def test_two_schemas_or_other_columns_are_not_tenants() -> None:
    assert len(report(tables("a"), tables("b")).findings) == 2
    odd = report(tables("a"), tables("b"), tables("c", note="note text"))
    assert sorted(f.subject_name.split(".")[0] for f in odd.findings) == ["a", "b", "c"]
    assert all(not f.copies for f in odd.findings)


def test_a_tenant_that_has_the_index_is_not_among_them() -> None:
    mended = tables("mended")
    mended["mended.orders"]["indexes"] = {"orders_c": "btree (customer_id)"}
    made = report(tables("a"), tables("b"), tables("c"), mended)
    (finding,) = made.findings
    assert sorted((finding.subject.schema, *finding.copies)) == ["a", "b", "c"]
    assert all("mended" not in step.sql for r in made.recommendations for step in r.steps)


@pytest.mark.parametrize("schema", HOSTILE)
def test_names_that_need_care(schema: str) -> None:
    from pgadvisor.advise.tenants import without_schema

    assert without_schema(f"{schema}.orders(a) where x.{schema}.b", schema) == f"*.orders(a) where x.{schema}.b"


def test_tenants_of_two_generations_are_two_subjects() -> None:
    """While a migration is under way, some have a column that others have not yet."""
    old, new = (tables(f"old_{n}") for n in range(3)), (tables(f"new_{n}", extra="note text") for n in range(3))
    made = report(*old, *new)
    assert sorted(len(finding.copies) for finding in made.findings) == [2, 2]
    assert len({finding.key for finding in made.findings}) == 2
    assert len({recommendation.key for recommendation in made.recommendations}) == 2
    assert len({recommendation.anchor for recommendation in made.recommendations}) == 2
    assert sorted(key for finding in made.findings for key in finding.recommendations) == sorted(made.action_plan)
