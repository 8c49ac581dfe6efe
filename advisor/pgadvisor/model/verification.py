"""What became of advice on indexes where it was tried: built on a copy, statements run before and after."""

from __future__ import annotations

import enum
from datetime import datetime

from pgadvisor.model.base import Model


class Verdict(enum.StrEnum):
    """What was measured, held against what was promised.

    NOISE: what was promised is less than two measurements of the same differ by. UNPROMISED: nobody had said what it
    would be. NOT_RUN: nothing was measured.
    """

    KEPT = "kept"
    BETTER = "better than promised"
    WORSE = "worse than promised"
    NOISE = "within the noise"
    UNPROMISED = "not promised"
    NOT_RUN = "not run"


class Promise(Model, frozen=True, kw_only=True):
    """Between which ratios of time after to time before a statement was to be; None where nothing bounds it."""

    low: float | None = None
    high: float | None = None


class MeasuredStatement(Model, frozen=True, kw_only=True):
    """A statement, run without and with indexes. before_ms and after_ms are the fastest of `runs` warm runs each.

    They are means over sets of values, of which `values` says what each stands for. timed_out_before and
    timed_out_after: it takes longer than that, for it ran into the timeout. noise is by which share the same differed
    when it was measured twice. cost_before and cost_after are the copy's planner's, uses are the recommended indexes in
    its plan after. equivalent: the SELECT that finds the rows was run, not the write itself. reason says why it was
    not run.
    """

    query_id: str
    anchor: str
    verdict: Verdict
    calls: int
    promise: Promise | None = None
    before_ms: float | None = None
    after_ms: float | None = None
    timed_out_before: bool = False
    timed_out_after: bool = False
    noise: float | None = None
    runs: int = 0
    values: tuple[str, ...] = ()
    cost_before: float | None = None
    cost_after: float | None = None
    uses: tuple[str, ...] = ()
    equivalent: bool = False
    reason: str = ""

    @property
    def ratio(self) -> float | None:
        """Time after over time before; None where either is unknown."""
        if self.before_ms is None or self.after_ms is None or not self.before_ms:
            return None
        return self.after_ms / self.before_ms


class MeasuredIndex(Model, frozen=True, kw_only=True):
    """What one recommended index was where it was tried. statements are without it and with it, all others there.

    An index to be dropped is not built. promised_bytes is what its size was said to be. reason says why nothing of it
    was measured.
    """

    verdict: Verdict
    build_ms: float | None = None
    size_bytes: int | None = None
    promised_bytes: int | None = None
    statements: tuple[MeasuredStatement, ...] = ()
    reason: str = ""


class Verification(Model, frozen=True, kw_only=True):
    """How advice was tried, and what came of all of it together.

    statements are those that the indexes are for, with none of them and with all. before_ms and after_ms are what
    their calls would take, of those that were run: mean times by calls counted. analyzed are tables whose statistics
    were gathered for expressions. not_run counts statements that were not run, which are among `statements` with the
    reason; not_tried are titles of recommendations of another kind. cut_short says why it ended early, "" where not.
    """

    tool_version: str
    server_version: str
    database: str
    measured_at: datetime
    runs: int
    values: int
    statement_timeout_ms: int
    statements: tuple[MeasuredStatement, ...] = ()
    before_ms: float | None = None
    after_ms: float | None = None
    build_ms: float | None = None
    size_bytes: int | None = None
    analyzed: tuple[str, ...] = ()
    not_run: int = 0
    not_tried: tuple[str, ...] = ()
    cut_short: str = ""
    interrupted: bool = False
