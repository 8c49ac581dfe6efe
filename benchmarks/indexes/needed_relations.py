"""A twin of only what a workload needs, beside a twin of all: a database of many tables of which 50 are used.

Results go to results/needed_relations.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from mixed import COLLECT, SETTINGS

from pgadvisor import __version__
from pgadvisor.advise.needed_relations import only_needed
from pgadvisor.analyze import read_facts
from pgadvisor.collect import collect
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer, find_binaries
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.twin.twin import Twin

sys.path.insert(0, str(Path(__file__).parents[1]))

import collection

RESULTS = Path(__file__).parent / "results" / "needed_relations.json"
USED = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with LocalServer(find_binaries(major=18), settings=SETTINGS | {"max_locks_per_transaction": "1000"}) as server:
        collection.make(server.dsn(), arguments.tables)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("SELECT pg_stat_statements_reset()")
            for n in range(0, arguments.tables, arguments.tables // USED):
                connection.execute(f"SELECT * FROM s{n % collection.SCHEMAS}.t{n} WHERE id = 1".encode())
        facts = read_facts(collect(server.dsn(), COLLECT))[0]
    runs: dict[str, list[dict[str, Any]]] = {"all": [], "needed": []}
    for _ in range(arguments.rounds):
        for kind, found in runs.items():
            found.append(one(facts, needed=kind == "needed"))
    assert {run["cost"] for found in runs.values() for run in found} == {runs["all"][0]["cost"]}
    results: dict[str, Any] = {
        kind: {"median": {key: statistics.median(run[key] for run in found) for key in found[0]}, "runs": found}
        for kind, found in runs.items()
    }
    results |= {"tool": __version__, "python": platform.python_version(), "tables": arguments.tables, "used": USED}
    arguments.results.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    for kind in runs:
        print(kind, json.dumps(results[kind]["median"]))


def one(facts: Facts, *, needed: bool) -> dict[str, Any]:
    """Seconds to find what is needed and to build, and to remove; how many relations; the sum of all costs."""
    begun, processor = time.monotonic(), time.process_time()
    part = only_needed(facts, min_rows=IndexesConfig().min_rows) if needed else facts
    found_s = time.monotonic() - begun
    with Twin(part) as twin:
        built_s = time.monotonic() - begun
        processor_s = time.process_time() - processor
        costs = twin.costs(
            [
                Question(query_id=each.query_id, text=each.text, shape=facts.shapes.get(each.query_id))
                for each in facts.statements.values()
                if each.text is not None
            ]
        )
        ended = time.monotonic()
    return {
        "found_s": found_s,
        "built_s": built_s,
        "processor_s": processor_s,
        "removed_s": time.monotonic() - ended,
        "relations": len(part.relations),
        "indexes": len(part.indexes),
        "cost": sum(cost for cost in costs if cost is not None),
    }


if __name__ == "__main__":
    main()
