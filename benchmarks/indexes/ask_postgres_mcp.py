"""What postgres-mcp advises for a list of queries, as JSON: run by its own Python, which tpch.py is told of.

    python ask_postgres_mcp.py DSN QUERIES.json BUDGET_MB [BUDGET_MB ...]

Queries that it cannot read are left out one by one, since one would end the whole.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from postgres_mcp.index.dta_calc import DatabaseTuningAdvisor  # type: ignore[import-not-found]
from postgres_mcp.sql import DbConnPool, SqlDriver  # type: ignore[import-not-found]


async def asked(driver: SqlDriver, queries: list[str], budget_mb: int) -> dict[str, Any]:
    begun = time.monotonic()
    advisor = DatabaseTuningAdvisor(driver, budget_mb=budget_mb)
    result = await advisor.analyze_workload(query_list=queries, max_index_size_mb=budget_mb)
    recommended = result.recommendations
    return {
        "seconds": time.monotonic() - begun,
        "error": result.error,
        "queries": len(queries),
        "estimated_mb": sum(each.estimated_size_bytes for each in recommended) / 1e6,
        "commands": [each.definition for each in recommended],
    }


async def main() -> None:
    dsn, file, *budgets = sys.argv[1:]
    pool = DbConnPool(dsn)
    await pool.pool_connect()
    driver = SqlDriver(conn=pool)
    queries = json.loads(Path(file).read_text())
    survivors = [text for text in queries if (await asked(driver, [text], 10_000))["error"] is None]
    print(json.dumps({budget: await asked(driver, survivors, int(budget)) for budget in budgets}))
    await pool.close()


asyncio.run(main())
