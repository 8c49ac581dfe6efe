"""Puts the snapshot's statistics into the twin's catalogs."""

from __future__ import annotations

import psycopg

from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.statistics.columns import load_columns
from pgadvisor.planner.twin.statistics.extended import load_extended
from pgadvisor.planner.twin.statistics.hidden import hidden_statistics
from pgadvisor.planner.twin.statistics.losses import Losses
from pgadvisor.planner.twin.statistics.staging import Staging
from pgadvisor.planner.twin.statistics.types import MONEY, TwinTypes

# Locales that write amounts as every server can read them.
_PLAIN = ("C", "POSIX", "C.UTF-8", "C.utf8", "en_US.UTF-8", "en_US.utf8")


def load_statistics(building: Building) -> None:
    """Rows of pg_statistic and pg_statistic_ext_data; what cannot be put in is a shortfall.

    Raises psycopg.OperationalError where the server is gone.
    """
    losses = Losses(building.facts)
    types = TwinTypes(building.admin, () if _reads_money(building) else (MONEY,))
    staging = Staging(building.admin)
    load_columns(building, types, staging, losses)
    load_extended(building, types, staging, losses)
    staging.drop()
    building.shortfalls += losses.shortfalls() + hidden_statistics(building.facts)


def _reads_money(building: Building) -> bool:
    """Has amounts of money read as the server wrote them, for the rest of the connection; whether that can be."""
    written = next((each.value for each in building.facts.server.settings if each.name == "lc_monetary"), None)
    if written is None:
        return False
    try:
        building.admin.execute(b"SELECT set_config('lc_monetary', %s, false)", [written])
    except psycopg.Error:
        if building.admin.closed:
            raise
        return written in _PLAIN
    return True
