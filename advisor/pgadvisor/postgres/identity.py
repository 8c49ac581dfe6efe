"""Which server a transaction is on: behind a pooler or a balancer each may land on another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Columns for the SELECT that sets a transaction's timeouts. Texts, since what the client makes of a time depends on
# settings that are only being made. host() leaves the netmask aside.
IDENTITY_COLUMNS = """\
  pg_catalog.host(pg_catalog.inet_server_addr()) AS address,
  pg_catalog.inet_server_port() AS port,
  pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.pg_postmaster_start_time()), 'YYYY-MM-DD HH24:MI:SS.US')
    AS started_at,
  pg_catalog.pg_is_in_recovery() AS in_recovery"""


class ServerChanged(Exception):  # noqa: N818  no error of ours: an observation
    """A transaction landed on another server than those before it, or on the same one in another role.

    reason says what changed, from what to what; remedy what to do. What was read before is of one server.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}. {remedy}")
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class ServerIdentity:
    """What tells servers apart.

    address and port are the server's own, None over a Unix socket. started_at is when its postmaster started, to the
    microsecond and in UTC: no two servers share it, while one server may have several addresses (a name that stands
    for ::1 and 127.0.0.1). in_recovery: it is a standby.
    """

    address: str | None
    port: int | None
    started_at: str
    in_recovery: bool

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ServerIdentity:
        """The identity in a row with IDENTITY_COLUMNS."""
        return cls(row["address"], row["port"], row["started_at"], row["in_recovery"])

    def check(self, before: ServerIdentity) -> None:
        """Raises ServerChanged unless this is the server that it was before, still in the same role."""
        if self.started_at != before.started_at:
            if self.address is not None and self._place() == before._place():
                raise ServerChanged(f"The server was restarted while it was read: {self._since(before)}", "Run again.")
            raise ServerChanged(
                f"The connection led to another server while one was read: {self._since(before)}",
                "Connect to one server directly, not through a pooler, a balancer or a name that stands for several.",
            )
        if self.in_recovery != before.in_recovery:
            what = "became a standby" if self.in_recovery else "was promoted"
            raise ServerChanged(
                f"The server {what} while it was read: {self._since(before)}", "Run again when the failover is over."
            )

    def _since(self, before: ServerIdentity) -> str:
        return f"first {before}, then {self}"

    def _place(self) -> str:
        return "a Unix socket" if self.address is None else f"{self.address} port {self.port}"

    def __str__(self) -> str:
        """In words, for a gap."""
        role = "standby" if self.in_recovery else "primary"
        return f"the {role} at {self._place()}, started {self.started_at} UTC"
