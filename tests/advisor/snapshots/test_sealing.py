"""What is no SQL can hold a password as well."""

from __future__ import annotations

import msgspec

from pgadvisor.masking import MASK
from pgadvisor.model.activity import Activity, Replication, SessionState, StandbyState
from pgadvisor.snapshots.sealing import sealed
from support.snapshots import snapshot

SECRET = "hunter2"


def test_names_of_applications_that_are_command_lines() -> None:
    names = (f"psql postgresql://app:{SECRET}@db/shop", f"dump host=db password={SECRET}", "Rails web: [1 of 4]", None)
    sessions = tuple(SessionState(pid=pid, application=name) for pid, name in enumerate(names, start=1))
    standbys = (StandbyState(application=f"walreceiver password={SECRET}"), StandbyState(application="standby1"))
    activity = msgspec.structs.replace(
        snapshot({}).activity or Activity(sessions=1, max_connections=10, waiting_sessions=0),
        noted_sessions=sessions,
        replication=Replication(standbys=standbys),
    )
    kept = sealed(msgspec.structs.replace(snapshot({}), activity=activity)).activity
    assert kept is not None
    assert kept.replication is not None
    assert [session.application for session in kept.noted_sessions] == [MASK, MASK, "Rails web: [1 of 4]", None]
    assert [standby.application for standby in kept.replication.standbys] == [MASK, "standby1"]
