"""A schema for each tenant: one finding, one recommendation, with how many."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.advise.tenants import MAX_WRITTEN_OUT
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
    schema = finding.subject.schema
    assert "The same holds in 29 other schemas" in finding.sentence
    assert f"the evidence below is that of schema {schema}, the impact that of all 30." in finding.sentence
    assert finding.evidence[0].value == 30
    assert made.outcomes[[o.rule for o in made.outcomes].index("unindexed_foreign_key")].findings == 1
    (recommendation,) = made.recommendations
    assert finding.recommendations == (recommendation.key,)
    assert recommendation.findings == (finding.key,)
    assert recommendation.title.endswith("and so in 29 other schemas")
    assert len(recommendation.copies) == 29
    own, copies = recommendation.steps, recommendation.copy_steps
    assert [step.sql for step in own[1:]] == [
        f"CREATE INDEX CONCURRENTLY idx_orders_customer_id ON {schema}.orders (customer_id);"
    ]
    assert copies[0] == own[0], "the session is prepared once"
    created = [step.sql for step in copies[1:]]
    assert len(created) == len(set(created)) == 29
    assert all(f"_customer_id ON {s}.orders" in sql for s, sql in zip(recommendation.copies, created, strict=True))
    assert all(schema in step.sql for step in recommendation.checks[1:])
    assert any(f"The checks are those of schema {schema}" in caveat for caveat in recommendation.caveats)
    assert not any("of 30 schemas" in caveat for caveat in recommendation.caveats)
    written = [figure.value for figure in recommendation.price if figure.label.startswith("index entries written")]
    assert written == [6.0]


def test_evidence_is_of_one_and_impact_of_all() -> None:
    each = [tables(f"t{number}") for number in range(3)]
    for number, some in enumerate(each):
        names = f"c{number}", f"d{number}"
        some[f"t{number}.orders"]["indexes"] = dict.fromkeys(names, "btree (customer_id)")
        some[f"t{number}.orders"]["index_bytes"] = dict.fromkeys(names, 2_000_000)
    finding, one = (
        next(finding for finding in made.findings if finding.rule == "duplicate_index")
        for made in (report(*each), report(each[0]))
    )
    assert finding.evidence[1:] == one.evidence
    assert (finding.impact.bytes, one.impact.bytes) == (6_000_000, 2_000_000)


def test_no_more_than_some_are_written_out() -> None:
    made = report(*(tables(f"t{number}") for number in range(MAX_WRITTEN_OUT + 5)))
    (recommendation,) = made.recommendations
    assert len(recommendation.copies) == MAX_WRITTEN_OUT + 4
    assert len(recommendation.copy_steps) == 1 + MAX_WRITTEN_OUT - 1
    caveat = f"The SQL is that for {MAX_WRITTEN_OUT} of {MAX_WRITTEN_OUT + 5} schemas"
    assert any(caveat in each for each in recommendation.caveats)


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
    assert all("mended" not in step.sql for r in made.recommendations for step in (*r.steps, *r.copy_steps))


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


def test_a_name_is_taken_in_its_own_schema_alone() -> None:
    a, b = tables("a"), tables("b")
    a["a.customers"]["indexes"] = {"idx_orders_customer_id": "btree (id)"}
    made = report(a, b)
    created = sorted(s.sql for r in made.recommendations for s in r.steps if s.sql.startswith("CREATE INDEX"))
    in_a, in_b = (next(sql for sql in created if f" ON {schema}.orders" in sql) for schema in "ab")
    assert "idx_orders_customer_id ON" not in in_a
    assert "idx_orders_customer_id ON" in in_b
