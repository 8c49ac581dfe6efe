"""An index that is advised answers the wishes that it serves, and no others on the same columns."""

from __future__ import annotations

import pytest

from pgadvisor.advise.answering import answered
from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.reasons import described
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from support.advice import AdvisedData, create, decisions


def wish(index: str, finding: str) -> Candidate:
    return Candidate(create("public.t", index).definition, findings=frozenset({finding}))


def test_indexes_on_the_same_keys_have_wishes_of_their_own() -> None:
    part = AdvisedData(table="public.t", index="btree (a, b) where (c IS NULL)", name="part")
    whole = AdvisedData(table="public.t", index="btree (a, b)", name="whole")
    wishes = [wish("btree (a)", "r:whole"), wish("btree (a, b, d) where (c IS NULL)", "r:nobody")]
    wishes.append(wish("btree (a, b) where (c IS NULL)", "r:taken"))
    left = LeftIndex(definition=wishes[0].definition, why=WhyNot.NO_GAIN, sentence="It gains nothing.")
    created, (served,) = answered(decisions([part, whole]).created, wishes, [left])
    assert {each.name: each.findings for each in created} == {"part": (), "whole": ("r:whole",)}
    assert served.sentence == "public.t (a, b), which is advised, does its work better."
    assert served.served_by == "whole"


def key_wish(index: str) -> Candidate:
    definition = create("public.t", index).definition
    return Candidate(
        definition, frozenset({"7"}), foreign_keys=frozenset({"t_p"}), findings=frozenset({"r:key"}), any_order=True
    )


@pytest.mark.parametrize(
    ("index", "wished"),
    [
        ("btree (a) where (c IS NULL)", "btree (a)"),
        ("btree (c, a) include (b)", "btree (a)"),
        ("btree (b)", "btree (a)"),
        ("brin (a)", "btree (a)"),
        ("btree (a)", "btree (a, b)"),
        ("btree (a) where (b IS NOT NULL)", "btree (a) where (a IS NOT NULL)"),
    ],
)
def test_a_foreign_key_is_not_answered_by_what_only_its_statements_gain_by(index: str, wished: str) -> None:
    advised = AdvisedData(table="public.t", index=index, gains={"7": [1000, 10, 500]})
    wish = key_wish(wished)
    sentence = "Beside another, which is proposed, it would gain next to nothing."
    left = LeftIndex(definition=wish.definition, why=WhyNot.BETTER_ONE, sentence=sentence, served_by="another")
    # Another rule wishes for the same: what its statements gain by is for it.
    other = Candidate(wish.definition, frozenset({"7"}), findings=frozenset({"r:search"}))
    for wishes in ([wish, other], [other, wish]):
        (created,), (told,) = answered(decisions([advised]).created, wishes, [left])
        assert (created.foreign_keys, created.findings) == ((), ("r:search",))
        assert (told.why, told.sentence, told.served_by) == (WhyNot.NO_GAIN, sentence, "")


@pytest.mark.parametrize(
    ("index", "wished"),
    [
        ("btree (a, c)", "btree (a)"),
        ("hash (a)", "btree (a)"),
        ("btree (b, a, c)", "btree (a, b)"),
        ("btree (a) where (a IS NOT NULL)", "btree (a)"),
        ("btree (a)", "btree (a) where (a IS NOT NULL)"),
    ],
)
def test_a_foreign_key_is_answered_by_what_serves_its_check(index: str, wished: str) -> None:
    wish = key_wish(wished)
    left = LeftIndex(definition=wish.definition, why=WhyNot.NO_GAIN, sentence="It gains nothing.")
    # By the other one its statements gain more.
    other = AdvisedData(table="public.t", index="btree (d)", name="other", gains={"7": [1000, 10, 500]})
    given = decisions([other, AdvisedData(table="public.t", index=index)]).created
    (first, serving), (told,) = answered(given, [wish], [left])
    assert (first.foreign_keys, serving.foreign_keys, serving.findings) == ((), ("t_p",), ("r:key",))
    assert (told.why, told.served_by) == (WhyNot.BETTER_ONE, "idx")


def test_an_index_is_called_what_tells_it_from_others_on_the_same_keys() -> None:
    told = {
        described(create("public.t", index).definition)
        for index in ("btree (a)", "hash (a)", "btree (a desc)", "btree (a) include (b)", "btree (a) where (b IS NULL)")
    }
    assert len(told) == 5
    assert "public.t using hash (a)" in told
    assert "public.t (a) where (b IS NULL)" in told
