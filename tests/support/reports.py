"""Reports made by hand: a shop's, a healthy one, a partial one and a large one."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Fact, FactCoverage, Footprint, Gap, Presence
from pgadvisor.model.findings import Evidence, OutcomeStatus, Subject, SubjectKind, Unit
from pgadvisor.model.plan_view import PlanNodeView, PlanView, TriggerView
from pgadvisor.model.proposals import CreateIndex, DropIndex, Proposal
from pgadvisor.model.report import (
    ActiveTime,
    IndexView,
    Left,
    Rate,
    RateUnit,
    Recommendation,
    Rejection,
    Report,
    ReportFinding,
    ReportImpact,
    RuleOutcome,
    RuleText,
    SettingView,
    Share,
    Source,
    StatementView,
    Step,
    TableView,
    Tool,
    Trust,
)
from pgadvisor.model.snapshot import Change, Host

NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
WINDOW = Window(since=NOW - timedelta(days=23, hours=4), until=NOW, source="the database's statistics were reset")
STATEMENTS_WINDOW = Window(since=NOW - timedelta(days=6, hours=2), until=NOW, source="pg_stat_statements was reset")
DAYS = 6 + 2 / 24


def anchor(key: str) -> str:
    words = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in key.lower()).split())[:60]
    return f"{words}-{hashlib.sha256(key.encode(errors='replace')).hexdigest()[:8]}"


def index(table: str, *columns: str) -> IndexDefinition:
    return IndexDefinition(schema="public", table=table, keys=tuple(IndexKey(column=name) for name in columns))


def per_day(total_ms: float) -> Rate:
    return Rate(total=total_ms, value=total_ms / DAYS, per=RateUnit.PER_DAY)


def scan_plan(relation: str, filter_text: str, rows: float, executed: bool) -> dict[str, Any]:
    """A sort over a parallel sequential scan, as EXPLAIN gives it."""
    scan: dict[str, Any] = {
        "Node Type": "Seq Scan",
        "Parent Relationship": "Outer",
        "Parallel Aware": True,
        "Relation Name": relation,
        "Schema": "public",
        "Alias": relation[0],
        "Startup Cost": 0.0,
        "Total Cost": 24193.2,
        "Plan Rows": rows,
        "Plan Width": 97,
        "Filter": filter_text,
    }
    gather: dict[str, Any] = {
        "Node Type": "Gather Merge",
        "Parent Relationship": "Outer",
        "Startup Cost": 24200.5,
        "Total Cost": 25310.8,
        "Plan Rows": rows * 2,
        "Plan Width": 97,
        "Plans": [scan],
    }
    top: dict[str, Any] = {
        "Node Type": "Limit",
        "Startup Cost": 25200.1,
        "Total Cost": 25312.4,
        "Plan Rows": 20,
        "Plan Width": 97,
        "Plans": [gather],
    }
    if executed:
        for node, ms, actual, loops in ((scan, 81.2, rows * 42, 3), (gather, 96.4, 20, 1), (top, 96.5, 20, 1)):
            node |= {"Actual Total Time": ms, "Actual Startup Time": 0.1, "Actual Rows": actual, "Actual Loops": loops}
        scan["Rows Removed by Filter"] = 398123
    return {"Plan": top, "Planning Time": 0.31, **({"Execution Time": 97.1} if executed else {})}


def statement(
    number: int, text: str | None, total_ms: float, share: float, relations: tuple[str, ...], **more: Any
) -> Any:
    query_id = str(-7046029254386353131 + number)
    calls = round(total_ms / (96.5 / (number + 1)))
    fields: dict[str, Any] = {
        "query_id": query_id,
        "anchor": anchor(f"statement:{query_id}"),
        "text": text,
        "calls": calls,
        "total_ms": total_ms,
        "mean_ms": total_ms / calls,
        "max_ms": total_ms / calls * 40,
        "rows": calls * 20,
        "share": share,
        "time": per_day(total_ms),
        "understood": True,
        "relations": relations,
    }
    return StatementView(**(fields | more))


def finding(
    rank: int, rule: RuleText, subject: Subject, sentence: str, severity: Severity, **more: Any
) -> ReportFinding:
    key = f"{rule.rule}:{subject.schema}.{subject.relation}({subject.name or rank})"
    name = f"{subject.schema}.{subject.relation}" + (f": {subject.name}" if subject.name else "")
    fields: dict[str, Any] = {
        "key": key,
        "anchor": anchor(key),
        "rank": rank,
        "rule": rule.rule,
        "rule_id": rule.rule_id,
        "title": rule.title,
        "subject": subject,
        "subject_name": name,
        "sentence": sentence,
        "severity": severity,
        "confidence": rule.confidence,
    }
    return ReportFinding(**(fields | more))


def rule_text(rule: str, rule_id: str, title: str, severity: Severity, confidence: Confidence) -> RuleText:
    return RuleText(
        rule=rule,
        rule_id=rule_id,
        title=title,
        looks_for=f"What {title.lower()} looks like in catalog, counters and plans.",
        why="Every execution reads the whole table to return a few rows, so the time grows with the table, "
        "and the pages it reads push others out of the cache.",
        fix="Create the index proposed, concurrently, and look at the plan again.",
        false_positives=("Reports that really need most of the rows.", "A table that is about to be emptied."),
        severity=severity,
        confidence=confidence,
        options={"min_rows": 10000, "min_share": 0.01},
        references=(
            "https://www.postgresql.org/docs/current/indexes-intro.html",
            "https://www.postgresql.org/docs/current/using-explain.html",
        ),
    )


RULES = {
    text.rule: text
    for text in (
        rule_text(
            "sequential_scan_with_filter",
            "PLN001",
            "Sequential scan with a filter",
            Severity.WARNING,
            Confidence.ESTIMATED,
        ),
        rule_text(
            "unindexed_foreign_key", "IDX001", "Foreign key without an index", Severity.WARNING, Confidence.ESTIMATED
        ),
        rule_text("duplicate_index", "IDX002", "Duplicate index", Severity.WARNING, Confidence.PROVED),
        rule_text("redundant_index", "IDX003", "Index that another one covers", Severity.WARNING, Confidence.ESTIMATED),
        rule_text(
            "low_cardinality_index", "IDX004", "Index that separates little", Severity.INFO, Confidence.ESTIMATED
        ),
        rule_text("unused_index", "IDX005", "Index that nothing scans", Severity.INFO, Confidence.ESTIMATED),
        rule_text("invalid_index", "IDX006", "Invalid index", Severity.CRITICAL, Confidence.PROVED),
        rule_text("stale_statistics", "STA001", "Stale statistics", Severity.WARNING, Confidence.MEASURED),
        rule_text("missing_primary_key", "SCH001", "Table without a primary key", Severity.INFO, Confidence.HEURISTIC),
    )
}

TEXTS = (
    "select o.id, o.status, o.total_cents, c.email from orders o join customers c on c.id = o.customer_id "
    "where o.status = $1 and o.created_at >= $2 and o.deleted_at is null order by o.created_at desc limit $3",
    "SELECT *\nFROM order_items\nWHERE product_id = $1 -- the product's page",
    "delete from customers where id = $1",
    "select count(*) from events where payload @> $1 and occurred_at between $2 and $3",
    "update carts set updated_at = now(), items = items || $1 where session_token = $2",
)

_IS_VALID = (
    "SELECT indisvalid FROM pg_catalog.pg_index\n WHERE indexrelid = 'public.orders_status_created_at_idx'::regclass;"
)


def _recommendation(
    rank: int,
    title: str,
    proposal: Proposal,
    sql: str,
    undo: str,
    lock: str,
    findings: tuple[ReportFinding, ...],
    **more: Any,
) -> Recommendation:
    key = f"recommendation:{title}"
    fields: dict[str, Any] = {
        "key": key,
        "anchor": anchor(key),
        "rank": rank,
        "title": title,
        "proposal": proposal,
        "steps": (Step(sql=sql, undo=undo, lock=lock, outside_transaction="CONCURRENTLY" in sql),),
        "confidence": Confidence.ESTIMATED,
        "proof": "The planner's statistics; no plan with this index has been seen.",
        "findings": tuple(item.key for item in findings),
        "severity": findings[0].severity,
    }
    return Recommendation(**(fields | more))


def _findings() -> tuple[ReportFinding, ...]:
    table, idx = SubjectKind.TABLE, SubjectKind.INDEX
    ids = [str(-7046029254386353131 + number) for number in range(len(TEXTS))]
    seq, fk = RULES["sequential_scan_with_filter"], RULES["unindexed_foreign_key"]
    return (
        finding(
            1,
            RULES["invalid_index"],
            Subject(kind=idx, schema="public", relation="payments", name="payments_reference_idx"),
            "Index payments_reference_idx is invalid: it is kept up to date on every write and no query can use it.",
            Severity.CRITICAL,
            impact=ReportImpact(
                bytes=214_958_080, writes=Rate(total=4_212_000.0, value=181_800.0, per=RateUnit.PER_DAY)
            ),
            evidence=(
                Evidence(label="Size", value=214_958_080, unit=Unit.BYTES),
                Evidence(label="Scans in the window", value=0, unit=Unit.COUNT),
            ),
        ),
        finding(
            2,
            seq,
            Subject(kind=table, schema="public", relation="orders"),
            "Sequential scans of public.orders filter on status and created_at and throw away 99.6% of 1.2 million.",
            Severity.WARNING,
            impact=ReportImpact(time=per_day(34_212_334.0), time_share=0.412),
            confidence=Confidence.MEASURED,
            evidence=(
                Evidence(label="Rows in the table", value=1_204_331, unit=Unit.ROWS),
                Evidence(label="Rows that pass the filter", value=4_817.0, unit=Unit.ROWS),
                Evidence(label="Share of rows that pass", value=0.004, unit=Unit.FRACTION),
                Evidence(label="Mean time per call", value=96.512, unit=Unit.MILLISECONDS),
                Evidence(label="Time since ANALYZE", value=98_123.0, unit=Unit.SECONDS),
                Evidence(label="Most common value of status", value="…", unit=Unit.TEXT, holds_values=True),
                Evidence(label="Filter", value="(status = $1) AND (created_at >= $2)", unit=Unit.SQL),
            ),
            query_ids=(ids[0],),
        ),
        finding(
            3,
            fk,
            Subject(
                kind=SubjectKind.CONSTRAINT, schema="public", relation="order_items", name="order_items_product_id_fkey"
            ),
            "No index on public.order_items starts with product_id; each delete of a product reads 3.4 million rows.",
            Severity.WARNING,
            impact=ReportImpact(time=per_day(9_812_334.0), time_share=0.118),
            evidence=(Evidence(label="Rows in the referencing table", value=3_401_118, unit=Unit.ROWS),),
            query_ids=(ids[1], ids[2]),
        ),
        finding(
            4,
            RULES["duplicate_index"],
            Subject(kind=idx, schema="public", relation="customers", name="customers_email_idx1"),
            "Index customers_email_idx1 is the same as customers_email_key, which enforces uniqueness.",
            Severity.WARNING,
            impact=ReportImpact(bytes=48_340_992, writes=Rate(total=812_000.0, value=35_050.0, per=RateUnit.PER_DAY)),
            evidence=(Evidence(label="Size", value=48_340_992, unit=Unit.BYTES),),
        ),
        finding(
            5,
            RULES["stale_statistics"],
            Subject(kind=table, schema="public", relation="events"),
            "62% of public.events changed since its statistics were gathered.",
            Severity.WARNING,
            impact=ReportImpact(time=per_day(1_912_334.0), time_share=0.023),
            evidence=(Evidence(label="Rows changed since ANALYZE", value=5_212_334, unit=Unit.ROWS),),
            query_ids=(ids[3],),
        ),
        finding(
            6,
            RULES["low_cardinality_index"],
            Subject(kind=idx, schema="public", relation="orders", name="orders_is_gift_idx"),
            "Index orders_is_gift_idx has two values; a query for the common one reads the table anyway.",
            Severity.INFO,
            impact=ReportImpact(bytes=8_355_840),
        ),
        finding(
            7,
            RULES["missing_primary_key"],
            Subject(kind=table, schema="public", relation="audit_log"),
            "Table public.audit_log has no primary key.",
            Severity.INFO,
        ),
    )


def _recommendations(findings: tuple[ReportFinding, ...]) -> tuple[Recommendation, ...]:
    share = "SHARE UPDATE EXCLUSIVE: reads and writes go on; waits for transactions that are older."
    return (
        _recommendation(
            1,
            "Rebuild payments_reference_idx",
            DropIndex(schema="public", name="payments_reference_idx", definition=index("payments", "reference")),
            "REINDEX INDEX CONCURRENTLY public.payments_reference_idx;",
            "",
            share,
            findings[0:1],
            price=(Evidence(label="Disk while it is built", value=214_958_080, unit=Unit.BYTES),),
        ),
        _recommendation(
            2,
            "Create an index on public.orders (status, created_at)",
            CreateIndex(definition=index("orders", "status", "created_at")),
            "CREATE INDEX CONCURRENTLY orders_status_created_at_idx ON public.orders USING btree (status, created_at) "
            "WHERE deleted_at IS NULL;",
            "DROP INDEX CONCURRENTLY public.orders_status_created_at_idx;",
            share,
            findings[1:2],
            checks=(
                Step(
                    sql="SELECT pid, now() - xact_start AS age, state, query\n  FROM pg_catalog.pg_stat_activity\n"
                    " WHERE xact_start < now() - interval '1 minute'\n ORDER BY xact_start;",
                    undo="",
                    lock="Before: transactions it would wait for.",
                ),
                Step(sql=_IS_VALID, undo="", lock="After: it must say t."),
            ),
            caveats=(
                "Run it without lock_timeout and statement_timeout: if it is cut off it leaves an invalid index.",
                "A failed build leaves an invalid index behind, which IF NOT EXISTS would take for done.",
            ),
            gain=(Evidence(label="Time per day, at most", value=5_630_000.0, unit=Unit.MILLISECONDS),),
            price=(
                Evidence(label="Size", value=37_748_736, unit=Unit.BYTES),
                Evidence(label="Writes that maintain it, per day", value=9_120, unit=Unit.COUNT),
            ),
        ),
        _recommendation(
            3,
            "Create an index on public.order_items (product_id)",
            CreateIndex(definition=index("order_items", "product_id")),
            "CREATE INDEX CONCURRENTLY order_items_product_id_idx ON public.order_items USING btree (product_id);",
            "DROP INDEX CONCURRENTLY public.order_items_product_id_idx;",
            share,
            findings[2:3],
        ),
        _recommendation(
            4,
            "Drop customers_email_idx1",
            DropIndex(schema="public", name="customers_email_idx1", definition=index("customers", "email")),
            "DROP INDEX CONCURRENTLY public.customers_email_idx1;",
            "CREATE INDEX CONCURRENTLY customers_email_idx1 ON public.customers USING btree (email);",
            "ACCESS EXCLUSIVE for an instant at the end; cancels queries on standbys that use it.",
            findings[3:4],
            caveats=("Statements of a month's end may not be among those seen.",),
        ),
    )


def _statements(findings: tuple[ReportFinding, ...]) -> tuple[StatementView, ...]:
    totals = (34_212_334.0, 7_112_334.0, 2_700_000.0, 1_912_334.0, 912_334.0)
    tables = (("orders", "customers"), ("order_items",), ("customers",), ("events",), ("carts",))
    whole = 83_000_000.0
    views = []
    for number, (text, total) in enumerate(zip(TEXTS, totals, strict=True)):
        query_id = str(-7046029254386353131 + number)
        plans: tuple[PlanView, ...] = ()
        if number in {0, 3}:
            relation = tables[number][0]
            shown = "((status = $1) AND (created_at >= '…'::timestamptz) AND (deleted_at IS NULL))"
            plans = (
                PlanView(
                    method="generic",
                    planner="PostgreSQL 18.3, the audited server",
                    equivalent_select=number == 3,
                    parameters=(),
                    plan=scan_plan(relation, shown, 2007.0, executed=False),
                ),
            )
            if number == 0:
                plans += (
                    PlanView(
                        method="executed",
                        planner="PostgreSQL 18.3, the audited server",
                        equivalent_select=False,
                        parameters=("$1 = … (text, most common value of public.orders.status)",),
                        plan=scan_plan(relation, shown, 2007.0, executed=True),
                        nodes=(
                            PlanNodeView(own_cost=0.1, own_ms=0.1, total_ms=96.5, own_blocks=0),
                            PlanNodeView(own_cost=1119.1, own_ms=15.2, total_ms=96.4, own_blocks=60),
                            PlanNodeView(
                                own_cost=24193.2,
                                own_ms=81.2,
                                total_ms=81.2,
                                own_blocks=18_204,
                                own_temp_blocks=812,
                                processes=3.0,
                                factor=42.0,
                                guilty=True,
                            ),
                        ),
                        misjudged=f"Parallel Seq Scan on public.orders o, {shown}: 4,817 rows expected, "
                        "202,314 rows came, 42 times more",
                        triggers=(TriggerView(name="orders_customer_id_fkey on orders", calls=20, time_ms=1.25),),
                        jit_ms=12.5,
                        planning_ms=0.31,
                        execution_ms=97.1,
                    ),
                )
        views.append(
            statement(
                number,
                text,
                total,
                total / whole,
                tuple(f"public.{name}" for name in tables[number]),
                plans=plans,
                findings=tuple(item.key for item in findings if query_id in item.query_ids),
            )
        )
    views.append(statement(5, None, 301_000.0, 0.0036, (), missing_reason="<insufficient privilege>", understood=False))
    views.append(
        statement(
            6,
            "select * from crosstab($1) as ct(a int, b int)",
            201_000.0,
            0.0024,
            (),
            understood=False,
            not_understood_reason="a function in FROM with a column list",
            cut_bytes=12_000,
        )
    )
    return tuple(views)


_GAPS = (
    Gap(
        fact=Fact.STATEMENT_TEXTS,
        scope="statement -7046029254386353126",
        reason="The text belongs to another role.",
        remedy="GRANT pg_read_all_stats TO monitor",
    ),
    Gap(
        fact=Fact.PLANS, scope="14 statements", reason="The limit of 150 EXPLAINs was reached.", remedy="--max-explains"
    ),
    Gap(fact=Fact.COLUMN_STATISTICS, scope="billing.ledger", reason="permission denied for table ledger"),
)


def _outcomes(findings: tuple[ReportFinding, ...]) -> tuple[RuleOutcome, ...]:
    counts = {name: sum(1 for item in findings if item.rule == name) for name in RULES}
    special = {"redundant_index": OutcomeStatus.INCOMPLETE, "unused_index": OutcomeStatus.NOT_CHECKED}
    return tuple(
        RuleOutcome(
            rule=text.rule,
            rule_id=text.rule_id,
            title=text.title,
            status=OutcomeStatus.FINDINGS if counts[text.rule] else special.get(text.rule, OutcomeStatus.CLEAN),
            findings=counts[text.rule],
            gaps=_GAPS[2:] if text.rule in special else (),
        )
        for text in RULES.values()
    )


def sample_report() -> Report:
    """A shop's: seven findings of all severities, plans executed and not, gaps."""
    findings = _findings()
    recommendations = _recommendations(findings)
    by_finding = {key: item.key for item in recommendations for key in item.findings}
    findings = tuple(
        msgspec.structs.replace(item, recommendations=(by_finding[item.key],) if item.key in by_finding else ())
        for item in findings
    )
    findings = (
        *findings[:5],
        msgspec.structs.replace(findings[5], related=(findings[1].key,)),
        *findings[6:],
    )
    return Report(
        tool=Tool(name="pgadvisor", version="0.1.0"),
        source=Source(
            server_version="18.3",
            database="shop",
            role="monitor",
            is_superuser=False,
            host="db1.example.org",
            port=5432,
            in_recovery=False,
            started_at=NOW - timedelta(days=80),
            collected_at=NOW,
            database_size_bytes=12_884_901_888,
        ),
        trust=Trust(
            counters_window=WINDOW,
            statements_window=STATEMENTS_WINDOW,
            shares=(
                Share(
                    label="looked into",
                    statements=100,
                    of_statements=1812,
                    time_ms=81_340_000.0,
                    of_time_ms=83_000_000.0,
                ),
                Share(
                    label="understood", statements=97, of_statements=1812, time_ms=80_925_000.0, of_time_ms=83_000_000.0
                ),
                Share(
                    label="planned", statements=86, of_statements=1812, time_ms=78_020_000.0, of_time_ms=83_000_000.0
                ),
                Share(
                    label="executed", statements=12, of_statements=1812, time_ms=44_820_000.0, of_time_ms=83_000_000.0
                ),
                Share(label="opaque", statements=2, of_statements=1812, time_ms=1_000_000.0, of_time_ms=83_000_000.0),
            ),
            parts=tuple(
                Share(label=label, statements=statements, of_statements=1812, time_ms=time_ms, of_time_ms=83_000_000.0)
                for label, statements, time_ms in (
                    ("understood and planned", 86, 78_020_000.0),
                    ("understood, not planned", 9, 1_905_000.0),
                    ("planned, not understood", 0, 0.0),
                    ("opaque", 2, 1_000_000.0),
                    ("not understood", 3, 415_000.0),
                    ("not looked into", 1712, 1_660_000.0),
                )
            ),
            active=ActiveTime(statements_ms=83_000_000.0, active_ms=91_208_791.0),
            evicted=1_204,
            coverage=tuple(
                FactCoverage(
                    fact=fact,
                    presence=Presence.PARTIAL
                    if fact in {Fact.PLANS, Fact.STATEMENT_TEXTS, Fact.COLUMN_STATISTICS}
                    else Presence.PRESENT,
                )
                for fact in Fact
            ),
            gaps=_GAPS,
            footprint=Footprint(
                server_ms=1_834.2,
                transactions=131,
                queries=318,
                explained=112,
                executed=12,
                executed_ms=1_012.0,
                longest_transaction_ms=212.0,
                peak_locks=204,
                statement_entries=124,
                scans_added={"public.orders": 3, "public.events": 1},
            ),
            planners=("PostgreSQL 18.3, the audited server",),
        ),
        configuration={"collect": {"statements": 100, "execute": "safe"}, "report": {"max_findings": 50}},
        severity_counts={s: sum(1 for item in findings if item.severity is s) for s in Severity},
        findings=findings,
        recommendations=recommendations,
        rejections=(
            Rejection(
                title="Create an index on public.orders (status)",
                reason="A wider index that is proposed as well serves in its place.",
                findings=(findings[1].key,),
            ),
        ),
        action_plan=tuple(item.key for item in recommendations),
        outcomes=_outcomes(findings),
        rules=tuple(RULES.values()),
        statements=_statements(findings),
        tables=tuple(
            TableView(
                name=f"public.{name}",
                kind="partitioned table" if name == "events" else "table",
                row_count=float(rows),
                total_bytes=rows * 131,
                seq_scans=rows // 9000,
                index_scans=rows * 3,
                writes=rows // 4,
                last_analyzed=None if name == "audit_log" else NOW - timedelta(days=3),
                indexes=3,
                partitions=24 if name == "events" else 0,
            )
            for name, rows in (
                ("events", 8_402_117),
                ("order_items", 3_401_118),
                ("orders", 1_204_331),
                ("customers", 310_402),
                ("audit_log", 91_000),
                ("carts", 12_000),
            )
        ),
        indexes=tuple(
            IndexView(
                name=f"public.{name}",
                table=f"public.{table}",
                definition=f"public.{table} btree ({columns})",
                bytes=size,
                scans=scans,
                last_scan=NOW - timedelta(days=1) if scans else None,
                valid=name != "payments_reference_idx",
                enforces="primary key" if name.endswith("pkey") else "",
            )
            for name, table, columns, size, scans in (
                ("orders_pkey", "orders", "id", 27_000_832, 8_120_334),
                ("orders_is_gift_idx", "orders", "is_gift", 8_355_840, 3),
                ("customers_email_idx1", "customers", "email", 48_340_992, 0),
                ("payments_reference_idx", "payments", "reference", 214_958_080, 0),
            )
        ),
        settings=(
            SettingView(name="random_page_cost", value="4", source="default", is_default=True),
            SettingView(name="shared_buffers", value="524288 8kB", source="configuration file", is_default=False),
            SettingView(name="work_mem", value="4096 kB", source="default", is_default=True),
        ),
        left_out=Left(statements=1805),
    )


def healthy_report() -> Report:
    """Nothing found; one rule could not be checked."""
    report = sample_report()
    return msgspec.structs.replace(
        report,
        severity_counts=dict.fromkeys(Severity, 0),
        findings=(),
        recommendations=(),
        rejections=(),
        action_plan=(),
        outcomes=_outcomes(()),
        statements=tuple(msgspec.structs.replace(view, findings=()) for view in report.statements),
    )


def interval_report() -> Report:
    """Two looks at a primary and each of two standbys."""
    report = sample_report()
    since = NOW - timedelta(hours=6)
    hosts = tuple(
        Host(
            name=f"{name}.example.org:5432",
            in_recovery=name != "db1",
            started_at=report.source.started_at,
            collected_at=NOW + timedelta(minutes=number),
            counters_window=Window(since=since, until=NOW + timedelta(minutes=number), source="two snapshots"),
            statements_window=Window(since=since, until=NOW, source="two snapshots") if name != "db3" else None,
            standbys={"db1": 2, "db2": 0}.get(name),
        )
        for number, name in enumerate(("db1", "db2", "db3"))
    )
    window = Window(since=since, until=NOW, source="two snapshots, the shortest of 3 servers")
    change = Change(
        since=since,
        until=NOW,
        new=(report.statements[1].query_id, report.statements[4].query_id),
        vanished=("8721",),
        matched_by_text=1,
        notes=(
            "On db1.example.org:5432: The server was started again at 2026-03-14 04:02:11 UTC.",
            "On db1.example.org:5432: 2 indexes were built between the two looks (public.orders_gift_idx, public.x): "
            "they count from then on, and nothing is said of those not scanned since.",
            "On db2.example.org:5432: 3 entries were pushed out of pg_stat_statements in between: what they counted "
            "is lost.",
        ),
    )
    return msgspec.structs.replace(
        report,
        source=msgspec.structs.replace(report.source, hosts=hosts),
        trust=msgspec.structs.replace(report.trust, counters_window=window, statements_window=window, change=change),
    )


def partial_report() -> Report:
    """Collection was cut short: no statements, windows unknown."""
    report = sample_report()
    return msgspec.structs.replace(
        report,
        trust=msgspec.structs.replace(
            report.trust,
            counters_window=Window(since=None, until=NOW, source="no reset is known"),
            statements_window=None,
            shares=(),
            gaps=(
                Gap(fact=Fact.CONNECTION, scope="interrupted", reason="Interrupted by the user after 3 of 9 steps."),
                Gap(
                    fact=Fact.STATEMENTS,
                    scope="",
                    reason="pg_stat_statements is not installed in this database.",
                    remedy="CREATE EXTENSION pg_stat_statements",
                ),
            ),
            partial_reason="Interrupted by the user after 3 of 9 steps.",
            interrupted=True,
        ),
        severity_counts={Severity.CRITICAL: 1, Severity.WARNING: 2, Severity.INFO: 0},
        findings=tuple(
            msgspec.structs.replace(
                item,
                query_ids=(),
                impact=ReportImpact(
                    time=Rate(total=1_234_567.0, value=1_234_567.0, per=RateUnit.TOTAL) if item.rank == 2 else None
                ),
            )
            for item in report.findings[:3]
        ),
        statements=(),
        left_out=Left(),
    )


def large_report(findings: int = 60, statements: int = 50) -> Report:
    """As many findings, and statements each with a plan of 25 nodes."""
    report = sample_report()
    base, view = report.findings[1], report.statements[0]
    views = []
    for number in range(statements):
        node = scan_plan("orders", f"(status = $1) AND (n{number} > $2)", 2007.0, executed=True)["Plan"]
        for _ in range(22):
            node = {"Node Type": "Nested Loop", "Total Cost": 30000.0, "Plan Rows": 10, "Plans": [node]}
            node |= {"Actual Total Time": 100.0, "Actual Rows": 10, "Actual Loops": 1, "Startup Cost": 1.0}
        plan = msgspec.structs.replace(view.plans[0], plan={"Plan": node})
        query_id = str(10**17 + number)
        views.append(
            msgspec.structs.replace(
                view,
                query_id=query_id,
                anchor=anchor(f"statement:{query_id}"),
                share=0.4 / (number + 1) ** 1.3,
                plans=(plan,),
                findings=(),
            )
        )
    many = []
    advice = []
    for number in range(findings):
        key = f"sequential_scan_with_filter:public.orders_{number}"
        action = msgspec.structs.replace(
            report.recommendations[1], key=f"r{number}", anchor=f"r-{number}", findings=(key,), rank=number + 1
        )
        advice.append(action)
        many.append(
            msgspec.structs.replace(
                base,
                key=key,
                anchor=anchor(key),
                rank=number + 1,
                query_ids=(views[number % statements].query_id,),
                recommendations=(action.key,),
            )
        )
    return msgspec.structs.replace(
        report,
        severity_counts={Severity.CRITICAL: 0, Severity.WARNING: findings + 7, Severity.INFO: 0},
        findings=tuple(many),
        recommendations=tuple(advice),
        action_plan=tuple(item.key for item in advice),
        statements=tuple(views),
        left_out=Left(findings=7, statements=12),
    )
