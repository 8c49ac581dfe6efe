"""Where the plan for unknown values misleads: the demo's statements, with what the planner expects and what is so.

Loads the demo's shop on a private server, calls each of its statements a few times, collects with plans for values, and
sets the rows expected for unknown, common and rare values beside the rows that there are (SELECT count(*)). Results go
to benchmarks/results/values.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from pgadvisor import __version__
from pgadvisor.analyze import read_facts
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Execute
from pgadvisor.demo import shop, workload
from pgadvisor.demo.calls import Dice, Query
from pgadvisor.demo.size import Size
from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer
from pgadvisor.model.plans import PlanMethod, ValueChoice
from pgadvisor.model.shape import Predicate
from pgadvisor.statement_facts import Statement
from pgadvisor_rules._value_plans import differences

RESULTS = Path(__file__).parent / "results"
CALLS = 3
CHOICES = (ValueChoice.COMMON, ValueChoice.RARE, ValueChoice.HIGH, ValueChoice.LOW)
LIMITS = CollectConfig(execute=Execute.OFF, statements=500, max_explains=5_000, max_value_explains=4_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the shop; 1 has 1.2 million page views")
    size = Size(parser.parse_args().scale)
    with LocalServer(settings=shop.SETTINGS) as server:
        shop.load(server, size, print)
        shop.open_shop(server)
        call_all(server, size)
        dsn = server.dsn(shop.DATABASE)
        snapshot = collect(server.dsn(shop.DATABASE, shop.AUDITOR), LIMITS)
        facts, _ = read_facts(snapshot)
        with psycopg.connect(dsn, autocommit=True) as connection:
            found = [of_statement(connection, facts, statement) for statement in facts.statements.values()]
        footprint = snapshot.coverage.footprint
        result = {
            "tool": __version__,
            "server": snapshot.server.version,
            "scale": size.scale,
            "statements": len(facts.statements),
            "with_plans_for_values": len({p.query_id for p in snapshot.plans if p.method is PlanMethod.VALUES}),
            "explains": footprint.explained,
            "rows": [row for each in found for row in each],
        }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "values.json").write_text(json.dumps(result, indent=2, default=str) + "\n")
    show(result)


def call_all(server: LocalServer, size: Size) -> None:
    """Calls each single statement of the shop, as its role."""
    for salt, query in enumerate(workload.CALLS):
        if isinstance(query, Query):
            with psycopg.connect(server.dsn(shop.DATABASE, query.role), autocommit=True) as connection:
                for number in range(CALLS):
                    query.run(connection, Dice(size, number, salt))


def of_statement(connection: psycopg.Connection[Any], facts: Facts, statement: Statement) -> list[dict[str, Any]]:
    """A row for each condition of a statement whose values were varied."""
    shape = facts.shapes.get(statement.query_id)
    plans = {plan.observed.values: plan for plan in facts.plans(statement.query_id)}
    if shape is None or not any(choice in plans for choice in CHOICES):
        return []
    ratios = [each.ratio for each in differences(facts, statement) if each.generic]
    conditions: dict[tuple[str, str], list[Predicate]] = {}
    for predicate in shape.predicates:
        if predicate.parameters:
            conditions.setdefault((predicate.alias, predicate.column), []).append(predicate)
    rows = []
    for predicates in conditions.values():
        row: dict[str, Any] = {"statement": statement.text, "condition": condition(facts, predicates)}
        row["generic_costs_times"] = round(max(ratios), 1) if ratios else None
        for choice in CHOICES:
            known = {} if choice not in plans else {p.position: p for p in plans[choice].observed.parameters}
            values = [known[position] for each in predicates for position in each.parameters if position in known]
            if values and any(is_of(value.source, predicates[0].column) for value in values):
                is_array = values[0].type.endswith("[]")
                literals = [sql.Literal(value.value) for value in values]
                row[choice.value] = counted(connection, selecting(facts, predicates, literals, is_array=is_array))
                row["generic"] = expected_unknown(connection, facts, predicates, is_array=is_array)
        if "generic" in row:
            rows.append(row)
    return rows


def is_of(source: str, column: str) -> bool:
    """Whether a value was chosen for what it does to the plan, by the statistics of a column."""
    chosen = (", in ", "of a value of ", "within a common value of ")
    return f".{column}, with " in source or (source.endswith(f".{column}") and any(each in source for each in chosen))


def condition(facts: Facts, predicates: list[Predicate]) -> str:
    """The condition on one column as a reader knows it."""
    relation = facts.relations[predicates[0].relation_oid]
    operators = " and ".join(f"{each.operator} ?" for each in predicates)
    return f"{relation.schema}.{relation.name}.{predicates[0].column} {operators}"


def counted(connection: psycopg.Connection[Any], query: sql.Composed) -> dict[str, int]:
    """Rows that the planner expects of a query, and rows that there are."""
    explained = connection.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + query).fetchone()
    true = connection.execute(sql.SQL("SELECT count(*) FROM ({}) AS all_rows").format(query)).fetchone()
    assert explained is not None and true is not None
    return {"expected": explained[0][0]["Plan"]["Plan Rows"], "true": true[0]}


def expected_unknown(
    connection: psycopg.Connection[Any], facts: Facts, predicates: list[Predicate], *, is_array: bool
) -> int:
    """Rows that the planner expects for unknown values."""
    count = sum(len(each.parameters) for each in predicates)
    holders = [sql.SQL(f"${nth}") for nth in range(1, count + 1)]
    query = sql.SQL("EXPLAIN (GENERIC_PLAN, FORMAT JSON) ") + selecting(facts, predicates, holders, is_array=is_array)
    explained = connection.execute(query, prepare=False).fetchone()
    assert explained is not None
    return int(explained[0][0]["Plan"]["Plan Rows"])


def selecting(facts: Facts, predicates: list[Predicate], values: list[Any], *, is_array: bool) -> sql.Composed:
    """All rows that the conditions on one column leave."""
    relation = facts.relations[predicates[0].relation_oid]
    column, parts, used = sql.Identifier(predicates[0].column), [], 0
    for predicate in predicates:
        own = values[used : used + len(predicate.parameters)]
        used += len(own)
        operator, compared = predicate.operator, sql.SQL(", ").join(own)
        if operator == "between":
            compared = sql.SQL(" AND ").join(own)
        elif operator == "in":
            operator = "= ANY" if is_array else "IN"
            compared = sql.SQL("({})").format(compared)
        parts.append(sql.SQL("{} {} {}").format(column, sql.SQL(operator), compared))
    return sql.SQL("SELECT * FROM {} WHERE {}").format(
        sql.Identifier(relation.schema, relation.name), sql.SQL(" AND ").join(parts)
    )


def show(result: dict[str, Any]) -> None:
    """The table of the README: each condition once, in the statement whose plan for unknown values is the worst."""
    print(f"\n{result['statements']} statements, {result['with_plans_for_values']} with plans for values")
    print("| condition | unknown | common or wide: expected / true | rare or narrow: expected / true | generic costs |")
    print("| --- | --- | --- | --- | --- |")
    seen = set()
    for row in sorted(result["rows"], key=lambda row: -(row["generic_costs_times"] or 1)):
        many, few = row.get("common") or row.get("high"), row.get("rare") or row.get("low")
        if row["condition"] in seen:
            continue
        seen.add(row["condition"])
        times = max(row["generic_costs_times"] or 1, 1)
        print(f"| `{row['condition']}` | {row['generic']:,} | {pair(many)} | {pair(few)} | {times:g} times |")


def pair(counts: dict[str, int] | None) -> str:
    """Expected and true rows."""
    return "" if counts is None else f"{counts['expected']:,} / {counts['true']:,}"


if __name__ == "__main__":
    main()
