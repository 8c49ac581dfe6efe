"""Plans that PostgreSQL's own regression tests make, executed; see tests/data/plans/README.md."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[1] / "data" / "plans" / "plans.jsonl.gz"


@cache
def plan_files() -> tuple[dict[str, Any], ...]:
    """All of them, as EXPLAIN (FORMAT JSON) gave them; _file is the name, _sql the statement, _set what was set."""
    with gzip.open(_FILE, "rt", encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines)


def plan_file(name: str) -> dict[str, Any]:
    """One of them."""
    (found,) = (plan for plan in plan_files() if plan["_file"] == name)
    return found
