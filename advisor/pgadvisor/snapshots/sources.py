"""Statements of files and logs, put among those that a server has counted."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from pgadvisor.masking import MASK
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Fact, FactCoverage, Gap, Presence
from pgadvisor.model.plans import ObservedPlan, PlanMethod, ValueChoice
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import (
    ParameterSample,
    SourceKind,
    StatementRow,
    Statements,
    StatementSource,
    StatementText,
)
from pgadvisor.snapshots.check import wrong_in_plan
from pgadvisor.snapshots.sealing import sealed
from pgadvisor.workload.fingerprint import fingerprint
from pgadvisor.workload.folding import entries_of
from pgadvisor.workload.lexer import Kind, first_keyword, lex
from pgadvisor.workload.normalise import normalised
from pgadvisor.workload.numbered_values import values_by_number
from pgadvisor.workload.secrets import without_secrets
from pgadvisor.workload.sources.source import SourceStatement, SourceWorkload
from pgadvisor.workload.telling_texts import names_secrets

# So many calls with their values, and so many plans of a log, are kept of a statement.
MAX_SAMPLES = 8
MAX_PLANS = 5
# Of a longer text no constants are looked for.
MAX_SAMPLE_CHARS = 100_000
# Commands that have a plan.
_PLANNED = frozenset(("select", "with", "values", "table", "insert", "update", "delete", "merge"))
# What is before a fingerprint where it is an id.
_MARK = "f"
_ID = re.compile(rf"{_MARK}[0-9a-f]{{16}}")


def is_of_file(query_id: str) -> bool:
    """Whether an id is of a statement that no server has an entry of.

    >>> is_of_file("f00112233445566ff"), is_of_file("-1234")
    (True, False)
    """
    return _ID.fullmatch(query_id) is not None


@dataclass
class Merged:
    """Statements with those of sources among them, the plans that logs held, and what was missing in any.

    query_ids are the statements of each source, in the order of the sources.
    """

    statements: Statements
    plans: tuple[ObservedPlan, ...] = ()
    gaps: tuple[Gap, ...] = ()
    query_ids: tuple[tuple[str, ...], ...] = ()


def with_sources(
    statements: Statements, sources: Sequence[SourceWorkload], known: Sequence[StatementText], count: int
) -> Merged:
    """The statements with those of sources: equal ones are one, by the server's id where a log says it, else by text.

    known are the texts of the server's entries, chosen or not. Of files at most count more statements get their texts,
    the costliest first. Counts of SQL files and exports are added to the server's; those of logs count where neither
    the server nor a file has counted the statement. Values and plans are kept of all.
    """
    merging = _Merging(statements, known)
    # A log counts what the others have counted too, so it comes last.
    ordered = sorted(sources, key=lambda each: each.source.kind is SourceKind.LOG)
    made = {id(each): merging.take(each) for each in ordered}
    return Merged(
        statements=merging.statements(count, tuple(made[id(each)] for each in sources)),
        plans=tuple(merging.plans),
        gaps=tuple(gap for each in sources for gap in each.gaps) + merging.gaps(),
        query_ids=tuple(merging.query_ids[id(each)] for each in sources),
    )


def put_in(snapshot: Snapshot, sources: Sequence[SourceWorkload], count: int) -> Snapshot:
    """A snapshot with statements of sources among its own, without secrets; none of them is planned."""
    statements = snapshot.statements or nothing_counted(snapshot.server.collected_at, sources)
    merged = with_sources(statements, sources, statements.texts, count)
    plans = (*snapshot.plans, *merged.plans)
    without_plans = tuple(_without_plans(sources, merged, plans))
    coverage = snapshot.coverage
    facts = coverage.facts
    if coverage.presence(Fact.STATEMENTS) is Presence.ABSENT:
        others = (entry for entry in facts if entry.fact is not Fact.STATEMENTS)
        facts = (*others, FactCoverage(fact=Fact.STATEMENTS, presence=Presence.PARTIAL))
    return sealed(
        msgspec.structs.replace(
            snapshot,
            statements=merged.statements,
            plans=plans,
            # What the files hold was not redacted.
            contents=msgspec.structs.replace(snapshot.contents, redacted=False),
            coverage=msgspec.structs.replace(
                coverage, facts=facts, gaps=(*coverage.gaps, *merged.gaps, *without_plans)
            ),
        )
    )


def _without_plans(sources: Sequence[SourceWorkload], merged: Merged, plans: Sequence[ObservedPlan]) -> Iterator[Gap]:
    """A gap for each source of whose statements a snapshot has no plans, as far as they could have any."""
    planned = {plan.query_id for plan in plans}
    texts = {query_id: text for text in merged.statements.texts for query_id in entries_of(text)}
    for source, query_ids in zip(sources, merged.query_ids, strict=True):
        found = {texts[query_id].query_id: texts[query_id].text for query_id in query_ids if query_id in texts}
        missing = [
            query_id
            for query_id, text in found.items()
            if text is not None and query_id not in planned and first_keyword(text) in _PLANNED
        ]
        if missing:
            name = source.source.name
            count = f"{len(missing)} statement{'' if len(missing) == 1 else 's'}"
            yield Gap(
                fact=Fact.PLANS,
                scope=f"file {name}",
                reason=f"The snapshot holds no plan of {count} from {name}, and without a server none is made",
                remedy="Give the file to pgadvisor collect or audit with --workload: then the server plans them.",
            )


def nothing_counted(at: datetime, sources: Sequence[SourceWorkload]) -> Statements:
    """Statements of a server that has counted none; their window is what logs say."""
    since = min((each.source.since for each in sources if each.source.since is not None), default=None)
    until = max((each.source.until for each in sources if each.source.until is not None), default=None)
    if since is None or until is None:
        return Statements(window=Window(since=None, until=at, source="files of statements"))
    return Statements(window=Window(since=since, until=until, source="the first record of the logs"))


@dataclass
class _Entry:
    """A statement that sources know: its text, its numbers by nesting, and calls with their values."""

    query_id: str
    text: StatementText
    rows: dict[bool, StatementRow] = field(default_factory=dict)
    samples: list[ParameterSample] = field(default_factory=list)
    plans: int = 0
    by_files: bool = False

    @property
    def total_ms(self) -> float:
        """Of all sources together, as far as they count."""
        return sum(row.total_ms for row in self.rows.values())

    @property
    def calls(self) -> int:
        """Of all sources together, as far as they count."""
        return sum(row.calls for row in self.rows.values())


class _Merging:
    """Sources, one after the other, on their way into the statements of a server."""

    def __init__(self, statements: Statements, known: Sequence[StatementText]) -> None:
        self._base = statements
        self._levels = any(row.toplevel is not None for row in statements.rows)
        self._by_id = {query_id: text for text in known for query_id in entries_of(text)}
        self._by_print: dict[str, StatementText] = {}
        for text in known:
            if text.text is not None:
                self._by_print.setdefault(fingerprint(text.text), text)
        # Entries whose texts were not read.
        self._counted = {row.query_id for row in statements.rows}
        self._entries: dict[str, _Entry] = {}
        self._bad_plans: dict[str, int] = defaultdict(int)
        self.plans: list[ObservedPlan] = []
        self.query_ids: dict[int, tuple[str, ...]] = {}

    def take(self, workload: SourceWorkload) -> StatementSource:
        """Takes in one source; what it says of itself, with whether all its numbers count."""
        source = workload.source
        is_log = source.kind is SourceKind.LOG
        counted = True
        entries = [(self._entry(statement), statement) for statement in workload.statements.values()]
        self.query_ids[id(workload)] = tuple(dict.fromkeys(entry.query_id for entry, _ in entries))
        for entry, statement in entries:
            # What a snapshot has from files or logs already is among its rows.
            if is_log and (entry.by_files or not is_of_file(entry.query_id) or entry.query_id in self._counted):
                counted = counted and not statement.calls
            else:
                self._count(entry, statement)
                entry.by_files = entry.by_files or not is_log
            self._sample(entry, statement, source)
            self._keep_plans(entry, statement, source)
        return msgspec.structs.replace(source, counted=counted)

    def _entry(self, statement: SourceStatement) -> _Entry:
        server = self._by_id.get(statement.query_id or "") or self._by_print.get(statement.fingerprint)
        if server is not None:
            query_id, text = server.query_id, server
        elif statement.query_id in self._counted:
            query_id = statement.query_id or ""
            text = _text(query_id, statement)
        else:
            query_id = f"{_MARK}{statement.fingerprint}"
            text = _text(query_id, statement)
        return self._entries.setdefault(query_id, _Entry(query_id, text))

    def _count(self, entry: _Entry, statement: SourceStatement) -> None:
        for part, toplevel in ((statement, True), (statement.nested, False)):
            if part is None or (statement.nested is not None and not part.calls):
                continue
            row = entry.rows.get(toplevel)
            calls = part.calls + (0 if row is None else row.calls)
            total = part.total_ms + (0.0 if row is None else row.total_ms)
            entry.rows[toplevel] = StatementRow(
                query_id=entry.query_id,
                user_oid=0,
                toplevel=toplevel if self._levels or not toplevel else None,
                calls=calls,
                total_ms=total,
                min_ms=part.min_ms if row is None or not row.calls else min(row.min_ms, part.min_ms),
                max_ms=max(part.max_ms, 0.0 if row is None else row.max_ms),
                mean_ms=total / calls if calls else 0.0,
                stddev_ms=0.0,
                rows=part.rows + (0 if row is None else row.rows),
            )

    def _sample(self, entry: _Entry, statement: SourceStatement, source: StatementSource) -> None:
        """Keeps the values of calls that fit the parameters of the text."""
        text = entry.text.text
        if text is None or names_secrets(text) or len(statement.text) > MAX_SAMPLE_CHARS:
            return
        where = "log" if source.kind is SourceKind.LOG else "file"
        calls = [(call.values, call.duration_ms) for call in statement.calls_seen] or [((), None)]
        for bound, duration_ms in calls:
            values = values_by_number(text, statement.text, bound)
            if values is None:
                # Ours are written otherwise than the call where they say date '2020-01-01' by a cast.
                values = bound or normalised(statement.text).values
            # With a constant that was hidden it is no call that there was.
            if values and MASK not in values and len(values) == _parameters(text):
                entry.samples.append(
                    ParameterSample(query_id=entry.query_id, values=values, source=where, duration_ms=duration_ms)
                )
        entry.samples[:] = _spread(entry.samples)

    def _keep_plans(self, entry: _Entry, statement: SourceStatement, source: StatementSource) -> None:
        for plan in statement.plans:
            if wrong_in_plan(plan) is not None:
                self._bad_plans[source.name] += 1
            elif entry.plans < MAX_PLANS:
                entry.plans += 1
                self.plans.append(
                    ObservedPlan(
                        query_id=entry.query_id,
                        method=PlanMethod.LOGGED,
                        plan=plan,
                        planner=f"auto_explain, {source.name}",
                        values=ValueChoice.LOGGED,
                    )
                )

    def statements(self, count: int, sources: tuple[StatementSource, ...]) -> Statements:
        """All of them, with the texts of those that files and logs are about."""
        base = self._base
        own = sorted(self._entries.values(), key=lambda entry: (-entry.total_ms, -entry.calls))
        have = {query_id for text in base.texts for query_id in entries_of(text)}
        more = [entry.text for entry in own if entry.query_id not in have][:count]
        rows = [row for entry in own for row in entry.rows.values()]
        # What was only seen in a log that does not count it is a statement all the same.
        rows += [idle(entry.query_id) for entry in own if not entry.rows and entry.query_id not in self._counted]
        return msgspec.structs.replace(
            base,
            rows=(*base.rows, *rows),
            texts=(*base.texts, *more),
            samples=(*base.samples, *(sample for entry in own for sample in entry.samples)),
            sources=(*base.sources, *sources),
        )

    def gaps(self) -> tuple[Gap, ...]:
        """Plans that are none."""
        return tuple(
            Gap(
                fact=Fact.PLANS,
                scope=f"file {name}",
                reason=f"{bad} plan{' is' if bad == 1 else 's are'} no plan as EXPLAIN shows it",
            )
            for name, bad in self._bad_plans.items()
        )


def _text(query_id: str, statement: SourceStatement) -> StatementText:
    """The text of a statement that no text of the server stands for."""
    text = normalised(without_secrets(statement.text)).text
    return StatementText(query_id=query_id, text=text, source_bytes=len(text.encode("utf-8", "replace")))


def _parameters(text: str) -> int:
    """How many parameters a text has; 0 where they are not numbered from 1 on without a gap."""
    numbers = {int(text[start + 1 : end]) for kind, start, end in lex(text).tokens if kind is Kind.PARAMETER}
    return len(numbers) if numbers == set(range(1, len(numbers) + 1)) else 0


def idle(query_id: str) -> StatementRow:
    """The row of a statement that was never counted."""
    return StatementRow(
        query_id=query_id,
        user_oid=0,
        calls=0,
        total_ms=0.0,
        min_ms=0.0,
        max_ms=0.0,
        mean_ms=0.0,
        stddev_ms=0.0,
        rows=0,
    )


def _spread(samples: Iterable[ParameterSample]) -> list[ParameterSample]:
    """The slowest, the fastest and some in between, each with other values."""
    different = list({sample.values: sample for sample in samples}.values())
    if len(different) <= MAX_SAMPLES:
        return different
    timed = sorted(
        (sample for sample in different if sample.duration_ms is not None),
        key=lambda sample: (-(sample.duration_ms or 0.0), sample.values != ()),
    )
    untimed = [sample for sample in different if sample.duration_ms is None]
    if len(timed) > MAX_SAMPLES:
        step = (len(timed) - 1) / (MAX_SAMPLES - 1)
        timed = [timed[math.floor(place * step)] for place in range(MAX_SAMPLES)]
    return [*timed, *untimed][:MAX_SAMPLES]
