"""TPC-H 1 GB on PostgreSQL 15: the indexes advised at several budgets of real storage, built, and timed.

The 19 queries of the literature (2, 17 and 20 cost so much that they would drown the rest), or all 22 with --all;
primary keys only, serial plans, all in memory. At each budget there is a set for time, the default, and one for the
planner's costs, of which only these are asked: no set is the best by both. All indexes of all sets are built once and
marked valid or not, so that sets take turns in one session; where a query has the same plan with several of them, these
share its runs. Results go to results/tpch.json, of all 22 to results/tpch22.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import sqlglot
from sqlglot.optimizer.qualify import qualify
from tpch_server import (
    LEFT_OUT,
    MB,
    QUERIES,
    cost,
    facts_of,
    loaded,
    newest_index,
    of_every_column,
    plan,
    show,
    size_bytes,
    timed,
)

from pgadvisor import __version__
from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.advise.selection.loads import loads_of
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import create_index
from pgadvisor.model.index_advice import Goal
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.twin.several import twins

RESULTS = Path(__file__).parent / "results"
BUDGETS_MB = (90, 180, 350, 720)
RUNS = 5
SLOWER = 1.1
EXTENSIONS = ("pg_stat_statements", "pg_qualstats", "hypopg")
PRELOADED = {
    "shared_preload_libraries": "pg_stat_statements,pg_qualstats",
    "pg_qualstats.sample_rate": "1",
}
# Its estimates take no account of deduplication.
MCP_BUDGETS_MB = (500, 2_000)
EXPLAINS = 5_000
# Budgets are to be used up: with the default of 0.005 little is added to what fits in half of the largest.
MIN_GAIN = 0.001


# Of each run of a query how long it took, and how long of that the server's process ran.
Seconds = dict[str, list[tuple[float, float]]]


@dataclass
class Set:
    """A set of indexes that somebody advises, as CREATE INDEX, and how it came about."""

    name: str
    commands: Sequence[str]
    told: dict[str, Any] = field(default_factory=dict)
    oids: list[int] = field(default_factory=list)
    timed: bool = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--all", action="store_true", help="all 22 queries")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS_MB, help="in MB at scale 1")
    parser.add_argument("--runs", type=int, default=RUNS, help="0: what advice takes and costs, and no times")
    parser.add_argument("--postgres-mcp", type=Path, help="a Python that has postgres-mcp")
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    queries = {name: text for name, text in QUERIES.items() if arguments.all or name not in LEFT_OUT}
    with loaded(arguments.scale, EXTENSIONS, PRELOADED) as (server, connection):
        for text in queries.values():
            timed(connection, text)
        before = {name: timed(connection, text)[0] for name, text in queries.items()}
        facts = facts_of(server.dsn("tpch"), queries, before)
        sets = [advised(facts, budget * arguments.scale, goal) for goal in Goal for budget in arguments.budgets]
        if not arguments.no_peers:
            sets += [of_single_columns(facts), of_qualstats(connection)]
        if arguments.postgres_mcp:
            sets += of_postgres_mcp(arguments.postgres_mcp, server.dsn("tpch"), queries, arguments.scale)
        results = measured(connection, sets, queries, arguments.runs)
    results |= {
        "tool": __version__,
        "python": platform.python_version(),
        "server": server.binaries.version,
        "scale": arguments.scale,
        "queries": list(queries),
    }
    RESULTS.mkdir(exist_ok=True)
    name = "tpch22.json" if arguments.all else "tpch.json"
    (RESULTS / name).write_text(json.dumps(results, indent=2) + "\n")


def advised(facts: Facts, budget_mb: float, goal: Goal) -> Set:
    """What the advisor would build within a budget, with what the advice took."""
    begun = time.monotonic()
    planner = twins(facts, explains=EXPLAINS)
    built = time.monotonic()
    try:
        options = IndexesConfig(goal=goal, max_bytes=round(budget_mb * MB), min_gain=MIN_GAIN)
        decisions = advise_indexes(facts, planner, options)
    finally:
        planner.close()
    done = time.monotonic()
    workload = decisions.advice.workload
    told = {
        "budget_mb": budget_mb,
        "estimated_mb": decisions.advice.size_bytes / MB,
        "estimated_cost": workload.cost_after / workload.cost_before,
        "explains": decisions.advice.explains,
        "seconds": done - built,
        "twin_seconds": built - begun,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    definitions = [each.proposal.definition for each in decisions.created]
    names = [f"pgadvisor_{goal}_{budget_mb:g}_{number}" for number in range(len(definitions))]
    commands = [
        create_index(definition, name, concurrently=False) for definition, name in zip(definitions, names, strict=True)
    ]
    print(
        f"pgadvisor for {goal}, {budget_mb:g} MB",
        json.dumps({name: round(value, 3) for name, value in told.items()}),
        flush=True,
    )
    return Set(f"pgadvisor for {goal} {budget_mb:g} MB", commands, told, timed=goal is Goal.TIME)


def of_single_columns(facts: Facts) -> Set:
    """All that any query uses where each column has an index by itself, as simple advisors go about it."""
    every = of_every_column(facts)
    planner = twins(facts, explains=len(every))
    try:
        asked = [(load.questions[0], Configuration(create=tuple(every))) for load in loads_of(facts)]
        used = {definition for use in planner.uses(asked) if use is not None for definition in use.created}
    finally:
        planner.close()
    commands = [create_index(each, f"single_{at}", concurrently=False) for at, each in enumerate(every) if each in used]
    return Set("every column alone that is used", commands)


def of_qualstats(connection: psycopg.Connection) -> Set:
    """What pg_qualstats advises after the queries that the connection ran, each twice."""
    rows = connection.execute(
        "SELECT v FROM json_array_elements(pg_qualstats_index_advisor(min_filter => 0)->'indexes') AS v"
    ).fetchall()
    return Set("pg_qualstats", [row[0] if isinstance(row[0], str) else row[0]["ddl"] for row in rows])


def of_postgres_mcp(python: Path, dsn: str, queries: Mapping[str, str], scale: float) -> list[Set]:
    """What postgres-mcp advises at several budgets of its own estimates, which are some times too large.

    It takes columns without the name of their table for those of another one, and most queries as they are end in an
    error: so it is given them with all names.
    """
    budgets = [round(budget * scale) for budget in MCP_BUDGETS_MB]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(with_all_names(queries.values(), dsn), file)
        file.flush()
        command = [str(python), str(Path(__file__).with_name("ask_postgres_mcp.py")), dsn, file.name]
        ran = subprocess.run([*command, *map(str, budgets)], check=True, capture_output=True, text=True)
    found = json.loads(ran.stdout.splitlines()[-1])
    return [Set(f"postgres-mcp, told {budget} MB", told.pop("commands"), told) for budget, told in found.items()]


def with_all_names(texts: Iterable[str], dsn: str) -> list[str]:
    """Queries that name the table of each column."""
    columns: dict[str, dict[str, str]] = defaultdict(dict)
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        )
        for table, column, data_type in rows:
            columns[table][column] = data_type
    parsed = (sqlglot.parse_one(text, dialect="postgres") for text in texts)
    return [
        qualify(
            each, schema=columns, dialect="postgres", quote_identifiers=False, identify=False, expand_stars=False
        ).sql("postgres")
        for each in parsed
    ]


def measured(
    connection: psycopg.Connection, sets: Sequence[Set], queries: Mapping[str, str], runs: int
) -> dict[str, Any]:
    """Each set's real size, cost and time beside those without any, taking turns; two baselines give the noise."""
    build(connection, sets)
    every = {oid for each in sets for oid in each.oids}
    bare, again = Set("none", ()), Set("none, again", ())
    everyone = (bare, *sets, again)
    timed_ones = [each for each in everyone if each.timed and runs]
    costs = {}
    for each in everyone:
        show(connection, each.oids, every)
        costs[each.name] = {name: cost(connection, text) for name, text in queries.items()}
    seconds = in_turns(connection, timed_ones, every, queries, runs)
    results: dict[str, Any] = {}
    for each in everyone:
        results[each.name] = {
            **each.told,
            "real_mb": sum(size_bytes(connection, oid) for oid in each.oids) / MB,
            "real_cost": sum(costs[each.name].values()) / sum(costs[bare.name].values()),
            "commands": list(each.commands),
            "cost_by_query": costs[each.name],
        }
        if each in timed_ones:
            results[each.name] |= beside(seconds[each.name], seconds[bare.name], seconds[again.name])
        shown = {
            name: results[each.name].get(name)
            for name in ("real_mb", "real_cost", "real_time", "processor_time", "slower")
        }
        print(each.name, json.dumps(shown), flush=True)
    return results


def in_turns(
    connection: psycopg.Connection,
    timed_ones: Sequence[Set],
    every: Collection[int],
    queries: Mapping[str, str],
    runs: int,
) -> dict[str, Seconds]:
    """Seconds of each query with each set; those with which it has the same plan share its runs, but for the last."""
    keys: dict[str, dict[str, tuple[str, bool, str]]] = {}
    for each in timed_ones:
        show(connection, each.oids, every)
        keys[each.name] = {
            name: (name, each is timed_ones[-1], plan(connection, text)) for name, text in queries.items()
        }
    taken: dict[tuple[str, bool, str], list[tuple[float, float]]] = defaultdict(list)
    for number in range(runs):
        for each in timed_ones:
            show(connection, each.oids, every)
            for name, key in keys[each.name].items():
                if len(taken[key]) == number:
                    taken[key].append(timed(connection, queries[name]))
    return {one: {name: taken[key] for name, key in of_one.items()} for one, of_one in keys.items()}


def beside(seconds: Seconds, bare: Seconds, again: Seconds) -> dict[str, Any]:
    """What a set's medians are of those without any; slower is what takes more than both measurements without any."""
    taken, without, noise = (
        {name: [statistics.median(each) for each in zip(*runs, strict=True)] for name, runs in times.items()}
        for times in (seconds, bare, again)
    )
    time, processor = (
        sum(each[which] for each in taken.values()) / sum(each[which] for each in without.values()) for which in (0, 1)
    )
    most = {name: SLOWER * max(without[name][1], noise[name][1]) for name in taken}
    return {
        "real_time": time,
        "processor_time": processor,
        "slower": [name for name, (_, processor_s) in taken.items() if processor_s > most[name]],
        "seconds_by_query": seconds,
    }


def build(connection: psycopg.Connection, sets: Sequence[Set]) -> None:
    """Builds each index of each set once; an equal one is shared."""
    known: dict[str, int] = {}
    for each in sets:
        for command in each.commands:
            what = command.partition(" ON ")[2]
            if what not in known:
                connection.execute(command.encode())
                known[what] = newest_index(connection)
            each.oids.append(known[what])
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")


if __name__ == "__main__":
    main()
