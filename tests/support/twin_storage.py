"""Twins whose files and catalogs a test looks into, and the plans of the database that they were made from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pgadvisor.facts import Facts
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.storage.lay_out import lay_out
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.server_packages import packaged_binaries
from support.servers import MAIN


def plan_of(database: Database, text: str) -> dict[str, Any]:
    """What the database itself plans."""
    ((documents,),) = database.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {text}")
    plan: dict[str, Any] = documents[0]["Plan"]
    return plan


def programs(database: Database) -> str:
    """Where a twin of a database finds programs of its major."""
    major = database.server.major
    return "auto" if major == MAIN else str(packaged_binaries(major).bin_dir)


@contextmanager
def open_twin(facts: Facts, *, server: str = "auto") -> Iterator[tuple[Building, Twin]]:
    """A twin, and what it was built with."""
    built: list[Building] = []

    def noted(building: Building) -> None:
        built.append(building)
        lay_out(building)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pgadvisor.planner.twin.twin.lay_out", noted)
        with Twin(facts, server=server) as twin:
            yield built[0], twin
