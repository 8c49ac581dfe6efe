"""Which snapshots are of the same database, and which of the same server."""

from __future__ import annotations

from pgadvisor.model.server import Server
from pgadvisor.model.snapshot import Snapshot

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def host_name(server: Server) -> str:
    """What a server is called in a report: as the client asked for it, else by its own address."""
    if server.host and not server.host.startswith("/"):
        return server.host if server.port is None else f"{server.host}:{server.port}"
    if server.address:
        return server.address if server.address_port is None else f"{server.address}:{server.address_port}"
    return f"{server.host or 'local socket'}:{server.port}" if server.port else server.host or "local socket"


def look(snapshot: Snapshot) -> str:
    """A snapshot in a sentence."""
    server = snapshot.server
    return f"the one of {server.database} on {host_name(server)} at {server.collected_at:%Y-%m-%d %H:%M:%S} UTC"


def same_database(first: Server, second: Server) -> bool:
    """Whether two looks were at the same database, on one server or on copies of it.

    A physical standby has the primary's system identifier and the same oids. Where an identifier is not known, it must
    be the same server. A new cluster under the old name (after an upgrade, or restored from a dump) is the same
    database if it was started after the old one was looked at.
    """
    if first.database != second.database:
        return False
    if first.system_identifier is None or second.system_identifier is None:
        return same_node(first, second)
    if first.system_identifier == second.system_identifier:
        # A database that was dropped and restored has another oid.
        return first.database_oid == second.database_oid or same_node(first, second)
    return succeeds(first, second)


def succeeds(first: Server, second: Server) -> bool:
    """Whether one of two different clusters took the other's place: same name in the network, started later."""
    old, new = sorted((first, second), key=lambda server: server.collected_at)
    remote = bool(old.host) and not str(old.host).startswith("/") and old.host not in _LOCAL
    return remote and (old.host, old.port) == (new.host, new.port) and new.started_at > old.collected_at


def same_cluster(first: Server, second: Server) -> bool | None:
    """Whether oids mean the same in both; None where the identifier of a cluster is not known."""
    if first.database_oid != second.database_oid:
        return False
    if first.system_identifier is None or second.system_identifier is None:
        return None
    return first.system_identifier == second.system_identifier


def same_node(first: Server, second: Server) -> bool:
    """Whether two looks were at the same server: started at the same instant, or in the same place and later.

    Two servers that run at the same time can have the same place, as each is reached over a socket of its own machine;
    then the one looked at later was started before the other was looked at.
    """
    old, new = sorted((first, second), key=lambda server: server.collected_at)
    if old.started_at == new.started_at:
        return True
    if new.started_at <= old.collected_at:
        return False
    if old.address and new.address and (old.host, old.port) != (new.host, new.port):
        return (old.address, old.address_port) == (new.address, new.address_port)
    return (old.host, old.port) == (new.host, new.port)
