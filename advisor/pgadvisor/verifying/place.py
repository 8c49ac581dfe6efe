"""Whether a database is a copy that indexes may be built on, and not the one that the report is about.

Three things are asked of it. It carries a marker that a superuser gave it. It takes writes. And it is not the audited
server under another name: that a server's postmaster started at another moment tells it apart, unless it was merely
restarted since; then addresses have to, or what its files were made with. Copies of files share that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.report import Report, Source
from pgadvisor.postgres.gaps import raise_if_lost
from pgadvisor.verifying.questions import ask

if TYPE_CHECKING:
    from pgadvisor.postgres.session import Session

MARKED = "yes"
_AGAIN = "Audit again: a report made after that copy was started tells the two apart."


class NotACopyError(Exception):
    """Nothing is built there; the message says why, and what to do."""


@dataclass(frozen=True)
class Place:
    """A database of a server. marker is what ALTER DATABASE gave it, None where nothing.

    address and address_port are the server's own, None over a Unix socket; system_identifier is None where the role may
    not see it.
    """

    database: str
    server_version: str
    in_recovery: bool
    started_at: datetime
    now: datetime
    address: str | None
    address_port: int | None
    marker: str | None
    system_identifier: str | None


def place_of(session: Session) -> Place:
    """Where a session is. Raises psycopg.OperationalError where the connection is lost."""
    with session.transaction() as transaction:
        (row,) = ask(transaction, "place")
    try:
        with session.transaction() as transaction:
            (found,) = ask(transaction, "system_identifier")
    except psycopg.Error as error:
        raise_if_lost(session, error)
        found = {"system_identifier": None}
    return Place(**row, **found)


def check_place(place: Place, report: Report) -> None:
    """Raises NotACopyError unless indexes may be built there for the sake of this report."""
    named = quote_identifier(place.database)
    if (place.marker or "").strip().lower() != MARKED:
        raise NotACopyError(
            f"The database {place.database} is not marked as a copy, and nothing is built on what may be production. "
            f"If it is one, say so as a superuser: ALTER DATABASE {named} SET pgadvisor.copy = '{MARKED}';"
        )
    if place.in_recovery:
        raise NotACopyError(
            "The server is a standby, on which no index can be built. Name a copy that takes writes: a restored backup "
            "or a standby that was promoted for this."
        )
    if report.trust.contents.redacted or report.trust.contents.names_redacted:
        raise NotACopyError(
            "The report is about a snapshot whose values or names were replaced, so it does not say which server it is "
            "about. Name a report of what was collected as it is."
        )
    for started_at in _starts(report):
        if started_at == place.started_at:
            raise NotACopyError(
                f"The server started at the same moment as the audited one ({started_at.isoformat()}): it is that one, "
                "whatever its address. Name a copy that runs on a server of its own."
            )
    for source in (report.source, *report.databases):
        _check_source(place, source)


def _starts(report: Report) -> Iterator[datetime]:
    for source in (report.source, *report.databases):
        yield source.started_at
        for host in source.hosts:
            yield host.started_at


def _check_source(place: Place, source: Source) -> None:
    """Raises NotACopyError where the server may be the audited one, restarted since."""
    # While the audited server was looked at, this one had been running already: they are two.
    if place.started_at < source.collected_at:
        return
    identifiers = {place.system_identifier, source.system_identifier}
    if None not in identifiers and len(identifiers) > 1:
        return
    if None in (place.address, source.address):
        raise NotACopyError(
            "The server started after the report was made, and one of the two was reached by a Unix socket: it cannot "
            f"be told from the audited one, restarted. {_AGAIN}"
        )
    if place.address_port != source.address_port:
        return
    if place.address == source.address or _is_loopback(place.address) or _is_loopback(source.address):
        raise NotACopyError(
            f"The server at {place.address} port {place.address_port} may be the audited one "
            f"({source.address} port {source.address_port}), restarted since the report was made. {_AGAIN}"
        )


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True
