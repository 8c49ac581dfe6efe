"""Under which settings a role runs its statements, as far as they bear on plans, and which role runs which."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgadvisor.model.server import Server
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.model.statements import StatementRole, Statements

# Settings that anybody may set for themselves and that plans, or the meaning of a text, hang on. What only a superuser
# may set is none of them, nor what bounds us: timeouts, read_only, parallelism of the whole server.
# https://www.postgresql.org/docs/current/runtime-config-query.html
_PLAN_SETTING = re.compile(
    r"enable_[a-z_]+|(seq_page|random_page|cpu_tuple|cpu_index_tuple|cpu_operator|parallel_setup|parallel_tuple)_cost"
    r"|geqo(_[a-z_]+)?|(from|join)_collapse_limit|min_parallel_(table|index)_scan_size|max_parallel_workers_per_gather"
    r"|parallel_leader_participation|effective_cache_size|effective_io_concurrency|work_mem|hash_mem_multiplier"
    r"|constraint_exclusion|cursor_tuple_fraction|recursive_worktable_factor|search_path|row_security"
    r"|default_text_search_config|datestyle|intervalstyle|timezone|bytea_output|xmloption|quote_all_identifiers"
)
# A setting of the users' own, which their policies and functions may read, has a prefix.
_OWN_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+")
# Prefixes of modules whose settings are no application's, and of which some say what is logged or counted.
_MODULES = re.compile(
    r"(auto_explain|pg_\w+|pgaudit|plpgsql|plperl|pltcl|plpython\w*|pljava|plv8|pgadvisor|rds|azure|cron|citus"
    r"|timescaledb|sepgsql|passwordcheck|auth_delay|basic_archive|supautils|supabase\w*|neon)\.",
    re.IGNORECASE,
)
_PATH_ELEMENT = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^\s,"]+))\s*(?:,|\Z)')
# Sources (pg_settings.source) of what one role or one client alone has set.
_PERSONAL = frozenset(("client", "user", "database user", "environment variable", "session", "session default"))
DEFAULT_SEARCH_PATH = '"$user", public'


def bears_on_plans(name: str) -> bool:
    """Whether a setting is one that anybody may set and plans hang on, or one of the users' own with a prefix."""
    return _PLAN_SETTING.fullmatch(name.lower()) is not None or is_users_own(name)


def is_users_own(name: str) -> bool:
    """Whether a setting is one that an application made up, such as app.tenant_id."""
    return _OWN_SETTING.fullmatch(name) is not None and _MODULES.match(name) is None


def settings_of(server: Server, role: str) -> dict[str, str]:
    """What ALTER ROLE and ALTER DATABASE set for a role in this database, of what bears on plans, by name.

    A setting for the role in this database goes before one for the role, that before one for the database, and that
    before one for all (https://www.postgresql.org/docs/current/view-pg-db-role-setting.html). A search_path is always
    among them, since the collecting role's may be another: the server's, where none is set for this one.
    """
    found = {} if server.role == role else {"search_path": _server_path(server)}
    for override in sorted(server.overrides, key=lambda each: (each.role is not None, each.database is not None)):
        applies = override.role in (None, role) and override.database in (None, server.database)
        if applies and bears_on_plans(override.name):
            found[override.name] = override.value
    return found


def _server_path(server: Server) -> str:
    """The search_path of whoever has none of their own; PostgreSQL's default where ours hides it."""
    setting = next((setting for setting in server.settings if setting.name == "search_path"), None)
    return DEFAULT_SEARCH_PATH if setting is None or setting.source in _PERSONAL else setting.value


def search_path_of(server: Server, role: str) -> tuple[str, ...]:
    """Schemas that a role's names are looked for in, in order, as far as they are known."""
    path = settings_of(server, role).get("search_path")
    if path is None or role == server.role:
        return server.search_path
    return split_path(path, role)


def split_path(path: str, role: str) -> tuple[str, ...]:
    """The schemas of a search_path, in order, with "$user" as the role that it is for."""
    elements = [bare.lower() if bare else quoted.replace('""', '"') for quoted, bare in _PATH_ELEMENT.findall(path)]
    return tuple(role if element == "$user" else element for element in elements if element)


def costliest_roles(statements: Statements) -> dict[str, StatementRole]:
    """For each statement the role that it took the most time for, among those that are known."""
    roles = {role.oid: role for role in statements.roles}
    same = {other: text.query_id for text in statements.texts for other in text.also}
    times: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for row in statements.rows:
        if row.user_oid in roles:
            times[same.get(row.query_id, row.query_id)][row.user_oid] += row.total_ms
    return {query_id: roles[max(sorted(by_role), key=lambda oid: by_role[oid])] for query_id, by_role in times.items()}


def search_paths(snapshot: Snapshot) -> Mapping[str, tuple[str, ...]]:
    """Where the names of each statement are looked for, by query id, where another role than ours runs it."""
    if snapshot.statements is None:
        return {}
    return {
        query_id: search_path_of(snapshot.server, role.name)
        for query_id, role in costliest_roles(snapshot.statements).items()
        if role.name != snapshot.server.role
    }
