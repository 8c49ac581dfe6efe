"""Sums over many statements, in columns. The only module with pandas; no data frame leaves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from pgadvisor.model.statements import StatementRow


def costliest(rows: Mapping[int, Sequence[StatementRow]], count: int) -> tuple[tuple[int, str], ...]:
    """The statements with the most total time over all roles and nesting levels, the costliest first.

    rows are those of each database by its oid, which comes with each id. What costs the same goes by id, then by
    database, so that the same rows always give the same choice.
    """
    frame = pd.DataFrame(
        {
            "database_oid": pd.array([oid for oid, each in rows.items() for _ in each], dtype="Int64"),
            "query_id": pd.array([row.query_id for each in rows.values() for row in each], dtype="string"),
            "total_ms": pd.array([row.total_ms for each in rows.values() for row in each], dtype="Float64"),
        }
    )
    keys = ["query_id", "database_oid"]
    sums = frame.groupby(keys, sort=False, as_index=False).agg(total_ms=("total_ms", "sum"))
    ordered = sums.sort_values(["total_ms", *keys], ascending=[False, True, True], kind="stable").head(count)
    return tuple(
        (int(oid), str(query_id)) for oid, query_id in zip(ordered["database_oid"], ordered["query_id"], strict=True)
    )
