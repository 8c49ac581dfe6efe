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


class SettingOverride(Model, frozen=True, kw_only=True):
    """A setting of ALTER ROLE or ALTER DATABASE ... SET; None stands for every role or database."""

    database: str | None
    role: str | None
    name: str
    value: str


class Extension(Model, frozen=True, kw_only=True):
    """An installed extension."""

    name: str
    version: str
    schema: str


class Server(Model, frozen=True, kw_only=True):
    """Identity and state of the server at the moment of collection.

    version_num is server_version_num (180003 for 18.3). replay_lag_s is set on a standby alone.
    search_path is the role's effective one, as schema names in order. address and address_port are the server's own
    (inet_server_addr), None over a socket; host and port are what the client asked for. service names the managed
    service it was known by (such as "Amazon RDS"), None where nothing gave one away. locale_provider is c, i or b;
    locale is the locale of ICU's or the builtin provider.
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
    address: str | None = None
    address_port: int | None = None
    timeline: int | None = None
    service: str | None = None
    locale_provider: str | None = None
    ctype: str | None = None
    locale: str | None = None
    overrides: tuple[SettingOverride, ...] = ()
    settings: tuple[Setting, ...] = ()
    extensions: tuple[Extension, ...] = ()

    @property
    def major(self) -> int:
        """The major version, 18 for 18.3."""
        return self.version_num // 10000
