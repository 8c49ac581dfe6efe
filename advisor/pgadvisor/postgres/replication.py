"""Reads where the server stands in replication: who follows it, what slots keep for whom, what it follows itself."""

from __future__ import annotations

import msgspec

from pgadvisor.model.activity import Replication, ReplicationSlot, StandbyState
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.postgres.activity import note_hidden
from pgadvisor.postgres.reader import Reader, convert


def read_replication(reader: Reader) -> None:
    """Standbys, slots, the server upstream and this database's subscriptions."""
    fact = Fact.REPLICATION
    reader.present(fact, Presence.ABSENT)
    reader.progress("Reading replication")
    standbys = reader.rows(fact, "standbys", "the list of standbys")
    slots = reader.rows(fact, "replication_slots", "replication slots")
    position = reader.rows(fact, "replication", "what the server itself follows")
    if reader.into.activity is None or (standbys is None and slots is None and position is None):
        return
    replication = msgspec.convert(position[0], Replication) if position else Replication()
    reader.into.activity = msgspec.structs.replace(
        reader.into.activity,
        replication=msgspec.structs.replace(
            replication, standbys=convert(standbys or (), StandbyState), slots=convert(slots or (), ReplicationSlot)
        ),
    )
    hidden = sum(row["hidden"] for row in standbys or ())
    if hidden:
        note_hidden(reader, fact, f"The state and the lag of {hidden} standbys are hidden")
    receivers = position[0]["hidden_receivers"] if position else 0
    if receivers:
        note_hidden(reader, fact, "Which server this standby follows is hidden")
    whole = not hidden and not receivers and None not in (standbys, slots, position)
    reader.present(fact, Presence.PRESENT if whole else Presence.PARTIAL)
