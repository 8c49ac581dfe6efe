"""The snapshot: all that was collected, and all that the analysis sees."""

from __future__ import annotations

from datetime import datetime

from pgadvisor.model.activity import Activity
from pgadvisor.model.base import Model
from pgadvisor.model.catalog import Catalog
from pgadvisor.model.counters import Counters, Window
from pgadvisor.model.coverage import Coverage
from pgadvisor.model.plans import ObservedPlan
from pgadvisor.model.server import Server
from pgadvisor.model.statements import Statements
from pgadvisor.model.statistics import PgStats
from pgadvisor.model.whatif import IndexSize, Shortfall, WhatIfAnswer

SNAPSHOT_FORMAT = 1


class Contents(Model, frozen=True, kw_only=True):
    """What of other people's a snapshot holds, so that whoever passes it on knows.

    redacted: values of rows were replaced by made-up ones of the same order. names_redacted: names of objects too.
    holds says it in words, one phrase for each kind of thing.
    """

    redacted: bool = False
    names_redacted: bool = False
    holds: tuple[str, ...] = ()


class Host(Model, frozen=True, kw_only=True):
    """A server whose counters are in a merged snapshot: the primary or one of its standbys.

    standbys is how many physical standbys stream from it, None where unknown.
    """

    name: str
    in_recovery: bool
    started_at: datetime
    collected_at: datetime
    counters_window: Window | None = None
    statements_window: Window | None = None
    standbys: int | None = None


class Change(Model, frozen=True, kw_only=True):
    """What makes a snapshot one over an interval: its counters and statements are differences between two looks.

    since and until are the moments of the looks. new and vanished are query ids of statements; matched_by_text says
    how many were told to be the same by their text, since their ids had changed. notes are sentences on what the
    interval lost: resets, restarts, evicted entries.
    """

    since: datetime
    until: datetime
    new: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    matched_by_text: int = 0
    notes: tuple[str, ...] = ()


class Limits(Model, frozen=True, kw_only=True):
    """Within which limits it was collected, by the names of the configuration's section "collect".

    They are the user's wish, where coverage says what came of it: only these schemas, none of those, at most so many
    statements and EXPLAINs, and what might be executed.
    """

    schemas: tuple[str, ...] = ()
    exclude_schemas: tuple[str, ...] = ()
    statements: int | None = None
    max_explains: int | None = None
    execute: str | None = None


class Snapshot(Model, frozen=True, kw_only=True):
    """One look at one database. A section that could not be collected is None or empty, and coverage says why.

    hosts are the servers whose counters it adds up, if there are several, the primary first; change is set where its
    counters are those of an interval. answers and index_sizes are what a planner said during the collection of what
    would be if, so that it can be said again; shortfalls are what that planner has not, or has otherwise.
    """

    tool_version: str
    server: Server
    catalog: Catalog = Catalog()
    column_statistics: tuple[PgStats, ...] = ()
    counters: Counters | None = None
    activity: Activity | None = None
    statements: Statements | None = None
    plans: tuple[ObservedPlan, ...] = ()
    coverage: Coverage = Coverage()
    contents: Contents = Contents()
    hosts: tuple[Host, ...] = ()
    change: Change | None = None
    limits: Limits = Limits()
    answers: tuple[WhatIfAnswer, ...] = ()
    index_sizes: tuple[IndexSize, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()

    @property
    def standbys_not_seen(self) -> int | None:
        """How many standbys stream from the servers looked at and were not looked at themselves; None if unknown."""
        if not self.hosts:
            return None if self.activity is None else self.activity.physical_standbys
        known = [host.standbys for host in self.hosts]
        seen = sum(1 for host in self.hosts if host.in_recovery)
        return None if None in known else max(sum(count or 0 for count in known) - seen, 0)

    @property
    def writes_window(self) -> Window | None:
        """The window in which writes were counted: of several servers the primary's, which alone counts any."""
        if self.hosts:
            return self.hosts[0].counters_window
        return None if self.counters is None else self.counters.window

    @property
    def calls_window(self) -> Window | None:
        """What sums over statements are divided by: of several servers the longest window, so no rate is too high."""
        windows = [host.statements_window for host in self.hosts if host.statements_window is not None]
        if windows:
            return max(windows, key=lambda window: float("inf") if window.seconds is None else window.seconds)
        return None if self.statements is None else self.statements.window


class SnapshotFile(Model, frozen=True, kw_only=True):
    """What a file holds: the snapshots of one run, one for each database."""

    format: int = SNAPSHOT_FORMAT
    tool_version: str
    snapshots: tuple[Snapshot, ...]
