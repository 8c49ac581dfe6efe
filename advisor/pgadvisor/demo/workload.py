"""Runs the shop's day through ordinary client connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import psycopg
from psycopg.types.numeric import Int8Dumper

from pgadvisor.demo import app_queries, report_queries, tasks
from pgadvisor.demo.calls import APP, REPORT, Dice, Query, Task
from pgadvisor.demo.size import Size

Call = tuple[Query | Task, Dice]

CALLS: tuple[Query | Task, ...] = app_queries.QUERIES + report_queries.QUERIES + tasks.TASKS
# The application has a pool of two connections; the reports have one.
_POOLS = ((APP, 0, 2), (APP, 1, 2), (REPORT, 0, 1))
_TOLD_EVERY_S = 0.5


def schedule(size: Size, first: float, last: float) -> list[Call]:
    """The calls of a part of the day, from 0 to 1, each kind spread evenly over the day; the same in every run."""
    timed = []
    for salt, kind in enumerate(CALLS):
        for number in range(kind.calls):
            moment = (number + 0.5) / kind.calls
            if first <= moment < last:
                timed.append((moment, salt, kind, Dice(size, number, salt)))
    timed.sort(key=lambda call: call[:2])
    return [(kind, dice) for _, _, kind, dice in timed]


def run(dsn_of: Callable[[str], str], calls: Sequence[Call], progress: Callable[[int, int], None]) -> None:
    """Makes the calls, each role over connections of its own; tells how many are done, of how many.

    dsn_of gives the connection string of a role. Raises psycopg.Error where a statement fails.
    """
    stop = threading.Event()
    done = [0] * len(_POOLS)

    def work(pool: int, role: str, part: int, of: int) -> None:
        mine = [call for call in calls if call[0].role == role][part::of]
        with _connect(dsn_of(role), role) as connection:
            for kind, dice in mine:
                if stop.is_set():
                    return
                kind.run(connection, dice)
                done[pool] += 1

    with ThreadPoolExecutor(len(_POOLS)) as threads:
        futures = [threads.submit(work, pool, *spec) for pool, spec in enumerate(_POOLS)]
        try:
            pending = set(futures)
            while pending:
                finished, pending = wait(pending, timeout=_TOLD_EVERY_S)
                for future in finished:
                    future.result()
                progress(sum(done), len(calls))
        finally:
            stop.set()


def _connect(dsn: str, role: str) -> psycopg.Connection[Any]:
    # Without prepared statements, as behind a pool that shares connections between transactions.
    connection: psycopg.Connection[Any] = psycopg.connect(
        dsn, autocommit=True, prepare_threshold=None, application_name=role
    )
    # One statement, whatever the size of the numbers it is given.
    connection.adapters.register_dumper(int, Int8Dumper)
    return connection
