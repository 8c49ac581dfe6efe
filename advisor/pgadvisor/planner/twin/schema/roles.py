"""Roles of the snapshot, as far as plans hang on them."""

from __future__ import annotations

from pgadvisor.planner.twin.building import Building


def create_roles(building: Building) -> None:
    """Makes them, without rights beyond membership."""
