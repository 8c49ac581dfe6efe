"""What would make the next look see more."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from pgadvisor.advise.hints import hints
from pgadvisor.model.counters import Window
from pgadvisor.model.snapshot import Snapshot
from support.snapshots import snapshot

SHORT, LONG = timedelta(hours=5), timedelta(days=9)


def watched(counters: timedelta, statements: timedelta) -> Snapshot:
    made = snapshot({"tables": {"public.t": {"rows": 1, "columns": ["a int"]}}, "statements": [{"id": "1"}]})
    assert made.counters is not None
    assert made.statements is not None
    until = made.server.collected_at

    def window(length: timedelta) -> Window:
        return Window(since=until - length, until=until, source="test")

    return msgspec.structs.replace(
        made,
        counters=msgspec.structs.replace(made.counters, window=window(counters)),
        statements=msgspec.structs.replace(made.statements, window=window(statements)),
    )


@pytest.mark.parametrize(
    ("counters", "statements", "said"),
    [
        (SHORT, SHORT, ["Statements and the use of tables and indexes have"]),
        (SHORT, LONG, ["The use of tables and indexes has"]),
        (LONG, SHORT, ["Statements have"]),
        (LONG, LONG, []),
    ],
)
def test_short_windows_are_one_hint(counters: timedelta, statements: timedelta, said: list[str]) -> None:
    told = [hint for hint in hints(watched(counters, statements)) if "less than a day" in hint]
    assert [hint.split(" been counted")[0] for hint in told] == said
