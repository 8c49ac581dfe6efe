"""Files of statements: SQL, and exports of pg_stat_statements in CSV and JSON, packed or not."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgadvisor.model.statements import SourceKind
from pgadvisor.workload.fingerprint import fingerprint
from pgadvisor.workload.sources import gather
from pgadvisor.workload.sources.exports import as_before_copy, before_copy, is_copied
from pgadvisor.workload.sources.read import read_source, read_stream
from pgadvisor.workload.sources.source import SourceError, SourceStatement, SourceWorkload
from pgadvisor.workload.sources.split import MAX_STATEMENT_CHARS, Splitter
from pgadvisor.workload.sources.sqlfile import SqlFile

SQL = r"""
\set ON_ERROR_STOP on
-- The front page; calls: 1200
-- mean_ms: 3.5
SELECT * FROM orders WHERE id = 17;
select * from Orders where id = 18; -- calls: 7 (of the next one)
-- total_ms=30
UPDATE orders SET note = 'a;b', s = $x$;$x$, t = E'\';' WHERE "id;" = 1 /* ; */;
SET search_path = shop;
CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;
COPY orders FROM stdin;
1	select 1;
\.
SELECT count(*) FROM orders \gset
-- calls: many
SELECT 'password=hunter2' FROM users WHERE password = 'hunter2' AND id = 4
"""


def of(text: str | bytes, database: str | None = None, name: str = "app.sql") -> SourceWorkload:
    content = text.encode() if isinstance(text, str) else text
    return read_stream(cast("BinaryIO", io.BytesIO(content)), name, database)


def found(workload: SourceWorkload, text: str) -> SourceStatement:
    return workload.statements[fingerprint(text)]


def split(text: str, size: int) -> list[str]:
    splitter = Splitter()
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return [*(each for part in parts for each in splitter.feed(part)), *splitter.feed("", final=True)]


def test_a_file_of_sql() -> None:
    workload = of(SQL)
    orders = found(workload, "select * from orders where id = $1")
    assert (orders.calls, orders.total_ms, orders.max_ms) == (1201, 4200.0, 3.5)
    assert orders.text == "SELECT * FROM orders WHERE id = $1"
    update = next(each for each in workload.statements.values() if each.text.startswith("UPDATE"))
    assert (update.calls, update.total_ms) == (7, 30.0)
    assert [(call.values, call.duration_ms) for call in update.calls_seen] == [(("a;b", ";", "';", "1"), 30 / 7)]
    assert [call.values for call in orders.calls_seen][:1] == [("17",)]
    assert len(workload.statements) == 4
    assert workload.source.kind is SourceKind.SQL_FILE
    assert (workload.source.calls, workload.source.unread) == (1210, 0)
    reasons = " ".join(gap.reason for gap in workload.gaps)
    assert "2 backslash commands of psql in app.sql are passed over" in reasons
    assert "1 weight in comments" in reasons
    assert "hunter2" not in repr(workload)
    assert not next(each for each in workload.statements.values() if "password" in each.text).calls_seen


def test_what_is_no_statement_and_no_weight_is_told_by_its_line() -> None:
    text = """\\set x 1
-- calls: 5
select 1;
copy t from stdin;
1\t2
\\.
-- calls: 2
-- mean_ms: -3
select 'two
lines';
selekt;
select 3; -- calls: -1
selekt;"""
    for size in (1, 7, 10_000):
        file = SqlFile()
        file.read(text[at : at + size] for at in range(0, len(text), size))
        assert (file.junk, file.junk_line, file.weights, file.negative, file.weights_line) == (2, 11, 1, 1, 8)
    reasons = [gap.reason for gap in of(text).gaps]
    junk = "2 texts in app.sql are no statement of PostgreSQL, or too long; the first begins on line 11"
    assert (reasons[0], reasons[2]) == (
        junk,
        "1 weight in comments of app.sql is negative, and left out; the first is on line 8",
    )
    mixed = of("-- calls: -1\nselect 1;\n-- rows: many\nselect 2;\nselect '" + "x" * (2 * MAX_STATEMENT_CHARS) + "';")
    assert [gap.reason.partition(" app.sql ")[2] for gap in mixed.gaps] == [
        "is no statement of PostgreSQL, or too long; the first begins on line 4",
        "are negative or no number, and left out; the first is on line 1",
    ]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 400))
# The end of the rows is cut from the end of its line.
@example(381)
def test_rows_of_copy_end_where_they_do_however_the_stream_is_cut(size: int) -> None:
    text = "copy t from stdin;\n" + "x\\\\.y\n" * 60 + "\\.\nselect 2;"
    assert split(text, size) == ["copy t from stdin", "select 2"]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 400))
def test_where_a_stream_is_cut_does_not_matter(size: int) -> None:
    assert split(SQL, size) == split(SQL, len(SQL))


@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from("';$a\"-/*\\\n()Ee x")), st.integers(1, 300))
def test_any_text_is_split_as_a_whole(text: str, size: int) -> None:
    assert "".join(split(text * 20, size)) == "".join(split(text * 20, 10_000))


def test_a_statement_that_is_too_long_is_passed_over() -> None:
    workload = of("select 1; select '" + "x" * (3 * MAX_STATEMENT_CHARS) + "'; select a from t;")
    assert workload.source.unread == 1
    assert {each.text for each in workload.statements.values()} == {"select 1", "select a from t"}


ROWS: Sequence[dict[str, object]] = [
    {"userid": 10, "dbid": 5, "queryid": -9223372036854775808, "query": 'select "a,b"\nfrom t where id = $1',
     "calls": 5, "total_exec_time": 10.5, "min_exec_time": 1.0, "max_exec_time": 4.0, "rows": 5,
     "wal_bytes": 3, "new_column": "x"},
    {"userid": 10, "dbid": 5, "queryid": 7, "query": "select * from t where id in ($1, $2)", "calls": 2,
     "total_exec_time": 4, "min_exec_time": 1.0, "max_exec_time": 3.0, "rows": 0, "wal_bytes": 0, "new_column": None},
    {"userid": 10, "dbid": 5, "queryid": 8, "query": "select * from t where id in ($1, $2, $3) -- app", "calls": 1,
     "total_exec_time": 6, "min_exec_time": 6.0, "max_exec_time": 6.0, "rows": 0, "wal_bytes": 0, "new_column": None},
]  # fmt: skip


def as_csv(rows: Sequence[dict[str, object]] = ROWS, delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def old(rows: Sequence[dict[str, object]] = ROWS) -> list[dict[str, object]]:
    """As the extension named its columns until 1.7."""
    return [{name.replace("_exec_time", "_time"): value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        as_csv(),
        as_csv(delimiter=";"),
        as_csv(old(), "\t"),
        "\ufeff" + as_csv().replace("\n", "\r\n").replace('"select ""a,b""\r\n', '"select ""a,b""\n'),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\n".join(map(json.dumps, old())),
        "[" + ", \n ".join(map(json.dumps, ROWS)) + "]",
    ],
    ids=["csv", "semicolons", "old with tabs", "windows", "json", "indented", "old lines", "json_agg"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["", "gz", "bz2", "xz"])
def test_an_export(text: str, pack: object) -> None:
    workload = of(pack(text.encode()), "shop", "e")  # type: ignore[operator]
    assert workload.source.kind is SourceKind.EXPORT
    assert (workload.source.statements, workload.source.calls, workload.source.total_ms) == (2, 8, 20.5)
    lists = found(workload, "select * from t where id in ($1)")
    assert (lists.calls, lists.total_ms, lists.min_ms, lists.max_ms) == (3, 10.0, 1.0, 6.0)
    assert found(workload, 'select "a,b" from t where id = 1').query_id == "-9223372036854775808"
    assert not workload.gaps


def copied(rows: Sequence[dict[str, object]]) -> str:
    """As COPY (SELECT row_to_json(s) FROM ...) TO STDOUT writes them."""
    return "".join(json.dumps(row).replace("\\", "\\\\") + "\n" for row in rows)


def test_json_that_copy_has_written() -> None:
    windows = {**ROWS[1], "query": r"select E'\\n' from t"}
    whole = of("\n".join(map(json.dumps, (windows, *ROWS))))
    assert of(copied((windows, *ROWS))).statements.keys() == whole.statements.keys()
    text = copied(list(ROWS) * 400)
    assert (of(text).source.calls, of(text).gaps) == (8 * 400, [])
    head = text[:500]
    for size in range(1, 9):
        assert "".join(before_copy(head[at : at + size] for at in range(0, 500, size))) == as_before_copy(head)
    # What is JSON as it stands is taken as it stands.
    plain = {**ROWS[1], "query": r"select '\\' from t"}
    assert not is_copied(json.dumps(plain) + "\n")


def test_rows_of_other_databases_and_levels() -> None:
    rows = [{**row, "datname": "shop", "rolname": "app", "toplevel": "t"} for row in ROWS]
    rows += [{**rows[0], "toplevel": "f"}, {**rows[0], "datname": "other"}]
    workload = of(as_csv(rows), "shop")
    statement = found(workload, 'select "a,b" from t where id = 1')
    assert (statement.calls, statement.nested and statement.nested.calls, statement.role) == (5, 5, "app")
    assert of(as_csv(rows), None).source.calls == 18
    gaps = of(as_csv(rows), "none").gaps
    assert "rows of e are of other databases than none" in gaps[0].reason.replace("app.sql", "e")
    many = [{**ROWS[0], "dbid": 6}, *ROWS]
    assert "2 databases without their names" in of(json.dumps(many)).gaps[0].reason


def test_broken_rows_are_counted() -> None:
    broken = as_csv() + "1,2\n1,2,3,select 1,none,1,1,1,1,1,1\n1,2,3,select 1,-4,1,1,1,1,1,1\n,,,,1,1,1,1,1,1,1\n"
    hidden = broken + "1,2,3,<insufficient privilege>,4,1,1,1,1,1,1\n"
    workload = of(hidden)
    assert (workload.source.statements, workload.source.unread) == (2, 5)
    assert [gap.reason.split(" of")[0] for gap in workload.gaps] == ["4 rows", "1 row"]
    cut = (
        json.dumps(ROWS[0]) + '\n{"query": "select 1", "calls": \n{"query": "a", "calls": NaN}\n[1]' + json.dumps(ROWS)
    )
    assert (of(cut).source.statements, of(cut).source.unread >= 2) == (2, True)
    assert of(gzip.compress(as_csv(list(ROWS) * 9_000).encode())[:-20]).gaps[0].reason.endswith("ends too early")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "app.sql is empty. Give"),
        (b"\x7fELF\0\0", "app.sql is not text. Give"),
        (b"hello world", "app.sql holds no statement that can be read. Give"),
        (b"\x1f\x8bxx", "app.sql is compressed, and damaged. Copy it again."),
        (b'{"format": 1, "tool_version": "1", "snapshots": []}', "app.sql is a snapshot, not a workload"),
        (
            b"query,calls,total_time\nselect 1,x,1\n",
            "export of pg_stat_statements, but none of its rows can be read. Exp",
        ),
        (b"query,calls\nselect 1,2\n", r"none of its rows can be read: they have no column total_exec_time \(total"),
        (
            b"queryid;query;rows\n1;select 1;1\n",
            r"but has no column calls and total_exec_time \(total_time before 13\)",
        ),
        (b'10,5,-7,"select a,\n b from t",5,10.5\n', "app.sql looks like rows of CSV without a header"),
        (b'"select * from t"\t5\t10.5\n', "app.sql looks like rows of CSV without a header"),
        (b'[{"query": "select 1", "rows": 3}]', "export of pg_stat_statements in JSON, but says no calls"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        of(content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"Cannot read .*none\.sql: No such file"):
        read_source(tmp_path / "none.sql", None)
    with pytest.raises(SourceError, match="Cannot read"):
        read_source(tmp_path, None)
    path = tmp_path / "app.sql"
    path.write_text(SQL, encoding="utf-8")
    assert read_source(path, None).source.name == "app.sql"


def test_a_log_is_known_by_its_content() -> None:
    line = "2026-03-01 10:00:00.000 UTC [7] LOG:  duration: 2.5 ms  statement: select * from t where id = 1\n"
    assert of(line * 3).source.kind is SourceKind.LOG


class Endless(io.RawIOBase):
    """So many different statements that no memory would hold them."""

    def __init__(self, count: int) -> None:
        self.left = count

    def read(self, size: int = -1, /) -> bytes:
        lines = b""
        while self.left and len(lines) < 60_000:
            self.left -= 1
            lines += b"-- mean_ms: %d\nselect a%d from t where c = '%0400d';\n" % (self.left, self.left, self.left)
        return lines


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "MAX_STATEMENTS", 200)
    peaks = []
    for count in (3_000, 9_000):
        tracemalloc.start()
        workload = read_stream(cast("BinaryIO", Endless(count)), "many", None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert workload.source.calls == count
        assert len(workload.statements) <= 200
        assert found(workload, f"select a{count - 1} from t where c = ''").total_ms == count - 1
        assert "are left out" in workload.gaps[0].reason
    assert peaks[1] < peaks[0] * 1.5


def test_the_slowest_and_the_fastest_calls_are_kept() -> None:
    text = "".join(f"-- mean_ms: {ms}\nselect * from t where id = {ms};\n" for ms in range(1, 200))
    (statement,) = of(text).statements.values()
    kept = sorted(int(call.values[0] or 0) for call in statement.calls_seen)
    assert (len(kept), kept[0], kept[-1]) == (gather.MAX_CALLS, 1, 199)
    assert any(5 < each < 150 for each in kept)
