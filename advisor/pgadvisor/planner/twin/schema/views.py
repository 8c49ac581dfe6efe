"""Views, each after those that it reads."""

from __future__ import annotations

from pgadvisor.planner.twin.building import Building


def create_views(building: Building) -> None:
    """Makes them; it comes after constraints, which a GROUP BY by primary key needs."""
