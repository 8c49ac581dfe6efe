"""What reading PostgreSQL's logs costs: MB/s and memory, in each format and at 100 MB and 1 GB.

Writes synthetic logs with a seed into a temporary folder (sessions interleaved, values, plans of auto_explain, one
record in a hundred broken), reads each in a process of its own, and prints medians. Raw results go to
benchmarks/results/logs.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pgadvisor import __version__

RESULTS = Path(__file__).parent / "results"
SEED = 1
MB = 1_000_000
SESSIONS = 80
BOUND = (
    "SELECT o.id, o.placed_at, o.status, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id "
    "WHERE o.customer_id = $1 AND o.status = $2 ORDER BY o.placed_at DESC LIMIT 20",
    'SELECT "product"."id", "product"."sku", "product"."title", "product"."price", "product"."stock" FROM "product" '
    'WHERE "product"."category_id" = $1 AND "product"."title" ILIKE $2 ORDER BY "product"."id" LIMIT 50',
    "INSERT INTO events (customer_id, kind, payload, created_at) VALUES ($1, $2, '{}', now()) RETURNING id",
    "UPDATE stock SET amount = amount - 1, changed_at = now() WHERE product_id = $1 AND warehouse = $2",
    "SELECT count(*) FROM sessions WHERE user_id = $1 AND kind = $2\n  AND expires_at > now()\n  AND NOT revoked",
)
WITH_CONSTANTS = (
    "SELECT product_id, sum(quantity * price) FROM order_items i WHERE i.order_id IN (%d, %d) GROUP BY product_id",
    "SELECT p.id, p.title\nFROM product p\nWHERE p.price BETWEEN %d AND %d\n  AND p.title LIKE 'thing%%'\nORDER BY 2",
)
PLAN = {
    "Plan": {
        "Node Type": "Limit", "Startup Cost": 1.5, "Total Cost": 99.25, "Plan Rows": 20, "Plan Width": 84,
        "Actual Rows": 20, "Actual Loops": 1, "Actual Startup Time": 0.1, "Actual Total Time": 8.1,
        "Plans": [
            {
                "Node Type": "Index Scan", "Parent Relationship": "Outer", "Scan Direction": "Backward",
                "Index Name": "orders_placed_at_idx", "Relation Name": "orders", "Alias": "o", "Startup Cost": 0.3,
                "Total Cost": 90.5, "Plan Rows": 40, "Plan Width": 84, "Actual Rows": 20, "Actual Loops": 1,
                "Filter": "((o.customer_id = 7) AND (o.status = 'open'::text))", "Rows Removed by Filter": 9000,
            }
        ],
    }
}  # fmt: skip
TEXT_PLAN = """\
Limit  (cost=1.50..99.25 rows=20 width=84) (actual time=0.100..8.100 rows=20 loops=1)
  ->  Index Scan Backward using orders_placed_at_idx on orders o  (cost=0.30..90.50 rows=40 width=84) \
(actual time=0.090..8.000 rows=20 loops=1)
        Filter: ((customer_id = 7) AND (status = 'open'::text))
        Rows Removed by Filter: 9000"""
Message = tuple[str, str, str]
# What is read: format and size in MB.
CASES = (("stderr", 100), ("csvlog", 100), ("jsonlog", 100), ("stderr", 1000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(read_one(Path(arguments.one))))
        return
    results: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {f"{kind} {size} MB": write(Path(folder), kind, size) for kind, size in CASES}
        for number in range(arguments.runs):
            for name, file in files.items():
                print(f"run {number + 1}: {name}", file=sys.stderr)
                results.setdefault(name, []).append(child(file))
    raw = {
        "tool": __version__,
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores",
        "seed": SEED,
        "runs": results,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "logs.json").write_text(json.dumps(raw, indent=2) + "\n")
    for name, runs in results.items():
        print(name)
        for key in runs[0]:
            values = [run[key] for run in runs]
            print(f"{key:>16} {statistics.median(values):>10.1f}   ({min(values):.1f} to {max(values):.1f})")


def write(folder: Path, kind: str, size: int) -> Path:
    """A log of so many MB."""
    chance = random.Random(SEED)
    spell = {"stderr": as_stderr, "csvlog": as_csv, "jsonlog": as_json}[kind]
    file = folder / f"{kind}-{size}.log"
    written, number = 0, 0
    with file.open("wb") as stream:
        while written < size * MB:
            lines = []
            for _ in range(1_000):
                number += 1
                lines.append(record(chance, number, spell))
            written += stream.write("".join(lines).encode())
    return file


def record(chance: random.Random, number: int, spell: Callable[[int, int, Message], str]) -> str:
    """One record of a session in turn; one in a hundred is broken."""
    session = 1_000 + chance.randrange(SESSIONS)
    spelled = spell(number, session, message(chance))
    if chance.random() < 0.01:
        return spelled[: chance.randrange(len(spelled))].rstrip("\n") + "\n"
    return spelled


def message(chance: random.Random) -> Message:
    """Message, detail and severity of a record."""
    kind, ms = chance.random(), chance.expovariate(0.2)
    if kind < 0.6:
        values = f"parameters: $1 = '{chance.randrange(10**6)}', $2 = '{chance.choice(('open', 'paid', 'sent'))}'"
        return f"duration: {ms:.3f} ms  execute <unnamed>: {chance.choice(BOUND)}", values, "LOG"
    if kind < 0.85:
        text = chance.choice(WITH_CONSTANTS) % (chance.randrange(10**6), chance.randrange(10**6))
        return f"duration: {ms:.3f} ms  statement: {text}", "", "LOG"
    if kind < 0.86:
        text = json.dumps({"Query Text": BOUND[0], "Query Parameters": "$1 = '7', $2 = 'open'"} | PLAN, indent=2)
        return f"duration: {ms:.3f} ms  plan:\n{text}", "", "LOG"
    if kind < 0.87:
        return f"duration: {ms:.3f} ms  plan:\nQuery Text: {BOUND[0]}\n{TEXT_PLAN}", "", "LOG"
    if kind < 0.9:
        return (
            'duplicate key value violates unique constraint "users_pkey"',
            "Key (id)=(1) already exists.",
            "ERROR",
        )
    return "connection authorized: user=app database=shop application_name=web", "", "LOG"


def moment(number: int) -> str:
    seconds, part = divmod(number, 1_000)
    minutes, hours = seconds // 60, seconds // 3_600
    return f"2026-11-{1 + hours // 24:02} {hours % 24:02}:{minutes % 60:02}:{seconds % 60:02}.{part:03} UTC"


def as_stderr(number: int, session: int, given: Message) -> str:
    text, detail, severity = given
    head = f"{moment(number)} [{session}] app@shop "
    after = f"{head}DETAIL:  {detail}\n" if detail else ""
    return f"{head}{severity}:  {text.replace(chr(10), chr(10) + chr(9))}\n{after}"


def as_csv(number: int, session: int, given: Message) -> str:
    text, detail, severity = given
    quoted = [f'"{each.replace(chr(34), chr(34) * 2)}"' if each else "" for each in (text, detail)]
    return (
        f'{moment(number)},"app","shop",{session},"10.0.0.1:5432",6741c0d1.{session:x},{number},"SELECT",'
        f'2026-11-21 09:00:00 UTC,3/7,0,{severity},00000,{quoted[0]},{quoted[1]},,,,,,,,"web","client backend",,0\n'
    )


def as_json(number: int, session: int, given: Message) -> str:
    text, detail, severity = given
    keys = {
        "timestamp": moment(number), "user": "app", "dbname": "shop", "pid": session, "remote_host": "10.0.0.1",
        "remote_port": 5432, "session_id": f"6741c0d1.{session:x}", "line_num": number, "ps": "SELECT",
        "session_start": "2026-11-21 09:00:00 UTC", "vxid": "3/7", "txid": 0, "error_severity": severity,
        "message": text,
    } | ({"detail": detail} if detail else {})  # fmt: skip
    return json.dumps(keys | {"application_name": "web", "backend_type": "client backend", "query_id": 0}) + "\n"


def child(file: Path) -> dict[str, float]:
    output = subprocess.run(
        [sys.executable, __file__, "--one", str(file)], check=True, capture_output=True, text=True
    ).stdout
    result: dict[str, float] = json.loads(output)
    return result


def read_one(file: Path) -> dict[str, float]:
    """Speed and peak memory of this process, which has done nothing else."""
    from pgadvisor.workload.logs.read import read_log

    before = peak_mb()
    started, cpu = time.perf_counter(), time.process_time()
    with file.open("rb") as stream:
        source = read_log(stream, file.name, "shop").source
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    size = file.stat().st_size / MB
    return {
        "seconds": round(seconds, 2),
        "mb_per_s": round(size / seconds, 1),
        "mb_per_cpu_s": round(size / cpu, 1),
        "peak_mb": peak_mb(),
        "imports_mb": before,
        "calls": source.calls,
        "statements": source.statements,
        "plans": source.plans,
        "unread": source.unread,
    }


def peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
