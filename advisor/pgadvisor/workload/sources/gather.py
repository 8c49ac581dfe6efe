"""Statements of a source as they are met: equal ones are one, and there are never more than can be held."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pgadvisor.workload.fingerprint import fingerprint
from pgadvisor.workload.lexer import lex
from pgadvisor.workload.normalise import normalised
from pgadvisor.workload.secrets import without_secrets
from pgadvisor.workload.sources.source import SourceCall, SourceStatement, SourceWorkload
from pgadvisor.workload.telling_texts import names_secrets

# So many different statements are held, and so many characters of their texts; beyond that the cheapest are let go.
MAX_STATEMENTS = 10_000
MAX_CHARS = 64_000_000
# So many calls of a statement are kept with their values.
MAX_CALLS = 8


@dataclass
class Counted:
    """What a source says of one entry; times in milliseconds, toplevel None where it does not say."""

    calls: int = 1
    total_ms: float = 0.0
    min_ms: float | None = None
    max_ms: float | None = None
    rows: int = 0
    query_id: str | None = None
    role: str | None = None
    toplevel: bool | None = None

    @property
    def mean_ms(self) -> float:
        """The time of one call."""
        return self.total_ms / self.calls if self.calls else 0.0


@dataclass
class Gathered:
    """The statements of one source so far. calls and total_ms are of all, let_go of them counts those not held."""

    statements: dict[str, SourceStatement] = field(default_factory=dict)
    calls: int = 0
    total_ms: float = 0.0
    let_go: int = 0
    _chars: int = 0

    def add(self, text: str, counted: Counted) -> None:
        """Takes an entry in. Constants of the text become values of one call, secrets are left out."""
        print_ = fingerprint(text)
        self.calls += counted.calls
        self.total_ms += counted.total_ms
        found = self.statements.get(print_)
        values: tuple[str, ...] = ()
        if found is None or len(found.calls_seen) < MAX_CALLS or counted.total_ms:
            harmless = without_secrets(text)
            made = normalised(harmless)
            values = made.values if harmless == text and not names_secrets(text) else ()
            text = made.text
        if found is None:
            found = self.statements[print_] = SourceStatement(
                fingerprint=print_, text=text, query_id=counted.query_id, role=counted.role
            )
            self._chars += len(text)
        _count(found, counted)
        if values and _alike(text, found.text):
            _keep(found, SourceCall(values, counted.mean_ms or None))
        if len(self.statements) > MAX_STATEMENTS or self._chars > MAX_CHARS:
            self._let_go()

    def _let_go(self) -> None:
        """Keeps the costlier half."""
        order = sorted(self.statements.values(), key=lambda each: (-each.total_ms, -each.calls, each.fingerprint))
        kept = order[: len(order) // 2]
        self.let_go += len(order) - len(kept)
        self.statements = {each.fingerprint: each for each in kept}
        self._chars = sum(len(each.text) for each in kept)

    def into(self, workload: SourceWorkload) -> None:
        """Hands the statements over, the costliest first."""
        order = sorted(self.statements.values(), key=lambda each: (-each.total_ms, -each.calls))
        workload.statements.update((each.fingerprint, each) for each in order)


def _count(found: SourceStatement, counted: Counted) -> None:
    if counted.toplevel is False:
        if found.nested is None:
            found.nested = SourceStatement(fingerprint=found.fingerprint, text=found.text)
        found = found.nested
    low = counted.mean_ms if counted.min_ms is None else counted.min_ms
    high = counted.mean_ms if counted.max_ms is None else counted.max_ms
    found.min_ms = min(found.min_ms, low) if found.calls else low
    found.max_ms = max(found.max_ms, high)
    found.calls += counted.calls
    found.total_ms += counted.total_ms
    found.rows += counted.rows


def _alike(one: str, other: str) -> bool:
    """Whether two texts have the same parameters in the same places: apart in blanks, comments and case at most."""
    if one == other:
        return True
    tokens = [[lexed.of(token).lower() for token in lexed.tokens] for lexed in (lex(one), lex(other))]
    return tokens[0] == tokens[1]


def _keep(found: SourceStatement, call: SourceCall) -> None:
    """Keeps the slowest and the fastest calls and some in between; where times are not known, the first ones."""
    seen = found.calls_seen
    if any(each.values == call.values for each in seen):
        return
    seen.append(call)
    if len(seen) > MAX_CALLS:
        if all(each.duration_ms is None for each in seen):
            seen.pop()
            return
        seen.sort(key=lambda each: each.duration_ms or 0.0)
        seen.pop(_crowded([each.duration_ms or 0.0 for each in seen]))


def _crowded(times: list[float]) -> int:
    """Which of several times in order can be spared: the inner one whose neighbours are closest to each other."""
    gaps = {index: math.log1p(times[index + 1]) - math.log1p(times[index - 1]) for index in range(1, len(times) - 1)}
    return min(gaps, key=lambda index: (gaps[index], index))
