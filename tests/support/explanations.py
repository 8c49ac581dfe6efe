"""An explanation with everything in it, and one whose every text is hostile."""

from __future__ import annotations

import msgspec

from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.explanation import (
    ConditionView,
    Explanation,
    Limitation,
    PlanSide,
    RelationView,
    ShapeView,
    Use,
)
from pgadvisor.model.findings import Evidence, Unit
from support.hostile_reports import spoiled
from support.reports import sample_report


def sample_explanation() -> Explanation:
    """The shop's first statement with a finding, explained."""
    report = sample_report()
    finding = next(finding for finding in report.findings if finding.query_ids and finding.recommendations)
    view = next(view for view in report.statements if view.query_id == finding.query_ids[0])
    plan = view.plans[0]
    return Explanation(
        tool=report.tool,
        source=report.source,
        text=view.text or "",
        given="SELECT '…'",
        statement=view,
        shape=ShapeView(
            kind="select",
            read_by="parser",
            relations=(
                RelationView(
                    name="shop.orders",
                    alias="o",
                    through=("shop.open_orders",),
                    row_count=1_200_000.0,
                    total_bytes=120_000_000,
                    columns=("id", "status"),
                ),
                RelationView(name="shop.customers", alias="c", written=True),
            ),
            conditions=(
                ConditionView(
                    relation="shop.orders",
                    alias="o",
                    column="status",
                    text="o.status = $1",
                    compared_with="parameter",
                    use=Use.SERVED,
                    indexes=("orders_status_idx",),
                    kept_fraction=0.2,
                    most_common_fraction=0.92,
                ),
                ConditionView(
                    relation="shop.customers",
                    alias="c",
                    column="email",
                    text="lower(c.email) = $2",
                    compared_with="parameter",
                    use=Use.HIDDEN,
                    reason="function lower",
                ),
            ),
            joins=("orders.customer_id = customers.id",),
            sort=("orders.created_at DESC",),
            limit="LIMIT $3",
            functions=("lower",),
            others=("view shop.gone",),
        ),
        plans=(
            PlanSide(
                label="unknown values",
                plan=plan,
                total_cost=120.5,
                estimated_rows=500.0,
                summary=("Seq Scan on orders",),
            ),
            PlanSide(
                label="a common value, executed",
                values=("$1 = … (text, most common value of shop.orders.status)",),
                plan=plan,
                total_cost=9_000.0,
                estimated_rows=90_000.0,
                actual_rows=91_234.0,
                execution_ms=12.3,
                alike=0,
            ),
        ),
        limitations=(
            Limitation(
                sentence="Most of its cost goes into the Seq Scan on orders.",
                evidence=(Evidence(label="share of the cost", value=0.97, unit=Unit.FRACTION),),
            ),
        ),
        findings=(finding,),
        recommendations=tuple(action for action in report.recommendations if action.key in finding.recommendations),
        other_findings=report.findings[1:3],
        tables=report.tables[:1],
        statements_window=report.trust.statements_window,
        counters_window=report.trust.counters_window,
        gaps=(Gap(fact=Fact.EXECUTED_PLANS, scope="", reason="It was not executed", remedy="Use --run."),),
    )


def hostile_explanation() -> Explanation:
    """The same, hostile in every field that holds text of strangers."""
    data = spoiled(msgspec.json.decode(msgspec.json.encode(sample_explanation())))
    for condition in data["shape"]["conditions"]:
        condition["use"] = condition["use"].split(" ")[0]
    return msgspec.convert(data, Explanation)
