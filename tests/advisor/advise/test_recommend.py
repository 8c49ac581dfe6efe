"""Recommendations: keys are distinct, and what is masked cannot be run by mistake."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import pytest

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.generate import HIDDEN as HIDDEN_IN_CANDIDATE
from pgadvisor.advise.candidates.generate import generate
from pgadvisor.advise.decide import decide
from pgadvisor.advise.keys import keyed
from pgadvisor.advise.recommend import HIDDEN, ONLY_FOR_VALUES, ONLY_FOR_VALUES_IN_KEYS, action_plan, recommend
from pgadvisor.advise.rewriting import rewritten
from pgadvisor.config import IndexesConfig
from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.findings import Finding, Outcome, Subject, SubjectKind
from pgadvisor.model.index_advice import WhyNot
from pgadvisor.model.proposals import AnalyzeTable, CreateIndex, DropIndex, Proposal, RebuildIndex
from pgadvisor.model.report import Recommendation
from support.snapshots import facts

SHOP = facts(
    {
        "tables": {
            "public.t": {
                "rows": 1e6,
                "columns": ["id bigint not null", "state text"],
                "stats": {"state": {"n_distinct": 4}},
                "indexes": {"t_state": "btree (state)"},
                "counters": {"rows_inserted": 5000},
            }
        }
    }
)
STATE = IndexDefinition(schema="public", table="t", keys=(IndexKey(column="state"),))
PARTIAL = msgspec.structs.replace(STATE, predicate="state <> 'topsecret'")


def recommended(*proposals: tuple[Proposal, ...], show_values: bool) -> tuple[Recommendation, ...]:
    found = tuple(
        Finding(
            subject=Subject(kind=SubjectKind.TABLE, schema="public", relation="t"),
            identity=f"{number:02}",
            sentence="It is so.",
            severity=Severity.WARNING,
            confidence=Confidence.MEASURED,
            proposals=each,
        )
        for number, each in enumerate(proposals)
    )
    return recommend(decide(keyed([Outcome(rule="r", findings=found)]), SHOP), SHOP, show_values)


def test_masked_values_leave_nothing_that_could_be_run() -> None:
    replaced = (
        CreateIndex(definition=PARTIAL, holds_values=True),
        DropIndex(schema="public", name="t_state", definition=STATE),
    )
    made = recommended(replaced, show_values=False)
    assert len(made) == 2
    assert b"topsecret" not in msgspec.json.encode(made)
    lines = [line for r in made for step in r.steps for line in (step.sql + "\n" + step.undo).splitlines() if line]
    assert lines
    assert all(line.startswith("--") for line in lines)


def test_shown_values_can_be_run() -> None:
    (made,) = recommended((CreateIndex(definition=PARTIAL, holds_values=True),), show_values=True)
    assert "WHERE state <> 'topsecret';" in made.steps[-1].sql
    assert not made.values_masked


@pytest.mark.parametrize(
    "hidden",
    [
        msgspec.structs.replace(STATE, predicate="state <> '…'::text"),
        msgspec.structs.replace(STATE, keys=(IndexKey(expression="(state || '…'::text)"),)),
        msgspec.structs.replace(STATE, predicate="length(state) > …"),
    ],
)
def test_what_holds_a_hidden_constant_is_never_proposed_and_cannot_be_run(hidden: IndexDefinition) -> None:
    (left,) = generate(SHOP, (), (Candidate(definition=hidden),), IndexesConfig()).left
    assert (left.why, left.sentence) == (WhyNot.NOT_EXAMINED, HIDDEN_IN_CANDIDATE)
    (made,) = recommended((CreateIndex(definition=hidden, holds_values=True),), show_values=True)
    assert made.values_masked
    assert made.caveats[0] == HIDDEN
    # Nor where a report comes from elsewhere.
    bare = [msgspec.structs.replace(step, sql=step.sql.replace("-- ", "")) for step in made.steps]
    other = msgspec.structs.replace(made, steps=tuple(bare), values_masked=False)
    for each in (made, rewritten(other, SHOP, defaultdict(set))):
        lines = [line for step in each.steps for line in (step.sql + "\n" + step.undo).splitlines() if line]
        assert lines
        assert all(line.startswith("--") for line in lines)


def test_what_only_ends_in_an_ellipsis_is_proposed() -> None:
    plain = msgspec.structs.replace(STATE, predicate="state <> 'loading…'::text")
    assert not generate(SHOP, (), (Candidate(definition=plain),), IndexesConfig()).left
    (made,) = recommended((CreateIndex(definition=plain, holds_values=True),), show_values=True)
    assert not made.values_masked


def test_a_drop_with_a_reason_of_its_own_stays_runnable() -> None:
    drop = DropIndex(schema="public", name="t_state", definition=STATE)
    made = recommended((CreateIndex(definition=PARTIAL, holds_values=True), drop), (drop,), show_values=False)
    (dropped,) = [r for r in made if r.key.startswith("drop_index")]
    assert any(step.sql == "DROP INDEX CONCURRENTLY public.t_state;" for step in dropped.steps)


def test_a_drop_is_never_more_than_estimated_and_has_its_undo() -> None:
    (made,) = recommended((DropIndex(schema="public", name="t_state", definition=STATE),), show_values=True)
    assert made.confidence is Confidence.ESTIMATED
    assert made.steps[-1].undo.startswith("CREATE INDEX CONCURRENTLY t_state ON public.t")


def test_keys_and_anchors_are_distinct() -> None:
    same = tuple((RebuildIndex(schema="public", name=name, definition=STATE),) for name in ("x", "y"))
    made = recommended(*same, show_values=True)
    assert len({r.key for r in made}) == len({r.anchor for r in made}) == 2


def test_statistics_come_first_and_drops_last() -> None:
    made = recommended(
        (DropIndex(schema="public", name="t_state", definition=STATE),),
        (CreateIndex(definition=msgspec.structs.replace(STATE, keys=(IndexKey(column="id"),))),),
        (AnalyzeTable(schema="public", table="t"),),
        show_values=True,
    )
    assert [key.partition(":")[0] for key in action_plan(made)] == ["analyze_table", "create_index", "drop_index"]


def test_a_new_index_has_a_price() -> None:
    definition = msgspec.structs.replace(STATE, keys=(IndexKey(column="state"), IndexKey(column="id")))
    (made,) = recommended((CreateIndex(definition=definition),), show_values=True)
    price = {item.label: item.value for item in made.price}
    # 5,000 inserts over the 60 days of the snapshot's window.
    assert price["index entries written, per day"] == 83.3


def test_a_standby_prices_no_writes() -> None:
    tables = {"public.t": {"rows": 1e6, "columns": ["state text"], "counters": {"rows_inserted": 5000}}}
    for in_recovery, known in ((False, True), (True, False)):
        seen = facts({"tables": tables, "in_recovery": in_recovery})
        relation = seen.relation_named("public", "t")
        assert relation is not None
        assert (seen.entries_written(relation.oid) is not None) is known


def test_a_title_tells_an_index_from_others_on_the_same_columns() -> None:
    keys = (IndexKey(column="state"), IndexKey(column="id", descending=True))
    pattern = IndexKey(column="state", operator_class="text_pattern_ops", default_operator_class=False)
    german = IndexKey(column="state", collation="public.de", default_collation=False)
    titles = {
        "using gin (state)": msgspec.structs.replace(STATE, access_method="gin"),
        "(state) include (id)": msgspec.structs.replace(STATE, include=("id",)),
        "(state text_pattern_ops)": msgspec.structs.replace(STATE, keys=(pattern,)),
        "(state collate public.de)": msgspec.structs.replace(STATE, keys=(german,)),
        "(state, id desc nulls last)": msgspec.structs.replace(STATE, keys=keys),
        "(state, id desc)": msgspec.structs.replace(
            STATE, keys=(keys[0], msgspec.structs.replace(keys[1], nulls_first=True))
        ),
        "(id nulls first)": msgspec.structs.replace(STATE, keys=(IndexKey(column="id", nulls_first=True),)),
    }
    for text, definition in titles.items():
        (made,) = recommended((CreateIndex(definition=definition),), show_values=True)
        assert made.title == f"Create an index on public.t {text}"
    (made,) = recommended((CreateIndex(definition=msgspec.structs.replace(STATE, unique=True)),), show_values=True)
    assert made.title == "Create a unique index on public.t (state)"


def test_what_an_index_with_values_serves_is_said_of_what_holds_them() -> None:
    key = IndexKey(expression="(data ->> 'topsecret'::text)")
    for definition, caveat in (
        (PARTIAL, ONLY_FOR_VALUES),
        (msgspec.structs.replace(PARTIAL, keys=(key,)), ONLY_FOR_VALUES),
        (msgspec.structs.replace(STATE, keys=(key,)), ONLY_FOR_VALUES_IN_KEYS),
        (msgspec.structs.replace(STATE, keys=(key,), predicate="(id IS NULL)"), ONLY_FOR_VALUES_IN_KEYS),
    ):
        (masked,) = recommended((CreateIndex(definition=definition, holds_values=True),), show_values=False)
        assert masked.caveats[1] == caveat
        (made,) = recommended((CreateIndex(definition=definition, holds_values=True),), show_values=True)
        assert made.caveats[0] == caveat
        assert {ONLY_FOR_VALUES, ONLY_FOR_VALUES_IN_KEYS} & set(made.caveats) == {caveat}
