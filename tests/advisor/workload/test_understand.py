"""What is not understood is said; nothing is raised, whatever the text."""

from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.model.shape import NotUnderstood, StatementKind, StatementShape
from pgadvisor.model.statements import StatementText
from pgadvisor.workload.nesting import MAX_DEPTH
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.shapes import understand_all
from pgadvisor.workload.understand import MAX_PARSED_CHARS, understand
from pgadvisor.workload.words import words
from support.snapshots import snapshot

SCHEMA = SchemaView(
    snapshot(
        {
            "tables": {
                "public.t": {"columns": ["a bigint", "b text", "c boolean", "d jsonb"]},
                "public.u": {"columns": ["a bigint", "e text[]"]},
            }
        }
    ).catalog,
    ("public",),
)


def reason(text: str) -> str:
    result = understand("7", text, SCHEMA)
    assert isinstance(result, NotUnderstood), text[:100]
    assert result.query_id == "7"
    return result.reason


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no text"),
        ("  -- nothing\n", "no text"),
        (";", "not a statement of PostgreSQL"),
        ("<insufficient privilege>", "the text was not shown to this role"),
        ("hello world", "not a statement of PostgreSQL"),
        ("\\d orders", "not a statement of PostgreSQL"),
        ("</script><b>", "not a statement of PostgreSQL"),
        ("{{ 7 * 7 }}", "not a statement of PostgreSQL"),
        ("select 1; drop table t", "several commands in one text"),
        ("select 1; commit; drop table t", "several commands in one text"),
        ("select 'a", "the text is cut off inside a string"),
        ("select (1", "the text is cut off"),
        ("select * from t where a in ($1, $", "the text is cut off"),
        ("select from where", "the parser stops at where"),
        ("select * from t where b = = 'secret'", "the parser stops at ="),
        ("select 1 from t where (a) 'secret'", "the parser stops at '…'"),
        ("select 1 from t where (a) e'sec\\'ret'", "the parser stops at e'…'"),
        ("select 1 from t where a 12345", "the parser stops at …"),
        ("delete t", "the parser cannot read it"),
        ("with x as (delete t where a = 1 returning a) select * from x", "the parser cannot read it"),
    ],
)
def test_why_a_text_is_not_understood(text: str, why: str) -> None:
    assert reason(text) == why


@pytest.mark.parametrize(
    "text",
    [
        *("begin", "COMMIT", "vacuum t", "set x = $1", "explain select * from t", "explain analyze delete from t"),
        *(
            "create table x as select * from t",
            "copy t to stdout",
            "fetch all in c",
            "call p($1)",
            "do $$ begin end $$",
        ),
        *("deallocate $1", "declare c cursor for select 1", "alter table t add x int"),
        "refresh materialized view v",
        "create function f() returns int begin atomic select 1; select 2; end",
    ],
)
def test_utilities_are_told_by_their_first_word(text: str) -> None:
    assert understand("1", text, SCHEMA) == StatementShape(query_id="1", kind=StatementKind.UTILITY)


@pytest.mark.parametrize(
    "text",
    [
        "select " + "(" * 5_000 + "1" + ")" * 5_000,
        "select " + "(" * 120 + "1" + ")" * 120,
        "select " + "f(" * 100 + "1" + ")" * 100,
        "select " + "not " * 20_000 + "true",
        "select " + "- " * 20_000 + "1",
        "select * from t where " + "exists (select 1 from t where " * 150 + "true" + ")" * 150,
        # These take the parser exponential time, so that without a limit the test would not come to an end.
        "select " + "array[" * 40 + "1" + "]" * 40,
        "select " + "date(" * 40 + "1" + ")" * 40,
        "select a" + "[1]" * 5_000,
        "select * from t" + " join u" * 60,
        "select * from t" + " left join u x" * 60 + " on true",
    ],
    ids=lambda text: text[:40],
)
def test_what_nests_too_deep_is_left_alone(text: str) -> None:
    assert reason(text) == "nested too deep"


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        *(("(", ")"), ("f(", ")"), ("cast(", " as int)"), ("coalesce(", ", 1)"), ("not (", ")"), ("a = 1 and (", ")")),
        *(("case when c then (", ") end"), ("exists (select 1 from t where ", ")"), ("(select ", ")")),
    ],
)
def test_what_nests_as_deep_as_people_write_is_understood(opening: str, closing: str) -> None:
    text = f"select 1 from t where {opening * MAX_DEPTH}true{closing * MAX_DEPTH}"
    assert isinstance(understand("1", text, SCHEMA), StatementShape)


@pytest.mark.parametrize(
    "text",
    [
        "select * from t where b = '" + "x''" * 400_000 + "'",
        "select * from t where b = $$" + "'\\" * 400_000 + "$$",
        "select * from t where a in (" + ", ".join(f"${n}" for n in range(1, 30_001)) + ")",
        "insert into t (a, b) values " + ", ".join(f"(${n}, ${n + 1})" for n in range(1, 30_000, 2)),
        "select /*" + "x" * 1_000_000 + "*/ a from t",
        "select * from t where " + " or ".join(f"a = {n}" for n in range(4_000)),
        "select * from t where " + " and ".join(f"a <> {n}" for n in range(4_000)),
        " union all ".join(["select a from t"] * 3_000),
        "select * from t" + " cross join u" * 500,
        "select * from t t0" + "".join(f" join t t{n} on t{n}.a = t{n - 1}.a" for n in range(1, 300)),
        "select " + " + ".join(["a"] * 5_000) + " from t",
    ],
    ids=lambda text: text[:40],
)
def test_what_is_long_but_simple_is_understood(text: str) -> None:
    assert isinstance(understand("1", text, SCHEMA), StatementShape)


def test_a_text_that_stays_too_long_is_told_with_its_length() -> None:
    text = "select " + " + ".join(["'ö'"] * MAX_PARSED_CHARS)
    assert reason(text) == f"text of {len(text.encode())} bytes is too long to parse"
    assert reason("select 1" + " " * 20_000_000) == "text of 20000008 bytes is too long to parse"


def test_the_recursion_limit_and_the_terminal_are_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    limit = sys.getrecursionlimit()
    reason("select " + "(" * 150 + "1" + ")" * 150)
    understand("1", "select 1 from t; show tables; kill 7", SCHEMA)
    understand("1", "with x as (refresh y) select 1", SCHEMA)
    assert sys.getrecursionlimit() == limit
    assert logging.getLogger("sqlglot").level == logging.NOTSET
    assert capfd.readouterr() == ("", "")


def test_the_parser_logs_no_text(caplog: pytest.LogCaptureFixture) -> None:
    understand("1", "select * from xmltable($1 passing d columns a text path $2 default 'secret') x", SCHEMA)
    understand("1", "with x as (merge y 'secret') select 1", SCHEMA)
    assert caplog.text == ""
    logging.getLogger("sqlglot").warning("heard")
    assert "heard" in caplog.text


WORDS = sorted(
    words("select from where t u a b t.a x * , ( ) = < and or not in $1 $2 's' 1 null is join left on using with as")
    | words("union all any exists limit values update set returning for lateral array[ ] :: int @> ? ->> case when")
    | words("then end distinct over like excluded.a between /* ; order by group insert into delete conflict do merge")
)
STARTS = [
    "select ",
    "select * from t where ",
    "update t set a = ",
    "insert into t ",
    "delete from t ",
    "with x as (",
    "",
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(STARTS), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_words_in_any_order_are_read_or_refused(start: str, rest: str) -> None:
    result = understand("1", start + rest, SCHEMA)
    assert isinstance(result, StatementShape | NotUnderstood)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    assert isinstance(understand("1", text, SCHEMA), StatementShape | NotUnderstood)
    assert isinstance(understand("1", f"select {text}", SCHEMA), StatementShape | NotUnderstood)
    assert isinstance(understand("1", f"select * from \"{text}\" where '{text}' = a", SCHEMA), object)


def test_all_texts_are_accounted_for() -> None:
    texts = (
        StatementText(query_id="1", text="select a from t"),
        StatementText(query_id="2", text=None, reason="The text is another role's"),
        StatementText(query_id="3", text=None),
        StatementText(query_id="4", text="select ("),
    )
    told: list[tuple[str, int, int | None]] = []
    shapes, not_understood = understand_all(
        texts, SCHEMA, lambda step, done=0, total=None: told.append((step, done, total))
    )
    assert list(shapes) == ["1"]
    assert [(each.query_id, each.reason) for each in not_understood] == [
        ("2", "The text is another role's"),
        ("3", "no text"),
        ("4", "the text is cut off"),
    ]
    assert told == [("Reading statements", 0, 4)]
