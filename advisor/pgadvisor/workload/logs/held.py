"""Puts a message and the lines that follow it (DETAIL, CONTEXT) together again, session by session."""

from __future__ import annotations

from pgadvisor.workload.logs.events import Events
from pgadvisor.workload.logs.prefix import FOLLOWING

# What messages of statements begin with; others matter by their severity alone.
_TELLING = (b"duration: ", b"statement: ", b"execute ")
_FAILURES = frozenset((b"ERROR", b"FATAL", b"PANIC"))
_FOLLOWING = frozenset(FOLLOWING)
# Messages held back at a time, one for each session.
_MAX_HELD = 2_000


class Held:
    """Messages that wait for what may follow them. Lines of several sessions may stand between."""

    def __init__(self, events: Events) -> None:
        self._events = events
        # By session: message, detail, whether it is nested, role, query id.
        self.messages: dict[bytes, list[bytes | bool | None]] = {}

    def line(
        self, session: bytes, severity: bytes, body: bytes, role: bytes | None, query_id: bytes | None, ours: bool
    ) -> None:
        """One line with a severity; ours: it is of the database asked for."""
        held = self.messages
        if severity in _FOLLOWING:
            waiting = held.get(session)
            if waiting is not None:
                if severity == b"DETAIL":
                    waiting[1] = plain(body)
                elif severity == b"CONTEXT":
                    waiting[2] = True
            return
        if session in held:
            self.release(session)
        if not ours:
            return
        if body.startswith(_TELLING):
            if len(held) >= _MAX_HELD:
                self.release(next(iter(held)))
            held[session] = [plain(body), None, False, role, query_id]
        elif severity in _FAILURES:
            self._events.failed(session)
        else:
            self._events.message(session, body)

    def release(self, session: bytes) -> None:
        """Nothing follows the message of this session any more."""
        self._events.message(session, *self.messages.pop(session))  # type: ignore[arg-type]

    def end(self) -> None:
        """Nothing follows any more."""
        for session, waiting in self.messages.items():
            self._events.message(session, *waiting)  # type: ignore[arg-type]
        self.messages.clear()


def plain(body: bytes) -> bytes:
    """A message as it was before it was written: each line after the first got a tab, CRLF came with a copy."""
    if b"\n" in body:
        body = body.replace(b"\r\n", b"\n") if b"\r\n" in body else body
        body = body.replace(b"\n\t", b"\n")
    return body.strip()
