"""How much of the corpus is understood, by class, and how long that takes.

Statements of PostgreSQL's own regression tests as pg_stat_statements normalised them (tests/data/statements.jsonl),
those that read or write rows. Understood against an empty schema, each in turn, several times over; a statement's time
is its least. With --source another checkout's package is measured, for a comparison; results of both go to
benchmarks/results/understanding.json under --name unless --dry.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import re
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "understanding.json"
CORPUS = Path(__file__).parents[1] / "tests" / "data" / "statements.jsonl"
KINDS = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
_KEYWORDS = "select|where|and|or|in|limit|offset|when|then|else|by|from|as|like|not"
# What sqlglot could not read as it is, by what is in the text; the first that fits.
CLASSES = (
    ("XML", r"\bxml\w*\s*\(|\bis (?:not )?document\b"),
    ("SQL/JSON", r"\bjson_(?:object|array|exists|query|value|table|scalar|serialize)\s*\("),
    ("SEARCH, CYCLE", r"\bsearch (?:depth|breadth)\b|\)\s*cycle\b"),
    ("MERGE", r"\bmerge into\b"),
    ("ORDER BY ... USING", r"\busing\s*[<>~]"),
    ("OVERRIDING", r"\boverriding\b"),
    ("CURRENT OF", r"\bcurrent of\b"),
    ("TABLESAMPLE", r"\btablesample\b"),
    ("interval $1", r"\binterval(?:\(\d\))?\s+\$\d"),
    (
        "typed constants",
        r"\b(?!(?:select|where|and|or|in|limit|offset|when|then|else|by|from|as|like|not)\b)[a-z]\w*\s+\$\d",
    ),
    ("window functions", r"\bover\s*\("),
    ("GROUPING SETS", r"\bgrouping sets\b|\bcube\s*\(|\brollup\s*\("),
    ("subscripted targets", r"\bset\s+\w+\s*\[|insert into \w+ \([^)]*[\[.]"),
)


def class_of(text: str) -> str:
    """The first class whose mark is in a text."""
    return next((name for name, mark in CLASSES if re.search(mark, text, re.IGNORECASE)), "others")


def measure(source: Path | None, rounds: int) -> dict[str, Any]:
    """Coverage and times of a checkout's understanding."""
    if source is not None:
        sys.path.insert(0, str(source))
    understand = importlib.import_module("pgadvisor.workload.understand").understand
    catalog = importlib.import_module("pgadvisor.model.catalog").Catalog
    schema = importlib.import_module("pgadvisor.workload.schema").SchemaView(catalog(), ("public",))
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").strip().split("\n")]
    texts = [(row["kind"], row["sql"]) for row in rows if row["kind"] in KINDS]
    total: Counter[str] = Counter()
    understood: Counter[str] = Counter()
    bare: Counter[str] = Counter()
    rows_by_text = {row["sql"]: row["sqlglot"] for row in rows}
    times = [float("inf")] * len(texts)
    for turn in range(rounds):
        for number, (kind, text) in enumerate(texts):
            started = time.perf_counter()
            result = understand("1", text, schema)
            times[number] = min(times[number], 1_000 * (time.perf_counter() - started))
            if turn == 0:
                for name in (kind, class_of(text), "all"):
                    total[name] += 1
                    understood[name] += hasattr(result, "kind")
                    bare[name] += rows_by_text[text] == "ok"
    times.sort()
    return {
        "statements": dict(sorted(total.items())),
        "sqlglot_alone": {name: bare[name] for name in sorted(total)},
        "understood": {name: understood[name] for name in sorted(total)},
        "median_ms": round(statistics.median(times), 3),
        "p99_ms": round(times[int(len(times) * 0.99)], 3),
        "per_5000_s": round(sum(times) / len(times) * 5, 2),
    }


def main() -> None:
    """Measures one checkout, and keeps the result beside the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, help="folder that holds the package pgadvisor of another checkout")
    parser.add_argument("--name", default="now")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.source, arguments.rounds)
    result |= {"python": platform.python_version(), "machine": f"{os.cpu_count()} cores", "rounds": arguments.rounds}
    print(json.dumps(result, indent=1))
    if not arguments.dry:
        kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        kept[arguments.name] = result
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
