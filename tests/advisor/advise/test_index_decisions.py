"""What rules propose and what the index advisor decided become one recommendation for each index, or a reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pgadvisor.advise.decide import Decision, decide
from pgadvisor.advise.handing_over import FOR_KNOWN_VALUES
from pgadvisor.advise.keys import keyed
from pgadvisor.advise.lowering import lowered
from pgadvisor.advise.recommend import action_plan, recommend, reject
from pgadvisor.advise.views import statement_views
from pgadvisor.advise.wishes import wishes_of
from pgadvisor.config import ConfigError, ReportConfig, load
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import index_name
from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.effects import Reason
from pgadvisor.model.findings import Finding, Impact, Outcome, Subject, SubjectKind
from pgadvisor.model.index_advice import AdvisedIndex, IndexDecisions, IndexPrice, WhyNot, WorkloadEffect
from pgadvisor.model.proposals import CreateIndex, DropIndex, Proposal
from pgadvisor.model.report import Recommendation
from support.advice import OTHER_MAJOR, AdvisedData, create, decisions, left
from support.snapshots import facts

SHOP: dict[str, Any] = {
    "tables": {
        "public.t": {
            "rows": 1e6,
            "columns": ["a bigint not null", "b bigint", "c bigint", "state text"],
            "indexes": {"t_state": "btree (state)", "t_b": "btree (b)"},
        }
    },
    "statements": [
        {"id": "7", "text": "select 7", "total_ms": 9000},
        {"id": "8", "text": "select 8", "total_ms": 1000},
    ],
    "statements_days": 2.0,
}


def finding(
    number: int, *proposals: Proposal, kind: SubjectKind = SubjectKind.TABLE, severity: Severity = Severity.WARNING
) -> Finding:
    return Finding(
        subject=Subject(
            kind=kind, schema="public", relation="t", name="t_fk" if kind is not SubjectKind.TABLE else None
        ),
        identity=f"{number}",
        sentence="It is so.",
        severity=severity,
        confidence=Confidence.ESTIMATED,
        proposals=proposals,
        query_ids=("7",),
        impact=Impact(time_ms=9000.0),
    )


def on_t(index: str, **given: Any) -> AdvisedData:
    return AdvisedData(table="public.t", index=index, **given)


def drop(name: str, index: str, *, replaced: bool = False) -> DropIndex:
    definition = create("public.t", index).definition
    return DropIndex(schema="public", name=name, definition=definition, replaced=replaced)


def judged(
    findings: Sequence[Finding], advice: IndexDecisions
) -> tuple[Facts, tuple[Finding, ...], tuple[Decision, ...]]:
    """Facts with the advice, the findings as they are told then, and what becomes of their proposals."""
    shop = facts(SHOP).with_advice(advice)
    outcome = lowered({"r": Outcome(rule="r", findings=tuple(findings))}, shop)["r"]
    return shop, outcome.findings, decide(keyed([outcome]), shop)


def told(
    findings: Sequence[Finding], advice: IndexDecisions, *, show_values: bool = True
) -> tuple[Recommendation, ...]:
    shop, _, decided = judged(findings, advice)
    return recommend(decided, shop, show_values)


def test_one_index_has_the_reasons_of_all_who_ask_for_it() -> None:
    wide = on_t("btree (a, b)", name="idx_t_a_b", gains={"7": [1000, 10, 9000]}, findings=["r:0", "r:1"])
    narrow, other = create("public.t", "btree (a)"), create("public.t", "btree (b, a)", any_order=True)
    better = left(narrow, WhyNot.BETTER_ONE, "Another does its work better.")
    shop, findings, decided = judged([finding(0, narrow), finding(1, other)], decisions([wide], [better]))
    assert [each.severity for each in findings] == [Severity.WARNING] * 2
    (made,) = recommend(decided, shop, show_values=True)
    assert (made.findings, made.confidence) == (("r:0", "r:1"), Confidence.PROVED)
    assert made.advised is not None
    assert made.steps[-1].sql == "CREATE INDEX CONCURRENTLY idx_t_a_b ON public.t (a, b);"
    assert [(each.title, each.reason) for each in reject(decided, show_values=True)] == [
        ("Create an index on public.t (a)", "Another does its work better."),
        ("Create an index on public.t (b, a)", "Another index that is to be built or rebuilt serves in its place."),
    ]


@pytest.mark.parametrize(
    ("why", "lower", "stands"),
    [
        (WhyNot.NO_GAIN, True, False),
        (WhyNot.TOO_COSTLY, True, False),
        (WhyNot.SLOWS, True, False),
        (WhyNot.OVER_BUDGET, False, False),
        (WhyNot.NOT_EXAMINED, False, True),
        (WhyNot.IMPOSSIBLE, False, True),
        (WhyNot.WOULD_FAIL, False, False),
    ],
)
def test_what_the_planner_refutes_is_information_and_what_nobody_tried_stands(
    why: WhyNot, lower: bool, stands: bool
) -> None:
    wish = create("public.t", "btree (a)")
    _, (found,), (decision,) = judged([finding(0, wish)], decisions([], [left(wish, why, "It is not.")]))
    assert (found.severity is Severity.INFO) is lower
    assert ("But nothing is to be done: It is not." in found.sentence) is lower
    assert decision.reason == (None if stands else "It is not.")


def test_a_finding_with_another_remedy_stands() -> None:
    wish, other = create("public.t", "btree (a)"), create("public.t", "btree (c)")
    advice = decisions([], [left(wish, WhyNot.NO_GAIN, "It is not.")])
    _, (found,), decided = judged([finding(0, wish, other)], advice)
    assert found.severity is Severity.WARNING
    assert {each.reason for each in decided} == {None, "It is not."}


def test_checks_of_a_foreign_key_are_refuted_by_no_plan_of_a_statement() -> None:
    wish = create("public.t", "btree (a)", any_order=True)
    advice = decisions([], [left(wish, WhyNot.NO_GAIN, "It is not.")])
    for severity, reason in ((Severity.WARNING, None), (Severity.INFO, "It is not.")):
        key = finding(0, wish, kind=SubjectKind.CONSTRAINT, severity=severity)
        _, _, (decision,) = judged([key], advice)
        assert decision.reason == reason


def test_a_drop_that_the_planner_refuses_says_for_which_statement() -> None:
    going = drop("t_b", "btree (b)")
    advice = decisions([], [left(going, WhyNot.STILL_NEEDED, "Without it the statement 7 would cost 3 times as much.")])
    _, (found,), (decision,) = judged([finding(0, going)], advice)
    assert found.severity is Severity.INFO
    assert decision.reason == "Without it the statement 7 would cost 3 times as much."


def test_what_is_advised_replaces_what_a_rule_would_build_and_the_drop_comes_last() -> None:
    new, going = create("public.t", "btree (state) where (c IS NULL)"), drop("t_state", "btree (state)", replaced=True)
    created = on_t("btree (state) where (c IS NULL)", name="idx_t_state", gains={"7": [10, 9, 90]}, findings=["r:0"])
    effect = decisions([created]).created[0].together
    dropped = AdvisedIndex(
        proposal=going,
        name="t_state",
        price=IndexPrice(size_bytes=5),
        alone=effect,
        together=effect,
        findings=("r:0",),
    )
    made = told([finding(0, new, going)], decisions([created], (), [dropped]))
    assert [type(each.proposal) for each in made] == [CreateIndex, DropIndex]
    assert action_plan(made) == (made[0].key, made[1].key)
    assert made[1].confidence is Confidence.ESTIMATED
    assert "that cost no statement seen any more, of which none is known to read its table. Others" in made[1].proof


def test_a_drop_says_what_it_is_proved_on_and_what_it_rests_on() -> None:
    going = drop("t_b", "btree (b)")
    reading = SHOP | {"statements": [{"id": each, "text": f"select a + {each} from public.t"} for each in "123456"]}
    none = decisions().advice.workload
    some = msgspec.structs.replace(none, lose=2)

    def told_of(
        shop: dict[str, Any], planned: int, *refused: str, alone: WorkloadEffect = none, reasons: tuple[str, ...] = ()
    ) -> Recommendation:
        dropped = AdvisedIndex(
            proposal=going,
            name="t_b",
            price=IndexPrice(),
            alone=alone,
            together=none,
            findings=("r:0",),
            reasons=reasons,
        )
        created = on_t("btree (b, a)", name="idx_t_b_a", findings=["r:0"])
        advice = decisions([created], (), [dropped])
        compression = msgspec.structs.replace(advice.advice.compression, statements=planned)
        rights = (Reason(reason="It has no rights.", statements=len(refused), query_ids=refused),)
        given = msgspec.structs.replace(advice.advice, compression=compression, not_planned=rights if refused else ())
        known = facts(shop).with_advice(msgspec.structs.replace(advice, advice=given))
        found = Outcome(rule="r", findings=(finding(0, going),))
        made = recommend(decide(keyed([found]), known), known, show_values=True)
        return next(each for each in made if isinstance(each.proposal, DropIndex))

    assert told_of(reading, 6).proof.endswith("cost no statement seen any more. Others were not seen.")
    assert "no statement: none was seen that can be planned." in told_of(reading, 0, *"123456").proof
    assert "it could not plan 1, 2, 3 and 2 more. Others" in told_of(reading, 1, *"12345").proof
    assert "none is known to read its table" in told_of(SHOP, 2).proof
    known_values = told_of(reading, 6, reasons=(FOR_KNOWN_VALUES,)).proof
    assert "any more. A plan for unknown values would cost more, and more than those for the values of" in known_values
    assert not any("Build" in each for each in told_of(reading, 6).caveats)
    assert (
        "Build idx_t_b_a first: as the only change this would make 2 statements cost more, beside all that is advised "
        "none."
    ) in told_of(reading, 6, alone=some).caveats


@pytest.mark.parametrize(
    ("now", "replaced", "told_then"),
    [
        ("public.t_wide", False, ""),
        (None, False, " But public.t_wide goes itself, and nothing uses this one either."),
        ("public.t_c", False, " But public.t_wide goes itself: public.t_c can do it as well."),
        (None, True, " But public.t_wide goes itself: a new index can do it as well."),
    ],
)
def test_a_drop_says_what_does_its_work_when_what_was_to_do_it_goes(
    now: str | None, replaced: bool, told_then: str
) -> None:
    effect = decisions().advice.workload
    wide, narrow = drop("t_wide", "btree (b, a)"), drop("t_b", "btree (b)")
    taken = msgspec.structs.replace(narrow, because_of=now, replaced=replaced)
    dropped = [
        AdvisedIndex(proposal=each, name=each.name, price=IndexPrice(), alone=effect, together=effect, findings=(key,))
        for each, key in ((wide, "r:0"), (taken, "r:1"))
    ]
    asked = msgspec.structs.replace(narrow, because_of="public.t_wide")
    found = [finding(0, wide), finding(1, asked)]
    _, (one, other), decided = judged(found, decisions([], (), dropped))
    assert one.sentence == found[0].sentence
    assert other.sentence == f"{found[1].sentence}{told_then}"
    assert [each.reason for each in decided if each.proposal == wide] == [None]


def test_a_drop_that_the_planner_was_not_asked_about_stays_unless_it_cannot_say() -> None:
    going = drop("t_b", "btree (b)")
    unasked, untried = decisions(), msgspec.structs.replace(decisions(), untried=("public.t_b",))
    for advice, proposal, reason in (
        (unasked, going, "The planner was not asked about it together with all that is advised; look again when that"),
        (untried, going, None),
        (unasked, msgspec.structs.replace(going, invalid=True), None),
    ):
        _, _, (decision,) = judged([finding(0, proposal)], advice)
        assert (decision.reason or "").startswith(reason or "")
        assert (decision.reason is None) is (reason is None)


def test_a_drop_that_rests_on_an_index_that_nobody_tells_of_is_none() -> None:
    going = drop("t_b", "btree (b)")
    created = on_t("btree (b, a)", name="idx_t_b_a", gains={"7": [10.0, 9.0, 90.0]})
    effect = decisions([created]).created[0].together
    dropped = AdvisedIndex(
        proposal=going, name="t_b", price=IndexPrice(), alone=effect, together=effect, findings=("r:0",)
    )
    advice = decisions([created], (), [dropped])
    _, _, (decision,) = judged([finding(0, going)], advice)
    assert decision.reason == "It is proved only beside new indexes that are not recommended: idx_t_b_a."
    # With the rule that tells of it both are done.
    _, _, decided = judged([finding(0, going), finding(1, create("public.t", "btree (b, a)"))], advice)
    assert [each.reason for each in decided] == [None, None]


def test_what_only_the_search_drops_goes_with_the_new_index_of_its_table() -> None:
    """Also where it served a foreign key, which the new one serves as well."""
    shop = SHOP | {"tables": {name: dict(table) for name, table in SHOP["tables"].items()}}
    shop["tables"]["public.t"]["constraints"] = {"t_fk": "foreign key (b) references public.u (id)"}
    shop["tables"]["public.u"] = {"columns": ["id bigint"]}
    going = drop("t_b", "btree (b)", replaced=True)
    gains = {"7": [10.0, 9.0, 90.0]}
    created = on_t("btree (b, a)", name="idx_t_b_a", gains=gains, findings=["r:0"], replaces=["public.t_b"])
    effect = decisions([created]).created[0].together
    dropped = AdvisedIndex(proposal=going, name="t_b", price=IndexPrice(size_bytes=5), alone=effect, together=effect)
    advice = decisions([created], (), [dropped])
    found = Outcome(rule="r", findings=(finding(0, create("public.t", "btree (b)")),))
    known = facts(shop).with_advice(advice)
    made = recommend(decide(keyed([found]), known), known, show_values=True)
    assert [(type(each.proposal), each.findings) for each in made] == [(CreateIndex, ("r:0",)), (DropIndex, ("r:0",))]
    assert made[1].advised is not None
    # Without one that serves the key it stays.
    other = on_t("btree (a)", name="idx_t_a", gains=gains, findings=["r:0"], replaces=["public.t_b"])
    known = facts(shop).with_advice(decisions([other], (), [dropped]))
    decided = decide(keyed([found]), known)
    assert [each.reason for each in decided if isinstance(each.proposal, DropIndex)] == [
        "With the others it would leave the foreign key t_fk without an index."
    ]


@pytest.mark.parametrize(
    ("given", "planner", "confidence", "said"),
    [
        ({}, None, Confidence.PROVED, "chooses it for 1 statement, which then costs 1.0% of what it costs without."),
        ({"marks": [1]}, None, Confidence.ESTIMATED, "otherwise there than on this server"),
        ({}, OTHER_MAJOR, Confidence.ESTIMATED, "It is PostgreSQL 18, and the server 15: plans may differ."),
    ],
)
def test_proved_is_what_a_planner_of_the_same_major_with_all_that_is_needed_says(
    given: dict[str, Any], planner: Any, confidence: Confidence, said: str
) -> None:
    created = on_t("btree (a)", gains={"7": [1000, 10, 9000]}, findings=["r:0"], **given)
    advice = decisions([created]) if planner is None else decisions([created], planner=planner)
    (made,) = told([finding(0, create("public.t", "btree (a)"))], advice)
    assert made.confidence is confidence
    assert made.proof.startswith("The planner of a twin of this server chooses it")
    assert said in made.proof


def test_what_costs_next_to_nothing_is_not_said_to_cost_nothing() -> None:
    created = on_t("btree (a)", gains={"7": [9e6, 1, 9000]}, findings=["r:0"])
    (made,) = told([finding(0, create("public.t", "btree (a)"))], decisions([created]))
    assert "which then costs less than 0.1% of what it costs without." in made.proof


def test_a_gain_whose_price_nobody_knows_is_not_proved_to_pay() -> None:
    created = on_t("btree (a)", gains={"7": [1000, 10, 9000]}, findings=["r:0"])
    advice = decisions([created])
    price = msgspec.structs.replace(advice.created[0].price, write_ms=None)
    advice = msgspec.structs.replace(advice, created=(msgspec.structs.replace(advice.created[0], price=price),))
    (made,) = told([finding(0, create("public.t", "btree (a)"))], advice)
    assert made.confidence is Confidence.ESTIMATED
    assert made.proof.endswith(
        "costs without. What it takes to be written is not known and was not weighed: nobody counted how much is."
    )


def test_gain_and_price_are_in_the_same_unit_and_over_the_same_window() -> None:
    created = on_t("btree (a)", gains={"7": [1000, 10, 9000]}, loses={"8": [10, 40, 500]}, write_ms=800.0)
    (made,) = told([finding(0, create("public.t", "btree (a)"))], decisions([created]))
    figures = {each.label: (each.value, each.unit.value) for each in (*made.gain, *made.price)}
    # Of 9 s a tenth is what may be left (the root of a hundredth), over two days.
    assert figures["time saved, at least, per day"] == (4050.0, "ms")
    assert figures["time saved, at most, per day"] == (4500.0, "ms")
    assert figures["time lost by others, at least, per day"] == (250.0, "ms")
    assert figures["writes take longer, about, per day"] == (400.0, "ms")
    assert figures["disk, estimated"] == (1_000_000, "bytes")
    assert "; 1 statement costs more." in made.proof


def test_values_of_rows_are_masked_in_all_of_it() -> None:
    partial = "btree (a) where (state = 'topsecret'::text)"
    created = on_t(partial, gains={"7": [1000, 10, 9000]}, findings=["r:0"], holds_values=True)
    proposal = msgspec.structs.replace(create("public.t", partial), holds_values=True)
    (made,) = told([finding(0, proposal)], decisions([created]), show_values=False)
    assert made.values_masked
    assert b"topsecret" not in msgspec.json.encode(made)
    (shown,) = told([finding(0, proposal)], decisions([created]))
    assert b"topsecret" in msgspec.json.encode(shown)


def test_wishes_are_what_findings_propose_and_exchanges_stay_together() -> None:
    key = finding(0, create("public.t", "btree (a)", any_order=True), kind=SubjectKind.CONSTRAINT)
    new, old = create("public.t", "btree (state) where (c IS NULL)"), drop("t_state", "btree (state)", replaced=True)
    spare, invalid = drop("t_b", "btree (b)"), msgspec.structs.replace(drop("t_c", "btree (c)"), invalid=True)
    findings = [key, finding(1, new, old), finding(2, spare), finding(3, spare), finding(4, invalid)]
    wishes = wishes_of(keyed([Outcome(rule="r", findings=tuple(findings))]))
    (candidate,) = wishes.candidates
    assert (*candidate.foreign_keys, *candidate.findings, candidate.any_order) == ("t_fk", "r:0", True)
    exchange, going = wishes.going
    assert exchange.create is not None
    assert (exchange.drop, exchange.create.definition) == (old, new.definition)
    assert (going.drop, going.findings, going.create) == (spare, ("r:2", "r:3"), None)


def test_names_follow_the_pattern_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[indexes]\nname = "{schema}_{table}__{columns}_ix"', encoding="utf-8")
    naming = load(file).indexes.name
    wish = create("public.t", "btree (a, b)")
    # Nobody was asked about it: it gets its name as others do.
    shop, _, decided = judged([finding(0, wish)], decisions())
    (made,) = recommend(decided, shop, True, naming)
    assert made.steps[-1].sql.startswith("CREATE INDEX CONCURRENTLY public_t__a_b_ix ON public.t")
    long = create("public.t", "btree (a)").definition
    assert len(index_name(long, {"idx_t_a"}, "x" * 80 + "{columns}").encode()) == 63
    for wrong in ("no part", "{table}_{column}", "{}", "a{b"):
        file.write_text(f'[indexes]\nname = "{wrong}"', encoding="utf-8")
        with pytest.raises(ConfigError, match=r"indexes\.name is to be text with \{table\}"):
            load(file)


def test_statements_that_an_advised_index_changes_have_their_texts_in_the_report() -> None:
    none = ReportConfig(max_statements=0)
    created = on_t("btree (a)", gains={"8": [10.0, 1.0, 5.0]}, loses={"9": [1.0, 2.0, 5.0]})
    assert statement_views(facts(SHOP), (), (), none) == ()
    known = facts(SHOP).with_advice(decisions([created]))
    assert [(each.query_id, each.text) for each in statement_views(known, (), (), none)] == [("8", "select …")]
