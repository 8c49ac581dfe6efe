"""An end to what a connection does that no code on the server can put off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

_AGAIN_S = 0.2


@contextmanager
def deadline(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Cancels whatever the connection does within, from so many seconds on and until it is over.

    A stranger's function can set statement_timeout to 0 for the statements after its own. What is cancelled raises
    psycopg.errors.QueryCanceled.
    """
    over = threading.Event()

    def watch() -> None:
        wait_s = seconds
        while not over.wait(wait_s):
            # Another try follows; where the server is gone, the connection itself says so.
            with suppress(psycopg.Error):
                connection.cancel()
            wait_s = _AGAIN_S

    thread = threading.Thread(target=watch, name="pgadvisor deadline", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
