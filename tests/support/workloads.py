"""What a database of a test would be asked, as pg_stat_statements counts it and a log has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pgadvisor.analyze import read_facts
from pgadvisor.facts import Facts
from pgadvisor.model.counters import Window
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import ParameterSample, StatementRole, StatementRow, Statements, StatementText

CALLS = 1000


def facts_with(
    snapshot: Snapshot,
    total_ms: Mapping[str, float],
    seen: Mapping[str, Sequence[tuple[str, ...]]] | None = None,
    role: StatementRole | None = None,
) -> Facts:
    """Facts with these statements, by text, each called a thousand times, and with values of calls that were seen.

    role is the one that ran them, nobody that is known without one.
    """
    rows = tuple(
        StatementRow(
            query_id=text,
            user_oid=10 if role is None else role.oid,
            calls=CALLS,
            total_ms=ms,
            min_ms=0.0,
            max_ms=ms,
            mean_ms=ms / CALLS,
            stddev_ms=0.0,
            rows=CALLS,
        )
        for text, ms in total_ms.items()
    )
    samples = tuple(
        ParameterSample(query_id=text, values=values, source="log")
        for text, calls in (seen or {}).items()
        for values in calls
    )
    window = Window(since=None, until=snapshot.server.collected_at, source="test")
    texts = tuple(StatementText(query_id=text, text=text) for text in total_ms)
    roles = () if role is None else (role,)
    found, not_understood = read_facts(
        replace(snapshot, statements=Statements(window=window, rows=rows, texts=texts, samples=samples, roles=roles))
    )
    assert not not_understood
    return found
