"""Texts of one statement have one fingerprint, texts of different ones different ones."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgadvisor.workload.fingerprint import fingerprint

ALIKE = [
    ("select * from t where a = 1", "SELECT *\n FROM T WHERE a=$1 ; ;"),
    ("select * from t where a = 'it''s'", "select * from t where a = E'it\\'s' -- why"),
    ("select * from t where a = $$x$$", "select /* 1 /* 2 */ */ * from t where a = $5"),
    ("select * from t where a = -5", "select * from t where a=$1"),
    ("select * from t where a in (1, 2, 3)", "select * from t where a in ($1 /*, ... */)"),
    ("select * from t where a in (1, -2, null)", "select * from t where a in ($1)"),
    ("select * from t where a in ('a'::text, 'b'::text)", "select * from t where a in ($1::text)"),
    ("select * from t where (a, b) in ((1, 2), (3, 4))", "select * from t where (a, b) in (($1, $2))"),
    ("select * from t where a = any(array[1, 2])", "select * from t where a = any(array[$1])"),
    ("select array[[1, 2], [3, 4]]", "select array[[$1]]"),
    ("insert into t values (1, null), (2, 'x')", "insert into t values ($1, $2)"),
    ("insert into t values (1, default), (default, 2), (3, default)",
     "insert into t values (1, default), (default, 2)"),
    ("select * from (values (1, 'a'), (2, 'b')) v(a, b)", "select * from (values ($1, $2)) v(a, b)"),
    ("update t set a = null, b = true where c <> 1", "update t set a = $1, b = $2 where c != $3"),
    ("select 'a'\n'b' from t", "select $1 from t"),
    ("select * from t limit 10 offset 5", "select * from t limit $1 offset $2"),
    ("select interval '1 day', date '2020-01-01'", "select interval $1, date $2"),
    ("select x::numeric(10, 2) = 1.5e3 from t", "select x :: NUMERIC(10,2) = 0x1F from t"),
    ("select date_trunc('day', x) from t group by 1", "select date_trunc($1, x) from t group by 1"),
    ("select * from ünïcode where a = 1", "SELECT * FROM ünïcode WHERE A = 2"),
]  # fmt: skip
DIFFERENT = [
    ("select a from t", 'select "A" from t'),
    ("select * from t where a = 1", "select * from t where a <> 1"),
    ("select * from t where a = 1", "select * from t where a = b"),
    ("select * from t where a is null", "select * from t where a = null"),
    ("select * from t where a is null", "select * from t where a is not null"),
    ("select * from t where a is true", "select * from t where a is false"),
    ("select * from t where a is not true", "select * from t where a is not false"),
    ("select * from t", "select * from t limit 1"),
    ("select * from t order by a asc", "select * from t order by a desc"),
    ("select * from t order by 1", "select * from t order by 2"),
    ("select * from t order by 1, 2", "select * from t order by 1, 3"),
    ("select a from t group by 1, 2", "select a from t group by 1"),
    ("select a from t group by rollup (1, 2)", "select a from t group by rollup (1, 3)"),
    ("select distinct on (1) * from t", "select distinct on (2) * from t"),
    ("select x::int from t", "select x::bigint from t"),
    ("select x::numeric(10, 2) from t", "select x::numeric(10, 3) from t"),
    ("select cast(x as public.vector(3)) from t", "select cast(x as public.vector(4)) from t"),
    ("select f(1) from t", "select f(1, 2) from t"),
    ("insert into t values (1)", "insert into t values (1, 2)"),
    ("select a - 1 from t", "select a + 1 from t"),
    ("select a, -1 from t", "select a -1 from t"),
    ("select a ? 'x' from t", "select a ?| 'x' from t"),
    ("select 1", "select 1, 1"),
    ("select * from t where a in (select 1)", "select * from t where a in (select 1, 1)"),
    ("select * from t where a in (1)", "select * from t where a in (b)"),
    ("select * from t where a in (1, b)", "select * from t where a in (1, b, c)"),
    ("select a from É", "select a from é"),
    ("select 'a", "select 'a'"),
    ("select $?", "select ?"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_texts_of_one_statement_are_one(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_texts_of_different_statements_are_not(one: str, other: str) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_a_fingerprint_is_the_same_in_every_version_of_this_tool() -> None:
    # It is stored in snapshots, as the id of what no server has counted.
    assert fingerprint("select * from t where a = 1") == "9ddde22973e28573"


NAMES = st.sampled_from(["a", "b", "t", '"T"', "public.t", "ü"])
VALUES = st.one_of(
    st.integers(0, 2**70).map(str),
    st.integers(-9, -1).map(str),
    st.floats(0, 1e9, allow_nan=False).map(lambda number: f"{number:.3f}"),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(
        lambda text: "'" + text.replace("'", "''") + "'"
    ),
    st.sampled_from(["$1", "$77", "null", "true", "$$it's$$", "E'\\''", "B'01'", "x'ff'", "N'x'", "1e5", ".5"]),
)
GAPS = st.sampled_from([" ", "\n", "\t  ", " /* x */ ", " -- y\n", "/*/*;'*/*/ "])


HOSTILE = st.sampled_from([*"()[],;'\"$-/*1a ?:.\\\n", "in", " values ", " array", " order by ", "E'", "::"])


def value_of(draw: st.DrawFn) -> str:
    return draw(VALUES)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """One of the ways to write one statement."""
    gap = draw(GAPS)
    members = ", ".join(draw(st.lists(VALUES, min_size=1, max_size=9)))
    rows = ", ".join(f"({value_of(draw)}, {value_of(draw)})" for _ in range(draw(st.integers(1, 4))))
    written = (
        f"select a, b from t join (values {rows}) as v (x, y) on x = a where b = {value_of(draw)} and c in ({members}) "
        f"and d = any (array[{members}]) or not e order by 1 desc limit {value_of(draw)}"
    )
    words = [word.upper() if draw(st.booleans()) and word.isalpha() else word for word in written.split(" ")]
    # What stands within strings is not touched: blanks are put between words alone where there are no strings.
    joined = gap.join(words) if "'" not in written and "$$" not in written else " ".join(words)
    return joined + draw(st.sampled_from(["", ";", " ; ", " -- end", "\n/* end */"]))


@settings(deadline=None)
@given(texts())
def test_however_it_is_written_it_is_one_statement(text: str) -> None:
    plain = "select a, b from t join (values ($1, $2)) as v (x, y) on x = a where b = $3 and c in ($4) "
    assert fingerprint(text) == fingerprint(plain + "and d = any (array[$5]) or not e order by 1 desc limit $6")


@settings(deadline=None, max_examples=300)
@given(st.lists(HOSTILE).map("".join))
@example("values (1) , ) , (1)")
@example("in (,,1,)")
@example("\ud800 '\ud800")
def test_any_text_has_a_fingerprint(text: str) -> None:
    found = fingerprint(text)
    assert re.fullmatch("[0-9a-f]{16}", found)
    assert found == fingerprint(text)


@pytest.mark.parametrize(
    "text",
    [
        "select * from t where a in (" + ",".join(map(str, range(150_000))) + ")",
        "select * from t where a in (" + ", ".join(f"${n}" for n in range(110_000)) + ")",
        "select * from t where a in (" + ",".join(f"'x{n}'" for n in range(100_000)) + ")",
        "insert into t values " + ",".join(f"({n}, 'it''s', null)" for n in range(45_000)),
        "in(" * 350_000,
        ("in(" * 2_000 + "1" + ")" * 2_000 + ",") * 130,
        "'" * 1_000_000,
        "select " + "a," * 500_000,
        "select /*" + "/*" * 500_000,
        "(" + "1," * 1_999 + "a" + ("(" + "1," * 1_999 + "a") * 250,
    ],
    ids=["digits", "parameters", "strings", "rows", "lists", "nested", "quotes", "names", "comments", "just short"],
)
def test_a_megabyte_takes_no_time_to_speak_of(text: str) -> None:
    started = time.process_time()
    fingerprint(text)
    # A second on an idle machine at most; what took the square of the length would take hours.
    assert time.process_time() - started < 10


def test_long_lists_are_as_short_ones() -> None:
    start = "select * from t where \"1,2\" = 'a,''b' and a in ("
    for member in ("1", "$1", "'a'", "-1.5", "null"):
        assert fingerprint(start + ",".join([member] * 30_000) + ")") == fingerprint(start + "1)")
    rows = "insert into t (a, b) values "
    assert fingerprint(rows + ",".join(["(1, 'x')"] * 9_000)) == fingerprint(rows + "(2, $2)")
    assert fingerprint(rows + ",".join(["(1, 'x')"] * 9_000)) != fingerprint(rows + "(2)")
    names = "select " + ",".join(["1"] * 1_600) + ", a1" + " " * 20_000
    assert fingerprint(names) != fingerprint(names.replace("1,", "1,1,", 1))
