"""Literals of any spelling are replaced, order and equality stay, and no text breaks it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.snapshots.redaction.arrays import elements, flat_array, flat_elements, mapped_array
from pgadvisor.snapshots.redaction.literals import Texts
from pgadvisor.snapshots.redaction.names import Names
from pgadvisor.snapshots.redaction.numbers import Numbers
from pgadvisor.snapshots.redaction.opaque import Codes
from pgadvisor.snapshots.redaction.values import Values


def rewritten(*given_texts: str) -> list[str]:
    """Texts after redaction, as if they were all that a snapshot holds."""
    names = Names(enabled=False)
    texts = Texts(Values(names), names, {}, frozenset())
    texts.values.note_columns()
    for text in given_texts:
        texts.sql(text)
    texts.values.settle()
    return [texts.sql(text) for text in given_texts]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("(status = 'failed'::text) /* who */", "(status = 'v1xxxx'::text) "),
        ("a LIKE 'abc%' AND b ~~ '%x_yz'", "a LIKE 'v1x%' AND b ~~ '%v2_v3'"),
        ("a ~ '^foo\\.bar$'", "a ~ E'^v2x\\\\.v1x$'"),
        ("a = ANY ('{paid,\"on hold\"}'::text[])", "a = ANY ('{v2xx,v1xxxxx}'::text[])"),
        ("LIMIT 250 OFFSET 1000", "LIMIT 250 OFFSET 1000"),
        ("a::varchar(255) = 1 AND b::numeric(100,4) > 0", "a::varchar(255) = 1 AND b::numeric(100,4) > 0"),
        ("nextval('public.s_id_seq'::regclass)", "nextval('public.s_id_seq'::regclass)"),
        ("date_trunc('month', at AT TIME ZONE 'UTC')", "date_trunc('month', at AT TIME ZONE 'UTC')"),
        ("at > now() - '30 days'::interval", "at > now() - '30 days'::interval"),
        ("a IN ($1 /*, ... */) AND b = true AND c = ''", "a IN ($1 /*, ... */) AND b = true AND c = ''"),
        ("(hashed SubPlan 123)", "(hashed SubPlan 123)"),
        ("a = 'cut of", "a = '…"),
        ("a = 'b\\' or c'", "a = '…"),
    ],
)  # fmt: skip
def test_texts(text: str, made: str) -> None:
    assert rewritten(text) == [made]


def test_equal_values_stay_equal_across_texts() -> None:
    first, second = rewritten("name = 'failed'::text AND n > 1234", "x IN ('failed', 'other') AND 1234 < y")
    assert first.split("'")[1] == second.split("'")[1]
    assert first.split()[-1] == second.split()[-3]


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_text_is_rewritten(text: str) -> None:
    assert isinstance(rewritten(text)[0], str)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["select {}", "a LIKE {}", "a ~ {}", "f({}, 1)", "a = {}::text", "CREATE FUNCTION f() AS {}"]),
    st.text(min_size=1).filter(lambda text: "\0" not in text and "$" not in text),
)
def test_no_literal_survives(context: str, text: str) -> None:
    value = f"zqzqzq{text}"
    plain = value.replace("'", "''")
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    for literal in (f"'{plain}'", f"E'{escaped}'", f"$x${value}$x$"):
        assert "zqzqzq" not in rewritten(context.format(literal))[0]


@given(st.sets(st.decimals(min_value=0, max_value=10**12, places=3), max_size=60))
def test_numbers_keep_their_order_and_length(values: set[Decimal]) -> None:
    numbers = Numbers()
    for value in values:
        numbers.add(value)
    numbers.settle()
    made = {value: numbers.of(value) for value in values}
    ordered = [Decimal(made[value]) for value in sorted(made)]
    assert ordered == sorted(set(ordered))
    assert all(len(str(int(value))) == len(str(int(Decimal(text)))) for value, text in made.items())
    assert all(int(value) == Decimal(text) for value, text in made.items() if value == int(value) and value < 100)


@given(st.lists(st.text(min_size=1), unique=True, max_size=40))
def test_codes_follow_the_order_of_the_server(texts: list[str]) -> None:
    codes = Codes()
    codes.note_chain(texts)
    codes.settle()
    made = {text: codes.of(text) for text in texts}
    assert [made[text] for text in texts] == sorted(made.values())
    assert len(set(made.values())) == len(texts)


def noted(found: list[str | None], text: str | None) -> str | None:
    found.append(text)
    return text


@given(st.lists(st.one_of(st.none(), st.text(), st.sampled_from(["NULL", "null", '"', "\\", '\\"', "a,b", " ", "{}"]))))
def test_the_fast_way_through_an_array_leads_to_the_same(texts: list[str | None]) -> None:
    literal = flat_array(texts)
    found: list[str | None] = []
    assert mapped_array(literal, lambda text: noted(found, text)) == literal
    assert found == texts
    assert flat_elements(literal) == texts


@given(st.text(alphabet='{},"\\ aN1=[]:', max_size=12))
def test_what_is_read_the_fast_way_is_read_so_the_other_way(literal: str) -> None:
    found: list[str | None] = []
    flat = flat_elements(literal)
    whole = mapped_array(literal, lambda text: noted(found, text))
    if flat is not None:
        assert (whole, flat) == (flat_array(flat), found)


@given(st.lists(st.text()))
def test_arrays_are_read_as_they_are_written(texts: list[str]) -> None:
    letters = iter(texts)
    literal = "{" + ",".join("x" for _ in texts) + "}"
    made = mapped_array(literal, lambda _: next(letters))
    assert made is not None
    assert elements(made) == texts


@pytest.mark.parametrize(
    "literal", ['{"' + '\\"' * 200_000 + "}", '{"' + "\\" * 200_001 + "}", "{" + '"a' * 200_001 + "}"]
)
def test_quotes_that_are_not_closed_are_looked_for_once(literal: str) -> None:
    # From each of them anew this would take hours; what there is of elements does not matter here.
    assert mapped_array(literal, lambda text: text) is None or literal.count('"') > 200_000
    assert flat_elements(literal) is None
