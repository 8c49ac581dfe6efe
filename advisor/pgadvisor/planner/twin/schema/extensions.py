"""Extensions that the twin has as well."""

from __future__ import annotations

from pgadvisor.planner.twin.building import Building


def create_extensions(building: Building) -> None:
    """Makes them; a missing one is a shortfall."""
