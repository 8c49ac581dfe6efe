"""Reads who the server is, and under which settings it runs."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg

from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.server import Server, Setting, SettingOverride
from pgadvisor.postgres.gaps import is_lost
from pgadvisor.postgres.reader import Reader, convert
from pgadvisor.postgres.services import SIGN_NAMES, service_of


def read_server(reader: Reader) -> None:
    """Identity, settings and what overrides them, extensions, and the role's own position."""
    for fact in (Fact.SERVER, Fact.SETTINGS, Fact.SETTING_OVERRIDES):
        reader.present(fact, Presence.ABSENT)
    reader.progress("Reading the server's settings")
    gaps_before = len(reader.into.gaps)
    rows = reader.rows(Fact.SERVER, "server", "the server's identity")
    if not rows:
        return
    server = msgspec.convert(rows[0], Server)
    info = reader.session.connection.info
    settings = reader.rows(Fact.SETTINGS, "settings", "settings", remedy="GRANT pg_read_all_settings to the role.")
    overrides = reader.rows(Fact.SETTING_OVERRIDES, "setting_overrides", "settings of roles and of the database")
    memberships = reader.rows(Fact.SERVER, "memberships", "the role's memberships")
    signs = reader.rows(
        Fact.SERVER, "service_signs", "what a managed service is known by", parameters={"names": list(SIGN_NAMES)}
    )
    reader.into.server = msgspec.structs.replace(
        server,
        search_path=_search_path(reader),
        memberships=tuple(row["name"] for row in memberships or ()),
        host=info.host or None,
        port=info.port,
        system_identifier=_optional(reader, "system_identifier", "the server's system identifier"),
        timeline=_optional(reader, "timeline", "the server's timeline"),
        service=service_of((row["kind"], row["name"]) for row in signs or ()),
        overrides=convert(overrides or (), SettingOverride),
        settings=convert(settings or (), Setting),
        extensions=reader.extensions,
    )
    missed = [gap for gap in reader.into.gaps[gaps_before:] if gap.fact is Fact.SERVER]
    reader.present(Fact.SERVER, Presence.PARTIAL if missed or reader.unprobed is not None else Presence.PRESENT)
    for fact, answer in ((Fact.SETTINGS, settings), (Fact.SETTING_OVERRIDES, overrides)):
        if answer is not None:
            reader.present(fact)


def _search_path(reader: Reader) -> tuple[str, ...]:
    """The role's own, which our transactions otherwise replace."""
    try:
        with reader.session.transaction(search_path=None) as transaction:
            return tuple(transaction.row(reader.queries["search_path"])["search_path"])
    except psycopg.Error as error:
        reader.failed(error, Fact.SERVER, "the role's search_path")
        return ()


def _optional(reader: Reader, question: str, what: str) -> Any:  # noqa: ANN401  as the column of that name
    """The only value of an answer; None where the role may not know it, which is no gap: few may, and few need it."""
    try:
        with reader.session.transaction() as transaction:
            return transaction.row(reader.queries[question])[question]
    except psycopg.errors.QueryCanceled as error:
        reader.failed(error, Fact.SERVER, what)
    except psycopg.Error as error:
        if is_lost(reader.session, error):
            raise
    return None
