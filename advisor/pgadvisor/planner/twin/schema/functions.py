"""Functions, with their bodies only where plans need these."""

from __future__ import annotations

from pgadvisor.planner.twin.building import Building


def create_functions(building: Building) -> None:
    """Makes those that need no relation: defaults and indexes may call them."""


def create_functions_on_relations(building: Building) -> None:
    """Makes those that had to wait for tables, whose row types they take or give."""
