"""Connections to a server of our own, whatever the environment says of connections to the user's."""

from __future__ import annotations

# What libpq takes from variables such as PGHOSTADDR, or from the service that PGSERVICE names, unless it is given
# (https://www.postgresql.org/docs/current/libpq-envars.html): it would lead to another server, or keep us from ours.
_GIVEN = {
    "hostaddr": "",
    "options": "",
    "client_encoding": "UTF8",
    "connect_timeout": "0",
    "sslmode": "disable",
    "sslnegotiation": "postgres",
    "sslrootcert": "",
    "sslcertmode": "disable",
    "ssl_min_protocol_version": "",
    "ssl_max_protocol_version": "",
    "gssencmode": "disable",
    "channel_binding": "disable",
    "require_auth": "",
    "requirepeer": "",
    "min_protocol_version": "3.0",
    "max_protocol_version": "3.0",
    "target_session_attrs": "any",
    "load_balance_hosts": "disable",
}


def of_our_own(dsn: str) -> str:
    """The key=value connection string of a server of our own with all said that the environment would say else."""
    from psycopg import pq  # heavy, and not needed where nothing is connected to

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    return " ".join([dsn, *(f"{name}='{value}'" for name, value in _GIVEN.items() if name in known)])
