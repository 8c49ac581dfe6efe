"""A snapshot file is what was put in, the same bytes every time, its owner's alone, whole or not there."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pgadvisor import __version__
from pgadvisor.analyze import analyze
from pgadvisor.config import Config
from pgadvisor.model.snapshot import Snapshot, SnapshotFile
from pgadvisor.registry import load_renderer, load_rules
from pgadvisor.snapshots.file import SnapshotError, read_snapshots, write_snapshots
from support.snapshots import snapshot

SHOP = snapshot(
    {
        "tables": {
            f'public."t{n}, \u00e9\u2028\U0001f600"': {
                "rows": 1000,
                "columns": ["id bigint not null", "a int"],
                "stats": {"a": {"n_distinct": 3, "values": ['x"\n', "y"], "frequencies": [0.5, 1e-5]}},
                "indexes": {f"i{n}": "btree (a)"},
                "counters": {"rows_inserted": 2**62},
            }
            for n in range(60)
        },
        "statements": [
            {"id": "1", "text": "select $1", "total_ms": 0.1, "plans": [{"tree": "Seq Scan on public.t cost=0.29"}]}
        ],
        "counters_days": "unknown",
    }
)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("indented", [False, True])
def test_what_is_not_packed_is_told_apart(tmp_path: Path, indented: bool) -> None:
    path = tmp_path / "s.json"
    write_snapshots(path, (SHOP,))
    report = load_renderer("json")(analyze(SHOP, Config(), load_rules()))
    for data, said in (
        (gzip.decompress(path.read_bytes()), "is a snapshot that was unpacked, as zcat does. Pack it again with gzip."),
        (report, "is a report, not a snapshot. Name a file that pgadvisor collect has made."),
    ):
        path.write_bytes(msgspec.json.format(data, indent=2 if indented else 0))
        with pytest.raises(SnapshotError) as caught:
            read_snapshots(path)
        assert str(caught.value) == f"{path} {said}"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.json.gz"
    written = (SHOP, snapshot({}))
    size = write_snapshots(path, written)
    assert read_snapshots(path) == written
    assert path.stat().st_size == size
    # As any tool reads it: one object, the format first, on one line.
    data = gzip.decompress(path.read_bytes())
    assert data.startswith(b'{"format":1,"tool_version":')
    assert data == msgspec.json.encode(SnapshotFile(tool_version=__version__, snapshots=written)) + b"\n"


def test_order_within_a_plan_is_kept(tmp_path: Path) -> None:
    """A page shows a plan as the server gave it, before the file and after."""
    plan = {"Plan": {"Node Type": "Result", "Z": 1, "A": 0.30000000000000004, "M": 10**30}}
    (observed,) = SHOP.plans
    made = msgspec.structs.replace(SHOP, plans=(msgspec.structs.replace(observed, plan=plan),))
    write_snapshots(tmp_path / "s", [made])
    (found,) = read_snapshots(tmp_path / "s")
    assert msgspec.json.encode(found.plans) == msgspec.json.encode(made.plans)


def test_the_same_snapshots_are_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_snapshots(one, [SHOP])
    time.sleep(1.1)
    write_snapshots(two, read_snapshots(one))
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes()[4:8] == bytes(4)


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("old")
    path.chmod(0o666)
    before = os.umask(0)
    try:
        write_snapshots(path, [SHOP])
        write_snapshots(tmp_path / "new", [SHOP])
    finally:
        os.umask(before)
    for each in (path, tmp_path / "new"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600
    assert left(tmp_path) == ["new", "s"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("s")
    write_snapshots(tmp_path / "link", [SHOP])
    assert (tmp_path / "link").is_symlink()
    assert read_snapshots(tmp_path / "s") == (SHOP,)


def _broken(after: int) -> Iterator[Snapshot]:
    for _ in range(after):
        yield SHOP
    raise KeyboardInterrupt


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("old", [True, False])
def test_an_interruption_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool, old: bool
) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path = tmp_path / "s"
    if old:
        path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_snapshots(path, _broken(30))  # type: ignore[arg-type]  # one that ends early
    assert left(tmp_path) == (["s"] if old else [])
    write_snapshots(path, [SHOP])
    assert read_snapshots(path) == (SHOP,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert left(tmp_path) == ["s"]


ENDLESS = """
import itertools, sys
from pathlib import Path
from pgadvisor.snapshots.file import read_snapshots, write_snapshots
(made,) = read_snapshots(Path(sys.argv[1]))
print("writing", flush=True)
write_snapshots(Path(sys.argv[2]), itertools.repeat(made))
"""


@pytest.mark.parametrize("killed_by", [signal.SIGTERM, signal.SIGKILL])
def test_a_kill_leaves_nothing(tmp_path: Path, killed_by: signal.Signals) -> None:
    source, target = tmp_path / "source", tmp_path / "to" / "s"
    target.parent.mkdir()
    write_snapshots(source, [SHOP])
    with subprocess.Popen([sys.executable, "-c", ENDLESS, source, target], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        time.sleep(0.2)
        child.send_signal(killed_by)
    assert left(target.parent) == []


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "to" / "s"
    target.parent.mkdir()
    target.write_bytes(b"old")
    write_snapshots(source, [SHOP])
    done = subprocess.run(
        [sys.executable, "-c", ENDLESS, source, target],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert "OSError" in done.stderr
    assert left(target.parent) == ["s"]
    assert target.read_bytes() == b"old"


MEASURED = """
import resource, sys
from pathlib import Path
from pgadvisor.snapshots.file import read_snapshots, write_snapshots
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
start = peak()
snapshots = read_snapshots(Path(sys.argv[1]))
read = peak()
write_snapshots(Path(sys.argv[1]), snapshots)
print(read - start, peak() - read)
"""


def test_little_memory_is_needed(tmp_path: Path) -> None:
    """What is read is in memory as JSON and as objects, each once; what is written not even once."""
    (row, *_) = SHOP.column_statistics
    rows = [
        msgspec.structs.replace(row, relation_oid=n, most_common_vals="{" + ",".join([f"value {n}"] * 200) + "}")
        for n in range(20_000)
    ]
    path = tmp_path / "s"
    write_snapshots(path, [msgspec.structs.replace(SHOP, column_statistics=tuple(rows))])
    json_mb = len(gzip.decompress(path.read_bytes())) / 2**20
    done = subprocess.run([sys.executable, "-c", MEASURED, path], capture_output=True, text=True, check=True)
    read_mb, written_mb = map(int, done.stdout.split())
    assert json_mb > 40
    assert read_mb < 2.7 * json_mb
    assert written_mb < 0.2 * json_mb
