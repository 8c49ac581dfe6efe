"""Puts the snapshot's statistics into the twin's catalogs."""

from __future__ import annotations

from pgadvisor.planner.twin.building import Building


def load_statistics(building: Building) -> None:
    """Rows of pg_statistic and pg_statistic_ext_data; what cannot be put in is a shortfall.

    Raises psycopg.OperationalError where the server is gone.
    """
