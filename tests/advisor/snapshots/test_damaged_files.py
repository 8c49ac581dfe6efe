"""Whatever a file holds, it is read and can be analyzed, or is refused in one sentence that says what to do."""

from __future__ import annotations

import copy
import gzip
import json
import os
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgadvisor.analyze import analyze_all
from pgadvisor.config import Config
from pgadvisor.model.findings import OutcomeStatus
from pgadvisor.model.snapshot import SnapshotFile
from pgadvisor.registry import load_renderer, load_rules, load_terminal
from pgadvisor.snapshots.combine import CombineError
from pgadvisor.snapshots.file import MAX_RATIO, SnapshotError, read_snapshots, write_snapshots
from support.snapshots import snapshot

Json = dict[str, Any]

SHOP: Json = json.loads(
    msgspec.json.encode(
        SnapshotFile(
            tool_version="0",
            snapshots=(
                snapshot(
                    {
                        "tables": {
                            "public.customers": {
                                "rows": 1e5,
                                "columns": ["id bigint not null", "email text", "kind int"],
                                "constraints": {"customers_pkey": "primary key (id)"},
                                "stats": {
                                    "kind": {"n_distinct": 2, "values": ["1", "2"], "frequencies": [0.9, 0.05]},
                                    "email": {"n_distinct": -1, "bounds": ["a", "b"]},
                                },
                                "indexes": {"one": "btree (kind)", "two": "btree (kind)", "bad": "invalid btree (id)"},
                            },
                            "public.orders": {
                                "rows": 1e6,
                                "columns": ["id bigint", "customer_id bigint"],
                                "stats": {"customer_id": {"n_distinct": -0.1}},
                                "constraints": {"o": "foreign key (customer_id) references public.customers (id)"},
                                "counters": {"rows_inserted": 5, "rows_updated": 1000},
                            },
                            "public.events": {"partition_by": "range (at)", "columns": ["at date not null"]},
                            "public.events_1": {"partition_of": "public.events", "rows": 1e5},
                        },
                        "statements": [
                            {
                                "id": "1",
                                "text": "select * from orders join customers c on c.id = customer_id where email = $1",
                                "total_ms": 1e6,
                                "plans": [
                                    {
                                        "tree": "Nested Loop cost=9000 rows=10\n"
                                        "  Seq Scan on public.customers c cost=5000 rows=10 filter: (email = $1)\n"
                                        "  Seq Scan on public.orders o cost=4000 rows=5 filter: (customer_id = c.id)"
                                    }
                                ],
                            },
                            {"id": "2", "text": "select * from customers where kind = $1", "total_ms": 50},
                        ],
                    }
                ),
            ),
        )
    )
)


def packed(content: Json) -> bytes:
    return gzip.compress(json.dumps(content).encode(), 1, mtime=0)


def refused(tmp_path: Path, content: bytes, **options: int) -> str:
    """The sentence, which names the file and leaves out whatever controls a terminal."""
    path = tmp_path / "some file.gz"
    path.write_bytes(content)
    with pytest.raises(SnapshotError) as caught:
        read_snapshots(path, **options)
    said = str(caught.value)
    assert str(path) in said
    assert said.isprintable()
    assert said.endswith(".")
    return said


def changed(change: Callable[[Json], object]) -> bytes:
    content = copy.deepcopy(SHOP)
    change(content)
    return packed(content)


def in_catalog(change: Callable[[Json], object]) -> bytes:
    return changed(lambda file: change(file["snapshots"][0]["catalog"]))


GOOD = packed(SHOP)


def test_the_undamaged_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(GOOD)
    (found,) = read_snapshots(tmp_path / "s")
    report = analyze_all((found,), Config(), load_rules())
    fired = {finding.rule for finding in report.findings}
    assert {"duplicate_index", "invalid_index", "sequential_scan_with_filter"} <= fired


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b'{"format": 1', "is JSON, not a snapshot file"),
        (b"\x28\xb5\x2f\xfd rest", "is not a snapshot file"),
        (GOOD[:-1], "ends too early"),
        (GOOD[:100], "ends too early"),
        (GOOD[:5], "ends too early"),
        (GOOD + b"more", "goes on after the end"),
        (GOOD + GOOD, "goes on after the end"),
        (GOOD[:-8] + bytes(4) + GOOD[-4:], "is damaged (incorrect data check)"),
        (GOOD[:3] + b"\xff" + GOOD[4:], "damaged"),
        (gzip.compress(b"nonsense", mtime=0), "does not hold JSON"),
        (gzip.compress(b'{"format":1,"tool_version":"\xff"}', mtime=0), "does not hold JSON"),
        (gzip.compress(GOOD, mtime=0), "does not hold JSON"),
        (gzip.compress(b"", mtime=0), "does not hold JSON"),
        (gzip.compress(b"[" * 100_000 + b"]" * 100_000, mtime=0), "holds JSON, but not of a snapshot"),
        (packed({}), "holds JSON, but not of a snapshot"),
        (gzip.compress(b"[1]", mtime=0), "holds JSON, but not of a snapshot"),
        (packed({"format": 1, "tool": {"name": "pgadvisor", "version": "0.1.0"}, "findings": []}), "holds a report"),
        (packed(SHOP | {"snapshots": []}), "holds no snapshot"),
        (packed(SHOP | {"format": 2, "tool_version": "9.1.0"}), "made by pgadvisor 9.1.0 in format 2; this version"),
        (packed({"format": 7, "tool_version": "9.1.0", "snapshots": {}}), "reads formats up to 1. Update pgadvisor"),
        (packed({"format": 9**99, "tool_version": "\x1b[31m", "snapshots": {}}), "made by another version"),
        (packed(SHOP | {"format": 0}), "reads formats from 1 on. Collect it again"),
        (packed(SHOP | {"format": "1"}), "holds JSON, but not of a snapshot"),
        (packed({"format": 1, "tool_version": "0", "snapshots": [{}]}), "missing required field"),
    ],
)
def test_no_snapshot_file(tmp_path: Path, content: bytes, sentence: str) -> None:
    assert sentence in refused(tmp_path, content)


def deep(nodes: int) -> Json:
    node: Json = {"Node Type": "Result"}
    for _ in range(nodes - 1):
        node = {"Node Type": "Limit", "Plans": [node]}
    return {"Plan": node}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (changed(lambda f: f["snapshots"][0]["server"].pop("version")), "missing required field `version`"),
        (changed(lambda f: f["snapshots"][0]["server"].update(version_num="18")), "Expected `int`, got `str`"),
        (changed(lambda f: f["snapshots"][0]["server"].update(version_num=18)), "no PostgreSQL has the version"),
        (changed(lambda f: f["snapshots"][0]["server"].update(block_size_bytes=0)), "no PostgreSQL has blocks"),
        (changed(lambda f: f["snapshots"][0]["server"].update(started_at="2026-01-01T00:00:00")), "started_at of a"),
        (changed(lambda f: f["snapshots"][0]["server"].update(started_at="0001-01-01T00:00:00Z")), "started_at of a"),
        (in_catalog(lambda c: c["relations"].append(c["relations"][0])), "twice"),
        (in_catalog(lambda c: c["indexes"][0].update(oid=c["relations"][0]["oid"])), "twice"),
        (in_catalog(lambda c: c["columns"].append(c["columns"][0] | {"number": 99})), "'id' twice"),
        (in_catalog(lambda c: c["indexes"][0].update(table_oid=1)), "an index of relation 1, but no such relation"),
        (in_catalog(lambda c: c["constraints"][0].update(table_oid=1)), "a constraint of relation 1"),
        (in_catalog(lambda c: c["columns"][0].update(relation_oid=1)), "a column of relation 1"),
        (in_catalog(lambda c: c["relations"][0].update(oid=2**32)), "oid of a Relation"),
        (in_catalog(lambda c: c["relations"][0].update(oid=-1)), "oid of a Relation"),
        (in_catalog(lambda c: c["indexes"][0].update(oid=0)), "oid of a Index"),
        (in_catalog(lambda c: c["relations"][0].update(pages=10**30)), "pages of a Relation"),
        (in_catalog(lambda c: c["relations"][0].update(row_count=1e300)), "row_count of a Relation"),
        (in_catalog(lambda c: c["relations"][0].update(parents=[2**40])), "parents of a Relation"),
        (in_catalog(lambda c: c["relations"][0].update(parent_oid=c["relations"][0]["oid"])), "its own ancestor"),
        (
            in_catalog(
                lambda c: (
                    c["relations"][0].update(parent_oid=c["relations"][1]["oid"], is_partition=True),
                    c["relations"][1].update(parent_oid=c["relations"][0]["oid"], is_partition=True),
                )
            ),
            "its own ancestor",
        ),
        (in_catalog(lambda c: c["indexes"][0].update(parent_oid=c["indexes"][0]["oid"])), "its own ancestor"),
        (in_catalog(lambda c: c["indexes"][0]["definition"].update(keys=[])), "has no keys"),
        (in_catalog(lambda c: c["indexes"][0]["definition"]["keys"][0].update(column="")), "a name in index"),
        (in_catalog(lambda c: c["relations"][0].update(name="a\0")), "a name in relation"),
        (in_catalog(lambda c: c["constraints"][0].update(columns=[])), "is on no columns"),
        (in_catalog(lambda c: c["constraints"][1].update(referenced_columns=[])), "refers to another number"),
        (in_catalog(lambda c: c["indexes"][0]["definition"]["keys"][0].update(column=None)), "neither a column nor"),
        (
            changed(lambda f: f["snapshots"][0]["column_statistics"][0].update(most_common_vals="1,2")),
            "most_common_vals of",
        ),
        (
            changed(lambda f: f["snapshots"][0]["column_statistics"][0].update(most_common_freqs="{0.5,x}")),
            "most_common_freqs of",
        ),
        (changed(lambda f: f["snapshots"][0]["plans"][0].update(plan={})), "no plan of EXPLAIN: a node is missing"),
        (changed(lambda f: f["snapshots"][0]["plans"][0].update(plan={"Plan": {}})), "a node has no type"),
        (changed(lambda f: f["snapshots"][0]["plans"][0].update(plan=deep(201))), "more than 200 nodes deep"),
        (
            changed(lambda f: f["snapshots"][0]["plans"][0]["plan"]["Plan"].update({"Total Cost": "high"})),
            "Total Cost of a node",
        ),
    ],
)
def test_snapshots_that_do_not_hold_together(tmp_path: Path, content: bytes, sentence: str) -> None:
    assert sentence in refused(tmp_path, content)


def test_nesting_deeper_than_the_stack(tmp_path: Path) -> None:
    bomb = json.dumps(SHOP).replace('"plan": {', '"plan": {"x": ' + "[" * 50_000 + "]" * 50_000 + ", ", 1)
    assert "nested too deeply" in refused(tmp_path, gzip.compress(bomb.encode()))


def test_the_deepest_plan_can_be_analyzed(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(changed(lambda f: f["snapshots"][0]["plans"][0].update(plan=deep(200))))
    used(tmp_path / "s")


@pytest.mark.parametrize("literal", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none(tmp_path: Path, literal: str) -> None:
    text = json.dumps(SHOP)
    assert '"row_count": 100000.0' in text
    refused(tmp_path, gzip.compress(text.replace('"row_count": 100000.0', f'"row_count": {literal}', 1).encode()))


def test_a_bomb(tmp_path: Path) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"".join(bomb.compress(b" " * 2**20) for _ in range(200)) + bomb.flush()
    assert len(zeros) < 300_000
    assert "unpacks to more than 0.0098 GiB" in refused(tmp_path, zeros, max_bytes=10_522_669)
    assert "unpacks to more than 200 times its size" in refused(tmp_path, zeros)


def test_a_bomb_of_structs(tmp_path: Path) -> None:
    # What is refused once it is read took gigabytes by then.
    keys = b'{"snapshots":[{"catalog":{"indexes":[{"definition":{"keys":[' + b"{}," * (8 * 2**20)
    assert "unpacks to more than 200 times its size" in refused(tmp_path, gzip.compress(keys))


def test_many_tables_that_are_all_alike_are_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json.gz"
    table = {"rows": 1e5, "columns": [f"column_{number} int" for number in range(20)]}
    size = write_snapshots(path, [snapshot({"tables": {f"public.table_{number}": table for number in range(500)}})])
    assert len(gzip.decompress(path.read_bytes())) < MAX_RATIO / 2 * size


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="No such file or directory"):
        read_snapshots(tmp_path / "nothing")
    with pytest.raises(SnapshotError, match="Is a directory"):
        read_snapshots(tmp_path)


def test_any_bit_that_is_flipped_is_noticed(tmp_path: Path) -> None:
    """Or means nothing: its content is the same. So it is with the header's time, and padding within deflate."""
    (tmp_path / "s").write_bytes(GOOD)
    expected = read_snapshots(tmp_path / "s")
    chance = random.Random(7)
    meaningless = []
    for position in (*range(12), *(chance.randrange(12, len(GOOD)) for _ in range(150))):
        damaged = bytearray(GOOD)
        damaged[position] ^= 1 << chance.randrange(8)
        (tmp_path / "s").write_bytes(damaged)
        try:
            assert read_snapshots(tmp_path / "s") == expected
        except SnapshotError:
            continue
        meaningless.append(position)
    assert len([position for position in meaningless if position >= 10]) <= 2


def used(path: Path) -> None:
    """All that a run does with a file. What is refused or cannot be combined is said; nothing else may go wrong."""
    try:
        snapshots = read_snapshots(path)
        report = analyze_all(snapshots, Config(), load_rules())
    except (SnapshotError, CombineError) as error:
        assert len(str(error)) < 2000
        return
    failed = [outcome for outcome in report.outcomes if outcome.status is OutcomeStatus.FAILED]
    assert not failed, failed
    for renderer in ("json", "html"):
        load_renderer(renderer)(report)
    load_terminal()(report, 80, False)


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


PLACES = [place for place in places(SHOP) if place]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 2**31, 2**63 - 1, -(2**63), 2**64, 10**25, 0.0, -0.0, 1e-320, 1e38, -1e38, 1e308, 0.5]),
    st.sampled_from(["", " ", "{", "}", "{}", "{,}", "{NULL}", "{1,2}", "\x00", "\u2028</script>", "'\"%s\\", "a.b.c"]),
    st.sampled_from(["9" * 5000, "x" * 70_000, "2026-01-01T00:00:00Z", "8999-12-31T23:59:59-23:59", "1900-01-01T00Z"]),
    st.sampled_from(["table", "view", "partitioned table", "executed", "absent", "(", "((a", "select", "$1 $$"]),
    st.text(max_size=5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.sampled_from([[], {}, [[]], [None], [{}], {"Plan": {}}, ["a", "a"], {"": None}]),
)


@st.composite
def mutations(draw: st.DrawFn) -> Json:
    content = copy.deepcopy(SHOP)
    for _ in range(draw(st.integers(1, 4))):
        *parents, last = draw(st.sampled_from(PLACES))
        at: Any = content
        try:
            for key in parents:
                at = at[key]
            match draw(st.sampled_from(["change", "change", "move", "remove", "repeat"])):
                case "change":
                    at[last] = draw(ODD)
                case "move":
                    other: Any = SHOP
                    for key in draw(st.sampled_from(PLACES)):
                        other = other[key]
                    at[last] = copy.deepcopy(other)
                case "remove":
                    del at[last]
                case _:
                    at.append(copy.deepcopy(at[last]))
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier change took the place away
    return content


@settings(
    max_examples=int(os.environ.get("PGADVISOR_FUZZ_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(mutations())
def test_any_change_is_refused_or_can_be_analyzed(tmp_path: Path, content: Json) -> None:
    path = tmp_path / "s"
    path.write_bytes(gzip.compress(json.dumps(content).encode(errors="surrogatepass"), 1))
    used(path)
