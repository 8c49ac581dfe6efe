"""What is said where the database that was named cannot be connected to."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pgadvisor.cli._errors import Failure
from pgadvisor.gate import ExitCode

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from pgadvisor.postgres.connect import ConnectError

# Options that say nothing of a snapshot, by the names of their parameters, and what each is for.
_COLLECTS, _ASKS = "says what is collected", "asks the server"
_OF_A_SERVER = {
    "save": ("--save", "keeps what is collected"),
    "run": ("--run", _ASKS),
    "as_role": ("--as", _ASKS),
    "statements": ("--statements", _COLLECTS),
    "schemas": ("--schema", _COLLECTS),
    "exclude": ("--exclude-schema", _COLLECTS),
    "execute": ("--execute", _COLLECTS),
    "max_explains": ("--max-explains", _COLLECTS),
    "max_server_time": ("--max-server-time", _COLLECTS),
    "statement_timeout": ("--statement-timeout", _COLLECTS),
    "lock_timeout": ("--lock-timeout", _COLLECTS),
    "connect_timeout": ("--connect-timeout", _COLLECTS),
}


def refuse_file(dsn: str | None) -> None:
    """Raises Failure where what should name a database names a file: it was meant for another command."""
    if not dsn or "=" in dsn or "://" in dsn:
        return
    with contextlib.suppress(OSError, ValueError):
        if Path(dsn).is_file():
            raise Failure(
                f"{dsn} is a file: pgadvisor analyze {shlex.quote(dsn)} reads snapshots.",
                ExitCode.USAGE,
            )


def snapshot_file(target: str | None) -> Path | None:
    """The snapshot that an argument names; None where it names a database, or nothing. Raises Failure."""
    if not target or "=" in target or "://" in target:
        return None
    path = Path(target)
    if not path.exists() and (path.suffix or len(path.parts) > 1):
        raise Failure(f"There is no file {target}, and it is no connection string.", ExitCode.USAGE)
    return path if path.exists() else None


def refuse_options_of_a_server(path: Path, options: Mapping[str, object], but: Container[str] = ()) -> None:
    """Raises Failure where an option says what to collect, or where to keep it, and all is in a snapshot already.

    options are by the names of their parameters; those in `but` say something of this snapshot, too.
    """
    for each, (name, what) in _OF_A_SERVER.items():
        given = options.get(each)
        if given is not None and given is not False and given not in ("", ()) and each not in but:
            file = "what standard input brings" if path == Path("-") else str(path)
            raise Failure(
                f"{name} {what}, and {file} is collected already. Give a DSN, or leave out {name}.", ExitCode.USAGE
            )


def refuse_database(database: str) -> None:
    """Raises Failure where --database picks one of a snapshot, and there is none: a DSN names one itself."""
    if database:
        raise Failure(
            "--database picks one of a snapshot on several. Name the database in the DSN, and leave out --database.",
            ExitCode.USAGE,
        )


def not_connected(error: ConnectError) -> Failure:
    """The failure: bad usage where the connection string is none, else that there is no connection."""
    from pgadvisor.postgres.connect import MalformedString

    code = ExitCode.USAGE if isinstance(error, MalformedString) else ExitCode.CANNOT_CONNECT
    return Failure(str(error), code)
