"""The demonstration from start to end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import click
import psycopg

from pgadvisor.demo import shop, workload
from pgadvisor.demo.size import Size
from pgadvisor.gate import ExitCode
from pgadvisor.localserver import Binaries, LocalServer, LocalServerError, find_binaries, reusable_folder
from pgadvisor.localserver.environment import of_our_own

_NOON = 0.5
_SUCCESS = (ExitCode.CLEAN, ExitCode.FINDINGS)
_TOLD_EVERY = 0.1


def run(html: Path, json: Path, *, keep: bool = False) -> int:
    """Loads the shop, lets it work, audits it as a user would, and writes the reports; returns the exit code.

    The audit's finding something is what the demo is for: that is 0; otherwise its exit code is this one's. keep: the
    server stays up until Ctrl-C. The loaded shop stays in the user's cache for the next time. Errors and Ctrl-C are
    told, after the server was stopped. Raises psycopg.Error where a statement of the shop fails.
    """
    teller = Teller()
    try:
        return _run(html, json, keep, teller)
    except LocalServerError as error:
        teller.say(f"Error: {error}")
        return ExitCode.CANNOT_CONNECT
    except KeyboardInterrupt:
        teller.say("Interrupted; the server is stopped")
        return ExitCode.INTERRUPTED


def _run(html: Path, json: Path, keep: bool, teller: Teller) -> int:
    size = Size()
    binaries = find_binaries()
    if binaries.major < shop.OLDEST_MAJOR:
        raise LocalServerError(f"the demo needs PostgreSQL {shop.OLDEST_MAJOR} or later, not {binaries.version}")
    with _kept_data(f"shop-{binaries.version}-{shop.content_hash(size)}") as data:
        teller.say(f"Starting a private PostgreSQL {binaries.version}")
        with _running(binaries, data, teller) as server:
            try:
                if shop.is_loaded(server):
                    teller.say(f"The shop is loaded already, in {data}")
                else:
                    shop.load(server, size, teller.say)
                work(server, size, teller)
                code = _audited(server, html.absolute(), json.absolute(), teller)
                if keep:
                    _wait(server, teller)
            finally:
                teller.say("Stopping the server")
                # What cannot be removed now, the next run removes.
                with contextlib.suppress(psycopg.Error):
                    shop.close_shop(server)
    teller.say(f"Done. The loaded shop stays in {data} for the next run; remove it as you like.")
    return code


def work(server: LocalServer, size: Size, teller: Teller) -> None:
    """A fresh shop, and its day: half of the calls, the release, the other half. Raises psycopg.Error."""
    teller.say("Copying the shop for this run, counters at zero")
    shop.open_shop(server)
    for title, first, last in (("morning", 0.0, _NOON), ("afternoon", _NOON, 1.0)):
        if first == _NOON:
            shop.release(server, teller.say)
        calls = workload.schedule(size, first, last)
        teller.say(f"The shop works, in the {title}: {len(calls):,} calls over 3 connections")
        workload.run(lambda role: of_our_own(server.dsn(shop.DATABASE, role)), calls, teller.share)


def audit_command(server: LocalServer, html: Path, json: Path) -> list[str]:
    """The audit, as a user runs it. The only thing relaxed is how long indexes must have been watched."""
    return [
        *(sys.executable, "-m", "pgadvisor", "audit"),
        f"postgresql://{shop.AUDITOR}@/{shop.DATABASE}?host={quote(str(server.folder.sockets), safe='/')}",
        *("--set", "unused_index.min_window_days=0"),
        *("--set", "low_cardinality_index.min_window_days=0"),
        *("--html", str(html), "--json", str(json)),
    ]


def audit(command: list[str]) -> int:
    """Runs the audit in a process of its own, at this terminal; returns its exit code."""
    # The user's own PGOPTIONS and the like have nothing to do with this server.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    process = subprocess.Popen(command, env=environment)  # noqa: S603
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal sent it the same signal; it reports what it has before it ends.
        process.wait()
        raise


def _audited(server: LocalServer, html: Path, json: Path, teller: Teller) -> int:
    for path in (html, json):
        # What cannot be removed cannot be written either; that is the audit's to say.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    command = audit_command(server, html, json)
    teller.say(f"The audit, as role {shop.AUDITOR}, which may only look:\n\n  {shlex.join(command)}\n")
    code = audit(command)
    teller.say(f"The audit ended with exit code {code}")
    written = [path for path in (html, json) if path.exists()]
    for path in written:
        teller.say(f"Report: {path}")
    # A crash has the same exit code as findings, but writes no report.
    return ExitCode.CLEAN if code in _SUCCESS and len(written) == 2 else code or ExitCode.CANNOT_WRITE


@contextlib.contextmanager
def _running(binaries: Binaries, data: Path, teller: Teller) -> Iterator[LocalServer]:
    """The server, stopped in the end. Kept data that it does not start with are made anew."""
    server = LocalServer(binaries, settings=shop.SETTINGS, data_dir=data)
    kept = data.exists()
    try:
        server.start()
    except LocalServerError as error:
        if not kept:
            raise
        teller.say(f"The shop kept in {data} is of no use, and is made anew: {error}")
        shutil.rmtree(data)
        server.start()
    try:
        yield server
    finally:
        server.stop()


def _wait(server: LocalServer, teller: Teller) -> None:
    teller.say(f'The server stays up until Ctrl-C: psql "{server.dsn(shop.DATABASE)}"')
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


@contextlib.contextmanager
def _kept_data(name: str) -> Iterator[Path]:
    """Where the cluster of that name is kept; others, of older versions, are removed. Locked while in use."""
    folder = reusable_folder("demo")
    # Not emptied before it is ours: it holds the process of whose it is.
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            process = lock.read().strip()
            which = f" (process {process})" if process.isdecimal() else f" in {folder}"
            raise LocalServerError(f"another demo is running{which}; wait for it, or stop it") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        for other in folder.glob("shop-*"):
            if other.name != name:
                shutil.rmtree(other, ignore_errors=True)
        yield folder / name


class Teller:
    """Says what is going on, with the seconds since the start, on standard error."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._told = 0.0

    def say(self, text: str) -> None:
        """One line."""
        self._told = 0.0
        click.echo(f"{time.monotonic() - self._start:6.1f} s  {text}", err=True)

    def share(self, done: int, total: int) -> None:
        """How far it is, now and then."""
        if done / total - self._told >= _TOLD_EVERY:
            share = done / total
            self.say(f"  {share:.0%}")
            self._told = share
