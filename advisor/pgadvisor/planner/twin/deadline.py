"""An end to what a connection does that no code on the server can put off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

_AGAIN_S = 0.2


@contextmanager
def deadline(connection: psycopg.Connection[Any], seconds: float) -> Iterator[Callable[[], None]]:
    """Cancels whatever the connection does within, from so many seconds on and until it is over.

    A stranger's function can set statement_timeout to 0 for the statements after its own. What is cancelled raises
    psycopg.errors.QueryCanceled. Gives a function that lets the time begin anew, as between two statements.
    """
    over = threading.Event()
    ends_at = time.monotonic() + seconds

    def begin_anew() -> None:
        nonlocal ends_at
        ends_at = time.monotonic() + seconds

    def watch() -> None:
        while not over.wait(max(ends_at - time.monotonic(), _AGAIN_S)):
            if time.monotonic() >= ends_at:
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
