"""How exactly a twin plans: the same statements on the source and on a twin made from a snapshot of it.

TPC-H (all 22, as written and as pg_stat_statements keeps them) and the demo's workload, on PostgreSQL 18 and 15, from
snapshots taken as pg_monitor with read access; results go to results/fidelity.json. --majors 13 14 15 16 17 --twin 18
measures twins of another major.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from databases import Source, binaries, demo_source, run_tpch, running, snapshot_of, tpch, tpch_source
from plans import compare, line, source_plan, summary

from pgadvisor import __version__
from pgadvisor.analyze import read_facts
from pgadvisor.localserver import LocalServer
from pgadvisor.planner.compared_types import compared_types
from pgadvisor.planner.mended import mended
from pgadvisor.planner.mended_types import Inferred
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.twin.twin import Twin
from pgadvisor.workload.role_settings import costliest_roles, settings_of

MENDINGS = 8
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--majors", type=int, nargs="+", default=[18, 15])
    parser.add_argument("--twin", type=int, help="the twin's major; without, the source's own")
    parser.add_argument("--scale", type=float, default=1.0, help="of TPC-H, in GB")
    parser.add_argument("--no-demo", action="store_true")
    arguments = parser.parse_args()
    results: dict[str, Any] = {"tool": __version__, "python": platform.python_version(), "scale": arguments.scale}
    for major in arguments.majors:
        twin_major = arguments.twin or major
        with running(major) as server:
            version = server.binaries.version
            # One after the other: the demo begins with counters at zero.
            makers = [tpch_at(arguments.scale)] if arguments.no_demo else [tpch_at(arguments.scale), demo_source]
            for make in makers:
                source = make(server)
                for label, result in measure(source, twin_major).items():
                    key = f"{label} on {version}, twin {binaries(twin_major).version}"
                    results[key] = result
                    print(line(key, result), flush=True)
                    for each in result["exceptions"][:10]:
                        print(
                            f"    {each['name']:50.50} {each['source_cost']:14.2f} {each['cost']:14.2f} "
                            f"{each['error']:.4%} {each['difference'][:60]}"
                        )
    name = "fidelity.json" if arguments.twin is None else f"fidelity_on_{arguments.twin}.json"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(json.dumps(results, indent=2) + "\n")


def tpch_at(scale: float) -> Callable[[LocalServer], Source]:
    def make(server: LocalServer) -> Source:
        source = tpch_source(server, scale)
        run_tpch(source)
        return source

    return make


def measure(source: Source, twin_major: int) -> dict[str, dict[str, Any]]:
    snapshot = snapshot_of(source)
    facts, _ = read_facts(snapshot)
    workload = {
        query_id: statement.text for query_id, statement in facts.statements.items() if statement.text is not None
    }
    roles = {} if snapshot.statements is None else costliest_roles(snapshot.statements)
    sets = {f"{source.name} workload": workload}
    if source.name == "tpch":
        sets["tpch as written"] = {f"Q{number}": text for number, text in enumerate(tpch.QUERIES, start=1)}
    results = {}
    with (
        Twin(facts, server=str(binaries(twin_major).bin_dir)) as twin,
        psycopg.connect(source.dsn, autocommit=True) as connection,
    ):
        for shortfall in twin.shortfalls:
            print(f"    shortfall: {shortfall.what}: {shortfall.reason}")
        for label, texts in sets.items():
            compared, refused = [], 0
            for name, text in texts.items():
                shape = facts.shapes.get(name)
                role = roles.get(name)
                readable, plan = mended_plan(
                    connection,
                    text,
                    partial(compared_types, shape, facts),
                    role=role.name if role is not None else "",
                    settings={} if role is None else settings_of(snapshot.server, role.name),
                )
                if plan is None:
                    continue  # SET, BEGIN and the like
                answer = twin.plan(Question(query_id=name, text=readable, shape=shape, role=role))
                if answer.plan is None:
                    refused += 1
                    print(f"    {name}: {answer.refusal}", file=sys.stderr)
                    continue
                compared.append(compare(f"{name} {' '.join(text.split())[:60]}", plan, answer.plan))
            results[label] = {**summary(compared), "refused": refused}
    return results


def mended_plan(
    connection: psycopg.Connection, text: str, types: Inferred, *, role: str, settings: Mapping[str, str]
) -> tuple[str, dict[str, Any] | None]:
    """The plan of a text, mended until the source can read it without values; None where it never can."""
    for _ in range(MENDINGS):
        try:
            return text, source_plan(connection, text, role=role, settings=settings)
        except psycopg.Error as error:
            changed = mended(text, error, connection.info.server_version, types)
            if changed is None:
                return text, None
            text = changed
    return text, None


if __name__ == "__main__":
    main()
