"""The snapshot: all that was collected, and all that the analysis sees."""

from __future__ import annotations

from pgadvisor.model.activity import Activity
from pgadvisor.model.base import Model
from pgadvisor.model.catalog import Catalog
from pgadvisor.model.counters import Counters
from pgadvisor.model.coverage import Coverage
from pgadvisor.model.plans import ObservedPlan
from pgadvisor.model.server import Server
from pgadvisor.model.statements import Statements
from pgadvisor.model.statistics import ColumnStatistics

SNAPSHOT_FORMAT = 1


class Snapshot(Model, frozen=True, kw_only=True):
    """One look at one database. A section that could not be collected is None or empty, and coverage says why."""

    format: int = SNAPSHOT_FORMAT
    tool_version: str
    server: Server
    catalog: Catalog = Catalog()
    column_statistics: tuple[ColumnStatistics, ...] = ()
    counters: Counters | None = None
    activity: Activity | None = None
    statements: Statements | None = None
    plans: tuple[ObservedPlan, ...] = ()
    coverage: Coverage = Coverage()
