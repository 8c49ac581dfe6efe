"""Sums over many statements, in columns. The only module with pandas; no data frame leaves it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pgadvisor.model.statements import StatementRow


def costliest(rows: Sequence[StatementRow], count: int) -> tuple[str, ...]:
    """Ids of the statements with the most total time over all roles and nesting levels, the costliest first.

    What costs the same goes by id, so that the same rows always give the same choice.
    """
    if count <= 0 or not rows:
        return ()
    frame = pd.DataFrame(
        {
            "query_id": pd.array([row.query_id for row in rows], dtype="string"),
            "total_ms": pd.array([row.total_ms for row in rows], dtype="Float64"),
        }
    )
    sums = frame.groupby("query_id", sort=False, as_index=False).agg(total_ms=("total_ms", "sum"))
    ordered = sums.sort_values(["total_ms", "query_id"], ascending=[False, True], kind="stable")
    return tuple(str(query_id) for query_id in ordered["query_id"].head(count))
