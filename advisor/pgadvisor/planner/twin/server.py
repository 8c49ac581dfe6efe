"""The private server of a twin: which programs it runs from, and how it is set up."""

from __future__ import annotations

from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer, LocalServerError, find_binaries
from pgadvisor.planner.protocol import PlannerError

_SETTINGS = {
    # It would truncate the hollow tables and put other statistics in place.
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "20",
    "max_locks_per_transaction": "10000",
    "bgwriter_lru_maxpages": "0",
    "checkpoint_timeout": "1d",
}


def start_server(facts: Facts, where: str = "auto") -> LocalServer:
    """A started server for a twin. where: a path of server programs, auto or docker.

    Raises PlannerError where there is none.
    """
    try:
        try:
            binaries = find_binaries(major=facts.server.major)
        except LocalServerError:
            binaries = find_binaries()
        server = LocalServer(binaries, settings=_SETTINGS)
        server.start()
    except LocalServerError as error:
        raise PlannerError(str(error)) from error
    return server
