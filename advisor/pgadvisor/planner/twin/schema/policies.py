"""Row security."""

from __future__ import annotations

from pgadvisor.planner.twin.building import Building


def create_policies(building: Building) -> None:
    """Switches it on and makes the policies."""
