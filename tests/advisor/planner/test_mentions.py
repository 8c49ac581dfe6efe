"""Names that a text may mean: never too few."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgadvisor.planner.mentions import Mentions

LONG = "é" * 31 + "x"


@pytest.mark.parametrize(
    "text",
    [
        "trap(1)",
        "TRAP (1)",
        '"trap" (1)',
        "trap\n\t(1)",
        "x.trap(1)",
        "trap/* */(1)",
        "trap -- \n (1)",
        "select 1trap(2)",
        "select 1e5trap(2)",
        "$1trap(2)",
        "'trap(1)'",
        "$$ trap(1) $$",
        "E'\\'' || trap(1)",
    ],
)
def test_calls_are_found(text: str) -> None:
    assert "trap" in Mentions(text).called
    assert Mentions(text).mention("trap")


@pytest.mark.parametrize("text", ["select trap from t", "trapped(1)", "a_trap(1)", "trap$(1)", "étrap(1)", "(trap)"])
def test_what_is_no_call(text: str) -> None:
    assert "trap" not in Mentions(text).called


def test_names_that_need_quotes() -> None:
    assert Mentions('SELECT * FROM "a ""b"""').mention('a "b"')
    assert Mentions('SELECT * FROM "x\';--"').mention("x';--")
    assert not Mentions("SELECT * FROM ab").mention('a "b"')


def test_names_are_cut_at_63_bytes() -> None:
    stored = LONG.encode()[:63].decode()
    assert len(stored.encode()) == 63
    assert Mentions(f"SELECT {LONG}yz(1)").mention(stored)
    assert stored in Mentions(f"SELECT {LONG}yz(1)").called
    assert stored in Mentions(f'SELECT "{LONG}yz"').names
    assert not Mentions(f"SELECT {LONG[:20]}(1)").mention(stored)


def test_operators_that_are_not_spelled_are_implied() -> None:
    assert "=" in Mentions("SELECT 1 WHERE 2 IN (3)").operators
    assert "###" in Mentions("SELECT 1+-###2").operators
    assert "###" not in Mentions("SELECT 1").operators


def test_escapes_are_seen() -> None:
    assert Mentions('SELECT U&"\\0061"').obscure
    assert not Mentions("SELECT U&'x' || \"y\"").obscure


def test_what_is_too_much_to_look_up_is_not_looked_up() -> None:
    assert Mentions("SELECT 1 " + "*" * 300 + " 2").obscure
    assert Mentions(" ".join(f"n{number}" for number in range(30_000))).obscure


def test_long_texts_take_linear_time() -> None:
    """Each would take hours if it were tried from every place."""
    for text in (
        "x" * 400_000,
        "x " * 200_000,
        '"' * 400_000,
        "1e" * 200_000,
        "x(" * 200_000,
        "x" + " " * 400_000,
        "*" * 400_000,
    ):
        mentions = Mentions(text)
        assert "trap" not in mentions.called
        assert not mentions.mention("trap")
        assert "###" not in mentions.operators


@given(st.text(alphabet="ab1_$\"'( \n-/*é.e", max_size=30), st.sampled_from(["f(", 'f" (', "F\n("]))
def test_a_call_after_anything_but_a_letter_is_found(before: str, call: str) -> None:
    text = f"{before} {call}1)"
    assert "f" in Mentions(text).called
