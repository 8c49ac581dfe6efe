"""What is said of indexes that are left quotes no constant of an expression, nor what a server says of one."""

from __future__ import annotations

from pgadvisor.advise.left_words import without_server_words, without_values
from pgadvisor.advise.selection.reasons import described
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.index_advice import LeftIndex, WhyNot


def on(*keys: str) -> IndexDefinition:
    return IndexDefinition(schema="public", table="t", keys=tuple(IndexKey(expression=each) for each in keys))


SECRET = on("COALESCE(name, 'se''cret'::text)")
LONGER = on("COALESCE(name, 'se''cret'::text)", "(a = 4711)")
PLAIN = IndexDefinition(schema="public", table="t", keys=(IndexKey(column="it's"),))


def left(definition: IndexDefinition, sentence: str, why: WhyNot = WhyNot.BETTER_ONE, by: str = "") -> LeftIndex:
    return LeftIndex(definition=definition, why=why, sentence=sentence, served_by=by)


def test_constants_of_all_that_is_named_are_masked() -> None:
    beside = "Beside {}, which is proposed, it would gain next to nothing."
    given = [
        left(PLAIN, beside.format(described(SECRET)), by=described(SECRET)),
        left(PLAIN, beside.format(described(LONGER)), by=described(LONGER)),
        left(SECRET, f"{described(PLAIN)}, which is advised, does its work better.", by="idx_t"),
    ]
    masked = without_values(given, [LONGER])
    told = "".join(each.sentence + each.served_by for each in masked)
    assert "cret" not in told
    assert "4711" not in told
    assert "COALESCE(name, " in masked[0].sentence and "COALESCE(name, " in masked[1].served_by
    # What has no constant is told as it is, and what decisions are found by stays.
    assert masked[2] == given[2]
    assert [each.definition for each in masked] == [PLAIN, PLAIN, SECRET]


def test_what_a_server_says_of_a_constant_is_not_told() -> None:
    says = 'invalid input syntax for type integer: "se\'cret"'
    given = [left(each, says, why) for each in (SECRET, PLAIN) for why in (WhyNot.IMPOSSIBLE, WhyNot.NO_GAIN)]
    assert [each.sentence for each in without_server_words(given)] == ["The planner cannot have it.", says, says, says]
