"""Reads who the server is, under which settings it runs, and what it is doing."""

from __future__ import annotations

import msgspec
import psycopg

from pgadvisor.model.activity import Activity
from pgadvisor.model.coverage import Fact, Gap, Presence
from pgadvisor.model.server import Server, Setting
from pgadvisor.postgres.batches import strong_locks
from pgadvisor.postgres.gaps import is_lost
from pgadvisor.postgres.reader import Reader, convert


def read_server(reader: Reader) -> None:
    """Identity, settings, extensions, and the role's own position."""
    reader.present(Fact.SERVER, Presence.ABSENT)
    reader.present(Fact.SETTINGS, Presence.ABSENT)
    reader.progress("Reading the server's settings")
    rows = reader.rows(Fact.SERVER, "server", "the server's identity")
    if not rows:
        return
    server = msgspec.convert(rows[0], Server)
    info = reader.session.connection.info
    settings = reader.rows(Fact.SETTINGS, "settings", "settings", remedy="GRANT pg_read_all_settings to the role.")
    memberships = reader.rows(Fact.SERVER, "memberships", "the role's memberships")
    reader.into.server = msgspec.structs.replace(
        server,
        search_path=_search_path(reader),
        memberships=tuple(row["name"] for row in memberships or ()),
        host=info.host or None,
        port=info.port,
        system_identifier=_system_identifier(reader),
        settings=convert(settings or (), Setting),
        extensions=reader.extensions,
    )
    reader.present(Fact.SERVER, Presence.PARTIAL if memberships is None else Presence.PRESENT)
    if settings is not None:
        reader.present(Fact.SETTINGS)


def _search_path(reader: Reader) -> tuple[str, ...]:
    """The role's own, which our transactions otherwise replace."""
    try:
        with reader.session.transaction(search_path=None) as transaction:
            return tuple(transaction.row(reader.queries["search_path"])["search_path"])
    except psycopg.Error as error:
        reader.failed(error, Fact.SERVER, "the role's search_path")
        return ()


def _system_identifier(reader: Reader) -> str | None:
    """None where the role may not know it, which nothing depends on."""
    try:
        with reader.session.transaction() as transaction:
            return str(transaction.row(reader.queries["system_identifier"])["system_identifier"])
    except psycopg.Error as error:
        if is_lost(reader.session, error):
            raise
        return None


def read_activity(reader: Reader) -> None:
    """Sessions, locks and standbys at this moment."""
    reader.present(Fact.ACTIVITY, Presence.ABSENT)
    reader.progress("Reading activity")
    rows = reader.rows(Fact.ACTIVITY, "activity", "the server's activity")
    if not rows:
        return
    activity = msgspec.convert(rows[0], Activity)
    locks = strong_locks(reader, Fact.ACTIVITY)
    reader.into.activity = msgspec.structs.replace(activity, strong_locks=tuple(sorted(locks)))
    hidden = rows[0]["hidden_sessions"]
    if hidden:
        reader.into.gaps.append(
            Gap(
                fact=Fact.ACTIVITY,
                scope="",
                reason=f"What {hidden} sessions of other roles do is hidden; a longer transaction may be open",
                remedy="GRANT pg_read_all_stats to the role.",
            )
        )
    reader.present(Fact.ACTIVITY, Presence.PARTIAL if hidden else Presence.PRESENT)
