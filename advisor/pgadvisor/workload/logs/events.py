"""From the messages of sessions to calls of statements, with their durations, values and plans."""

from __future__ import annotations

import re

from pgadvisor.workload.logs.parameters import given_values
from pgadvisor.workload.logs.plans import split_plan
from pgadvisor.workload.logs.tally import Entry, Tally

# What our own statements end in; they are nobody's workload.
_OWN = b"/* pgadvisor */"
_DURATION = re.compile(
    rb"duration: (\d{1,15}(?:\.\d{1,6})?) ms"
    rb"(?:  (statement|plan|parse|bind|execute)(?: ([^\n]{1,140}?))?:[ \n]|\s*\Z)"
)
_STATEMENT = re.compile(rb"(?:statement|execute ([^\n]{1,140}?)): ")
# "Dauer: 0.123 ms", "durée : 0,123 ms": the message in another language.
_LOCALISED = re.compile(rb"[^\d:\n]{3,60}?: {1,2}\d+[.,]\d{3} (?:ms|\xd0\xbc\xd1\x81|[\x80-\xff]{3,15})")
# What EXECUTE runs, as its DETAIL says; the text follows.
_PREPARED = re.compile(rb"prepare: PREPARE\s+(?:\"(?:[^\"]|\"\")*+\"|[^\s(]+)\s*(?:\([^)]*\)\s*)?AS\s+", re.IGNORECASE)
_MARK = re.compile(rb"\$\d")
# Statements whose duration has not come yet, one for each session.
_MAX_SESSIONS = 10_000


class Events:
    """Told each message of a log in its order; what it says of statements goes to the tally."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.unread = 0
        self.durations = 0
        self.statements = 0
        self.localised = 0
        self.without_values = 0
        self.with_values = 0
        self.cut_values = 0
        self.nested_plans = 0
        self.plans = 0
        self.unread_plans = 0
        self._waiting: dict[bytes, tuple[Entry, bytes | None]] = {}

    def message(
        self,
        session: bytes,
        message: bytes,
        detail: bytes | None = None,
        nested: bool = False,
        role: bytes | None = None,
        query_id: bytes | None = None,
    ) -> None:
        """One message of a session. nested: it came from within a function, as its CONTEXT says."""
        if not message.startswith(b"duration: "):
            self._without_duration(session, message, detail, role, query_id)
            return
        found = _DURATION.match(message)
        if found is None:
            self.unread += 1
            return
        spelled, kind, name = found.groups()
        ms = float(spelled)
        self.durations += 1
        if kind is None:
            waiting = self._waiting.pop(session, None)
            if waiting is not None:
                self.tally.call(waiting[0], ms, waiting[1])
            return
        rest = message[found.end() :].strip()
        if kind == b"plan":
            self._plan(ms, rest, nested, role, query_id)
        elif kind == b"statement" or kind == b"execute":
            listed, rest = _detailed(detail, rest)
            self.durations -= 1
            self.call(session, ms, name, rest, listed, role, query_id)

    def call(
        self,
        session: bytes,
        ms: float,
        name: bytes | None,
        text: bytes,
        listed: bytes | None,
        role: bytes | None,
        query_id: bytes | None,
    ) -> None:
        """One call with its duration. name is that of what execute ran, None for the simple protocol."""
        self.durations += 1
        # The duration of a statement that was announced is written without its text, so this is another.
        if self._waiting:
            self._waiting.pop(session, None)
        if not text or text.endswith(_OWN):
            return
        entry = self.tally.known.get(text) or self.tally.entry(text)
        if entry.role is None:
            entry.role = role
        if query_id and query_id != b"0":
            entry.query_id = query_id
        if name:
            if name.startswith(b"fetch from "):
                # More rows of the same call.
                entry.by_duration.total += ms
                return
            if listed is not None:
                self.with_values += 1
            elif b"$" in text:
                self._note_values(None, text)
        self.tally.call(entry, ms, listed)

    def failed(self, session: bytes) -> None:
        """The session's statement ended in an error, so that it is not a call."""
        self._waiting.pop(session, None)

    def _without_duration(
        self, session: bytes, message: bytes, detail: bytes | None, role: bytes | None, query_id: bytes | None
    ) -> None:
        found = _STATEMENT.match(message)
        if found is None:
            self.localised += _LOCALISED.match(message) is not None
            return
        self.statements += 1
        self._waiting.pop(session, None)
        name = found[1]
        if name is not None and name.startswith(b"fetch from "):
            return
        listed, text = _detailed(detail, message[found.end() :].strip())
        if not text or text.endswith(_OWN):
            return
        if name is not None:
            self._note_values(listed, text)
        if len(self._waiting) >= _MAX_SESSIONS:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[session] = (self._entry(text, role, query_id), listed)

    def _note_values(self, listed: bytes | None, text: bytes) -> None:
        """Counts whether the values of a call were logged, if it can have any."""
        if listed is not None:
            self.with_values += 1
        elif b"$" in text and _MARK.search(text, 0, 10_000):
            self.without_values += 1

    def _entry(self, text: bytes, role: bytes | None, query_id: bytes | None) -> Entry:
        entry = self.tally.entry(text)
        if entry.role is None:
            entry.role = role
        if query_id and query_id != b"0":
            entry.query_id = query_id
        return entry

    def _plan(self, ms: float, body: bytes, nested: bool, role: bytes | None, query_id: bytes | None) -> None:
        plan = split_plan(body)
        if plan is None:
            self.unread_plans += 1
            return
        plan.text = plan.text.strip()
        if not plan.text or plan.text.endswith(_OWN):
            return
        self.plans += 1
        self.nested_plans += nested
        self.tally.plan(self._entry(plan.text, role, query_id), ms, plan, nested=nested)


def _detailed(detail: bytes | None, text: bytes) -> tuple[bytes | None, bytes]:
    """The list of values in a DETAIL, and the text that was run: for EXECUTE the one that was prepared."""
    if detail is None:
        return None, text
    prepared = _PREPARED.match(detail)
    return given_values(detail), detail[prepared.end() :].strip().rstrip(b";") if prepared else text
