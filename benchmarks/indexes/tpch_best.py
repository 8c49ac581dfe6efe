"""TPC-H 1 GB on PostgreSQL 15: the least time that sets of indexes leave within a budget, found by running queries.

tpch.py says what advice reaches, this what could be reached by someone who may build everything and run it. All that
the advisor thinks of and each column alone is built, and each query is timed with each plan that it comes to have. Sets
are grown by what they save, or save by their size, the best of the most promising at each step, all of them tried;
then each index is exchanged for each other one for as long as that saves. Results go to results/tpch_best.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import psycopg
from tpch_server import (
    LEFT_OUT,
    MB,
    QUERIES,
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
from pgadvisor.advise.candidates.generate import generate
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.loads import loads_of
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import create_index
from pgadvisor.planner.twin.several import twins

RESULTS = Path(__file__).parent / "results" / "tpch_best.json"
BUDGETS_MB = (90, 180)
RUNS = 3
EXPLAINS = 5_000
# So many are tried at each step.
PROMISING = 25
# Of all time: what saves less is noise.
LEAST = 0.002
# A plan that takes more than so many times as long as without indexes, and some, is not waited for.
PATIENCE = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS_MB, help="in MB at scale 1")
    arguments = parser.parse_args()
    queries = {name: text for name, text in QUERIES.items() if name not in LEFT_OUT}
    budgets = [budget * arguments.scale * MB for budget in arguments.budgets]
    with loaded(arguments.scale) as (server, connection):
        for text in queries.values():
            timed(connection, text)
        before = {name: timed(connection, text)[0] for name, text in queries.items()}
        facts = facts_of(server.dsn("tpch"), queries, before)
        trials = Trials(connection, queries, built(connection, candidates(facts), max(budgets)))
        results = {
            "tool": __version__,
            "python": platform.python_version(),
            "server": server.binaries.version,
            "scale": arguments.scale,
            "indexes_built": len(trials.indexes),
            "seconds": trials.bare,
            "best": [best(trials, budget) for budget in budgets],
            "plans_timed": len(trials.taken),
        }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def candidates(facts: Facts) -> list[str]:
    """What the advisor thinks of, and each column alone, each as what follows CREATE INDEX ... ON."""
    planner = twins(facts, explains=EXPLAINS)
    try:
        evaluator = Evaluator(planner, loads_of(facts), EXPLAINS, facts)
        thought_of = generate(facts, evaluator.loads, (), IndexesConfig(), planner).candidates
    finally:
        planner.close()
    definitions = (*(each.definition for each in thought_of), *of_every_column(facts))
    commands = (create_index(each, "any", concurrently=False) for each in definitions)
    return list(dict.fromkeys(command.partition(" ON ")[2] for command in commands))


def built(connection: psycopg.Connection, wanted: Sequence[str], most_bytes: float) -> dict[str, tuple[int, int]]:
    """The oid and the size of each index that fits, hidden from the planner."""
    found = {}
    for each in wanted:
        connection.execute(f"CREATE INDEX ON {each}".encode())
        oid = newest_index(connection)
        size = size_bytes(connection, oid)
        if size > most_bytes:
            connection.execute(f"DO $$ BEGIN EXECUTE 'DROP INDEX ' || {oid}::regclass; END $$".encode())
            continue
        found[each] = (oid, size)
        show(connection, (), (oid,))
        print(f"{size / MB:.1f} MB {each}", flush=True)
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
    return found


class Trials:
    """Runs queries with sets of indexes; with a plan that was seen before it does not run them again."""

    def __init__(
        self, connection: psycopg.Connection, queries: Mapping[str, str], indexes: Mapping[str, tuple[int, int]]
    ) -> None:
        self._connection = connection
        self._queries = queries
        self.indexes = indexes
        self.taken: dict[tuple[str, str], float] = {}
        self.bare: dict[str, float] = {}
        self.bare = self.seconds(())
        self.alone = {each: self.saved((each,)) for each in indexes}

    def seconds(self, chosen: Collection[str]) -> dict[str, float]:
        """Of the server's processor for each query with these indexes, by their names."""
        every = [oid for oid, _ in self.indexes.values()]
        show(self._connection, [self.indexes[each][0] for each in chosen], every)
        return {name: self._taken(name, plan(self._connection, text)) for name, text in self._queries.items()}

    def saved(self, chosen: Collection[str]) -> float:
        """Seconds in all that these save."""
        return sum(self.bare.values()) - sum(self.seconds(chosen).values())

    def size_bytes(self, chosen: Collection[str]) -> int:
        return sum(self.indexes[each][1] for each in chosen)

    def _taken(self, name: str, planned: str) -> float:
        if (name, planned) not in self.taken:
            self.taken[name, planned] = statistics.median(self._runs(name))
        return self.taken[name, planned]

    def _runs(self, name: str) -> Iterator[float]:
        most = PATIENCE * self.bare[name] + 1 if name in self.bare else 0
        self._connection.execute(f"SET statement_timeout = {round(most * 1000)}".encode())
        try:
            for _ in range(RUNS):
                yield timed(self._connection, self._queries[name])[1]
        except psycopg.errors.QueryCanceled:
            yield most
        finally:
            self._connection.execute("RESET statement_timeout")


def best(trials: Trials, budget_bytes: float) -> dict[str, object]:
    """The set that leaves the least time, of those that were found."""
    found = [exchanged(trials, grown(trials, budget_bytes, by_size=by), budget_bytes) for by in (False, True)]
    chosen = max(found, key=trials.saved)
    seconds = trials.seconds(chosen)
    told = {
        "budget_mb": budget_bytes / MB,
        "real_mb": trials.size_bytes(chosen) / MB,
        "processor_time": sum(seconds.values()) / sum(trials.bare.values()),
        "indexes": sorted(chosen),
        "seconds": seconds,
    }
    print(json.dumps(told), flush=True)
    return told


def grown(trials: Trials, budget_bytes: float, *, by_size: bool) -> list[str]:
    """A set to which the index is added that saves most, or most for its size, for as long as one does."""
    chosen: list[str] = []
    saved = 0.0
    while True:
        room = budget_bytes - trials.size_bytes(chosen)
        fitting = [each for each, (_, size) in trials.indexes.items() if each not in chosen and size <= room]
        weight = {each: trials.indexes[each][1] if by_size else 1 for each in fitting}
        promising = sorted(fitting, key=lambda each: -trials.alone[each] / weight[each])[:PROMISING]
        gains = {each: trials.saved([*chosen, each]) - saved for each in promising}
        worth = [each for each in promising if gains[each] > least(trials)]
        if not worth:
            return chosen
        next_one = max(worth, key=lambda each: gains[each] / weight[each])
        chosen.append(next_one)
        saved += gains[next_one]


def exchanged(trials: Trials, chosen: list[str], budget_bytes: float) -> list[str]:
    """A set in which no exchange of one index for another saves time any more."""
    saved = trials.saved(chosen)
    useful = [each for each, alone in trials.alone.items() if alone > least(trials)]
    for gone in chosen:
        rest = [each for each in chosen if each != gone]
        for other in useful:
            other_set = [*rest, other]
            if other in chosen or trials.size_bytes(other_set) > budget_bytes:
                continue
            if trials.saved(other_set) > saved + least(trials):
                return exchanged(trials, other_set, budget_bytes)
    return chosen


def least(trials: Trials) -> float:
    """Seconds below which a saving is noise."""
    return LEAST * sum(trials.bare.values())


if __name__ == "__main__":
    main()
