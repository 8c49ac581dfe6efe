"""An end to what a connection does that no code on the server can put off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

_AGAIN_S = 0.2
# Code in C that never looks for interrupts hears no cancel: after so long what it runs in is ended. A busy machine
# needs a part of it to answer at all.
_GRACE_S = 10.0


@contextmanager
def deadline(
    connection: psycopg.Connection[Any], seconds: float, give_up: Callable[[], None] | None = None
) -> Iterator[Callable[[], None]]:
    """Cancels whatever the connection does within, from so many seconds on and until it is over.

    A stranger's function can set statement_timeout to 0 for the statements after its own. What is cancelled raises
    psycopg.errors.QueryCanceled. What does not hear that within ten seconds is given up, by the function for it, which
    is called once, in another thread. Gives a function that lets the time begin anew, as between two statements.
    """
    over = threading.Event()
    ends_at = time.monotonic() + seconds

    def begin_anew() -> None:
        nonlocal ends_at
        ends_at = time.monotonic() + seconds

    def watch() -> None:
        while not over.wait(max(ends_at - time.monotonic(), _AGAIN_S)):
            late_s = time.monotonic() - ends_at
            if late_s >= _GRACE_S and give_up is not None:
                give_up()
                return
            if late_s >= 0:
                # Another try follows; where the server is gone, the connection itself says so.
                with suppress(psycopg.Error):
                    connection.cancel()

    thread = threading.Thread(target=watch, name="pgadvisor deadline", daemon=True)
    thread.start()
    try:
        yield begin_anew
    finally:
        over.set()
        thread.join()
