"""Servers are stopped however the process ends: at its exit, by SIGTERM or SIGHUP; SIGINT unwinds by itself."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

_FATAL = (signal.SIGTERM, signal.SIGHUP)


class Stoppable(Protocol):
    """What can be stopped, more than once."""

    def stop(self) -> None:
        """Stops it and removes what it left."""


_live: list[Stoppable] = []


def register(server: Stoppable) -> None:
    """From now on the server is stopped when the process ends."""
    # Not only for the first of several: that one may be started by another thread, which can set no handler.
    if threading.current_thread() is threading.main_thread():
        for number in _FATAL:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _stop_and_die)
    _live.append(server)


def unregister(server: Stoppable) -> None:
    """The server is stopped."""
    if server in _live:
        _live.remove(server)
    if not _live and threading.current_thread() is threading.main_thread():
        for number in _FATAL:
            if signal.getsignal(number) is _stop_and_die:
                signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that would end the process wait until the block is done; only the main thread can make them wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    saved = {}
    for number in (signal.SIGINT, *_FATAL):
        if callable(signal.getsignal(number)):
            saved[number] = signal.signal(number, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)
        for pending in dict.fromkeys(received):
            signal.raise_signal(pending)


def _stop_all() -> None:
    for server in _live.copy():
        server.stop()


def _stop_and_die(number: int, _frame: FrameType | None) -> None:
    # Not an exception: a caller that catches it, such as a test runner, would go on without its server.
    _stop_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


atexit.register(_stop_all)
