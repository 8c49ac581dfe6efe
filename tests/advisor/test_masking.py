"""No value survives masking, and nothing else changes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgadvisor.masking import MASK, mask_literals

MARKER = "zqxj"
S = f"'{MASK}'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(status = 'failed'::text)", f"(status = {S}::text)"),
        ("(name = 'it''s')", f"(name = {S})"),
        (r"(name = E'a\'b')", f"(name = E{S})"),
        (r"(name = e'a\\', 'b''c')", f"(name = e{S}, {S})"),
        ("(t1.c2 > 42) AND (k = $12)", f"(t1.c2 > {MASK}) AND (k = $12)"),
        ('("Order 66" = 66)', f'("Order 66" = {MASK})'),
        ("x = $tag$secret$tag$ and y", f"x = {S} and y"),
        ("x = $$secret", f"x = {S}"),
        ("x = 'cut off", f"x = {S}"),
        ("x = E'cut off\\", f"x = E{S}\\"),
        ('x = "cut off', f'x = "{MASK}"'),
        ("n = 1.5e10", f"n = {MASK}"),
        ("count(*) over ()", "count(*) over ()"),
        ("straße = 'a'", f"straße = {S}"),
        ("select U&'d\\0061t', b'101', X'1F', n'name'", f"select U&{S}, b{S}, X{S}, n{S}"),
        ("select U&'a\\' UESCAPE '!', b", f"select U&{S} UESCAPE {S}, b"),
        ('select U&"d\\0061t" from t', 'select U&"d\\0061t" from t'),
        ("0x1F + 0b101 + 0o17 + 1_000_000 + 1_0.5_0e-1_0 + .5", " + ".join([MASK] * 6)),
        ("where a = 1and b in (2.)", f"where a = {MASK}and b in ({MASK})"),
        ("for i in 1..10", f"for i in {MASK}..{MASK}"),
        ("select a$b$c from t$1 where x = 'y'", f"select a$b$c from t$1 where x = {S}"),
        ("$1$$secret$$", f"$1{S}"),
        ("do $a$ $b$ $$ it's $b$a$ || 'x'", f"do {S} || {S}"),
        ("select 1 -- the job's 'x'\nfrom t", f"select {MASK} -- {MASK}\nfrom t"),
        ("a /* it's /* nested */ 'x */ = 'y'", f"a /* {MASK} */ = {S}"),
        ("a /* cut 'off", f"a /* {MASK} */"),
        ("a = '/* x' and b = '*/'", f"a = {S} and b = {S}"),
        ("a = '-- x' and b = 3", f"a = {S} and b = {MASK}"),
        ("/* it's the job */ explain select * from t where m = 'bob@example.com'", None),
        ("select 1 /*traceparent='00-bob',action='show'*/", f"select {MASK} /* {MASK} */"),
        ("do $$…$$ -- it's 'topsecret2'", f"do {S} -- {MASK}"),
        (r"a like '%\_x' and b = 'c\\'", f"a like {S} and b = {S}"),
        (r"select 'C:\', 'secret'", f"select {S}"),
        (r"select N'C:\', 'secret'", f"select N{S}"),
        (r"select 'it\'s', secret, 'x'", f"select {S}"),
        ("select E'a'\n'b\\'c', 'secret'", f"select E{S}\n{S}"),
        ("", ""),
    ],
)
def test_literals_and_comments_are_hidden(text: str, expected: str | None) -> None:
    expected = expected if expected is not None else f"/* {MASK} */ explain select * from t where m = {S}"
    assert mask_literals(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "/* can't */ alter role hush password {}",
        "-- can't\nCREATE USER \"it's\" WITH ENCRYPTED PASSWORD {} VALID UNTIL 'infinity'",
        "alter user hush /* ' */ password\n{}; -- '",
        "create user mapping for x server y options (user 'u', password {})",
    ],
)
@pytest.mark.parametrize("literal", ["'{}'", "E'\\'{}'", "$${}$$", "$q$'{}$q$", "U&'\\0027{}'", "'\\'' {}'", "'{}"])
def test_passwords_are_hidden(text: str, literal: str) -> None:
    masked = mask_literals(text.replace("{}", literal.replace("{}", "topsecret4")))
    assert "topsecret4" not in masked
    assert "password" in masked.lower()


# Ways to write a value down, each so that PostgreSQL reads it as one literal or comment whatever the value.
_WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": lambda value: "'" + value.replace("'", "''") + "'",
    "national": lambda value: "N'" + value.replace("'", "''") + "'",
    "unicode": lambda value: "U&'" + value.replace("'", "''") + "'",
    "escaped": lambda value: "E'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'",
    "doubled": lambda value: "e'" + value.replace("\\", "\\\\").replace("'", "''") + "'",
    "dollar": lambda value: "$$" + value.replace("$", "") + "$$",
    "tagged": lambda value: "$é1$" + value.replace("$é1$", "") + "$é1$",
    "line": lambda value: "--" + re.sub(r"[\n\r]", " ", value) + "\n",
    "block": lambda value: "/*" + re.sub(r"\*|/", " ", value) + "*/",
    "nested": lambda value: "/*/" + "*/*" + re.sub(r"\*|/", " ", value) + "*/",
}
_AROUND = st.sampled_from(["a = ", "f(", " and ", ", ", '"it\'s" || ', "$1::text -", "x$y$ <", "\n", "é=", "((", "E "])
_VALUES = st.text(alphabet="ab '\\\n\r;\"$/*-é0…", max_size=12).map(lambda text: text[:6] + MARKER + text[6:])
_PIECES = st.lists(st.tuples(_AROUND, st.sampled_from(sorted(_WRITTEN)), _VALUES), min_size=1, max_size=5)


@given(_PIECES, st.integers(min_value=0, max_value=60))
@example([("a = ", "plain", "C:" + MARKER + "\\"), (", ", "plain", MARKER)], 0)
@example([("", "block", "it's" + MARKER), ("", "plain", MARKER), ("", "line", "'" + MARKER)], 0)
def test_no_value_survives_however_it_is_written(pieces: list[tuple[str, str, str]], cut: int) -> None:
    text = "".join(around + _WRITTEN[how](value) for around, how, value in pieces)
    for shown in (mask_literals(text), mask_literals(text[: len(text) - cut])):
        assert MARKER not in shown
        assert mask_literals(shown) == shown


@given(st.lists(st.tuples(_AROUND, _VALUES), min_size=1, max_size=5))
def test_no_value_survives_where_backslashes_escape_in_plain_strings(pieces: list[tuple[str, str]]) -> None:
    written = (around + "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for around, value in pieces)
    assert MARKER not in mask_literals("".join(written))


@given(
    st.one_of(
        st.integers(min_value=1000).map(str),
        st.floats(min_value=0, allow_infinity=False).map(str),
        st.integers(min_value=1000).map(hex),
        st.integers(min_value=1000).map(oct),
        st.integers(min_value=1000).map(lambda number: f"{number:_}"),
    )
)
def test_no_digit_of_a_number_survives(number: str) -> None:
    assert mask_literals(f"(t1.c2 = {number}) AND -{number}<x") == f"(t1.c2 = {MASK}) AND -{MASK}<x"


_OTHER = [
    '"a""b"',
    '"it\'s -- /* $$"',
    "$1",
    "t1.c2",
    "a$b$c",
    "e",
    "é",
    "MASK_9",
    "->>",
    "||",
    "::",
    "(",
    "[",
    ";",
    "%",
]


@given(st.lists(st.sampled_from(_OTHER)), st.sampled_from([" ", "\n", "\t "]))
def test_text_without_literals_and_comments_is_unchanged(words: list[str], space: str) -> None:
    text = space.join(words)
    assert mask_literals(text) == text


@pytest.mark.parametrize(
    "piece", ["'", "''", "\\'", "E'\\", "$", "$a", "$a$", "/*", "*/", "--", "-", '"', "1", "1e", "a"]
)
def test_a_long_text_takes_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = ("x " + piece * length)[:length]
        started = time.process_time()
        mask_literals(text)
        return time.process_time() - started

    # Were it quadratic, the longer would take 256 times as long; the second added is for a slow machine.
    assert seconds(1_000_000) < 64 * seconds(62_500) + 1
