"""Constants become parameters where the server can tell their types, and stay elsewhere."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.workload.fingerprint import fingerprint
from pgadvisor.workload.normalise import MAX_PARAMETERS, normalised
from support.databases import Database

# As written, as normalised, and the values.
CASES = [
    ("select * from t where a = 5", "select * from t where a = $1", ("5",)),
    ("select * from t where a=-5 and b>=1.5", "select * from t where a=$1 and b>=$2", ("-5", "1.5")),
    ("select * from t where c = 'it''s' or c = E'\\n'", "select * from t where c = $1 or c = $2", ("it's", "\n")),
    ("select * from t where c = 'a'\n 'b'", "select * from t where c = $1", ("ab",)),
    ("select * from t where c = $$x$$ /* 'y' */", "select * from t where c = $1 /* 'y' */", ("x",)),
    ("select * from t where a in (1, -2) and b = any ('{1,2}')", "select * from t where a in ($1, $2) and b = any ($3)",
     ("1", "-2", "{1,2}")),
    ("select * from t where (a, c) in ((1, 'x'), (2, 'y'))", "select * from t where (a, c) in (($1, $2), ($3, $4))",
     ("1", "x", "2", "y")),
    ("select * from t where a between 1 and 9 and d < '2020-01-01'",
     "select * from t where a between $1 and $2 and d < $3", ("1", "9", "2020-01-01")),
    ("select * from t where c like 'x%' limit 10 offset 20", "select * from t where c like $1 limit $2 offset $3",
     ("x%", "10", "20")),
    ("select * from t where d > now() - interval '1 day'", "select * from t where d > now() - $1::interval",
     ("1 day",)),
    ("select * from t where d > timestamp with time zone '2020-01-01' and c::date = date '2020-01-01'",
     "select * from t where d > $1::timestamp with time zone and c::date = $2::date", ("2020-01-01", "2020-01-01")),
    ("select 'x'::text, cast('1' as int), 5::bigint from t", "select $1::text, cast($2 as int), $3::bigint from t",
     ("x", "1", "5")),
    ("select * from t where c is distinct from 'x'", "select * from t where c is distinct from $1", ("x",)),
    ("select * from t where j @> '{\"a\": 1}' and j ? 'k'", "select * from t where j @> $1 and j ? $2",
     ('{"a": 1}', "k")),
    ("insert into t (a, c) values (1, 'x'), (2, null) on conflict (a) where b = 0 do update set c = 'y'",
     "insert into t (a, c) values ($1, $2), ($3, null) on conflict (a) where b = 0 do update set c = $4",
     ("1", "x", "2", "y")),
    ("update t set c = 'x', b = b + 1 where a = 7", "update t set c = $1, b = b + 1 where a = $2", ("x", "7")),
    ("delete from t where a = 1 returning 'x' as c", "delete from t where a = $1 returning 'x' as c", ("1",)),
]  # fmt: skip
# What stays as it is.
UNTOUCHED = [
    "select interval '1' day, interval(3) '1 s', bit '101', x'1f'::int from t",
    "select date_trunc('day', d), round(b, 2), 1 + 1, -1, 'x' as c, count(1) from t group by 1, 2 order by 1, 2 desc",
    "select case when b is null then 0 else 1 end, extract('year' from d), j -> 'a' ->> 'b', array[1, 2] from t",
    "select * from t where 1 = 1 and a = 1 + b and b = 5 * a and true and c is null and c = null",
    "select * from t where d = '2020-01-01' at time zone 'UTC' and int4range(1, 5) @> 3 and c like b::text || 'x'",
    "select * from (values (1, 'x')) v (a, c) fetch first 5 rows only",
    "select a::numeric(10, 2), b::varchar(5) from t where tsq @@ to_tsquery('english', 'x')",
    "select substring(c from '^a') from t where a = $1 and b = 5",
    "select 1; select 2",
    "create table x as select * from t where a = 1",
    "select * from t where c = 'cut",
    "",
]


@pytest.mark.parametrize(("text", "expected", "values"), CASES)
def test_constants_become_parameters(text: str, expected: str, values: tuple[str, ...]) -> None:
    made = normalised(text)
    assert (made.text, made.values) == (expected, values)


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_says_how_stays(text: str) -> None:
    assert normalised(text) == normalised(normalised(text).text)
    assert (normalised(text).text, normalised(text).values) == (text, ())


def test_the_server_reads_what_is_made(database: Database) -> None:
    """Every text of the cases, as written and normalised, on the main server: parsed, with the same columns."""
    database.execute("CREATE TABLE t (a int PRIMARY KEY, b numeric, c text, d timestamptz, j jsonb, tsq tsvector)")
    database.execute("CREATE UNIQUE INDEX ON t (a) WHERE b = 0")
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        for text, *_ in CASES:
            _parsed(connection, text)
            _parsed(connection, normalised(text).text)


def _parsed(connection: psycopg.Connection, text: str) -> None:
    result = connection.pgconn.prepare(b"", text.encode())
    assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, (text, result.error_message)


def test_long_lists_keep_their_rest() -> None:
    made = normalised("select * from t where a in (" + ", ".join(map(str, range(5_000))) + ")")
    assert len(made.values) == MAX_PARAMETERS
    assert f"${MAX_PARAMETERS}, {MAX_PARAMETERS}, " in made.text
    assert fingerprint(made.text) == fingerprint("select * from t where a in (1)")


PIECES = st.sampled_from(
    [
        "(",
        ")",
        "[",
        "]",
        ",",
        "'a'",
        "5",
        "-",
        "=",
        "::",
        "int",
        "in",
        "any",
        "and",
        "between",
        "interval",
        "values",
        "a",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=30), st.sampled_from(["select ", "insert into t values ", "with "]), st.text())
def test_any_text_is_taken(pieces: list[str], start: str, rest: str) -> None:
    for text in (start + " ".join(pieces), start + "".join(pieces) + rest):
        made = normalised(text)
        assert normalised(made.text).text == made.text or not made.values
        if made.values:
            assert all(f"${number}" in made.text for number in range(1, len(made.values) + 1))
