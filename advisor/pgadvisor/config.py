"""Configuration: defaults that need no thought, a TOML file, and what the command line overrides."""

from __future__ import annotations

import enum
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import msgspec

from pgadvisor.model.base import Severity
from pgadvisor.model.coverage import Fact
from pgadvisor.model.index_advice import Goal
from pgadvisor.workload.role_settings import bears_on_plans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pgadvisor.rules_api import AnyRule, Options

DEFAULT_FILE = "pgadvisor.toml"

# 0 would mean no timeout at all to the server, and more than this it does not take.
Timeout = Annotated[int, msgspec.Meta(ge=1, le=2_147_483_647)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Runs = Annotated[int, msgspec.Meta(ge=1, le=10)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
# Parts of an index's name in braces, at least one; everything else stands for itself.
NamePattern = Annotated[str, msgspec.Meta(pattern=r"^[^{}]*(\{(schema|table|columns)\}[^{}]*)+$")]


# Types of TOML, as msgspec names them, in words; and what limits a number.
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
}
_BOUNDS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}


class ConfigError(Exception):
    """The configuration cannot be used; the message names file, key and what is allowed."""


class Execute(enum.StrEnum):
    """What may be run under EXPLAIN ANALYZE."""

    OFF = "off"
    SAFE = "safe"


class FailOn(enum.StrEnum):
    """From which severity on findings fail the run."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NEVER = "never"

    def reached_by(self, severity: Severity | None) -> bool:
        """Whether a worst severity fails the run."""
        return self is not FailOn.NEVER and severity is not None and severity.rank <= Severity(self.value).rank


class AdvicePlanner(enum.StrEnum):
    """Which planner says what indexes are worth: a private twin, HypoPG on the audited server, or none."""

    TWIN = "twin"
    HYPOPG = "hypopg"
    NONE = "none"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a section of the file: unknown keys are refused."""


class CollectConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is collected, within which limits.

    statements: how many get their text, shape and plan. all_databases: every database of the server that the role may
    connect to, not only the one connected to; numbers of statements, EXPLAINs and executions are for all of them
    together. max_explains caps all EXPLAINs of a collection, each of which adds an entry to pg_stat_statements;
    max_value_explains of them at most are for values on which plans may depend, so that production is not asked
    hundreds of times. lock_timeout_ms: nobody waits longer than this for us, nor we for others. It bounds our wait for
    a lock, and how long we keep locks on relations of users: a planning or an execution is cancelled by then, whatever
    statement_timeout_ms and execute_timeout_ms allow. max_server_time_s bounds the total of the time spent waiting for
    the server's answers, for each database: after it nothing more is asked. lock_share: one plan may take this share of
    what the server's lock table has free at that moment. execute_* bound what --execute safe runs: per statement and in
    all, by the planner's cost, and by what the server has measured of the statement. execute_warm_up: each is run once
    before, so that the run measured finds its pages in memory; without, the first run is measured, cold or not.
    execute_runs: how often each is run then, the last run's plan being kept. trust_owners: roles whose functions may
    run with the collecting role's rights when a statement that reaches them is planned, beside superusers and members
    of the collecting role. session: settings under which statements are planned and executed, which the file has in its
    own table.
    """

    statements: Count = 100
    schemas: tuple[str, ...] = ()
    exclude_schemas: tuple[str, ...] = ()
    all_databases: bool = False
    connect_timeout_s: Timeout = 10
    statement_timeout_ms: Timeout = 10_000
    lock_timeout_ms: Timeout = 1_000
    max_server_time_s: Seconds = 120.0
    lock_share: Share = 0.25
    max_explains: Count = 200
    max_value_explains: Count = 60
    execute: Execute = Execute.SAFE
    execute_timeout_ms: Timeout = 1_000
    execute_total_ms: Count = 10_000
    execute_max_statements: Count = 20
    execute_min_calls: Count = 10
    execute_max_mean_ms: Amount = 100.0
    execute_max_max_ms: Amount = 1_000.0
    execute_max_cost: Amount = 100_000.0
    execute_warm_up: bool = False
    execute_runs: Runs = 1
    trust_owners: tuple[str, ...] = ()
    session: dict[str, str] = {}


class ReportConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is shown. show_values: values of rows are not masked."""

    max_findings: Count = 50
    max_statements: Count = 50
    max_tables: Count = 100
    max_indexes: Count = 200
    max_text_bytes: Count = 4_000
    show_values: bool = False


class GateConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a run fails, and which facts a run must have seen not to count as incomplete."""

    fail_on: FailOn = FailOn.WARNING
    essential: tuple[Fact, ...] = (Fact.CONNECTION, Fact.CATALOG, Fact.STATEMENTS)


class IndexesConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which indexes are advised, within which limits.

    planner says what they are worth; twin_server is where the programs of a twin are: a path, auto or docker. name
    is what indexes are called, with {table} and {columns} in it, of which {schema} may be one. goal: what is made
    less, the time measured or the planner's costs. max_bytes and max_indexes bound the new ones, each of
    max_columns keys at most. Tables of fewer than min_rows get none but for a foreign key. min_gain: an index is to
    save this share of the whole workload, and min_gain_s_per_day of its time where that is the goal. No statement
    may cost more by more than the share max_regression. drop: existing indexes may go. max_explains bounds the
    questions to the planner, also where that is the audited server by its HypoPG, whose time
    collect.max_server_time_s bounds; max_seconds the search by the clock, so that the same input need not give the
    same answer: None, the default, does not. Of more than max_statements those alike are searched for as one, and
    the cheapest are left out.
    """

    planner: AdvicePlanner = AdvicePlanner.TWIN
    twin_server: str = "auto"
    name: NamePattern = "idx_{table}_{columns}"
    goal: Goal = Goal.TIME
    max_bytes: Count | None = None
    max_indexes: Count = 20
    max_columns: Count = 4
    min_rows: Count = 10_000
    min_gain: Amount = 0.005
    min_gain_s_per_day: Amount = 1.0
    max_regression: Amount = 0.1
    drop: bool = True
    max_explains: Count = 20_000
    max_seconds: Seconds | None = None
    max_statements: Count = 500


class Config(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. rules holds a table of options per rule name; `disable` lists rules not to run.

    session holds settings that statements are planned under, such as "app.tenant_id" = "42": those of an application,
    which its policies read, and those that plans hang on. `load` puts them, checked, into collect.session.
    """

    collect: CollectConfig = CollectConfig()
    report: ReportConfig = ReportConfig()
    gate: GateConfig = GateConfig()
    indexes: IndexesConfig = IndexesConfig()
    disable: tuple[str, ...] = ()
    rules: dict[str, dict[str, Any]] = {}
    session: dict[str, Any] = {}


def load(path: Path | None) -> Config:
    """The configuration in a file; without a name, in ./pgadvisor.toml if there is one, else the defaults.

    Raises ConfigError where the file cannot be read, is not TOML or has keys or values that are not allowed.
    """
    if path is None:
        path = Path(DEFAULT_FILE)
        if not path.exists():
            return Config()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return _with_session(msgspec.convert(content, Config))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_sentence(error, Config)}") from error


def _with_session(config: Config) -> Config:
    """The configuration with its settings of a session where the collection finds them. Raises ConfigError."""
    if config.collect.session:
        raise ConfigError("there is no key collect.session; settings to plan under stand in a table [session]")
    settings = dict(_settings(config.session, ""))
    return msgspec.structs.replace(config, collect=msgspec.structs.replace(config.collect, session=settings))


def _settings(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Settings by their whole names: without quotes, app.tenant_id is a table within a table to TOML."""
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _settings(value, f"{name}.")
        elif not bears_on_plans(name):
            raise ConfigError(
                f"session.{name} cannot be set: [session] takes settings of an application, whose names have a prefix "
                "(app.tenant_id), and those that plans hang on (work_mem, search_path, enable_...)"
            )
        elif isinstance(value, bool):
            yield name, "on" if value else "off"
        elif isinstance(value, str | int | float) and "\0" not in str(value):
            yield name, str(value)
        else:
            raise ConfigError(f"session.{name} is to be text, a number, true or false")


def override(config: Config, overrides: Mapping[str, Mapping[str, object]], disable: tuple[str, ...] = ()) -> Config:
    """The configuration with values of sections replaced and more rules disabled; None leaves a value as it is.

    Raises ConfigError where a value is not allowed.
    """
    changed = msgspec.to_builtins(config)
    changed["disable"] = [*changed["disable"], *disable]
    for section, values in overrides.items():
        for name, value in values.items():
            if value is not None:
                changed[section][name] = value
    try:
        return msgspec.convert(changed, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(_sentence(error, Config)) from error


def set_rule_options(config: Config, assignments: Iterable[str]) -> Config:
    """The configuration with options of rules set from texts such as "unused_index.min_window_days=7".

    Raises ConfigError where a text is not of that form.
    """
    rules = {name: dict(options) for name, options in config.rules.items()}
    for assignment in assignments:
        target, equals, value = assignment.partition("=")
        rule, dot, option = target.partition(".")
        if not (equals and dot and rule and option):
            raise ConfigError(f"{assignment!r} is not of the form RULE.OPTION=VALUE")
        try:
            rules.setdefault(rule, {})[option] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            rules.setdefault(rule, {})[option] = value
    return msgspec.structs.replace(config, rules=rules)


def rule_options(config: Config, rules: Iterable[AnyRule]) -> dict[str, Options]:
    """Options of each rule, filled from `[rules.<name>]`.

    Raises ConfigError for an unknown rule, an unknown option or a value that the option cannot have.
    """
    known = {rule.name: rule for rule in rules}
    for name in (*config.rules, *config.disable):
        if name not in known:
            raise ConfigError(f"there is no rule {name!r}; the rules are: {', '.join(sorted(known))}")
    options = {}
    for name, rule in known.items():
        try:
            options[name] = msgspec.convert(config.rules.get(name, {}), rule.options)
        except msgspec.ValidationError as error:
            raise ConfigError(_sentence(error, rule.options, f"rules.{name}")) from error
    return options


def _sentence(error: msgspec.ValidationError, kind: type[msgspec.Struct], name: str = "") -> str:
    """What msgspec found wrong with values of this struct, which has that name in the file."""
    text, _, place = str(error).partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    key = ".".join(part for part in (name, path) if part)
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", text, re.DOTALL):
        keys = ", ".join(sorted(field.name for field in msgspec.structs.fields(_kind(kind, path))))
        unknown = ".".join(part for part in (key, found[1]) if part)
        return f"there is no key {unknown}; known {f'in {key} ' if key else ''}are: {keys}"
    if found := re.fullmatch(r"Invalid enum value (.*)", text, re.DOTALL):
        values = ", ".join(member.value for member in _kind(kind, path))
        return f"{key} cannot be {found[1]}; it is one of: {values}"
    if text.startswith("Expected `str` matching regex"):
        return f"{key} is to be text with {{table}}, {{columns}} or {{schema}} in it, and no other braces"
    if found := re.fullmatch(r"Expected `(\w+)`(?: (>=|<=|>|<) (\S+))?(?:, got `(\w+)`)?", text):
        bound = f" {_BOUNDS[found[2]]} {found[3]}" if found[2] else ""
        instead = f", not {_KINDS.get(found[4], found[4])}" if found[4] else ""
        return f"{key or 'the file'} is to be {_KINDS.get(found[1], found[1])}{bound}{instead}"
    return f"{key}: {text}" if key else text


def _kind(kind: Any, path: str) -> Any:  # noqa: ANN401
    """The type of a value in a struct, or of each value where there are several; path: collect.schemas[1]."""
    for name in re.findall(r"\w+", re.sub(r"\[[^]]*\]", "", path)):
        kind = next(field.type for field in msgspec.structs.fields(kind) if field.name == name)
        kind = next(iter(get_args(kind)), kind)
    return kind
