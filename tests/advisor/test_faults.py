"""What a user sees of each fault, and what is saved: docs/faults.md, from real runs of the command.

PGADVISOR_WRITE_DOCS=1 with this file's tests writes it anew.
"""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.snapshots.file import read_snapshots
from support.audits import Ran, pgadvisor
from support.databases import Database, fresh_database
from support.faults import fill
from support.servers import Server

pytestmark = pytest.mark.server

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
TITLE = """\
# What goes wrong, what you see, and what is saved

Written by `tests/advisor/test_faults.py` from what the command says in real runs, and held against it in each run.
Names, places and times of the test stand as `FILE`, `FOLDER`, `HOST`, `PORT`, `DATABASE`, `ROLE` and `N`.
"""

# The fault comes with a step of the run: Ctrl-C, or another session that ends ours.
AT_STEP = """
import contextlib, sys
from pgadvisor.cli import collect
step, fault, dsn = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)

@contextlib.contextmanager
def shown(quiet):
    def progress(now, done=0, total=None):
        if now != step:
            return
        if fault == "Ctrl-C":
            raise KeyboardInterrupt
        import psycopg
        with psycopg.connect(dsn, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'pgadvisor' AND datname = current_database()"
            )
    yield progress

collect.shown = shown
from pgadvisor.__main__ import main
main()
"""
# One question takes too long.
ENDLESS = """
import sys
from pgadvisor.postgres.sqlfiles import Queries
question, original = sys.argv.pop(1), Queries.__getitem__
Queries.__getitem__ = lambda queries, name: "SELECT pg_sleep(60)" if name == question else original(queries, name)
from pgadvisor.__main__ import main
main()
"""
PLAIN = "from pgadvisor.__main__ import main; main()"


@dataclass(frozen=True)
class Place:
    """Where a fault happens: a database with one of each object, and a folder."""

    database: Database
    folder: Path
    whole: bytes

    @property
    def file(self) -> Path:
        return self.folder / "shop.json.gz"

    def collect(self, program: str = PLAIN, *before: str, dsn: str = "", options: tuple[str, ...] = ()) -> Ran:
        """`pgadvisor collect`, by a program that takes arguments before those of the command."""
        return run(program, *before, "collect", dsn or self.database.dsn, "-o", str(self.file), *options)

    def analyze(self, change: Callable[[bytes], bytes]) -> Ran:
        """`pgadvisor analyze` of a file that was whole, and then was changed."""
        self.file.write_bytes(change(self.whole))
        ran = pgadvisor("analyze", self.file, "--planner", "none")
        self.file.unlink()
        return ran


def run(program: str, *arguments: str, file_bytes: int | None = None, as_others: bool = False) -> Ran:
    """Runs a program; as_others: with no more rights on files than their modes give, whoever runs the tests."""
    limit = resource.RLIM_INFINITY if file_bytes is None else file_bytes

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        if as_others:
            # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE: what lets root write anywhere. It fails for those who never had it.
            ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)

    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=prepare,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def locked(database: Database) -> Iterator[None]:
    with database.connect() as other:
        other.execute("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        yield
        other.execute("ROLLBACK")


def while_locked(place: Place) -> Ran:
    with locked(place.database):
        return place.collect()


def disk_full(place: Place) -> Ran:
    return run(PLAIN, "collect", place.database.dsn, "-o", "/dev/full", "--quiet")


def disk_full_everywhere(place: Place) -> Ran:
    return run(PLAIN, "collect", place.database.dsn, "-o", str(place.file), "--quiet", file_bytes=1000)


def no_such_folder(place: Place) -> Ran:
    return run(PLAIN, "collect", place.database.dsn, "-o", str(place.folder / "none" / "shop.json.gz"))


def read_only_folder(place: Place) -> Ran:
    closed = place.folder / "closed"
    closed.mkdir(mode=0o500)
    try:
        return run(PLAIN, "collect", place.database.dsn, "-o", str(closed / "shop.json.gz"), as_others=True)
    finally:
        closed.rmdir()


def wrong_password(place: Place) -> Ran:
    role = place.database.role("reader")
    return place.collect(dsn=role.dsn_tcp.replace(role.password, "wrong"))


def at(step: str, fault: str) -> Callable[[Place], Ran]:
    return lambda place: place.collect(AT_STEP, step, fault, place.database.dsn)


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        data = json.loads(gzip.decompress(content))
        change(data)
        return gzip.compress(json.dumps(data).encode())

    return edit


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def of_file(change: Callable[[bytes], bytes]) -> Callable[[Place], Ran]:
    return lambda place: place.analyze(change)


FAULTS: dict[str, Callable[[Place], Ran]] = {
    "The host does not exist": lambda place: place.collect(dsn="host=no-such-host.invalid"),
    "Nothing listens there": lambda place: place.collect(dsn="host=127.0.0.1 port=1 dbname=shop"),
    "The password is wrong": wrong_password,
    "The connection is cut at once": at("Reading counters", "cut"),
    "The connection is cut while the catalog is read": at("Reading the catalog", "cut"),
    "The connection is cut while statistics are read": at("Reading column statistics", "cut"),
    "The connection is cut while statements are planned": at("Planning statements", "cut"),
    "Ctrl-C at once": at("Reading counters", "Ctrl-C"),
    "Ctrl-C while statistics are read": at("Reading column statistics", "Ctrl-C"),
    "A query of the catalog takes longer than --statement-timeout": lambda place: place.collect(
        ENDLESS, "constraints", options=("--statement-timeout", "1000")
    ),
    "That of pg_stat_statements does": lambda place: place.collect(
        ENDLESS, "statements", options=("--statement-timeout", "1000")
    ),
    "That of column statistics does": lambda place: place.collect(
        ENDLESS, "column_statistics", options=("--statement-timeout", "1000")
    ),
    "--max-server-time is spent": lambda place: place.collect(options=("--max-server-time", "0.0001")),
    "An ACCESS EXCLUSIVE lock is held on a table": while_locked,
    "The disk is full": disk_full,
    "The disk is full, and so is that of temporary files": disk_full_everywhere,
    "The folder does not exist": no_such_folder,
    "The folder may not be written to": read_only_folder,
    "The file does not exist": lambda place: run(PLAIN, "analyze", str(place.file)),
    "The file is empty": of_file(lambda content: b""),
    "The file is cut off": of_file(lambda content: content[: len(content) // 2]),
    "A byte of the file is changed": of_file(flipped),
    "A value in it is edited": of_file(
        edited(lambda data: data["snapshots"][0]["catalog"]["indexes"][0].update(table_oid=1))
    ),
    "The file is from a newer version": of_file(edited(lambda data: data.update(format=99, tool_version="9.0"))),
    "The file holds other JSON": of_file(lambda content: gzip.compress(b'{"some": "thing"}')),
    "The file is unpacked": of_file(gzip.decompress),
    "The file is something else": of_file(lambda content: b"PGDMP"),
    "The file is a report": of_file(
        lambda content: gzip.compress(b'{"format": 1, "tool": {}, "source": {}, "findings": []}')
    ),
}


def kept_by(ran: Ran, place: Place) -> str:
    """What is saved, in words; the file is removed."""
    path, where = place.file, ""
    elsewhere = re.search(r"What was collected is in (\S+) instead", ran.err)
    if elsewhere:
        path, where = Path(elsewhere[1]), " in the temporary file"
    if not path.exists():
        return "nothing"
    (snapshot,) = read_snapshots(path)
    code = pgadvisor("analyze", path, "--planner", "none", "--quiet", "--fail-on", "never").code
    path.unlink()
    if elsewhere:
        path.parent.rmdir()
    present = {entry.fact: entry.presence for entry in snapshot.coverage.facts}
    lines = []
    for presence in (Presence.PARTIAL, Presence.ABSENT):
        facts = [fact for fact in Fact if present.get(fact, Presence.ABSENT) is presence]
        if facts:
            lines.append(f"{presence.value}: {', '.join(facts)}")
    rest = "; ".join(lines)
    return f"a snapshot{where}, all present but {rest}; `analyze` exits {code}"


# What a slow machine says while it is at it is not of the fault.
NOT_OF_THE_FAULT = ("Written: ", "It holds: ", "Executing ", "Reading ", "Planning ", "Choosing ", "Rule ", "Writing ")


def seen_of(ran: Ran) -> str:
    """The sentences, without those of a run that goes well."""
    assert "Traceback" not in ran.err
    lines = [line for line in ran.err.splitlines() if not line.startswith(NOT_OF_THE_FAULT)]
    return " ".join(lines)


def gaps_in(listed: re.Match[str]) -> str:
    """The facts with gaps by name, without those that depend on what statements there are."""
    facts = {part.split()[0] for part in listed[0].strip("()").split(", ")} - {Fact.PLANS, Fact.EXECUTED_PLANS}
    return f"({', '.join(sorted(facts))})"


def masked(text: str, place: Place) -> str:
    text = text.replace(str(place.file), "FILE").replace(str(place.folder), "FOLDER")
    text = text.replace(place.database.name, "DATABASE").replace("no-such-host.invalid", "HOST")
    text = re.sub(r"/\S*pgadvisor-\w+/", "FOLDER/", text)
    text = re.sub(r'"reader \w+"', '"ROLE"', text)
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST:PORT", text)
    text = re.sub(r"\b\d+(?:,\d{3})* (relation|statement|plan|gap)s?\b", r"N \1s", text)
    text = re.sub(r"(?<=N gaps )\([^)]*\)", gaps_in, text)
    text = re.sub(r"(?<=of relation )\d+", "N", text)
    return re.sub(r"this version \([\w.+-]+\)", "this version (VERSION)", text).replace("|", "\\|")


def row(fault: str, happen: Callable[[Place], Ran], place: Place) -> str:
    ran = happen(place)
    return f"| {fault} | {masked(seen_of(ran), place)} | {ran.code} | {kept_by(ran, place)} |"


@pytest.mark.slow
def test_the_table_is_what_the_command_says(server: Server, tmp_path: Path) -> None:
    with fresh_database(server) as database:
        fill(database)
        assert pgadvisor("collect", database.dsn, "-o", tmp_path / "whole", "--statements", "0").code == 0
        place = Place(database, tmp_path, (tmp_path / "whole").read_bytes())
        (tmp_path / "whole").unlink()
        rows = [row(fault, happen, place) for fault, happen in FAULTS.items()]
    assert list(tmp_path.iterdir()) == []
    lines = [TITLE, "| what happens | what you see | exit code | what is saved |", "|---|---|---|---|", *rows]
    written = "\n".join(lines) + "\n"
    if os.environ.get("PGADVISOR_WRITE_DOCS"):
        DOCUMENT.write_text(written, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == written
