"""A report with advice on indexes that has everything in it, as it is, and one whose every text is hostile."""

from __future__ import annotations

from typing import Any

import msgspec

from pgadvisor.model.base import Confidence
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.effects import Effect, PlanPair, Reason, Shortcoming, TimeRange
from pgadvisor.model.index_advice import (
    AdvisedIndex,
    Compression,
    IndexAdvice,
    IndexPrice,
    LeftIndex,
    StatementEffect,
    WhyNot,
    WorkloadEffect,
)
from pgadvisor.model.plan_view import PlanView
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.report import Recommendation, Report
from pgadvisor.model.verification import MeasuredIndex, MeasuredStatement, Promise, Verdict, Verification
from pgadvisor.model.whatif import PlannerIdentity, PlannerKind
from support.hostile_reports import spoiled
from support.reports import NOW, STATEMENTS_WINDOW, anchor, index, sample_report, scan_plan

_IDS = tuple(str(-7046029254386353131 + number) for number in range(5))
_DAY_MS = (STATEMENTS_WINDOW.seconds or 0.0) / 86_400 * 1_000
_PROOF = "The planner of the twin says so; nothing was executed."


def _view(relation: str, condition: str, rows: float, scan: str = "") -> PlanView:
    plan = scan_plan(relation, condition, rows, executed=False)
    if scan:
        plan = {"Plan": {"Node Type": "Index Scan", "Index Name": scan, "Relation Name": relation, "Schema": "public"}}
        plan["Plan"] |= {"Index Cond": condition, "Startup Cost": 0.4, "Total Cost": 24.5, "Plan Rows": rows}
    return PlanView(
        method="generic", planner="a twin of PostgreSQL 18.3", equivalent_select=False, parameters=(), plan=plan
    )


def effect(number: int, what: Effect, before: float, after: float, **more: Any) -> StatementEffect:
    """What becomes of one of the shop's statements."""
    fields: dict[str, Any] = {
        "query_id": _IDS[number],
        "anchor": anchor(f"statement:{_IDS[number]}"),
        "calls": 40_000,
        "total_ms": 3_600 * _DAY_MS,
        "effect": what,
        "cost_before": before,
        "cost_after": after,
        "worst": after / before,
        "estimated": TimeRange(low_ms=0.0, high_ms=3_600 * _DAY_MS * (after / before) ** 0.5),
    }
    if what is Effect.LOSES:
        fields["estimated"] = TimeRange(low_ms=3_600 * _DAY_MS * (after / before) ** 0.5, high_ms=None)
    return StatementEffect(**(fields | more))


GAINING = effect(
    0,
    Effect.GAINS,
    25_312.4,
    24.5,
    total_ms=34_212_334.0,
    estimated=TimeRange(low_ms=0.0, high_ms=1_064_000.0),
    marks=(1,),
    plans=PlanPair(
        before=_view("orders", "((status = $1) AND (created_at >= $2))", 2_007.0),
        after=_view("orders", "((status = $1) AND (created_at >= $2))", 2_007.0, "idx_orders_status_created_at"),
        changes=("Index Scan using idx_orders_status_created_at instead of Seq Scan on public.orders o",),
    ),
)
LOSING = effect(4, Effect.LOSES, 8.4, 8.9, calls=800_000)


def work(gain: int, lose: int, before: float, after: float, high_ms: float | None) -> WorkloadEffect:
    """What becomes of the shop's workload, which takes 83,000 s in the window."""
    return WorkloadEffect(
        gain=gain,
        lose=lose,
        cost_before=before,
        cost_after=after,
        before_ms=83_000_000.0,
        estimated=TimeRange(low_ms=0.0, high_ms=high_ms),
    )


def _advised(definition: IndexDefinition, name: str, size_bytes: int, write_ms: float, **more: Any) -> AdvisedIndex:
    fields: dict[str, Any] = {
        "proposal": CreateIndex(definition=definition),
        "name": name,
        "price": IndexPrice(
            size_bytes=size_bytes,
            entries=1_212_000.0,
            write_ms=write_ms,
            wal_bytes=612_000_000.0,
            hot_updates=84_000.0,
            build_ms=4_200.0,
            build_wal_bytes=size_bytes,
        ),
        "alone": work(1, 0, 1.02e9, 4.1e8, 52_000_000.0),
        "together": work(1, 0, 1.02e9, 4.4e8, 49_851_666.0),
        "effects": (GAINING,),
        "query_ids": (_IDS[0],),
    }
    return AdvisedIndex(**(fields | more))


def _left(why: WhyNot, sentence: str, *columns: str, **more: Any) -> LeftIndex:
    return LeftIndex(definition=index("orders", *columns), why=why, sentence=sentence, **more)


_LEFT = (
    _left(WhyNot.OVER_BUDGET, "It takes 12 MB more than are left.", "note", size_bytes=49_000_000, gain_ms=812_000.0),
    _left(WhyNot.TOO_COSTLY, "To write it takes 9 s a day, of which it saves 2 s.", "updated_at", write_ms=55_000.0),
    _left(WhyNot.SLOWS, "Statement 7 would cost 41% more.", "total_cents", "status"),
    _left(WhyNot.BETTER_ONE, "idx_orders_status_created_at does its work.", "status", served_by="idx_orders_status"),
    *(_left(WhyNot.NO_GAIN, "No plan uses it.", f"c{number}") for number in range(9)),
    _left(WhyNot.SERVED, "public.orders_pkey already serves.", "id", served_by="public.orders_pkey"),
    _left(WhyNot.STILL_NEEDED, "Statement 3 would cost 3 times more.", "is_gift", name="public.orders_is_gift_idx"),
    _left(WhyNot.IMPOSSIBLE, "A row of it may be too long for a B-tree.", "payload"),
)

_ADVICE = IndexAdvice(
    planner=PlannerIdentity(kind=PlannerKind.TWIN, version="18.3", server_version="18.3"),
    budget_bytes=110_000_000,
    created=2,
    dropped=1,
    left=_LEFT,
    left_out=31,
    workload=work(3, 1, 1.02e9, 3.1e8, None),
    effects=(GAINING, effect(1, Effect.GAINS, 45_210.0, 12.2), effect(2, Effect.GAINS, 45_230.0, 29.0), LOSING),
    size_bytes=61_000_000,
    write_ms=312_000.0,
    candidates=64,
    explains=3_812,
    cut_short="20,000 EXPLAINs were asked for",
    compression=Compression(statements=80, of_statements=100, left_out_share=0.004),
    not_planned=(Reason(reason="The server does not know a name in it: crosstab", statements=5, query_ids=_IDS),),
    shortcomings=(
        Shortcoming(number=1, what="collation public.de", reason="C.UTF-8 stands in for it.", statements=2),
        Shortcoming(number=2, what="extension postgis", reason="The twin lacks it.", statements=1, prevents=True),
        Shortcoming(number=3, what="function private.tally", reason="Its body is not on the twin.", statements=0),
    ),
)

_MEASURED = MeasuredStatement(
    query_id=_IDS[0],
    anchor=GAINING.anchor,
    verdict=Verdict.KEPT,
    calls=40_000,
    promise=Promise(high=0.031),
    before_ms=96.5,
    after_ms=0.42,
    noise=0.03,
    runs=5,
    uses=("idx_orders_status_created_at",),
)


def index_report(*, verified: bool = False) -> Report:
    """The shop's, with two indexes to create, one to drop, and many that were left; verified: tried on a copy."""
    report = sample_report()
    _, orders, items, email = report.recommendations[:4]
    orders = _proved(
        orders,
        _advised(
            msgspec.structs.replace(index("orders", "status"), keys=(
                IndexKey(column="status"), IndexKey(column="created_at", descending=True, nulls_first=True),
            ), include=("total_cents",), predicate="(deleted_at IS NULL)"),
            "idx_orders_status_created_at",
            37_748_736,
            210_000.0,
            reasons=("equality, then order with LIMIT", "partial"),
            findings=orders.findings,
        ),
    )  # fmt: skip
    items = _proved(
        items,
        _advised(
            index("order_items", "product_id"),
            "idx_order_items_product_id",
            71_592_256,
            150_000.0,
            effects=(effect(1, Effect.GAINS, 45_210.0, 12.2), effect(2, Effect.GAINS, 45_230.0, 29.0), LOSING),
            together=work(2, 1, 4.7e8, 3.1e8, None),
            foreign_keys=("order_items_product_id_fkey",),
            replaces=("public.order_items_product_id_quantity_idx",),
        ),
    )
    drop = DropIndex(schema="public", name="customers_email_idx1", definition=index("customers", "email"))
    email = msgspec.structs.replace(
        _proved(
            email,
            AdvisedIndex(
                proposal=drop,
                name="customers_email_idx1",
                price=IndexPrice(size_bytes=48_340_992, entries=812_000.0, write_ms=48_000.0),
                alone=work(0, 0, 1.02e9, 1.02e9, 83_000_000.0),
                together=work(0, 0, 3.1e8, 3.1e8, 83_000_000.0),
                reasons=("the same as customers_email_key",),
            ),
        ),
        proposal=drop,
        confidence=Confidence.ESTIMATED,
    )
    if verified:
        orders = msgspec.structs.replace(
            orders,
            measured=MeasuredIndex(
                verdict=Verdict.KEPT,
                build_ms=3_900.0,
                size_bytes=38_100_000,
                promised_bytes=37_748_736,
                statements=(_MEASURED,),
            ),
        )
        items = msgspec.structs.replace(
            items, measured=MeasuredIndex(verdict=Verdict.NOT_RUN, reason="The build ran into its timeout.")
        )
    others = [each for each in report.recommendations if each.key not in {orders.key, items.key, email.key}]
    return msgspec.structs.replace(
        report,
        recommendations=(*others[:1], orders, items, email, *others[1:]),
        index_advice=_ADVICE,
        verification=_verification() if verified else None,
    )


def _proved(action: Recommendation, advised: AdvisedIndex) -> Recommendation:
    return msgspec.structs.replace(
        action, proposal=advised.proposal, advised=advised, proof=_PROOF, confidence=Confidence.PROVED
    )


def _verification() -> Verification:
    worse = msgspec.structs.replace(
        _MEASURED, query_id=_IDS[1], anchor=anchor(f"statement:{_IDS[1]}"), verdict=Verdict.WORSE, after_ms=101.0
    )
    idle = MeasuredStatement(
        query_id=_IDS[4],
        anchor=LOSING.anchor,
        verdict=Verdict.NOT_RUN,
        calls=800_000,
        reason="No values of its parameters are known.",
    )
    return Verification(
        tool_version="0.1.0",
        server_version="18.3",
        database="shop_copy",
        measured_at=NOW,
        runs=5,
        values=3,
        statement_timeout_ms=60_000,
        statements=(_MEASURED, worse, idle),
        before_ms=8_100_000.0,
        after_ms=912_000.0,
        build_ms=8_800.0,
        size_bytes=110_000_000,
        analyzed=("public.orders",),
        not_run=1,
        not_tried=("Analyze public.events",),
    )


def tried_index_report() -> Report:
    """The shop's, tried on a copy."""
    return index_report(verified=True)


def several_databases_report() -> Report:
    """Two databases, of which the second has advice."""
    report = tried_index_report()
    name, advice = "archive", report.index_advice
    assert advice is not None
    return msgspec.structs.replace(
        report,
        databases=tuple(msgspec.structs.replace(report.source, database=each) for each in ("shop", name)),
        findings=tuple(msgspec.structs.replace(each, database=name) for each in report.findings),
        recommendations=tuple(msgspec.structs.replace(each, database=name) for each in report.recommendations),
        statements=tuple(msgspec.structs.replace(each, database=name) for each in report.statements),
        index_advice=None,
        index_advice_by_database={name: advice},
    )


def unproved_report() -> Report:
    """The shop's where no planner could be asked, and the reason."""
    report = sample_report()
    gap = Gap(
        fact=Fact.INDEX_ADVICE,
        scope="",
        reason="No planner was asked which indexes the statements would use: there are no server programs",
        remedy="pip install 'pgadvisor[embedded]'",
    )
    trust = msgspec.structs.replace(report.trust, gaps=(*report.trust.gaps, gap))
    return msgspec.structs.replace(report, trust=trust)


def nothing_report() -> Report:
    """The shop's where no index pays."""
    report = index_report()
    advice = msgspec.structs.replace(
        _ADVICE,
        created=0,
        dropped=0,
        effects=(),
        workload=work(0, 0, 1.02e9, 1.02e9, 83_000_000.0),
        size_bytes=0,
        write_ms=0.0,
        cut_short="",
    )
    return msgspec.structs.replace(report, recommendations=(), action_plan=(), index_advice=advice)


def hostile_index_report() -> Report:
    """The verified one, hostile in every field that holds text of strangers."""
    plain = tried_index_report()
    data = msgspec.json.decode(msgspec.json.encode(plain))
    lists = {name: [spoiled(item) for item in data[name]] for name in ("findings", "recommendations")}
    advice, verification = data["index_advice"], data["verification"]
    data = spoiled(data) | lists
    _words_of_the_model(data["index_advice"], advice)
    _words_of_the_model(data["verification"], verification)
    for spoilt, action in zip(data["recommendations"], msgspec.to_builtins(plain)["recommendations"], strict=True):
        _words_of_the_model(spoilt["advised"], action["advised"])
        _words_of_the_model(spoilt["measured"], action["measured"])
    for each in (*data["recommendations"], *data["statements"]):
        each["database"] = ""
    return msgspec.convert(data, Report)


def _words_of_the_model(spoilt: Any, was: Any) -> None:
    """Puts words that the model knows alone back."""
    if isinstance(was, dict) and isinstance(spoilt, dict):
        for name, value in was.items():
            if name in {"effect", "why", "verdict", "goal", "measured_at", "access_method"}:
                spoilt[name] = value
            else:
                _words_of_the_model(spoilt.get(name), value)
    elif isinstance(was, list | tuple) and isinstance(spoilt, list):
        for each, old in zip(spoilt, was, strict=True):
            _words_of_the_model(each, old)
