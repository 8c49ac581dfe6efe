"""Opens the connection, by libpq's conventions, and says in a sentence why it could not."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import conninfo

MIN_VERSION_NUM = 130000

# What libpq and the server say, what it means, and what to do. The server may speak another language than English;
# then its own words are passed on.
_CAUSES = (
    (r"resolve host|could not translate host name|Name or service not known", "there is no host of this name",
     "Check the host name."),
    (r"Connection refused", "nothing accepts connections there",
     "Check host and port, and that the server runs and listens on that address."),
    (r"socket \"[^\"]*\" failed: No such file or directory", "no server has its socket there",
     "Check that the server runs, or name its host and port."),
    (r"timeout expired|connection timeout", "the server did not answer in time",
     "Check host, port and firewalls, or raise --connect-timeout."),
    (r"no password supplied", "the server asks for a password and none was given",
     "Give one in PGPASSWORD, a password file (~/.pgpass) or the connection string."),
    (r"(password|SASL) authentication failed", "the password is wrong, or the role does not exist or has none",
     "Check user and password (PGPASSWORD, the password file or the connection string)."),
    (r'database "(?P<name>.*)" does not exist', "there is no database {name}", "Check the name of the database."),
    (r'role "(?P<name>.*)" does not exist', "there is no role {name}", "Check the name of the user."),
    (r"no pg_hba\.conf entry|pg_hba\.conf rejects", "the server's pg_hba.conf does not let this user in from here",
     "Add an entry to it, or connect from a host, as a user or with the encryption that it allows."),
    (r"permission denied for database", "the role may not connect to this database",
     "GRANT CONNECT on the database to the role."),
    (r"too many (connections|clients)|connection slots are reserved", "the server has no connection to spare",
     "Try again when it has less to do."),
    (r"is not permitted to log in", "the role may not log in", "Use a role with LOGIN."),
    (r"the database system is (starting up|not yet accepting|in recovery)", "the server is starting up",
     "Try again in a moment; a standby must have hot_standby on."),
    (r"the database system is shutting down", "the server is shutting down", "Try again when it runs."),
    (r'definition of service "(?P<name>.*)" not found', "there is no service {name} in the service file",
     "Check its name, and PGSERVICEFILE or ~/.pg_service.conf."),
    (r"server does not support SSL", "the server does not offer encryption, and sslmode demands it",
     "Let it offer TLS, or choose another sslmode."),
    (r"unsupported startup parameter(?: in options)?: (?P<name>\S+)",
     "a pooler is there, which does not take the startup parameter {name}",
     "Leave it out (PGOPTIONS and the connection string), or connect to the server directly."),
    (r"no such database: (?P<name>.*)", "the pooler there knows no database {name}",
     "Check the name of the database."),
    (r"session is (not )?read-only|server is (not )?in hot standby mode|recovery is in progress",
     "the server is not of the kind that target_session_attrs asks for",
     "Check target_session_attrs (PGTARGETSESSIONATTRS), or name another host."),
    (r"invalid response to SSL negotiation|expected authentication request|invalid error message|lost synchronization",
     "what answers there does not speak PostgreSQL's protocol", "Check host and port."),
    (r"server closed the connection unexpectedly|during SSL exchange",
     "what answers there ended the connection without a word of PostgreSQL's protocol",
     "Check host and port, and the log of the server or of the pooler before it."),
)  # fmt: skip
_PLACE = re.compile(r'server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+)|on socket "(?P<socket>[^"]*)"')
# How psycopg tells of each of several hosts, or of several addresses of one.
_ATTEMPT = re.compile(r"^- host: '(?P<host>[^']*)', port: '(?P<port>\d*)', hostaddr: '[^']*': ", re.MULTILINE)


class ConnectError(Exception):
    """There is no connection; the message says what, where and what to do, and never holds a password.

    answered: a server was there and refused, which it may do for one database alone.
    """

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class MalformedString(ConnectError):  # noqa: N818
    """The connection string is none; no server was asked."""


class UnsupportedServer(ConnectError):  # noqa: N818
    """The server is older than the oldest supported version."""


def connect(dsn: str | None, *, connect_timeout_s: int) -> psycopg.Connection[Any]:
    """A connection in autocommit mode, without prepared statements, so that a pooler may stand between.

    dsn is a URI or key=value pairs; what it leaves out comes from PG* variables, service and password files. A timeout
    in there counts before connect_timeout_s. Raises ConnectError, before any server is asked MalformedString.
    """
    given = _parsed(dsn or "")
    options: dict[str, Any] = {"client_encoding": "UTF8"}
    if "connect_timeout" not in given and "PGCONNECT_TIMEOUT" not in os.environ:
        options["connect_timeout"] = connect_timeout_s
    if "application_name" not in given:
        options["application_name"] = "pgadvisor"
    try:
        connection = psycopg.connect(dsn or "", autocommit=True, prepare_threshold=None, **options)
    except psycopg.Error as error:
        raise ConnectError(explain(str(error), given), answered=_refused(str(error))) from None
    try:
        _require_postgres(connection)
        require_supported(connection.info.server_version)
    except ConnectError:
        connection.close()
        raise
    return connection


def _require_postgres(connection: psycopg.Connection[Any]) -> None:
    """Raises ConnectError for what speaks PostgreSQL's protocol and is none."""
    where = f"{connection.info.host}:{connection.info.port}"
    if "bouncer" in (connection.info.parameter_status("server_version") or ""):
        raise ConnectError(
            f"What answers at {where} is PgBouncer's admin console, not a database. Name a database that it leads to."
        )
    if connection.info.parameter_status("crdb_version"):
        raise ConnectError(f"The server at {where} is CockroachDB, which cannot be audited; PostgreSQL can.")


def _parsed(dsn: str) -> dict[str, Any]:
    """The parameters of a connection string.

    Whatever is wrong with it, the message quotes nothing: libpq quotes the part that it stumbled over, and a URI with
    an unencoded @ or : in its password has a part of that for its host or port. Raises MalformedString.
    """
    try:
        given = conninfo.conninfo_to_dict(dsn)
        dsn.encode()
        readable = "@" not in str(given.get("host", "")) and re.fullmatch(r"[\d,]*", str(given.get("port", "")))
    except (psycopg.ProgrammingError, UnicodeEncodeError):
        readable = None
    if not readable:
        raise MalformedString(
            "The connection string is neither a URI (postgresql://user@host/database) nor key=value pairs "
            "(host=... dbname=...) that libpq understands; quote values with spaces and percent-encode special "
            "characters in a URI."
        )
    return given


def require_supported(version_num: int) -> None:
    """Raises UnsupportedServer for a server (server_version_num) older than the oldest supported."""
    if version_num < MIN_VERSION_NUM:
        major, minor = divmod(version_num, 10_000)
        raise UnsupportedServer(
            f"The server is PostgreSQL {major}.{minor}; the oldest version that can be audited is "
            f"{MIN_VERSION_NUM // 10_000}."
        )


def explain(message: str, given: Mapping[str, Any]) -> str:
    """The sentence for libpq's message. given: the parameters of the connection string, as far as it has any."""
    message = _without_secrets(message, given)
    attempts = _ATTEMPT.split(message)[1:]
    if not attempts:
        return _explained(message, given)
    # Host, port and message of each in turn; what is the same of several is said once, of the last.
    sentences: dict[str, str] = {}
    for host, port, said in zip(attempts[0::3], attempts[1::3], attempts[2::3], strict=True):
        sentence = _explained(said, {"host": f"{host}:{port}" if port else host})
        sentences[sentence.partition(": ")[2]] = sentence
    return " ".join(sentences.values())


def _explained(message: str, given: Mapping[str, Any]) -> str:
    where = _place(message, given)
    for pattern, what, remedy in _CAUSES:
        if found := re.search(pattern, message, re.DOTALL):
            return f"Cannot connect{where}: {what.format(**found.groupdict())}. {remedy}"
    said = message.rpartition("FATAL:")[2] if "FATAL:" in message else message.rpartition(" failed: ")[2]
    return f"Cannot connect{where}: {' '.join(said.split())}"


def _refused(message: str) -> bool:
    """Whether it was the server that spoke: its errors have a severity, libpq's own have none."""
    return re.search(r"(FATAL|ВАЖНО|致命错误|치명적오류):", message) is not None


def _place(message: str, given: Mapping[str, Any]) -> str:
    if found := _PLACE.search(message):
        return f" to {found['socket'] or found['host'] + ':' + found['port']}"
    host = given.get("host") or os.environ.get("PGHOST")
    return f" to {host}" if host else ""


def _without_secrets(message: str, given: Mapping[str, Any]) -> str:
    secrets = (given.get("password"), given.get("sslpassword"), os.environ.get("PGPASSWORD"))
    for secret in secrets:
        if secret:
            message = message.replace(str(secret), "***")
    return message
