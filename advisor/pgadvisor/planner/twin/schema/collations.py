"""Collations, or what stands in for them."""

from __future__ import annotations

from pgadvisor.planner.twin.building import Building


def create_collations(building: Building) -> None:
    """Makes them."""


def collation_of_twin(building: Building, collation: str) -> str:
    """The SQL of what stands on the twin for a collation, which is named as in Column.collation; "" for the default."""
    return collation
