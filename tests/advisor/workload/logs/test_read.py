"""Logs of every format, as servers and services write them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgadvisor.workload.logs.read import looks_like_log, read_log
from pgadvisor.workload.sources.source import SourceCall, SourceError, SourceStatement, SourceWorkload

DATA = Path(__file__).parents[3] / "data" / "logs"
DEBIAN = (DATA / "debian.log").read_bytes()


def read(log: bytes, database: str | None = "shop", prefix: str | None = None) -> SourceWorkload:
    return read_log(io.BytesIO(log), "server.log", database, prefix=prefix)


def statement(workload: SourceWorkload, beginning: str) -> SourceStatement:
    (found,) = [each for each in workload.statements.values() if each.text.startswith(beginning)]
    return found


def numbers(workload: SourceWorkload) -> dict[str, tuple[int, float]]:
    return {each.text: (each.calls, each.total_ms) for each in workload.statements.values()}


def test_a_log_with_all_kinds_of_lines() -> None:
    workload = read(DEBIAN)
    assert numbers(workload) == {
        "SELECT * FROM u WHERE a = $1": (3, 14.5),
        "SELECT * FROM t WHERE a = 'x'\n  AND b = 3": (1, 1.5),
        "SELECT count(*) FROM v": (1, 6.0),
        "SELECT * FROM w WHERE id = $1": (1, 4.0),
        "ALTER ROLE ann PASSWORD '…'": (1, 3.0),
        "UPDATE people SET password = $1": (1, 3.0),
        'SELECT nested FROM "n"': (0, 0.0),
    }
    bound = statement(workload, "SELECT * FROM u")
    assert bound.calls_seen == [
        SourceCall(values=("two\nlines",), duration_ms=9.0),
        SourceCall(values=("it's, $2 = NULL", None), duration_ms=2.5),
    ]
    assert (bound.min_ms, bound.max_ms, bound.role) == (2.0, 9.0, "app")
    assert [plan["Plan"]["Filter"] for plan in statement(workload, "SELECT * FROM t").plans] == ["(a = 'hello'::text)"]
    nested = statement(workload, "SELECT nested")
    assert nested.nested is not None
    assert (nested.nested.calls, nested.nested.total_ms) == (1, 8.5)
    assert nested.plans == [{"Plan": {"Node Type": "Seq Scan", "Relation Name": "n"}}]
    source = workload.source
    assert (source.statements, source.calls, source.total_ms, source.plans, source.unread) == (7, 8, 32.0, 2, 2)
    assert source.since == datetime(2026, 11, 21, 13, 0, 0, tzinfo=UTC)
    assert source.until == datetime(2026, 11, 21, 13, 0, 9, tzinfo=UTC)
    assert "hunter2" not in repr(workload)
    assert [gap.remedy for gap in workload.gaps] == [
        "Set log_parameter_max_length to -1: values are then logged whole."
    ]


def test_statements_of_all_databases() -> None:
    assert "SELECT 'elsewhere'" in numbers(read(DEBIAN, database=None))
    workload = read(DEBIAN, database="nowhere")
    assert not workload.statements
    assert "no statement of the database nowhere" in workload.gaps[0].reason


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_in_several_members(pack: Callable[[bytes], bytes]) -> None:
    middle = DEBIAN.index(b"2026-11-21 13:00:03")
    packed = pack(DEBIAN[:middle]) + pack(DEBIAN[middle:])
    assert looks_like_log(packed)
    assert numbers(read(packed)) == numbers(read(DEBIAN))
    cut = read(packed[:-20])
    assert any("could not be read to its end" in gap.reason for gap in cut.gaps)
    assert cut.statements


@pytest.mark.parametrize(
    "changed",
    [
        DEBIAN.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + DEBIAN.removeprefix(b"\tAND cut = 'off'\n"),
        b"\xff\xfe" + DEBIAN.decode().encode("utf-16-le"),
    ],
    ids=["CRLF", "UTF-8 with a mark", "UTF-16"],
)
def test_other_encodings(changed: bytes) -> None:
    assert looks_like_log(changed)
    assert numbers(read(changed)) == numbers(read(DEBIAN))


def test_bytes_of_no_encoding_and_of_latin_1() -> None:
    log = DEBIAN.replace(b"'x'", b"'\xe9t\xe9'").replace(b"count(*)", b"'\xc3\x80\x80'")
    texts = set(numbers(read(log)))
    assert "SELECT * FROM t WHERE a = 'été'\n  AND b = 3" in texts
    assert "SELECT 'À\ufffd' FROM v" in texts


PREFIXES = {
    "%m [%p] ": "2026-11-21 13:00:01.000 UTC [12] ",
    "%t:%r:%u@%d:[%p]:": "2026-11-21 13:00:01 UTC:10.0.0.1(5432):app@shop:[12]:",
    "%t:%r:%u@%d:[%p]: IPv6": "2026-11-21 13:00:01 UTC:fe80::1(5432):app@shop:[12]:",
    "%t-%c-": "2026-11-21 13:00:01 UTC-6741c0d1.c-",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ": (
        "2026-11-21 13:00:01 UTC [12]: [3-1] user=app,db=shop,app=psql, 2,client=10.0.0.1 "
    ),
    "%m [%p] %Q ": "2026-11-21 13:00:01.000 UTC [12] -7391727439102912345 ",
    "CloudWatch": "2026-11-21T13:00:02.000Z 2026-11-21 13:00:01 UTC:10.0.0.1(5432):app@shop:[12]:",
    "unknown": "<%>2026-11-21 13:00:01.000 CET|12|db=shop|user=app|00000|",
    "unknown, epoch": "1795266001.123 p=12 app@shop 3/17 0 ",
    "none": "",
    "syslog": "Nov 21 13:00:01 db1 postgres[12]: [3-1] app@shop ",
    "syslog of today": "2026-11-21T13:00:01.000000+00:00 db1 postgres[12]: [3-1] 2026-11-21 13:00:01.000 UTC [12] ",
}


@pytest.mark.parametrize("name", PREFIXES)
def test_prefix_is_found_out(name: str) -> None:
    prefix = PREFIXES[name]
    lines = [
        "LOG:  duration: 1.500 ms  statement: SELECT 1 FROM t",
        "LOG:  duration: 2.500 ms  execute a: SELECT 2 FROM t WHERE a = $1",
        "DETAIL:  Parameters: $1 = 'v'",
        "LOG:  statement: SELECT 3 FROM u",
        "LOG:  duration: 3.500 ms",
    ]
    log = "".join(f"{prefix}{line}\n" for line in lines * 3).encode()
    workload = read(log)
    assert looks_like_log(log)
    assert sorted((each.calls, each.max_ms) for each in workload.statements.values()) == [(3, 1.5), (3, 2.5), (3, 3.5)]
    assert statement(workload, "SELECT 2").calls_seen == [SourceCall(values=("v",), duration_ms=2.5)]
    assert workload.source.unread == 0
    mixed = any("databases are mixed" in gap.reason for gap in workload.gaps)
    assert mixed is ("shop" not in prefix)
    assert numbers(read(log, "else")) == ({} if "shop" in prefix else numbers(workload))
    if "%Q" in name:
        assert statement(workload, "SELECT 1").query_id == "-7391727439102912345"


def test_prefix_as_given() -> None:
    line = b"[%b] #12# LOG:  duration: 1.000 ms  statement: SELECT %d FROM t\n"
    log = line % (b"shop", 1) + line % (b"rest", 2)
    assert numbers(read(log, prefix="[%d] #%p# ")) == {"SELECT 1 FROM t": (1, 1.0)}


def test_syslog_wraps_and_mixes_sessions() -> None:
    log = b"""\
Nov 21 13:00:01 db1 postgres[12]: [3-1] app@shop LOG:  duration: 1.500 ms  statement: SELECT long
Nov 21 13:00:01 db1 postgres[13]: [9-1] app@shop LOG:  duration: 2.500 ms  execute x: SELECT * FROM u
Nov 21 13:00:01 db1 postgres[12]: [3-2] #011FROM t WHERE a = 1
Nov 21 13:00:01 db1 postgres[13]: [9-2] #011WHERE b = $1
Nov 21 13:00:01 db1 postgres[12]: [3-3]  AND wrapped = 2
Nov 21 13:00:01 db1 postgres[13]: [9-3] app@shop DETAIL:  parameters: $1 = '7'
Nov 21 13:00:02 db1 postgres[12]: [4-1] app@shop LOG:  disconnection
"""
    workload = read(log)
    assert set(numbers(workload)) == {
        "SELECT long\nFROM t WHERE a = 1 AND wrapped = 2",
        "SELECT * FROM u\nWHERE b = $1",
    }
    assert statement(workload, "SELECT * FROM u").calls_seen == [SourceCall(values=("7",), duration_ms=2.5)]


def test_gaps_say_what_to_set() -> None:
    head = b"2026-11-21 13:00:01.000 UTC [12] "

    def reasons(*messages: str) -> list[str]:
        log = b"".join(head + message.encode() + b"\n" for message in messages)
        return [f"{gap.reason} {gap.remedy}" for gap in read(log, None).gaps]

    (without,) = reasons("LOG:  statement: SELECT 1")
    assert "not how long they took" in without
    assert "log_min_duration_statement" in without
    (nothing,) = reasons("LOG:  checkpoint starting: time")
    assert "no statement with its duration" in nothing
    for message in (
        "LOG:  Dauer: 0.123 ms  Anweisung: SELECT 1",
        "LOG:  durée : 0,123 ms, instruction : SELECT 1",
        "СООБЩЕНИЕ:  продолжительность: 0.123 мс, оператор: SELECT 1",
    ):
        (language,) = reasons(message)
        assert "lc_messages" in language
        assert "another language" in language
    (values,) = reasons("LOG:  duration: 1.000 ms  execute a: SELECT $1")
    assert "log_parameter_max_length" in values
    (plans,) = reasons("LOG:  duration: 1.000 ms  statement: SELECT 1", "LOG:  duration: 1.000 ms  plan:\n\t<explain>")
    assert "auto_explain.log_format" in plans


@pytest.mark.parametrize(
    "head", [b"", b"SELECT 1;\n", b"queryid,calls\n1,2\n", b'{"a": 1}\n', b"\x1f\x8b\x00", b"\x00" * 99]
)
def test_what_is_no_log(head: bytes) -> None:
    assert not looks_like_log(head)
    with pytest.raises(SourceError, match=r"server\.log is not a PostgreSQL log"):
        read(head)


def test_zst_is_read_or_refused_in_a_sentence() -> None:
    with pytest.raises(SourceError, match=r"not a PostgreSQL log|unpack it first"):
        read(b"\x28\xb5\x2f\xfd" + b"\x00" * 20)


def test_records_beyond_the_cap() -> None:
    long = b"SELECT '" + b"x" * 3_000_000 + b"'"
    lines = [b"\n\t'" + b"y" * 1_000_000 + b"'" for _ in range(4)]
    head = b"2026-11-21 13:00:01.000 UTC [12] LOG:  duration: 1.000 ms  statement: "
    log = head + long + b"\n" + head + b"SELECT 2" + b"".join(lines) + b"\n" + head + b"SELECT 3 FROM c\n"
    workload = read(log, None)
    assert workload.source.calls == 3
    assert "SELECT 3 FROM c" in numbers(workload)
    assert max(len(text) for text in numbers(workload)) <= 1 << 20
