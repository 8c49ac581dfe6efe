"""Which server was looked at, and under which settings."""

from __future__ import annotations

from datetime import datetime

from pgadvisor.model.base import Model


class Setting(Model, frozen=True, kw_only=True):
    """A row of pg_settings: the value is in `unit` where the setting has one."""

    name: str
    value: str
    unit: str | None
    source: str
    default: str | None


class Extension(Model, frozen=True, kw_only=True):
    """An installed extension."""

    name: str
    version: str
    schema: str


class Server(Model, frozen=True, kw_only=True):
    """Identity and state of the server at the moment of collection.

    version_num is server_version_num (180003 for 18.3). replay_lag_s is set on a standby alone.
    search_path is the role's effective one, as schema names in order.
    """

    version_num: int
    version: str
    database: str
    database_oid: int
    role: str
    is_superuser: bool
    memberships: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    host: str | None = None
    port: int | None = None
    system_identifier: str | None = None
    encoding: str
    collation: str | None = None
    started_at: datetime
    collected_at: datetime
    in_recovery: bool
    replay_lag_s: float | None = None
    block_size_bytes: int = 8192
    settings: tuple[Setting, ...] = ()
    extensions: tuple[Extension, ...] = ()

    @property
    def major(self) -> int:
        """The major version, 18 for 18.3."""
        return self.version_num // 10000
