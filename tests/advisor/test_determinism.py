"""The same snapshot gives the same bytes, whatever the seed of Python's hashes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from support.snapshots import snapshot
from pgadvisor.analyze import analyze
from pgadvisor.config import Config
from pgadvisor.registry import load_renderer, load_rules, load_terminal

tables = {
    f"public.t{n}": {
        "rows": 1e6,
        "columns": ["id bigint not null", "a bigint", "b text", "c date"],
        "stats": {"a": {"n_distinct": -0.5}, "b": {"n_distinct": 3}, "c": {"n_distinct": 900}},
        "indexes": {"one": "btree (a)", "two": "btree (a)", "three": "btree (a, b)", f"bad{n}": "invalid btree (c)"},
        "counters": {"rows_inserted": 1000 + n, "seq_scans": n},
    }
    for n in range(8)
}
statements = [
    {
        "id": str(7919 * n),
        "text": f"select * from t{n % 8} where a = $1 and c > $2",
        "total_ms": 1e5 / (n + 3) + 0.1,
        "plans": [{"tree": f"Seq Scan on public.t{n % 8} rows=10 cost=20000"}],
    }
    for n in range(60)
]
report = analyze(snapshot({"tables": tables, "statements": statements}), Config(), load_rules())
import hashlib
for made in (load_renderer("html")(report), load_renderer("json")(report), load_terminal()(report, 80, True).encode()):
    print(hashlib.sha256(made).hexdigest())
print(sum(report.severity_counts.values()))
"""


def output(seed: str) -> list[str]:
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True
    ).stdout.split()


def test_seeds_do_not_matter() -> None:
    first = output("0")
    assert int(first[-1]) > 10
    assert all(output(seed) == first for seed in ("1", "8", "9"))
