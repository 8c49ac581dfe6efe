"""The SELECT that stands for a write: its text, and that a server plans it as it plans the write."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.workload.equivalent import EquivalentSelect, equivalent_select
from pgadvisor.workload.lexer import Kind, lex
from pgadvisor.workload.words import words
from support.databases import Database

CASES: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "cases" / "equivalents.toml").read_text(encoding="utf-8")
)
TAKEN = [case for case in CASES["equivalent"] if case.get("server", True)]
SCHEMA = """
    CREATE SCHEMA audit;
    CREATE TABLE customers (id bigint PRIMARY KEY, email text, name text);
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text, note text, placed_at timestamptz);
    CREATE TABLE order_items (order_id bigint, line integer);
    CREATE TABLE audit.orders (id bigint, change jsonb);
    CREATE TABLE "Order" (id bigint, "Order" text);
    CREATE INDEX ON orders (customer_id);
    INSERT INTO orders SELECT n, n % 500, n % 7, '', now() FROM generate_series(1, 5000) n;
    INSERT INTO customers SELECT n, n, n FROM generate_series(1, 500) n;
    ANALYZE;
"""
# A subquery that locks is shown under another name than one that does not.
ALIAS = re.compile(r"""("[^"]+"|\w+)\.""")
CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Relation Name")


@pytest.mark.parametrize("case", CASES["equivalent"], ids=lambda case: case["sql"][:60])
def test_the_equivalent(case: dict[str, Any]) -> None:
    assert equivalent_select(case["sql"]) == EquivalentSelect(case["select"], tuple(case.get("positions", ())))


@pytest.mark.parametrize("case", CASES["none"], ids=lambda case: f"{case['why']}: {case['sql'][:40]}")
def test_no_equivalent(case: dict[str, Any]) -> None:
    assert equivalent_select(case["sql"]) is None


def conditions(plan: dict[str, Any], positions: tuple[int, ...]) -> list[tuple[str, str]]:
    """What the plan's nodes filter and join by, without aliases, parameters numbered as in the original."""

    def original(match: re.Match[str]) -> str:
        return f"${positions[int(match[1]) - 1]}" if positions else match[0]

    found = [
        (key, re.sub(r"\$(\d+)", original, ALIAS.sub("", plan[key])))
        for key in CONDITIONS
        if key in plan and plan["Node Type"] not in ("ModifyTable", "LockRows")
    ]
    return sorted(found + [each for child in plan.get("Plans", ()) for each in conditions(child, positions)])


def explain(connection: psycopg.Connection[Any], text: str) -> dict[str, Any]:
    # The text may hold what psycopg takes for a placeholder, so it is sent as it is.
    result = connection.pgconn.exec_(f"EXPLAIN (FORMAT JSON, GENERIC_PLAN) {text}".encode())
    assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, result.error_message.decode()
    value = result.get_value(0, 0)
    assert value is not None
    plan: dict[str, Any] = json.loads(value)[0]["Plan"]
    return plan


@pytest.mark.server
def test_a_reader_may_plan_it_and_gets_the_plan_of_the_write(database: Database) -> None:
    database.execute(SCHEMA)
    reader = database.role(grants=["SELECT ON ALL TABLES IN SCHEMA public, audit", "USAGE ON SCHEMA audit"])
    with database.connect() as owner, reader.connect() as connection:
        for case in TAKEN:
            select = equivalent_select(case["sql"])
            assert select is not None
            with pytest.raises(AssertionError, match="permission denied"):
                explain(connection, case["sql"])
            prepared = connection.pgconn.prepare(b"", select.text.encode())
            assert prepared.status == psycopg.pq.ExecStatus.COMMAND_OK, prepared.error_message.decode()
            as_reader = conditions(explain(connection, select.text), select.positions)
            assert as_reader == conditions(explain(owner, case["sql"]), ()), case["sql"]


WORDS = sorted(
    words("update delete from using set where returning select for share no key of skip locked only with as")
    | words("( ) , . * t u a = $1 $3 'x' \"y\" current ; is distinct")
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))
def test_an_equivalent_is_one_select_that_neither_writes_nor_locks(rest: str) -> None:
    for start in ("update t set a = ", "delete from t ", "select a from t for update ", "with x as (select 1) "):
        select = equivalent_select(start + rest)
        if select is None:
            continue
        lexed = lex(select.text)
        assert lexed.commands == 1
        assert lexed.first_keyword in ("select", "with")
        words = [lexed.word(index) for index in range(len(lexed.tokens))]
        assert not any(each in ("update", "delete") and depth for each, depth in zip(words, lexed.depths, strict=True))
        used = {int(lexed.of(token)[1:]) for token in lexed.tokens if token.kind is Kind.PARAMETER}
        assert used == set(range(1, len(select.positions) + 1))
        assert select.positions == tuple(sorted(set(select.positions)))
