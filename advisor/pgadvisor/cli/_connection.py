"""What is said where the database that was named cannot be connected to."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pgadvisor.cli._errors import Failure
from pgadvisor.gate import ExitCode

if TYPE_CHECKING:
    from pgadvisor.postgres.connect import ConnectError


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


def not_connected(error: ConnectError) -> Failure:
    """The failure: bad usage where the connection string is none, else that there is no connection."""
    from pgadvisor.postgres.connect import MalformedString

    code = ExitCode.USAGE if isinstance(error, MalformedString) else ExitCode.CANNOT_CONNECT
    return Failure(str(error), code)
