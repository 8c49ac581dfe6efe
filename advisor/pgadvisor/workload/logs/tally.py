"""Adds up the calls of each statement of a log, in memory that does not grow with the log."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Callable, Iterator

from pgadvisor.workload.logs.parameters import MAX_VALUES_BYTES
from pgadvisor.workload.logs.plans import MAX_PLAN_BYTES, LoggedPlan
from pgadvisor.workload.logs.streams import text_of

# Statements that are kept in the end; twice as many are followed in between.
MAX_STATEMENTS = 5_000
# Bytes of texts, values and plans that are followed, and half of them kept, when they grow beyond.
MAX_KEPT_BYTES = 48 << 20
_SLOWEST, _FASTEST, _BETWEEN, _PLANS = 4, 3, 3, 3
# Texts that are known again without being looked at.
_CACHED_BYTES = 16 << 20
_LONG_BYTES = 2_000
# Constants of texts in which nothing is a comment, an escape or a dollar quote.
# Each begins with what it is known by, which is what makes looking for it fast.
_CONSTANT = re.compile(rb"'[^']*+(?:''[^']*+)*+'|\d(?<![\w$.\x80-\xff].)[\d.]*+")
# Where there is a BY, short numbers may be positions of columns, which are no constants.
_LONG_CONSTANT = re.compile(rb"'[^']*+(?:''[^']*+)*+'|\d(?<![\w$.\x80-\xff].)\d\d[\d.]*+")
_QUOTED = re.compile(rb"\"[^\"]*+\"")
_DOLLAR_QUOTE = re.compile(rb"\$\D")
# Numbers that say how long a type is are no constants either.
_MODIFIED = (
    b"char", b"varying", b"bit", b"numeric", b"dec", b"decimal", b"float", b"interval", b"second", b"time", b"stamp",
    b"tz",
)  # fmt: skip
# What is looked at before a parenthesis: the name of a type and blanks.
_TYPE_BYTES = 40
_NUMBER_IN_PARENTHESES = re.compile(rb"\(\s*+\d")


class Counts:
    """Calls and their times in milliseconds."""

    __slots__ = ("calls", "most", "smallest", "total")

    def __init__(self) -> None:
        self.calls = 0
        self.total = 0.0
        self.smallest = float("inf")
        self.most = 0.0

    def add(self, ms: float) -> None:
        """One more call."""
        self.calls += 1
        self.total += ms
        if ms < self.smallest:
            self.smallest = ms
        if ms > self.most:
            self.most = ms


class Entry:
    """One statement: its calls by durations and by plans, a few of their values, a few plans."""

    __slots__ = (
        "above", "below", "between", "by_duration", "by_plan", "fastest", "fingerprint", "nested", "plans",
        "query_id", "role", "slowest", "text",
    )  # fmt: skip

    def __init__(self, fingerprint: str, text: bytes) -> None:
        self.fingerprint = fingerprint
        self.text = text
        self.by_duration = Counts()
        self.by_plan = Counts()
        self.nested = Counts()
        self.query_id: bytes | None = None
        self.role: bytes | None = None
        self.slowest: list[tuple[float, bytes]] = []
        self.fastest: list[tuple[float, bytes]] = []
        self.between: list[tuple[float, bytes]] = []
        self.plans: list[tuple[bool, float, bytes, bool]] = []
        # A call whose time is beyond one of these is among the slowest or fastest.
        self.above = -1.0
        self.below = float("inf")

    @property
    def counts(self) -> Counts:
        """Durations or plans, whichever saw more calls: both see the same ones, each those above its own limit."""
        return self.by_duration if self.by_duration.calls >= self.by_plan.calls else self.by_plan

    @property
    def weight(self) -> int:
        """Bytes that are kept of it."""
        values = sum(len(listed) for _, listed in self.slowest + self.fastest + self.between)
        return 500 + len(self.text) + values + sum(len(body) for _, _, body, _ in self.plans)

    def keep_values(self, ms: float, listed: bytes, number: int) -> int:
        """Keeps the values of a call if it is among the slowest or fastest, or one in between; bytes kept more.

        In between are the calls whose number is a power of two, the latest of them: few, and the same in each run.
        """
        between = number & (number - 1) == 0
        if between:
            self.between = [*self.between[1 - _BETWEEN :], (ms, listed)]
        if ms > self.above:
            self.slowest = _kept(self.slowest, ms, listed, _SLOWEST, slowest=True)
            self.above = self.slowest[-1][0] if len(self.slowest) == _SLOWEST else -1.0
        elif ms < self.below:
            self.fastest = _kept(self.fastest, ms, listed, _FASTEST, slowest=False)
            self.below = self.fastest[-1][0] if len(self.fastest) == _FASTEST else float("inf")
        elif not between:
            return 0
        return len(listed)

    def keep_plan(self, ms: float, plan: LoggedPlan) -> int:
        """Keeps a plan if it is one of the slowest, those whose values are known first; bytes kept more."""
        kept = (plan.values is not None, ms, plan.body, plan.is_json)
        if len(plan.body) > MAX_PLAN_BYTES or (len(self.plans) == _PLANS and kept[:2] <= self.plans[-1][:2]):
            return 0
        self.plans = heapq.nlargest(_PLANS, [*self.plans, kept], key=lambda each: each[:2])
        return len(plan.body)


class Tally:
    """All statements of a log.

    known are the entries of texts seen lately, the first place to look. dropped_* sum up what was pushed out by
    costlier statements.
    """

    def __init__(self, fingerprint: Callable[[str], str]) -> None:
        self._fingerprint = fingerprint
        self._entries: dict[str, Entry] = {}
        self.known: dict[bytes, Entry] = {}
        self._old: dict[bytes, Entry] = {}
        self._cached = 0
        self._weight = 0
        self.dropped = Counts()
        self.dropped_statements = 0
        self.long_values = 0
        self.long_plans = 0

    def entries(self) -> list[Entry]:
        """The statements, costliest first, MAX_STATEMENTS at most."""
        if len(self._entries) > MAX_STATEMENTS:
            self._prune()
        return sorted(self._entries.values(), key=_cost)

    def entry(self, text: bytes) -> Entry:
        """The entry of the statement that this is a text of."""
        found = self.known.get(text)
        if found is not None:
            return found
        # A text with parameters comes again as it is, one with constants alone may not.
        comes_again = b"$" in text and len(text) <= _LONG_BYTES
        if comes_again and (found := self._old.get(text)) is not None:
            self._remember(text, found)
            return found
        shared = without_constants(text) if len(text) <= MAX_PLAN_BYTES else None
        key = text if shared is None else shared
        if len(key) > _LONG_BYTES:
            key = hashlib.blake2b(key, digest_size=16).digest()
        found = self.known.get(key)
        if found is None:
            found = self._old.get(key) or self._by_fingerprint(text)
            self._remember(key, found)
        if comes_again:
            self._remember(text, found)
        return found

    def call(self, entry: Entry, ms: float, listed: bytes | None) -> None:
        """One call with its duration, and its values as the log lists them."""
        counts = entry.by_duration
        counts.calls += 1
        counts.total += ms
        if ms < counts.smallest:
            counts.smallest = ms
        if ms > counts.most:
            counts.most = ms
        if listed is not None:
            calls = counts.calls
            if ms > entry.above or ms < entry.below or calls & (calls - 1) == 0:
                self._keep_values(entry, ms, listed, calls)

    def plan(self, entry: Entry, ms: float, plan: LoggedPlan, *, nested: bool) -> None:
        """One call with its plan; nested: it ran within another statement, which its time is part of already."""
        (entry.nested if nested else entry.by_plan).add(ms)
        if plan.values is not None and not entry.by_duration.calls:
            self._keep_values(entry, ms, plan.values, max(1, entry.by_plan.calls))
        self.long_plans += len(plan.body) > MAX_PLAN_BYTES
        self._weigh(entry.keep_plan(ms, plan))

    def _keep_values(self, entry: Entry, ms: float, listed: bytes, number: int) -> None:
        if len(listed) > MAX_VALUES_BYTES:
            self.long_values += 1
        elif kept := entry.keep_values(ms, listed, number):
            self._weigh(kept)

    def _by_fingerprint(self, text: bytes) -> Entry:
        fingerprint = self._fingerprint(text_of(text))
        found = self._entries.get(fingerprint)
        if found is None:
            found = Entry(fingerprint, text)
            self._weigh(found.weight)
            if len(self._entries) >= 2 * MAX_STATEMENTS:
                self._prune()
            self._entries[fingerprint] = found
        return found

    def _remember(self, key: bytes, entry: Entry) -> None:
        """Notes a key in the newer of two halves; when that is full, the older is forgotten."""
        self.known[key] = entry
        self._cached += len(key) + 100
        if self._cached > _CACHED_BYTES:
            self._old, self.known, self._cached = self.known, {}, 0

    def _weigh(self, more: int) -> None:
        """Notes bytes kept; what was kept before and no longer is, is found out when they are too many."""
        self._weight += more
        if self._weight > MAX_KEPT_BYTES:
            self._weight = sum(entry.weight for entry in self._entries.values())
            if self._weight > MAX_KEPT_BYTES * 3 // 4:
                self._prune()

    def _prune(self) -> None:
        """Drops the statements that took the least time, so that half of what is allowed is left."""
        weight = 0
        kept: dict[str, Entry] = {}
        entries = sorted(self._entries.values(), key=_cost)
        for entry in entries:
            weight += entry.weight
            if len(kept) < MAX_STATEMENTS and (weight <= MAX_KEPT_BYTES // 2 or not kept):
                kept[entry.fingerprint] = entry
                self._weight = weight
                continue
            counts = entry.counts
            self.dropped_statements += 1
            self.dropped.calls += counts.calls
            self.dropped.total += counts.total
        self._entries = kept
        self.known, self._old, self._cached = {}, {}, 0


def _cost(entry: Entry) -> tuple[float, str]:
    return (-entry.counts.total, entry.fingerprint)


def _kept(
    calls: list[tuple[float, bytes]], ms: float, listed: bytes, most: int, *, slowest: bool
) -> list[tuple[float, bytes]]:
    """The slowest or fastest of these calls and one more, each list of values once."""
    others = [call for call in calls if call[1] != listed]
    same = [call[0] for call in calls if call[1] == listed]
    mine = max([ms, *same]) if slowest else min([ms, *same])
    return sorted([*others, (mine, listed)], key=lambda call: -call[0] if slowest else call[0])[:most]


def all_calls(entry: Entry) -> Iterator[tuple[float, bytes]]:
    """The calls kept of a statement, each list of values once, slowest first."""
    seen: dict[bytes, float] = {}
    for ms, listed in (*entry.slowest, *entry.between, *entry.fastest):
        seen.setdefault(listed, ms)
    yield from sorted(((ms, listed) for listed, ms in seen.items()), key=lambda call: (-call[0], call[1]))


def without_constants(text: bytes) -> bytes | None:
    """What texts share that differ in simple constants alone; None where that cannot be told at a glance.

    Texts with the same one have the same fingerprint, which takes ten times as long to find.
    """
    if b"--" in text or b"/*" in text or b"\\" in text or (b"$" in text and _DOLLAR_QUOTE.search(text)):
        return None
    for found in _NUMBER_IN_PARENTHESES.finditer(text):
        start = found.start()
        if text[max(0, start - _TYPE_BYTES) : start].rstrip().lower().endswith(_MODIFIED):
            return None
    quoted = b"".join(_QUOTED.findall(text)) if b'"' in text else b""
    if b"'" in quoted:
        return None
    constant = _LONG_CONSTANT if b"by" in text.lower() else _CONSTANT
    shared = constant.sub(b"?", text)
    return b"%b\0%b" % (quoted, shared) if quoted else shared
