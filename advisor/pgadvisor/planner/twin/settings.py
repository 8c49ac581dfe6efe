"""Under which settings, and as whom, the twin plans: the server's, then its role's, then what is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pgadvisor.model.server import Server
from pgadvisor.model.statements import StatementRole
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.identity import WHY_REFUSED
from pgadvisor.workload.role_settings import bears_on_plans, settings_of, split_path

# What plans hang on beside the settings that anybody may have set for a role (workload/role_settings.py).
_ALSO_OF_THE_SERVER = re.compile(
    r"max_parallel_workers|default_statistics_target|debug_parallel_query|force_parallel_mode|transform_null_equals"
)
# How observed plans were had (postgres/session.py): so are values written, and strings read. JIT bears on no cost, and
# loads the compiler even where nothing is executed.
_AS_OBSERVED = {
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "jit": "off",
    "client_min_messages": "error",
    "row_security": "on",
}
# What reads default_text_search_config: https://www.postgresql.org/docs/current/functions-textsearch.html
_TEXT_SEARCH = (
    "to_tsvector",
    "to_tsquery",
    "plainto_tsquery",
    "phraseto_tsquery",
    "websearch_to_tsquery",
    "ts_headline",
    "get_current_ts_config",
)


@dataclass(frozen=True)
class Assumed:
    """As whom a statement is planned: a role that is put on where it is not "", and settings made after that."""

    role: str
    settings: tuple[tuple[str, str], ...]

    def commands(self) -> str:
        """SQL that puts it on until the transaction, or what is rolled back of it, ends; "" where there is nothing."""
        made = (("role", self.role), *self.settings) if self.role else self.settings
        return set_local(made)


def set_local(settings: Iterable[tuple[str, str]]) -> str:
    """SQL that makes settings for the rest of a transaction, in their order; "" where there are none."""
    calls = [f"pg_catalog.set_config({literal(name)}, {literal(value)}, true)" for name, value in settings]
    return f"SELECT {', '.join(calls)};" if calls else ""


def literal(text: str) -> str:
    """A text as SQL, whatever it holds. Raises psycopg.DataError where it has a NUL character."""
    return sql.Literal(text).as_string()


class Environment:
    """Settings of the audited server and of its roles, as far as the twin can have them.

    session: what collect.session of the configuration sets for every statement. named says what a role is called on
    the twin.
    """

    def __init__(
        self, server: Server, session: Mapping[str, str], named: Callable[[str], str | None] = lambda name: name
    ) -> None:
        self._server = server
        self._session = dict(session)
        self._named = named
        self._roles = frozenset[str]()
        self._refused: set[tuple[str, str]] = set()
        self._assumed: dict[str, Assumed] = {}

    def settle(self, connection: psycopg.Connection[Any]) -> tuple[Shortfall, ...]:
        """Makes the server's own settings in a new connection of the planning role; what it cannot have.

        Raises psycopg.OperationalError where the server is gone.
        """
        known = {name.lower() for (name,) in connection.execute("SELECT name FROM pg_catalog.pg_settings").fetchall()}
        wanted = _of_server(self._server)
        unknown = [name for name in wanted if name.lower() not in known]
        wanted |= {"search_path": quoted_path(self._server.search_path)} | _AS_OBSERVED
        refused = _make(connection, [(name, value) for name, value in wanted.items() if name.lower() in known])
        of_roles = _make(connection, sorted(self._of_roles()), local=True)
        self._refused = {(name, value) for name, value, _ in of_roles}
        self._roles = frozenset(
            name
            for (name,) in connection.execute(
                "SELECT rolname::text FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(oid, %s)",
                ["SET" if connection.info.server_version >= 160000 else "MEMBER"],
            )
        )
        connection.commit()
        return (
            *self._not_default(unknown),
            *(_refused(name, sqlstate, "has there") for name, _, sqlstate in refused),
            *(_refused(name, sqlstate, "has there for a role or a database") for name, _, sqlstate in of_roles),
            *self._other_blocks(connection),
        )

    def of(self, role: StatementRole | None) -> Assumed:
        """As whom a statement of a role is planned, of the collecting role where its own is not known."""
        name = self._server.role if role is None else role.name
        if name not in self._assumed:
            self._assumed[name] = self._assume(name)
        return self._assumed[name]

    def _assume(self, name: str) -> Assumed:
        own = {} if name == self._server.role else settings_of(self._server, name)
        called = self._named(name)
        role = called if called in self._roles and called is not None else ""
        if role != name and "search_path" in own:
            # "$user" stands for what the role is called here.
            own["search_path"] = quoted_path(split_path(own["search_path"], name))
        made = sorted((own | self._session).items())
        return Assumed(role, tuple(each for each in made if each not in self._refused))

    def _of_roles(self) -> set[tuple[str, str]]:
        """Settings for roles, for the database and of the configuration, whoever they are for."""
        overrides = {(each.name, each.value) for each in self._server.overrides if bears_on_plans(each.name)}
        return overrides | set(self._session.items())

    def _not_default(self, names: Iterable[str]) -> Iterable[Shortfall]:
        """Settings that the twin does not know, of those that are not what they are by default."""
        defaults = {setting.name: setting.default for setting in self._server.settings}
        values = {setting.name: setting.value for setting in self._server.settings}
        for name in names:
            if values[name] != defaults[name]:
                yield Shortfall(
                    what=f"setting {name}",
                    reason="The server that plans in place of the audited one has no such setting, so it plans as if "
                    "the setting had its default.",
                    everywhere=True,
                )

    def _other_blocks(self, connection: psycopg.Connection[Any]) -> Iterable[Shortfall]:
        (block_bytes,) = connection.execute("SELECT pg_catalog.current_setting('block_size')::int").fetchone() or (0,)
        connection.commit()
        if self._server.block_size_bytes != block_bytes:
            yield Shortfall(
                what=f"pages of {self._server.block_size_bytes} bytes",
                reason=f"The server that plans has pages of {block_bytes} bytes, of which it is given as many.",
                everywhere=True,
            )


def refused_setting(connection: psycopg.Connection[Any], name: str, value: str) -> str:
    """Why a setting cannot be made for the sake of a question, as a sentence without its value; "" where it can.

    The connection is in autocommit mode, so that nothing of the trial lasts. Raises psycopg.OperationalError where the
    server is gone.
    """
    if not bears_on_plans(name):
        return f"{name} is no setting that a session may make and that plans hang on."
    try:
        connection.execute(set_local([(name, value)]).encode())
    except psycopg.Error as error:
        if connection.closed:
            raise
        why, remedy = WHY_REFUSED.get(error.sqlstate or "", ("", "Correct it or leave it out."))
        takes = _what_it_takes(connection, name) or remedy
        return f"The planner refused the setting {name}: {why}SQLSTATE {error.sqlstate}. {takes}"
    return ""


def _what_it_takes(connection: psycopg.Connection[Any], name: str) -> str:
    """Which values a setting can have, as a sentence; "" where that is not known."""
    asked = "SELECT vartype, unit, min_val, max_val, enumvals FROM pg_catalog.pg_settings WHERE name = %s"
    row = connection.execute(asked, (name,)).fetchone()
    if row is None:
        return ""
    kind, unit, least, greatest, words = row
    match kind:
        case "bool":
            return "It takes on or off."
        case "enum":
            return f"It takes one of {', '.join(words)}."
        case "integer" | "real":
            number = "a whole number" if kind == "integer" else "a number"
            of_unit = f", in {unit} unless it is given with a unit, such as 64MB" if unit and "B" in unit else ""
            return f"It takes {number} from {least} to {greatest}{of_unit}."
        case _:
            return ""


def quoted_path(schemas: Iterable[str]) -> str:
    """A search_path as text, whatever the schemas are called."""
    return ", ".join(sql.Identifier(schema).as_string() for schema in schemas)


def _of_server(server: Server) -> dict[str, str]:
    """The server's settings that bear on plans, by name; their values are in the units of pg_settings, as SET's are."""
    return {
        setting.name: setting.value
        for setting in server.settings
        if "." not in setting.name
        and (bears_on_plans(setting.name) or _ALSO_OF_THE_SERVER.fullmatch(setting.name) is not None)
        and setting.name.lower() not in ("search_path", *_AS_OBSERVED)
    }


def _make(
    connection: psycopg.Connection[Any], settings: Sequence[tuple[str, str]], *, local: bool = False
) -> list[tuple[str, str, str]]:
    """Makes settings for the session, all at once, else one by one; those refused, each with the SQLSTATE.

    local: they are only tried.
    """
    calls = (
        "SELECT pg_catalog.set_config(n, v, %s) "
        "FROM ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) AS s (n, v)"
    )
    try:
        connection.execute(calls, [local, [name for name, _ in settings], [value for _, value in settings]])
        connection.commit()
    except psycopg.Error as error:
        if connection.closed:
            raise
        connection.rollback()
        if len(settings) == 1:
            return [(*settings[0], error.sqlstate or "")]
    else:
        return []
    return [refused for each in settings for refused in _make(connection, [each], local=local)]


def _refused(name: str, sqlstate: str, has: str) -> Shortfall:
    of_texts = name == "default_text_search_config"
    return Shortfall(
        what=f"setting {name}",
        reason=f"The server that plans in place of the audited one refuses the value that it {has} (SQLSTATE "
        f"{sqlstate}), so it plans without it.",
        names=_TEXT_SEARCH if of_texts else (),
        everywhere=not of_texts,
    )
