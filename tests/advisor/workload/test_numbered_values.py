"""Values of calls, by the server's own numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pgadvisor.workload.numbered_values import values_by_number
from support.databases import Database


@pytest.mark.parametrize(
    ("numbered", "call", "bound", "expected"),
    [
        (
            "select data ->> $2 from t where a = $1",
            "SELECT data ->> 'k' FROM t -- here\n WHERE a = $1;",
            ["7"],
            ("7", "k"),
        ),
        ("select $1, $2, $3", "select -5, 'it''s', null", [], ("-5", "it's", None)),
        ("select $1, $2", "select true, E'a\\nb'", [], ("true", "a\nb")),
        ("select $1", "select 'a'\n'b'", [], ("ab",)),
        ("select $1::date + $1", "select $1::date + $1", ["2020-01-01"], ("2020-01-01",)),
        # Another statement, one that goes on, too few values, values that differ, and numbers with a gap.
        ('select "A" from t where a = $1', 'select "a" from t where a = 5', [], None),
        ("select a from t where a = $1", "select a from t where a = 5 or b", [], None),
        ("select a from t where a = $1 or b", "select a from t where a = 5", [], None),
        ("select a from t where a = $2 and b = $1", "select a from t where a = $2 and b = $1", ["1"], None),
        ("select $1 + $1", "select 1 + 2", [], None),
        ("select $2", "select 1", [], None),
        ("select $1", "select b'1'", [], None),
        ("select $1", "select c", [], None),
        ("select $1", "select -", [], None),
    ],
)
def test_values_stand_by_their_numbers(
    numbered: str, call: str, bound: Sequence[str], expected: tuple[str | None, ...] | None
) -> None:
    assert values_by_number(numbered, call, bound) == expected


def test_the_servers_own_numbers_are_read(any_database: Database) -> None:
    """Each statement is run with a value of its own and looked up by its text in pg_stat_statements."""
    any_database.execute("CREATE TABLE t (id int, data jsonb, name text)")
    calls = [
        ("SELECT data ->> 'kept' FROM t WHERE id = 5 AND name LIKE 'x%'", ("kept", "5", "x%")),
        ("SELECT id FROM t WHERE id = -7 AND data @> '{\"a\": 1}' LIMIT 3", ("-7", '{"a": 1}', "3")),
    ]
    for call, _ in calls:
        any_database.execute(call)
    shown = [
        text
        for (text,) in any_database.execute(
            "SELECT query FROM pg_stat_statements WHERE query ~ 'FROM t WHERE' AND query !~ 'pg_stat_statements'"
        )
    ]
    found = {
        call: [values for text in shown if (values := values_by_number(text, call)) is not None] for call, _ in calls
    }
    assert found == {call: [values] for call, values in calls}
