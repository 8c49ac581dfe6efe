"""The partial index that low_cardinality_index proposes is one that the planner uses for every rare value."""

from __future__ import annotations

import pytest

from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import Config, ReportConfig
from pgadvisor.registry import load_rules
from support.databases import Database

RULE = next(rule for rule in load_rules() if rule.name == "low_cardinality_index")

# A type, the value that nearly all rows hold, the rare ones, as SQL.
TYPES = (
    ("text", r"'it''s \done'", ("'open'", "NULL")),
    ("int", "7", ("1", "-2")),
    ("int", "NULL", ("1", "-2")),
    ("numeric", "7.50", ("1.25", "NULL")),
    ("date", "'2026-01-01'", ("'2026-02-01'", "'infinity'")),
    ("char(5)", "'a'", ("'b'", "'c'")),
    ("varchar", "''", ("'b'", "NULL")),
    ('"char"', "'a'", ("'b'", "'c'")),
    ("boolean", "true", ("false", "NULL")),
    ("boolean", "false", ("true",)),
    ("boolean", "NULL", ("true",)),
    ("mood", "'it''s fine'", ("'so so'", "NULL")),
    ("inet", "'10.0.0.1'", ("'10.0.0.2'", "'::1'")),
)


@pytest.mark.server
@pytest.mark.parametrize(("kind", "common", "rare"), TYPES, ids=[f"{kind} {common}" for kind, common, _ in TYPES])
def test_the_planner_uses_it(database: Database, kind: str, common: str, rare: tuple[str, ...]) -> None:
    cases = " ".join(f"WHEN {number} THEN {value}::{kind}" for number, value in enumerate(rare))
    database.execute(
        "CREATE TYPE mood AS ENUM ('it''s fine', 'so so', 'bad');"
        f"""CREATE TABLE t (id bigint PRIMARY KEY, "select" {kind}, note text);
        INSERT INTO t SELECT n, CASE n % 100 {cases} ELSE {common}::{kind} END, repeat('x', 200)
        FROM generate_series(1, 10000) n;
        CREATE INDEX full_one ON t ("select");
        ANALYZE t"""
    )
    conditions = ['"select" IS NULL' if value == "NULL" else f""""select" = {value}::{kind}""" for value in rare]
    for condition in conditions:
        database.execute(f"SELECT id FROM t WHERE {condition}")
    database.settle()
    config = Config(rules={RULE.name: {"min_window_days": 0}}, report=ReportConfig(show_values=True))
    report = analyze(collect(database.dsn, config.collect), config, [RULE])
    create, drop = sorted(report.recommendations, key=lambda recommendation: recommendation.title)
    for step in (*create.steps, *drop.steps):
        database.execute(step.sql)
    for condition in conditions:
        plan = "\n".join(row[0] for row in database.execute(f"EXPLAIN SELECT * FROM t WHERE {condition}"))
        assert "idx_t_select" in plan, (condition, plan)
