"""Advice for 2,000 statements on 300 tables: time, memory, and what it costs to fold and leave out statements.

The workload is made from a seed: tables of 10 thousand to 10 million rows as their statistics describe them, statements
of a dozen kinds, many of them the same but for names and order, whose times fall off as those of real workloads do. It
is advised on with at most 500 statements searched for one by one, and with all of them; each in a process of its own.
Both sets are then held against all 2,000. Results go to results/large_workload.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from pgadvisor import __version__  # noqa: E402
from pgadvisor.advise.index_advice import advise_indexes  # noqa: E402
from pgadvisor.advise.selection.evaluator import Evaluator  # noqa: E402
from pgadvisor.advise.selection.loads import loads_of  # noqa: E402
from pgadvisor.advise.selection.objective import Objective  # noqa: E402
from pgadvisor.analyze import read_facts  # noqa: E402
from pgadvisor.config import IndexesConfig  # noqa: E402
from pgadvisor.facts import Facts  # noqa: E402
from pgadvisor.model.index_advice import Goal, IndexDecisions  # noqa: E402
from pgadvisor.model.proposals import CreateIndex  # noqa: E402
from pgadvisor.model.whatif import Configuration  # noqa: E402
from pgadvisor.planner.twin.several import twins  # noqa: E402
from support.snapshots import snapshot  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "large_workload.json"
COLUMNS = [
    "id bigint not null",
    "tenant_id int not null",
    "status int not null",
    "kind int not null",
    "ref_id bigint",
    "created_at timestamptz not null",
    "score int not null",
    "amount bigint not null",
]
# With {t} for a table, {o} for one that it refers to, {a} for an alias, {x}, {y} for columns in either order.
KINDS = (
    "SELECT {x}, {y} FROM {t} {a} WHERE {a}.tenant_id = $1 AND {a}.status = $2",
    "SELECT {x} FROM {t} {a} WHERE {a}.ref_id = $1",
    "SELECT {x}, {y} FROM {t} {a} WHERE {a}.tenant_id = $1 ORDER BY {a}.created_at DESC LIMIT 20",
    "SELECT count(*) FROM {t} {a} WHERE {a}.status = $1 AND {a}.created_at > $2",
    "SELECT {a}.kind, sum({a}.amount) FROM {t} {a} WHERE {a}.tenant_id = $1 GROUP BY {a}.kind",
    "SELECT {a}.id, o.amount FROM {t} {a} JOIN {o} o ON o.id = {a}.ref_id WHERE {a}.tenant_id = $1 AND {a}.kind = $2",
    "SELECT o.id, {a}.score FROM {o} o JOIN {t} {a} ON {a}.ref_id = o.id WHERE o.tenant_id = $1 AND o.score > $2",
    "UPDATE {t} SET score = $1 WHERE tenant_id = $2 AND kind = $3",
    "DELETE FROM {t} WHERE created_at < $1 AND status = $2",
    "SELECT {x} FROM {t} {a} WHERE {a}.kind = $1 AND {a}.score BETWEEN $2 AND $3",
    "SELECT {x}, {y} FROM {t} {a} WHERE {a}.amount > $1 ORDER BY {a}.score LIMIT 10",
    "INSERT INTO {t} (id, tenant_id, status, kind, created_at, score, amount) VALUES ($1, $2, 1, 1, now(), 0, $3)",
)

# Of a workload spread over 300 tables no index saves much.
MIN_GAIN = 0.0005

HEADER = (
    "| statements searched for | time left out | candidates | EXPLAINs | seconds | processor time | memory | indexes "
    "| time that is sure to remain at most |\n" + "| --- " * 9 + "|"
)


def workload(tables: int, statements: int, seed: int) -> Facts:
    """The database and its statements."""
    dice = Random(seed)
    rows = {f"t{number:03}": 10 ** dice.uniform(4, 7) for number in range(tables)}
    data: dict[str, Any] = {"tables": {f"public.{name}": _table(name, count, dice) for name, count in rows.items()}}
    names = list(rows)
    texts: dict[str, None] = {}
    while len(texts) < statements:
        table, other = dice.choice(names), dice.choice(names)
        columns = dice.choice((("id", "amount"), ("amount", "id"), ("id", "score"), ("score", "kind")))
        kind = dice.choice(KINDS)
        alias = dice.choice(("x", "main", "t1", "this_"))
        texts[kind.format(t=table, o=other, a=alias, x=columns[0], y=columns[1])] = None
    # Of a day in which a fifth of a core works. What costs most is some hundred times what is in the middle.
    data["statements_days"] = 1.0
    data["statements"] = [
        {
            "id": str(number),
            "text": text,
            "calls": dice.randrange(10, 100_000),
            "total_ms": 3_600_000.0 / (number + 1) ** 1.1,
        }
        for number, text in enumerate(texts, start=1)
    ]
    return read_facts(snapshot(data))[0]


def _table(name: str, rows: float, dice: Random) -> dict[str, Any]:
    def bounds(most: float) -> list[str]:
        return [str(round(most * step / 100)) for step in range(101)]

    return {
        "columns": COLUMNS,
        "rows": rows,
        "bytes": round(rows * 90),
        "stats": {
            "id": {"n_distinct": -1, "bounds": bounds(rows), "correlation": 1.0},
            "tenant_id": {"n_distinct": 500, "width": 4, "bounds": bounds(500), "correlation": 0.02},
            "status": {
                "n_distinct": 4,
                "width": 4,
                "values": ["1", "2", "3", "4"],
                "frequencies": [0.9, 0.07, 0.02, 0.01],
                "correlation": 0.8,
            },
            "kind": {"n_distinct": 40, "width": 4, "bounds": bounds(40), "correlation": 0.05},
            "ref_id": {"n_distinct": -0.2, "bounds": bounds(rows / 5), "correlation": 0.01},
            "created_at": {
                "n_distinct": -0.9,
                "bounds": [f"2025-{1 + step // 9:02}-{1 + step % 9 * 3:02} 00:00:00+00" for step in range(101)],
                "correlation": 0.99,
            },
            "score": {"n_distinct": 1_000, "width": 4, "bounds": bounds(1_000), "correlation": 0.0},
            "amount": {"n_distinct": -0.5, "bounds": bounds(1e6), "correlation": 0.0},
        },
        "constraints": {f"{name}_pkey": "primary key (id)"},
        "counters": {"rows_inserted": dice.randrange(0, 50_000), "rows_updated": dice.randrange(0, 50_000)},
    }


def advised(facts: Facts, most: int) -> tuple[IndexDecisions, dict[str, Any]]:
    """The advice with so many statements at most, and what it took."""
    steps: list[str] = []

    def progress(step: str, done: int = 0, total: int | None = None) -> None:
        if not steps or steps[-1] != step:
            steps.append(step)

    begun = time.monotonic()
    planner = twins(facts, explains=10_000)
    built = time.monotonic()
    try:
        options = IndexesConfig(max_indexes=100, min_gain=MIN_GAIN, max_statements=most, max_explains=200_000)
        found = advise_indexes(facts, planner, options, progress=progress)
    finally:
        planner.close()
    return found, {
        "statements": found.advice.compression.statements,
        "of_statements": found.advice.compression.of_statements,
        "left_out_share": round(found.advice.compression.left_out_share, 5),
        "candidates": found.advice.candidates,
        "explains": found.advice.explains,
        "indexes": len(found.created),
        "megabytes": round(found.advice.size_bytes / 1e6),
        "seconds_twin": round(built - begun, 1),
        "seconds_advice": round(time.monotonic() - built, 1),
        "seconds_processor": round(time.process_time(), 1),
        "megabytes_memory": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "cut_short": found.advice.cut_short,
    }


def quality(facts: Facts, found: IndexDecisions) -> dict[str, float]:
    """What all statements cost with a set, of what they cost without, and the time that is sure to be left."""
    planner = twins(facts, explains=10_000)
    try:
        evaluator = Evaluator(planner, loads_of(facts), 100_000, facts)
        create = [each.proposal.definition for each in found.created if isinstance(each.proposal, CreateIndex)]
        costs = evaluator.costs(Configuration(create=tuple(create)))
    finally:
        planner.close()
    objective = Objective(evaluator.base, Goal.TIME)
    left = sum(
        objective.of_load(now.load.calls, now.load.total_ms, was.mean, now.mean)
        for was, now in zip(evaluator.base, costs, strict=True)
    )
    return {"sure_time_share": round(left / objective.whole, 4), "planned": len(evaluator.loads)}


def main() -> None:
    """Runs both and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--statements", type=int, default=2_000)
    parser.add_argument("--compressed", type=int, default=500, help="so many statements searched for in the first run")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--most", type=int, help="one run with so many statements, told as JSON")
    given = parser.parse_args()
    if given.most is not None:
        facts = workload(given.tables, given.statements, given.seed)
        found, told = advised(facts, given.most)
        print(json.dumps({**told, **quality(facts, found)}))
        return
    print(HEADER)
    runs = []
    for most in (given.compressed, given.statements):
        command = [sys.executable, __file__, "--most", str(most), "--tables", str(given.tables)]
        command += ["--statements", str(given.statements), "--seed", str(given.seed)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append({"at_most": most, **json.loads(done.stdout)})
        print(row(runs[-1]), flush=True)
    result = {
        "pgadvisor": __version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "seed": given.seed,
        "tables": given.tables,
        "statements": given.statements,
        "runs": runs,
    }
    given.results.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def row(run: dict[str, Any]) -> str:
    """As in the README."""
    searched = f"{run['statements']:,} of {run['of_statements']:,} | {run['left_out_share']:.1%}"
    asked = f"{run['candidates']:,} | {run['explains']:,}"
    took = f"{run['seconds_twin'] + run['seconds_advice']:.0f} | {run['seconds_processor']:.0f}"
    found = f"{run['megabytes_memory']} MB | {run['indexes']}, {run['megabytes']:,} MB"
    return f"| {searched} | {asked} | {took} | {found} | {run['sure_time_share']:.1%} |"


if __name__ == "__main__":
    main()
