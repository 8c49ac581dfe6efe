"""The sessions of a run, for tests that meddle with them while it goes on."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.postgres.session import Session


def noted_sessions(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """A list to which collection adds each session that it opens."""
    sessions: list[Session] = []

    class Noted(Session):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            sessions.append(self)

    monkeypatch.setattr("pgadvisor.collecting.look.Session", Noted)
    return sessions
