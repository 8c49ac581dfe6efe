"""Which statements are worth having their text read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgadvisor.model.statements import StatementRow


def choose_among(rows: Mapping[int, Sequence[StatementRow]], count: int) -> tuple[tuple[int, str], ...]:
    """Database oids and query ids of the `count` statements of several databases that took the most time.

    rows are those of each database by its oid.
    """
    if count <= 0 or not any(rows.values()):
        return ()
    # pandas takes long to import and is not needed where there are no statements.
    from pgadvisor.workload.frames import costliest

    return costliest(rows, count)
