"""`collect` and `analyze` as a user runs them: the same report as `audit` makes, wherever it is made."""

from __future__ import annotations

import gzip
import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.snapshots.file import read_snapshots
from support.audits import Ran, pgadvisor
from support.databases import Database, fresh_database
from support.runs import short_run
from support.servers import Server

pytestmark = pytest.mark.server

TABLE = "\"odd, 'table' </script>\""
STANDARD = "-"

WITHOUT_A_SERVER = """
import socket, sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("psycopg", "psycopg_binary", "psycopg_c"):
            raise ImportError(f"{name} is not to be imported")

def refused(*arguments):
    raise OSError("no connections are to be made")

sys.meta_path.insert(0, Refused())
socket.socket.connect = refused
from pgadvisor.__main__ import main
main()
"""

INTERRUPTED = """
import contextlib, sys
from pgadvisor.cli import collect

@contextlib.contextmanager
def shown(quiet):
    def progress(step, done=0, total=None):
        if step == "Reading column statistics":
            raise KeyboardInterrupt
    yield progress

collect.shown = shown
from pgadvisor.__main__ import main
main()
"""


def fill(database: Database) -> None:
    """Something to find, under names that are hard, and statements with values."""
    database.execute(f"""
        CREATE TABLE {TABLE} (id int PRIMARY KEY, "ä ""b" text, kind int, at timestamptz);
        INSERT INTO {TABLE}
        SELECT i, 'secret ' || i, i % 3, timestamptz '2024-05-06 07:08:09+02' + i * interval '1 hour'
        FROM generate_series(1, 20000) i;
        CREATE INDEX one ON {TABLE} (kind);
        CREATE INDEX two ON {TABLE} (kind);
        CREATE INDEX three ON {TABLE} (lower("ä ""b"));
        CREATE TABLE parts (at date, n numeric) PARTITION BY RANGE (at);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE child (parent_id int REFERENCES {TABLE});
        CREATE VIEW watched AS SELECT * FROM child WHERE parent_id > 7;
        CREATE SEQUENCE counted;
        CREATE TYPE mood AS ENUM ('sad', 'happy');
        CREATE SCHEMA other;
        CREATE TABLE other.parent (id int PRIMARY KEY);
        ALTER TABLE child ADD other_id int REFERENCES other.parent;
        INSERT INTO child (parent_id) SELECT i % 100 + 1 FROM generate_series(1, 10000) i;
        ANALYZE;
    """)
    for number in range(12):
        database.execute("SELECT * FROM child WHERE parent_id = %s", [number])
        database.execute("SELECT count(*) FROM watched WHERE parent_id = %s", [number])
        database.execute(f'SELECT * FROM {TABLE} WHERE "ä ""b" = %s', [f"secret {number}"])
    database.settle()


def run(program: str, *arguments: str | Path, stdin: bytes = b"", file_bytes: int | None = None) -> Ran:
    """Runs a program that ends in the command line, with what it is given on standard input."""
    limits = resource.RLIM_INFINITY if file_bytes is None else file_bytes
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"COLUMNS": "80"},
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limits, limits)),
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


# A twin is a server, asked by the driver; and making one takes longer than most of what is tested here.
ALONE = ("--planner", "none")
PLAIN = "from pgadvisor.__main__ import main; main()"


@pytest.mark.parametrize("major", short_run(18, of=(18, 13)))
def test_audit_is_collect_and_analyze(servers: object, major: int, tmp_path: Path) -> None:
    """Byte for byte, with no driver and no connection; also where only a part was looked at and values are shown."""
    server: Server = servers.of_major(major)  # type: ignore[attr-defined]
    with fresh_database(server) as database:
        fill(database)
        more = ("--show-values", "--disable", "unused_index", "--fail-on", "never")
        for options in (ALONE, (*ALONE, *more))[major < 18 :]:
            collecting = ("--schema", "public", "--statements", "7") if options != ALONE else ()
            outputs = [tmp_path / name for name in ("s.json.gz", "audit.json", "audit.html", "a.json", "a.html")]
            kept, *written = outputs
            files = ("--json", written[0], "--html", written[1])
            audited = pgadvisor("audit", database.dsn, "--snapshot", kept, *files, *collecting, *options)
            files = ("--json", written[2], "--html", written[3])
            analyzed = run(WITHOUT_A_SERVER, "analyze", kept, *files, *options)
            assert audited.out, audited.err
            assert (analyzed.code, analyzed.out) == (audited.code, audited.out), analyzed.err
            assert written[0].read_bytes() == written[2].read_bytes()
            assert written[1].read_bytes() == written[3].read_bytes()
            assert stat.S_IMODE(kept.stat().st_mode) == 0o600
            report = json.loads(written[0].read_bytes())
            assert report["configuration"]["collect"]["schemas"] == (["public"] if collecting else [])
            assert {"duplicate_index"} <= {finding["rule"] for finding in report["findings"]}
            assert all(outcome["status"] != "failed" for outcome in report["outcomes"])


def test_collect_says_what_it_has(database: Database, tmp_path: Path) -> None:
    fill(database)
    path = tmp_path / "s.json.gz"
    ran = pgadvisor("collect", database.dsn, "-o", path)
    assert (ran.code, ran.out) == (0, "")
    # Before that come steps that took long, if any did.
    written, counted, holds = ran.err.splitlines()[-3:]
    assert written.startswith(f"Written: {path}, ")
    assert written.endswith(" kB")
    assert counted.startswith(f"{database.name}: 6 relations, ")
    assert holds.startswith("It holds: ")
    assert os.listdir(tmp_path) == ["s.json.gz"]  # noqa: PTH208


def test_through_a_pipe(database: Database) -> None:
    fill(database)
    arguments = [sys.executable, "-m", "pgadvisor", "collect", database.dsn, "-o", STANDARD]
    collected = subprocess.run(arguments, capture_output=True, check=True)
    assert b"Written: standard output" in collected.stderr
    ran = run(WITHOUT_A_SERVER, "analyze", STANDARD, *ALONE, "--json", STANDARD, stdin=collected.stdout)
    assert ran.code == 0, ran.err
    assert ran.report["source"]["database"] == database.name
    damaged = run(PLAIN, "analyze", STANDARD, stdin=collected.stdout[:-9])
    assert damaged.code == 2
    assert damaged.err.startswith("Error: standard input ends too early")


def test_plans_too_deep_to_read_are_left_out(database: Database, tmp_path: Path) -> None:
    """Deeper than a file may hold, and deeper than Python's stack; a deep one that can be handled is kept."""
    for levels in (150, 230, 600):
        database.execute("SELECT 1" + " FROM (SELECT 1" * levels + " LIMIT 5) s" * levels + " LIMIT 5")
    database.settle()
    ran = pgadvisor("collect", database.dsn, "-o", tmp_path / "s", "--execute", "off", "--lock-timeout", "20000")
    assert ran.code == 0, ran.err
    (kept,) = read_snapshots(tmp_path / "s")
    assert kept.coverage.presence(Fact.PLANS) is Presence.PARTIAL
    reasons = {gap.reason for gap in kept.coverage.gaps if gap.fact is Fact.PLANS}
    assert "Its plan is more than 200 nodes deep" in reasons
    assert max(json.dumps(plan.plan).count("Node Type") for plan in kept.plans) >= 150
    assert pgadvisor("analyze", tmp_path / "s", *ALONE).code == 0


def test_what_is_incomplete_says_so(database: Database, tmp_path: Path) -> None:
    database.execute("DROP EXTENSION pg_stat_statements")
    ran = pgadvisor("collect", database.dsn, "-o", tmp_path / "s")
    assert ran.code == 3
    assert "Exit code 3: not all of pg_stat_statements could be seen" in ran.err
    assert "pg_stat_statements 1" in ran.err
    assert pgadvisor("analyze", tmp_path / "s", *ALONE).code == 3


def test_an_interrupted_run_keeps_what_it_had(database: Database, tmp_path: Path) -> None:
    fill(database)
    ran = run(INTERRUPTED, "collect", database.dsn, "-o", tmp_path / "s")
    assert ran.code == 130
    assert ran.err.splitlines()[-1] == "Exit code 130: interrupted; the file holds what had been collected."
    (kept,) = read_snapshots(tmp_path / "s")
    assert len(kept.catalog.relations) == 6
    assert kept.column_statistics == ()
    assert pgadvisor("analyze", tmp_path / "s", *ALONE).code == 130


def test_a_file_that_cannot_be_written(database: Database, tmp_path: Path) -> None:
    nowhere = pgadvisor("collect", "host=no-such-host.invalid", "-o", tmp_path / "no" / "s")
    assert nowhere.code == 5
    assert "no-such-host" not in nowhere.err
    saved = tmp_path / "saved"
    saved.mkdir()
    full = pgadvisor("collect", database.dsn, "-o", "/dev/full", "--quiet", env={"TMPDIR": str(saved)})
    (kept,) = saved.glob("*/*")
    assert full.code == 5
    assert "Error: Cannot write /dev/full: No space left on device." in full.err
    assert f"What was collected is in {kept} instead." in full.err
    assert read_snapshots(kept)[0].server.database == database.name
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.unlink()
    kept.parent.rmdir()
    os.environ["TMPDIR"] = str(saved)
    try:
        fuller = run(PLAIN, "collect", database.dsn, "-o", tmp_path / "s", file_bytes=1000)
    finally:
        del os.environ["TMPDIR"]
    assert fuller.code == 5
    assert "What was collected is lost." in fuller.err
    assert "Traceback" not in fuller.err
    assert list(saved.iterdir()) == []
    assert list(tmp_path.iterdir()) == [saved]


def test_an_audit_reports_also_where_the_snapshot_cannot_be_kept(database: Database) -> None:
    ran = pgadvisor("audit", database.dsn, "--snapshot", "/dev/full", *ALONE, "--json", STANDARD, "--fail-on", "never")
    assert ran.code == 5
    assert ran.report["source"]["database"] == database.name
    (kept,) = [word for word in ran.err.split() if word.endswith("snapshot.json.gz")]
    Path(kept).unlink()
    Path(kept).parent.rmdir()


def test_bad_usage(database: Database, tmp_path: Path) -> None:
    both = pgadvisor("audit", database.dsn, "--snapshot", STANDARD, "--json", STANDARD)
    assert both.code == 2
    assert "Only one thing can go to standard output" in both.err
    (tmp_path / "report.json.gz").write_bytes(gzip.compress(b'{"format": 1, "tool": {}, "findings": []}'))
    for path in ("report.json.gz", "nothing.json.gz"):
        ran = pgadvisor("analyze", tmp_path / path)
        assert ran.code == 2
        assert ran.err.count("\n") == 1
    assert pgadvisor("analyze").code == 2
    assert pgadvisor("collect", database.dsn).code == 2
    assert pgadvisor("collect", "host=127.0.0.1 port=1", "-o", tmp_path / "s").code == 4
    assert not (tmp_path / "s").exists()


def test_several_files(database: Database, server: Server, tmp_path: Path) -> None:
    """Of several databases they are one report, of one server an interval; the same one twice is neither."""
    one, two = tmp_path / "one", tmp_path / "two"
    assert pgadvisor("collect", database.dsn, "-o", one).code == 0
    fill(database)
    assert pgadvisor("collect", database.dsn, "-o", two).code == 0
    interval = pgadvisor("analyze", one, two, *ALONE, "--json", STANDARD).report
    assert interval["trust"]["change"]["since"] < interval["trust"]["change"]["until"]
    twice = pgadvisor("analyze", one, one)
    assert twice.code == 2
    assert "given twice" in twice.err
    with fresh_database(server) as other:
        assert pgadvisor("collect", other.dsn, "-o", one).code == 0
        names = [database.name, other.name]
    report = pgadvisor("analyze", one, two, *ALONE, "--json", STANDARD).report
    assert sorted(source["database"] for source in report["databases"]) == sorted(names)


def test_redacted_files(database: Database, tmp_path: Path) -> None:
    fill(database)
    ran = pgadvisor("collect", database.dsn, "-o", tmp_path / "s", "--redact-names")
    assert ran.code == 0, ran.err
    text = gzip.decompress((tmp_path / "s").read_bytes()).decode()
    assert "secret " not in text
    assert "parent_id" not in text
    (snapshot,) = read_snapshots(tmp_path / "s")
    assert (snapshot.contents.redacted, snapshot.contents.names_redacted) == (True, True)
    report = run(WITHOUT_A_SERVER, "analyze", tmp_path / "s", *ALONE, "--json", STANDARD).report
    assert {"duplicate_index"} <= {finding["rule"] for finding in report["findings"]}
    assert report["trust"]["contents"]["names_redacted"] is True
    told = run(WITHOUT_A_SERVER, "analyze", tmp_path / "s", *ALONE, "--html", tmp_path / "h")
    assert "Values of rows and names were replaced by made-up ones" in " ".join(told.out.split())
    assert "Values of rows and names were replaced by made-up ones" in (tmp_path / "h").read_text(encoding="utf-8")
