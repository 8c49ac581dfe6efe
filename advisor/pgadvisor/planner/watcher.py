"""A second connection that cancels our statement as soon as another session waits for a lock of ours.

The lock timeout bounds how long others wait for us in any case; with a watcher it is a tenth of a second or two.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from pgadvisor.planner.questions import text_of
from pgadvisor.postgres.identity import IDENTITY_COLUMNS, ServerChanged, ServerIdentity
from pgadvisor.postgres.session import MARKER

if TYPE_CHECKING:
    from pgadvisor.postgres.session import Session

# A statement that is over before is never looked after, so that watching costs nothing for most plans.
POLL_S = 0.07
_CONFIRM_S = 1.0
_CONNECT_S = 5
_CANCEL_S = 2.0
# A cancel that comes late finds the session idle, which ignores it, unless its next command is on the way already.
_SETTLE_S = 0.05
# In one exchange with the question, and for its transaction alone: a pooler's connections are others' as well.
_SETTINGS = "SELECT pg_catalog.set_config('search_path', 'pg_catalog', true)"
_SILENT = ", pg_catalog.set_config('pg_stat_statements.track', 'none', true)"


@dataclass
class Watch:
    """The watch over one transaction.

    fired: a statement in it was cancelled, or just not any more, because a session waited. polled: it was looked after.
    """

    pid: int
    fired: bool = False
    polled: bool = False


class Watcher:
    """Watches over the transactions of a session, from a thread of its own; opened when it is first needed.

    silent: its question is kept out of pg_stat_statements. failure is why it does not watch, as a sentence, "" where it
    does. queries and ms count what it asked the server, and the time spent waiting for the answers.
    """

    def __init__(self, session: Session, *, silent: bool) -> None:
        self.failure = ""
        self.queries = 0
        self.ms = 0.0
        self._session = session
        self._silent = silent
        self._connection: psycopg.Connection[Any] | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._watch: Watch | None = None
        self._at_once = False
        self._closed = False
        self._texts: set[str] = set()

    @property
    def entries(self) -> int:
        """How many entries it has added to pg_stat_statements at most."""
        return 0 if self._silent else len(self._texts)

    @contextmanager
    def over(self, pid: int) -> Iterator[Watch]:
        """Watches over the open transaction of the session, whose server process has this id, until it is left."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pgadvisor watcher", daemon=True)
            self._thread.start()
        watch = Watch(pid)
        with self._changed:
            self._watch, self._at_once = watch, False
            self._changed.notify_all()
        try:
            yield watch
        finally:
            with self._changed:
                self._watch = None
                self._changed.notify_all()
            if watch.fired:
                time.sleep(_SETTLE_S)

    def confirm(self, watch: Watch) -> str:
        """Why a transaction is not watched, as a sentence; "" where it was looked after just now."""
        with self._changed:
            self._at_once = True
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: watch.polled or self.failure, _CONFIRM_S):
                # A pooler may have one connection only, which our transaction has.
                self.failure = "The watching connection got no answer from the server while a transaction was open"
            return self.failure

    def close(self) -> None:
        """Ends the thread and the connection."""
        with self._changed:
            self._closed = True
            self._watch = None
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_CANCEL_S)
            if self._thread.is_alive() and self._connection is not None:
                with suppress(psycopg.Error):
                    self._connection.cancel_safe(timeout=_CANCEL_S)
                self._thread.join(_CANCEL_S)
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> None:
        """Opens the connection, to the same server. In the thread: a pooler may have none before we give up ours."""
        info = self._session.connection.info
        # Of several hosts the one that the session is connected to.
        place = make_conninfo(info.dsn, host=info.host, port=info.port, connect_timeout=_CONNECT_S)
        self._connection = psycopg.connect(
            place, autocommit=True, prepare_threshold=None, password=info.password or None
        )
        row = self._ask("identity", sql.SQL("SELECT " + IDENTITY_COLUMNS))
        if self._session.identity is not None:
            ServerIdentity.of(row).check(self._session.identity)

    def _run(self) -> None:
        try:
            self._open()
            while not self._closed:
                watch = self._next()
                if watch is not None:
                    self._look_after(watch)
        except (psycopg.Error, ServerChanged) as error:
            # The message may hold names; the server's log has it.
            with self._changed:
                self.failure = f"There was no second connection to watch whether others wait ({type(error).__name__})"
                self._changed.notify_all()

    def _look_after(self, watch: Watch) -> None:
        question = sql.SQL(text_of("someone_waits")).format(pid=sql.Literal(watch.pid))
        waits = self._ask("someone_waits", question)["waits"]
        # Whoever leaves the watch waits here until the request is made: it must not meet what comes afterwards.
        with self._changed:
            watch.polled = True
            self._changed.notify_all()
            if waits and self._watch is watch:
                watch.fired = True
                with suppress(psycopg.Error):
                    self._session.connection.cancel_safe(timeout=_CANCEL_S)

    def _next(self) -> Watch | None:
        """The watch that has lasted for a moment, or that wants to be looked after at once; None where it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._watch is not None)
            watch = self._watch
            if watch is None:
                return None
            self._changed.wait_for(lambda: self._watch is not watch or self._at_once, POLL_S)
            self._at_once = False
            return watch if self._watch is watch else None

    def _ask(self, name: str, question: sql.Composable) -> dict[str, Any]:
        """The only row of a question, asked with its settings in one exchange, and in a transaction of its own."""
        assert self._connection is not None  # noqa: S101  nothing is asked before it is there
        settings = _SETTINGS + (_SILENT if self._silent else "")
        self._texts |= {settings, name}
        command = sql.SQL(settings + "\n" + MARKER + ";\n") + question + sql.SQL("\n" + MARKER)
        with self._timed(), self._connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(command)
            cursor.nextset()
            (row,) = cursor.fetchall()
        return row

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.queries += 1
            self.ms += (time.perf_counter() - started) * 1000
