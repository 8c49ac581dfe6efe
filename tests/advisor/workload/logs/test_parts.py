"""The small parts: moments, values, plans."""

from __future__ import annotations

from datetime import datetime

import pytest

from pgadvisor.model.plan_nodes import MAX_PLAN_DEPTH
from pgadvisor.workload.logs.moments import moment
from pgadvisor.workload.logs.parameters import given_values, parse_values
from pgadvisor.workload.logs.plans import read_plan, sealed_plan, split_plan
from pgadvisor.workload.logs.prefix import detect, pattern


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        (b"2026-01-02 03:04:05.678 UTC", "2026-01-02T03:04:05.678+00:00"),
        (b"2026-01-02 03:04:05 CEST", "2026-01-02T01:04:05+00:00"),
        (b"2026-01-02 03:04:05.6 +0530", "2026-01-01T21:34:05.6+00:00"),
        (b"2026-01-02 03:04:05 -03", "2026-01-02T06:04:05+00:00"),
        (b"1767323045.123", "2026-01-02T03:04:05.123+00:00"),
    ],
)
def test_moments(spelled: bytes, meant: str) -> None:
    assert moment(spelled) == datetime.fromisoformat(meant)


@pytest.mark.parametrize("spelled", [b"", b"2026-01-02 03:04:05 IST", b"2026-13-02 03:04:05 UTC", b"9" * 400, b"\xff"])
def test_what_is_no_moment(spelled: bytes) -> None:
    assert moment(spelled) is None


def test_values() -> None:
    assert given_values(b"Parameters: $1 = '1'") == b"$1 = '1'"
    assert given_values(b"Query Parameters: $1 = NULL") == b"$1 = NULL"
    assert given_values(b"Key (id)=(1) already exists.") is None
    assert parse_values(b"$1 = 'a', $2 = NULL, $3 = ''") == ("a", None, "")
    assert parse_values(b"$1 = ''', $2 = ''x'''") == ("', $2 = 'x'",)
    for broken in (b"$1 = 'a", b"$2 = 'a'", b"$1 = 'long...'", b"$1 = 'a' $2 = 'b'", b"$1 = '\xff\x80'", b"x"):
        assert parse_values(broken) is None


def test_plans() -> None:
    text = b'{"Query Text": "SELECT \\"a\\"", "Query Parameters": "$1 = \'x\'", "Plan": {"Node Type": "Result"}}'
    found = split_plan(text)
    assert found is not None
    assert (found.text, found.values) == (b'SELECT "a"', b"$1 = 'x'")
    assert read_plan(found.body, True) == {"Plan": {"Node Type": "Result"}}
    root = "Result  (cost=0.00..0.01 rows=1 width=4)"
    written = split_plan(f"Query Text: SELECT 1\n+ $1\nQuery Parameters: $1 = 'a\nb'\n{root}".encode())
    assert written is not None
    assert (written.text, written.values, written.body) == (b"SELECT 1\n+ $1", b"$1 = 'a\nb'", root.encode())
    plan = read_plan(written.body, False)
    assert plan is not None
    assert plan["Plan"]["Node Type"] == "Result"
    assert split_plan(b"<explain>") is None
    assert split_plan(b"Query Text: SELECT 1") is None


def test_plans_that_are_none() -> None:
    def nested(depth: int) -> bytes:
        return b'{"Plan": ' + b'{"Node Type": "A", "Plans": [' * depth + b"]}" * depth + b"}"

    assert read_plan(nested(MAX_PLAN_DEPTH), True) is not None
    for body in (
        nested(MAX_PLAN_DEPTH + 1),
        nested(100_000),
        b"[]",
        b"{}",
        b'{"Plan": {"Node Type": 1}}',
        b'{"Plan": ',
    ):
        assert read_plan(body, True) is None
    assert read_plan(b'{"Plan": {"Node Type": "A", "Plans": {}}}', True) is None


def test_plans_of_telling_statements_lose_their_constants() -> None:
    plan = {"Plan": {"Node Type": "Seq Scan", "Filter": "(note = 'hunter2'::text)", "Plans": [{"Filter": "x = 4711"}]}}
    assert sealed_plan(plan, telling=False) == plan
    sealed = repr(sealed_plan(plan, telling=True))
    assert "hunter2" not in sealed
    assert "4711" not in sealed


def test_prefix_padding_and_sessions() -> None:
    found = pattern("%-12u|%8p|%c ").match(b"app         |    4711|6741c0d1.1a LOG:  x")
    assert found is not None
    assert (found["session"], found["user"].strip(), found["severity"]) == (b"4711", b"app", b"LOG")
    assert detect([b"no log at all", b"SELECT 1;"]) is None
