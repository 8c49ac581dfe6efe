"""Logs that are broken, endless or made to fool: nothing raises, nothing takes long, no more is kept than allowed."""

from __future__ import annotations

import io
import itertools
import json
import random
import time
from pathlib import Path

import pytest

from pgadvisor.workload.fingerprint import fingerprint
from pgadvisor.workload.logs import tally
from pgadvisor.workload.logs.read import looks_like_log, read_log
from pgadvisor.workload.logs.tally import Tally, without_constants
from pgadvisor.workload.sources.source import SourceError, SourceWorkload

DATA = Path(__file__).parents[3] / "data"
DEBIAN = (DATA / "logs" / "debian.log").read_bytes()
CSV = (DATA / "logs" / "server18.csv").read_bytes()
JSON = (DATA / "logs" / "server18.json").read_bytes()
PIECES = (
    b"\n",
    b"\n\t",
    b'"',
    b"'",
    b"{",
    b"\\",
    b"\xff",
    b"\0",
    b"LOG:  ",
    b"duration: 1 ms  plan:\n",
    b"$1 = 'x",
    b",,,",
)
HEAD = b"2026-11-21 13:00:01.000 UTC [12] app@shop LOG:  duration: %d.000 ms  "


def read(log: bytes) -> SourceWorkload:
    return read_log(io.BytesIO(log), "x", "shop")


@pytest.mark.parametrize("log", [DEBIAN, CSV, JSON], ids=["stderr", "csvlog", "jsonlog"])
def test_mutated_logs_never_raise(log: bytes) -> None:
    chance = random.Random(4)
    understood = 0
    for _ in range(300):
        changed = bytearray(log)
        for _ in range(chance.randrange(1, 12)):
            at = chance.randrange(len(changed))
            match chance.randrange(4):
                case 0:
                    changed[at : at + chance.randrange(200)] = b""
                case 1:
                    changed[at:at] = chance.choice(PIECES)
                case 2:
                    changed[at] = chance.randrange(256)
                case _:
                    changed[at:at] = changed[chance.randrange(len(changed)) :][: chance.randrange(400)]
        looks_like_log(bytes(changed[: 1 << 16]))
        try:
            understood += bool(read(bytes(changed)).statements)
        except SourceError:
            continue
    assert understood > 280


@pytest.mark.parametrize(("log", "fewest"), [(DEBIAN, 5), (CSV, 8), (JSON, 8)], ids=["stderr", "csvlog", "jsonlog"])
def test_one_broken_line_costs_one_line(log: bytes, fewest: int) -> None:
    lines = log.split(b"\n")
    lines[5:5] = [b'2026-11-21 13:00:05.000 UTC,"app","shop",1,"cut off', b"nothing of the kind", b'{"timestamp": "x']
    found = read(b"\n".join(lines))
    assert len(found.statements) >= fewest
    assert 1 <= found.source.unread <= 5


def test_lines_made_to_take_long() -> None:
    names = b"2026-11-21 13:00:01 UTC:" + b":@:[" * 100_000
    prefix = b"2026-11-21 13:00:01 UTC:10.0.0.1(5432):app@shop:[12]:LOG:  duration: 1.000 ms  statement: SELECT 1\n"
    values = HEAD % 1 + b"execute x: SELECT $1\n" + (HEAD % 1)[:42] + b"DETAIL:  parameters: " + b"$1 = '''" * 50_000
    quotes = b"2026-11-21 13:00:05.000 UTC," + b'"","' * 100_000
    plan = HEAD % 1 + b'plan:\n\t{"Query Text": "' + b"\\\\" * 100_000 + b'", "Plan": ' + b'{"Plans": [' * 50_000
    started = time.process_time()
    for log in (
        prefix + names,
        values,
        plan,
        CSV + quotes,
        b'{"timestamp":' * 50_000,
        b"\n" * 1_000_000,
        DEBIAN + names,
    ):
        try:
            read(log)
        except SourceError:
            continue
    assert time.process_time() - started < 10


def test_memory_is_bounded_and_what_is_dropped_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_STATEMENTS", 20)
    log = b"".join(HEAD % (n + 1) + b"statement: SELECT c%d FROM t\n" % n for n in range(100))
    found = read(log)
    assert len(found.statements) == 20
    assert {f"SELECT c{n} FROM t" for n in range(80, 100)} == {each.text for each in found.statements.values()}
    (gap,) = found.gaps
    assert "80 times one of the cheapest was left out, 80 calls that took 3240 ms in all" in gap.reason
    assert sum(each.total_ms for each in found.statements.values()) == 5050 - 3240


def test_bytes_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_KEPT_BYTES", 100_000)
    every = Tally(lambda text: text[:10])
    for n in range(1_000):
        entry = every.entry(b"c%09d" % n + b" x" * 2_000)
        every.call(entry, float(n), b"$1 = 'v'")
    kept = every.entries()
    assert sum(entry.weight for entry in kept) <= 100_000
    assert kept[0].fingerprint == "c000000999"


def test_calls_kept_are_the_slowest_the_fastest_and_some_between() -> None:
    every = Tally(fingerprint)
    entry = every.entry(b"SELECT $1")
    times = [(n * 7919) % 10_007 for n in range(1, 5_001)]
    for ms in times:
        every.call(entry, float(ms), b"$1 = '%d'" % ms)
    kept = [ms for ms, _ in tally.all_calls(entry)]
    assert kept[:4] == sorted(times)[:-5:-1]
    assert sorted(kept)[:3] == sorted(times)[:3]
    assert len(kept) == 10
    assert entry.by_duration.calls == 5_000


def test_texts_alike_at_a_glance_have_one_fingerprint() -> None:
    chance = random.Random(8)
    with (DATA / "statements.jsonl").open() as lines:
        texts = [json.loads(line)["sql"] for line in itertools.islice(lines, 0, None, 17)]
    texts += [
        'SELECT "a1", b FROM "T 2" ORDER BY 1',
        "SELECT x::numeric(10,2), '1', E'\\'1'",
        "SELECT é1, $1, t1.c2, 1.5",
        "SELECT a, b FROM t GROUP BY a, 2",
        "SELECT CAST(a AS varchar (10))",
    ]
    texts = [text.replace("$1", "11").replace("$2", "'two'") for text in texts] + texts
    alike: dict[bytes, set[str]] = {}
    for text in texts:
        for _ in range(3):
            changed = "".join(chance.choice("0123456789") if each.isdigit() else each for each in text)
            key = without_constants(changed.encode())
            if key is not None:
                alike.setdefault(key, set()).add(fingerprint(changed))
    assert len(alike) > 400
    assert not {key: found for key, found in alike.items() if len(found) > 1}
