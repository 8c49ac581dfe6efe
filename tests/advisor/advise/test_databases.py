"""Reports on several databases, put together into one."""

from __future__ import annotations

from typing import Any

import msgspec

from pgadvisor.advise.databases import merged
from pgadvisor.analyze import analyze
from pgadvisor.config import Config, ReportConfig
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.report import Report
from pgadvisor.registry import load_renderer, load_rules, load_terminal
from support.advice import AdvisedData, decisions
from support.snapshots import snapshot

RULES = load_rules()
NAMES = ("shop", "</script>\"o's")


def report(database: str, rows: int, statement_ms: float) -> Report:
    """Orders without an index on their customer, found by scanning; statements have the same ids in every database."""
    given: dict[str, Any] = {
        "tables": {
            "public.customers": {
                "rows": 1000,
                "columns": ["id bigint not null"],
                "stats": {"id": {"n_distinct": -1.0}},
                "constraints": {"customers_pkey": "primary key (id)"},
                "counters": {"rows_deleted": 50},
            },
            "public.orders": {
                "rows": rows,
                "columns": ["id bigint not null", "customer_id bigint not null"],
                "stats": {"customer_id": {"n_distinct": -0.05}},
                "constraints": {
                    "orders_pkey": "primary key (id)",
                    "orders_customer": "foreign key (customer_id) references public.customers (id)",
                },
            },
        },
        "statements": [
            {"id": "1", "text": "SELECT * FROM orders WHERE customer_id = $1", "total_ms": statement_ms, "calls": 10}
        ],
    }
    made = snapshot(given)
    server = msgspec.structs.replace(made.server, database=database)
    return analyze(msgspec.structs.replace(made, server=server), Config(), RULES)


def test_findings_stand_in_one_ranking_each_with_its_database() -> None:
    small, large = report(NAMES[0], 100_000, 10.0), report(NAMES[1], 900_000, 30.0)
    both = merged([small, large], ReportConfig())
    assert [f.database for f in both.findings] == [NAMES[1], NAMES[0]]
    assert [f.rank for f in both.findings] == [1, 2]
    assert [f.key for f in both.findings] == [f"{f.database}/{f.rule}:{f.key.split(':', 1)[1]}" for f in both.findings]
    assert len({f.anchor for f in both.findings}) == 2
    keys = {r.key for r in both.recommendations}
    assert len(keys) == 2 and keys == set(both.action_plan)
    assert all(set(f.recommendations) <= keys for f in both.findings)
    assert [s.database for s in both.databases] == [NAMES[1], NAMES[0]]
    assert [(s.database, s.share, s.query_id) for s in both.statements] == [
        (NAMES[1], 0.75, "1"),
        (NAMES[0], 0.25, "1"),
    ]
    assert sum(both.severity_counts.values()) == 2
    (outcome,) = (o for o in both.outcomes if o.rule == "unindexed_foreign_key")
    assert outcome.findings == 2
    assert {t.database for t in both.tables} == set(NAMES)


def test_databases_with_findings_are_named_first() -> None:
    reports = [report(name, 100, 10.0) for name in ("a", "b")] + [report("c", 500_000, 10.0), report("d", 900_000, 9.0)]
    assert not reports[0].findings and reports[3].findings
    both = merged(reports, ReportConfig())
    worst = both.findings[0].database
    assert [source.database for source in both.databases] == [worst, {"c": "d", "d": "c"}[worst], "a", "b"]
    assert both.source == both.databases[0]


def test_one_report_stays_as_it_is_and_caps_hold_over_all() -> None:
    one = report("shop", 100_000, 10.0)
    assert merged([one], ReportConfig()) is one
    capped = merged([one, report("b", 100_000, 5.0)], ReportConfig(max_findings=1, max_tables=1))
    assert len(capped.findings) == len(capped.tables) == 1
    assert (capped.left_out.findings, capped.left_out.tables) == (1, 3)


def test_statements_that_an_advised_index_changes_keep_their_texts() -> None:
    (advised,) = decisions(
        [AdvisedData(table="public.orders", index="btree (id)", gains={"1": [9.0, 1.0, 5.0]})]
    ).created
    first, second = report(NAMES[0], 100_000, 10.0), report(NAMES[1], 900_000, 30.0)
    changed = [msgspec.structs.replace(each, advised=advised) for each in first.recommendations]
    none = ReportConfig(max_statements=0, max_findings=0)
    assert merged([first, second], none).statements == ()
    kept = merged([msgspec.structs.replace(first, recommendations=tuple(changed)), second], none).statements
    assert [(each.database, each.query_id) for each in kept] == [(NAMES[0], "1")]


def test_what_is_missing_in_one_is_missing_in_part() -> None:
    one, other = report("a", 100_000, 10.0), report("b", 100_000, 10.0)
    gone = tuple(
        msgspec.structs.replace(entry, presence=Presence.ABSENT) if entry.fact is Fact.CATALOG else entry
        for entry in other.trust.coverage
    )
    other = msgspec.structs.replace(other, trust=msgspec.structs.replace(other.trust, coverage=gone))
    both = merged([one, other], ReportConfig())
    presence = {entry.fact: entry.presence for entry in both.trust.coverage}
    assert presence[Fact.CATALOG] is Presence.PARTIAL
    assert all(gap.scope.split(":")[0] in "ab" for gap in both.trust.gaps)


def test_it_can_be_shown() -> None:
    both = merged([report(name, 500_000, 10.0) for name in NAMES], ReportConfig())
    page = load_renderer("html")(both).decode()
    title = page[page.index("<h1>") : page.index("</h1>")]
    assert "2 databases: " in title and "shop" in title and "&lt;/script&gt;" in title
    cards = page[page.index('<ol class="toplist">') : page.index('<figure class="where">')]
    assert "in database <bdi>shop</bdi>" in cards and "in database <bdi>&lt;/script&gt;&#34;o&#39;s</bdi>" in cards
    assert "in database <bdi>" not in load_renderer("html")(report("shop", 500_000, 10.0)).decode()
    assert page.count("In database shop:") >= 1
    text = load_terminal()(both, 80, False)
    assert "2 databases: " in text
    assert "shop: public.orders" in text
