"""EXPLAIN ANALYZE of what the server itself has run often and fast, with values that its statistics call typical."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from pgadvisor.model.plans import PlanMethod, ValueChoice
from pgadvisor.planner.guard import Guard, Opened, ParameterType
from pgadvisor.planner.limits import Limits
from pgadvisor.planner.observation import Candidate, Observation
from pgadvisor.planner.questions import ask
from pgadvisor.planner.refusals import NotDone, someone_waited
from pgadvisor.planner.values import ValueSet, choose_values, real_call
from pgadvisor.planner.wire import explain_command, explain_with
from pgadvisor.workload.lexer import Kind, first_keyword, lex

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import Index
    from pgadvisor.planner.identity import Identity
    from pgadvisor.postgres.session import Session

_PLAIN = "VERBOSE, SETTINGS, FORMAT JSON"
# A SELECT writes WAL too: for hint bits with checksums, and for what it prunes.
_ANALYZE = f"ANALYZE, BUFFERS, WAL, {_PLAIN}"
# Without SERIALIZE, new in 17, values are neither fetched from TOAST nor made texts, as every client has them.
_SINCE = {170000: "SERIALIZE TEXT, MEMORY"}
# A clock as slow as this makes a node with many rows look slower than what is in it.
_SLOW_CLOCK_US = 1.0
_READING = frozenset(("select", "with", "values", "table"))
# A plan with one of these locks or writes rows, or asks another server.
_ACTING_NODES = frozenset(("LockRows", "ModifyTable", "Foreign Scan"))
_LOCK_TIMEOUT_MS = 100
# So many rows, or such a share of those that were ever read through an index, do not change what its counters tell.
_FEW_ROWS = 1_000
_COUNTED_SHARE = 0.05
# The protocol's limit.
_MAX_PARAMETERS = 65_535
_NAMED = 5


@dataclass(frozen=True)
class Trial:
    """What came of an attempt to execute a statement; not_executed says why there is only a plan for the values.

    run_ms are the times of all executions, that of the plan the last.
    """

    plan: dict[str, Any]
    method: PlanMethod
    values: ValueSet
    run_ms: tuple[float, ...] = ()
    not_executed: NotDone | None = None


def check_history(candidate: Candidate, config: Limits) -> None:
    """Raises NotDone unless the statement only reads and the server has run it often and fast."""
    require_select(candidate.text)
    history = candidate.history
    if history.calls < config.execute_min_calls:
        raise NotDone(
            f"The server has run it fewer than {config.execute_min_calls} times", "Lower collect.execute_min_calls."
        )
    if history.mean_ms > config.execute_max_mean_ms or history.max_ms > config.execute_max_max_ms:
        raise NotDone(
            f"The server has taken over {config.execute_max_mean_ms:g} ms for it on average, or over "
            f"{config.execute_max_max_ms:g} ms once",
            "Raise collect.execute_max_mean_ms and collect.execute_max_max_ms.",
        )


def require_select(text: str) -> None:
    """Raises NotDone unless a text begins as one that only reads."""
    if first_keyword(text) not in _READING or _says_into(text):
        raise NotDone("It is no plain SELECT")


def require_reading_plan(plan: dict[str, Any]) -> None:
    """Raises NotDone where a plan locks or writes rows, or asks another server."""
    for node in nodes(plan):
        if node["Node Type"] in _ACTING_NODES:
            raise NotDone(f"It is no plain SELECT: its plan has a node {node['Node Type']}")


def analyze_options(version_num: int, *, timing: bool) -> str:
    """What EXPLAIN is asked for when it executes, as far as the version has it."""
    newer = [options for since, options in _SINCE.items() if version_num >= since]
    return ", ".join([_ANALYZE, *newer, *(() if timing else ("TIMING OFF",))])


def _says_into(text: str) -> bool:
    """Whether INTO stands outside of strings, comments and quoted names."""
    if "into" not in text.lower():
        return False
    lexed = lex(text)
    return any(lexed.word(index) == "into" for index in range(len(lexed.tokens)))


class Executor:
    """Executes statements one by one, each in a read-only transaction of its own that is rolled back."""

    def __init__(self, session: Session, guard: Guard, facts: Facts, config: Limits, observation: Observation) -> None:
        self._session = session
        self._guard = guard
        self._facts = facts
        self._config = config
        self._observation = observation
        self._clock_is_slow: bool | None = None
        self._runs = config.execute_runs + int(config.execute_warm_up)
        self._indexes: dict[str, list[Index]] = defaultdict(list)
        for index in facts.indexes.values():
            self._indexes[index.name].append(index)

    @property
    def left_ms(self) -> float:
        """What is left of the time for all executions."""
        return self._config.execute_total_ms - self._observation.executed_ms

    def run(self, candidate: Candidate, identity: Identity | None = None) -> Trial:
        """Plans a statement with values of a real call, else typical ones, and, where the plan allows, executes it.

        Raises NotDone where it must be neither, psycopg.Error where the server refuses.
        """
        self._check_values(candidate)
        with self._guard.open(candidate.text, with_volatile=True, identity=identity) as opened:
            if opened.volatile is not None:
                raise NotDone(f"It may run volatile code: {opened.volatile}")
            chosen = self._values(candidate, opened.parameters)
            texts = list(chosen.texts)
            self._observation.explained += 1
            opened.bound()
            plan = explain_with(self._session, explain_command(_PLAIN, opened.text), texts)
            try:
                self._check_plan(plan)
                self._check_counters(plan)
                executed, run_ms = self._execute(opened, texts)
            except NotDone as refusal:
                return Trial(plan, PlanMethod.VALUES, chosen, not_executed=refusal)
        return Trial(executed, PlanMethod.EXECUTED, chosen, run_ms)

    def _values(self, candidate: Candidate, types: Sequence[ParameterType]) -> ValueSet:
        """Values of a real call where one is known, else typical ones. Raises NotDone where some have none."""
        called = real_call(candidate.query_id, types, self._facts)
        if called is not None:
            return called
        values, missing = choose_values(candidate.shape, types, self._facts, candidate.text)
        if missing:
            raise _no_value(missing)
        return ValueSet(ValueChoice.TYPICAL, values)

    def _check_values(self, candidate: Candidate) -> None:
        """Raises NotDone where some parameter has no value whatever its type is: then the server need not be asked."""
        lexed = lex(candidate.text)
        numbers = [int(lexed.of(token)[1:]) for token in lexed.tokens if token.kind is Kind.PARAMETER]
        count = min(max(numbers, default=0), _MAX_PARAMETERS)
        missing = set(range(1, count + 1))
        if real_call(candidate.query_id, [ParameterType("", is_array=False)] * count, self._facts) is not None:
            return
        for is_array in (False, True):
            types = [ParameterType("", is_array=is_array)] * count
            missing &= set(choose_values(candidate.shape, types, self._facts, candidate.text)[1])
        if missing:
            raise _no_value(sorted(missing))

    def _check_plan(self, plan: dict[str, Any]) -> None:
        require_reading_plan(plan)
        cost, limit = plan["Plan"]["Total Cost"], self._config.execute_max_cost
        if cost > limit:
            raise NotDone(
                f"With typical values the planner puts its cost over the limit of {limit:g}",
                "Raise collect.execute_max_cost.",
            )

    def _check_counters(self, plan: dict[str, Any]) -> None:
        """Raises NotDone where what an index has counted would afterwards speak of us rather than of the workload.

        Rules go by how many rows a scan of an index reads on average, and typical values are not those of every query.
        """
        for node in nodes(plan):
            for index in self._indexes.get(node.get("Index Name", ""), ()):
                read = sum(counters.rows_read for counters in self._facts.index_counters(index))
                if node["Plan Rows"] * self._runs > max(_FEW_ROWS, _COUNTED_SHARE * read):
                    # Without the index's name, so that all such statements share a gap.
                    raise NotDone(
                        "It would read a large part of all that was ever read through one of its indexes, whose "
                        "counters would then tell of us rather than of the workload"
                    )

    def _execute(self, opened: Opened, texts: list[str | None]) -> tuple[dict[str, Any], tuple[float, ...]]:
        """The plan of the last run, and the times of all. Raises NotDone where the first run was not to be finished."""
        self._guard.require_watch(opened)
        # Times are to be those of the role, JIT and all. No plan depends on it, and even an EXPLAIN that executes
        # nothing loads the compiler, which may take a second on a busy disk.
        opened.transaction.rows("SET LOCAL jit TO DEFAULT")
        ask(opened.transaction, "limit_temporary_files")
        slow_clock = self._has_slow_clock(opened)
        plan: dict[str, Any] | None = None
        run_ms: list[float] = []
        for run in range(self._runs):
            warming = self._config.execute_warm_up and run == 0
            try:
                later = self._run_once(opened, texts, timing=not (slow_clock or warming))
            except NotDone:
                if plan is None:
                    raise
                # What was measured until then is kept.
                break
            plan = later
            run_ms.append(float(plan.get("Execution Time", 0.0)))
            if self.left_ms < 1:
                break
        assert plan is not None  # noqa: S101  there is one run at least
        return plan, tuple(run_ms)

    def _run_once(self, opened: Opened, texts: list[str | None], *, timing: bool) -> dict[str, Any]:
        timeout_ms = max(1, int(min(self._config.execute_timeout_ms, self.left_ms)))
        opened.bound(most_ms=timeout_ms, lock_ms=_LOCK_TIMEOUT_MS)
        options = analyze_options(self._session.connection.info.server_version, timing=timing)
        self._observation.executed += 1
        started = time.perf_counter()
        try:
            plan = explain_with(self._session, explain_command(options, opened.text), texts)
        except psycopg.errors.QueryCanceled as error:
            if opened.watch is not None and opened.watch.fired:
                raise someone_waited() from error
            raise NotDone(
                "It ran into the timeout of an execution; the plan is one for the same values, not executed",
                self._more_time(),
            ) from error
        finally:
            self._observation.executed_ms += (time.perf_counter() - started) * 1000
        count_scans(plan, self._observation.scans_added)
        return plan

    def _has_slow_clock(self, opened: Opened) -> bool:
        """Whether to tell the time takes the server so long that times of nodes would be mostly that; asked once."""
        if self._clock_is_slow is None:
            (clock,) = ask(opened.transaction, "clock")
            self._clock_is_slow = clock["told_us"] > _SLOW_CLOCK_US
        return self._clock_is_slow

    def _more_time(self) -> str:
        """What gives an execution more time: the options that allow it the least."""
        options = {
            "collect.execute_timeout_ms": self._config.execute_timeout_ms,
            "collect.lock_timeout_ms": self._session.lock_timeout_ms,
        }
        least = min(options.values())
        return f"Raise {' and '.join(name for name, ms in options.items() if ms == least)}."


def _no_value(positions: Sequence[int]) -> NotDone:
    named = ", ".join(f"${position}" for position in positions[:_NAMED])
    return NotDone(f"The statistics give no value for {named}" + (" and more" if len(positions) > _NAMED else ""))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All nodes of an EXPLAIN (FORMAT JSON) object."""
    stack = [plan["Plan"]]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.get("Plans", ()))


def count_scans(plan: dict[str, Any], into: dict[str, int]) -> None:
    """Adds up the scans by which an executed plan raised the counters of tables and indexes, by qualified name."""
    stack: list[tuple[dict[str, Any], tuple[str, str] | None]] = [(plan["Plan"], None)]
    while stack:
        node, heap = stack.pop()
        if "Relation Name" in node:
            heap = (node.get("Schema", ""), node["Relation Name"])
        kind = node["Node Type"]
        if heap is not None and kind in (
            "Seq Scan",
            "Sample Scan",
            "Index Scan",
            "Index Only Scan",
            "Bitmap Index Scan",
        ):
            scans = round(node.get("Index Searches", node.get("Actual Loops", 0)))
            for name in (heap[1], node.get("Index Name")):
                if name is not None and scans:
                    qualified = f"{heap[0]}.{name}"
                    into[qualified] = into.get(qualified, 0) + scans
        inherits = kind in ("Bitmap Heap Scan", "BitmapAnd", "BitmapOr")
        stack.extend((child, heap if inherits else None) for child in node.get("Plans", ()))
