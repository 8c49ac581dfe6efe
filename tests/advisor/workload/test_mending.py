"""The copy that is parsed: what changes in it, and that nothing else does."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.mended_literals import LITERAL_KEPT
from pgadvisor.workload.mending import MEMBERS_KEPT, mend, shortened

UNCHANGED = [
    *("select", "a", "t.b", "$1", "$22", "'it''s'", "e'\\''", '"a""$1"', "1.5", "::", "(", ")", ",", "=", "->>", "and"),
    *("-", "*", "[", "]", " ", "\n", "/* $1 */", "-- $1\n"),
]


def mended(text: str) -> str:
    return mend(lex(text))


def split(text: str) -> list[str]:
    lexed = lex(text)
    return [lexed.of(token) for token in lexed.tokens]


COPIES = {
    "select character varying $1, timestamp(3) without time zone $2": (
        "select CAST( $1 AS varchar), CAST( $2 AS timestamp)"
    ),
    "json_value(j, '$' passing 1 as x returning int default 2 on empty)": "pg_catalog.json_value(j, '$', 1, 2)",
}


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        ("a in($1,$2)", "a in( $1 , $2 )"),
        ("'$1,$2' \"$3,$4\" a$5 -- $6\n", "'$1,$2' \"$3,$4\" a$5"),
        ("select 1 /* a */;;", "select 1"),
        ("$$it's$$", "'it''s'"),
        ("$q$a$$b$q$", "'a$$b'"),
        ('U&"\\0061\\+000062\\\\"', '"ab\\"'),
        ("U&'x'", "'x'"),
        ("date $1", "CAST( $1 AS date)"),
        ("timestamp with time zone $1", "CAST( $1 AS timestamptz)"),
        ("time without time zone $1", "CAST( $1 AS time)"),
        ("interval $1 * 2", "CAST( $1 AS interval) * 2"),
        ("select interval '1 day' day to second(3)", "select CAST('1 day' AS interval)"),
        ("select box '(1,1)', mytype $1", "select CAST('(1,1)' AS box) , CAST( $1 AS mytype)"),
        ("select character varying $1, timestamp(3) without time zone $2", None),
        ("a::cube, b::int array[3], c::bit varying(3)", 'a::"cube" , b::int[], c::"varbit"'),
        ("columns a int path '$' limit $1", "columns a int path '$' limit $1"),
        ("order by a using >, b using operator(pg_catalog.<)", "order by a DESC, b ASC"),
        ("from t tablesample s.rows(10) repeatable (1) where", "from t where"),
        (") search depth first by f, t set s cycle f, t set c using p select", ") select"),
        (") cycle f, t set c to $1 default $2 using p select", ") select"),
        (") cycle on a = b", ") cycle on a = b"),
        ("insert into t (a.b, c[$1].d, e) values", "insert into t (a , c , e) values"),
        ("join u using (a) as j where", "join u using (a) where"),
        ("returning with (old as o) o.a", "returning o.a"),
        ("from only (t)", "from only t"),
        ("a is nfkc normalized", "a OPERATOR(normalized) 'nfkc'"),
        ("from ((s.f(a, (b)) x join t on c) join u", "from ((ROWS FROM (s.f(a, (b))) x join t on c) join u"),
        ("from (select (a))", "from (select (a))"),
        ("a at local", "a AT TIME ZONE ''"),
        ("u&'x' uescape '!'", "'x'"),
        ("1_000 0x1F 0o17", "1000 31 15"),
        ("xmlpi(name foo, $1)", "pg_catalog.xmlpi( $1)"),
        ("xmlexists($1 passing by ref a by value)", "pg_catalog.xmlexists( $1 , a )"),
        ("xmlroot(xml $1, version no value)", "pg_catalog.xmlroot(CAST( $1 AS xml) , null)"),
        ("json_object('a': $1 absent on null)", "pg_catalog.json_object('a', $1 )"),
        ("json_value(j, '$' passing 1 as x returning int default 2 on empty)", None),
        ("json_object(value, key)", "pg_catalog.json_object(value, key)"),
        ("substring(a similar b escape c)", "substring(a , b , c)"),
        ("substring(a from b)", "substring(a from b)"),
        ("select is(a, b), x is (b)", 'select "is"(a, b), x is (b)'),
        ("a <<% b", "a OPERATOR(<<%) b"),
        ("a operator(s.<<%) b operator(<<%) c", "a operator(s.<<%) b operator(<<%) c"),
        ("select @ a", "select - a"),
        ("where current of c", "where true"),
        ("(id) overriding user value values", "(id) values"),
        ("straße", '"straße"'),
        ("straight_join", '"straight_join"'),
    ],
)
def test_what_is_mended(text: str, copy: str | None) -> None:
    expected = COPIES[text] if copy is None else copy
    assert split(mended(text)) == split(expected)


def _has_typed_constants(lexed: Lexed) -> bool:
    """Whether a name stands before a value, which makes it the name of a type."""
    return any(
        lexed.word(index) in ("a", "b") and token.kind in (Kind.STRING, Kind.PARAMETER)
        for index, token in enumerate(lexed.tokens[1:])
    )


@settings(deadline=None)
@given(st.lists(st.sampled_from(UNCHANGED)).map(" ".join))
def test_nothing_else_is_changed(text: str) -> None:
    lexed = lex(text)
    if not lexed.unterminated and "/*" not in split(text) and not _has_typed_constants(lexed):
        assert split(mended(text)) == split(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*UNCHANGED, "$$x$$", "date", "<<%", "straße", ";"])).map("".join))
def test_mending_twice_is_mending_once(text: str) -> None:
    if lex(text).balanced:
        once = mended(text)
        assert split(mended(once)) == split(once)


@settings(deadline=None)
@given(st.lists(st.sampled_from(UNCHANGED)).map("".join))
def test_parameters_stand_alone(text: str) -> None:
    lexed = lex(text)
    if not lexed.balanced:
        return
    copy = mended(text)
    for token in lex(copy).tokens:
        if token.kind is Kind.PARAMETER:
            assert copy[: token.start][-1:] in ("", " ")
            assert copy[token.end :][:1] in ("", " ")


def test_long_literals_are_cut() -> None:
    for literal in ("'" + "x''" * 500_000 + "'", "e'" + "\\'" * 500_000 + "'", "$$" + "'" * 500_000 + "$$"):
        copy = mended(f"select {literal}, 1")
        assert len(copy) < 4 * LITERAL_KEPT
        assert split(copy)[-2:] == [",", "1"]


def test_long_lists_keep_their_beginning() -> None:
    copy = split(mended(f"a in ({','.join(f'${n}' for n in range(1, 5_001))}) and b"))
    assert [token for token in copy if token.startswith("$")] == [f"${n}" for n in range(1, MEMBERS_KEPT + 1)]
    assert copy[-3:] == [")", "and", "b"]


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT 1 FROM t WHERE a IN ({', '.join(f'${n}' for n in range(1, 60_000))}) AND b = $60001",
        f'INSERT INTO "t" VALUES {",".join(f"(${n}, ${n + 1})" for n in range(1, 60_000))} RETURNING "a"',
        f"SELECT * FROM t WHERE (a, b) IN ({', '.join(f'(${n},${n + 1})' for n in range(1, 60_000))}) LIMIT $1",
    ],
    ids=lambda text: text[:8],
)
def test_long_lists_are_shortened_before_they_are_split(text: str) -> None:
    short = shortened(text)
    assert len(short) < 25_000 and short[-6:] == text[-6:]
    assert mended(short)[-6:] == mended(text)[-6:]
    if "(a, b)" not in text:
        assert split(mended(short)) == split(mended(text))
    for hiding in ("'a'", "-- a\n", "/* a */", "$a$"):
        assert shortened(hiding + text) == hiding + text


@pytest.mark.parametrize("list_", [",".join(["$1"] * 900), ",".join(["($1,$2)"] * 900), "($1,$2,", "(" + " " * 500])
def test_no_list_takes_long(list_: str) -> None:
    started = time.perf_counter()
    text = " x ".join([list_] * (1_000_000 // len(list_)))
    assert shortened(text) == text
    assert time.perf_counter() - started < 3


def test_one_row_of_many_is_kept_unless_it_reads() -> None:
    copy = mended("values ($1,f(2)),($3,f(4)),((select 5)),($6) returning a")
    assert split(copy) == split("values ($1,f(2)),((select 5)) returning a")
