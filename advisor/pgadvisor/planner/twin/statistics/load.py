"""Puts the snapshot's statistics into the twin's catalogs."""

from __future__ import annotations

from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.statistics.columns import load_columns
from pgadvisor.planner.twin.statistics.extended import load_extended
from pgadvisor.planner.twin.statistics.losses import Losses
from pgadvisor.planner.twin.statistics.staging import Staging
from pgadvisor.planner.twin.statistics.types import TwinTypes


def load_statistics(building: Building) -> None:
    """Rows of pg_statistic and pg_statistic_ext_data; what cannot be put in is a shortfall.

    Raises psycopg.OperationalError where the server is gone.
    """
    losses = Losses(building.facts)
    types = TwinTypes(building.admin)
    staging = Staging(building.admin)
    load_columns(building, types, staging, losses)
    load_extended(building, types, staging, losses)
    staging.drop()
    building.shortfalls += losses.shortfalls()
