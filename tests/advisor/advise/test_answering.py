"""An index that is advised answers the wishes that it serves, and no others on the same columns."""

from __future__ import annotations

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


def test_an_index_is_called_what_tells_it_from_others_on_the_same_keys() -> None:
    told = {
        described(create("public.t", index).definition)
        for index in ("btree (a)", "hash (a)", "btree (a desc)", "btree (a) include (b)", "btree (a) where (b IS NULL)")
    }
    assert len(told) == 5
    assert "public.t using hash (a)" in told
    assert "public.t (a) where (b IS NULL)" in told
