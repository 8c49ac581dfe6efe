"""Which statements are worth having their text read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgadvisor.model.statements import Statements


def choose(statements: Statements, count: int) -> tuple[str, ...]:
    """Query ids of the `count` statements that took the most time, the costliest first."""
    # pandas takes long to import and is not needed where there are no statements.
    from pgadvisor.workload.frames import costliest

    return costliest(statements.rows, count) if statements.rows else ()
