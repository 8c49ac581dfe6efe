"""Options that several commands have, in the same words, and the configuration they add up to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pgadvisor.cli._sizes import Size
from pgadvisor.config import (
    AdvicePlanner,
    CollectConfig,
    Config,
    Execute,
    FailOn,
    GateConfig,
    IndexesConfig,
    load,
    override,
    set_rule_options,
)
from pgadvisor.model.index_advice import Goal

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(dir_okay=False, path_type=Path)

_COLLECT, _GATE, _INDEXES = CollectConfig(), GateConfig(), IndexesConfig()


def _option(name: str, default: float | str, *, help_: str, **more: Any) -> Callable[[F], F]:  # noqa: ANN401
    """An option whose help says what the configuration has without it."""
    written = f"{default:g}" if isinstance(default, float) else str(default)
    return click.option(name, help=f"{help_}  [{written}]", **more)


_SCHEMAS = (
    click.option("--schema", "schemas", multiple=True, metavar="NAME", help="Look at this schema only (repeatable)."),
    click.option(
        "--exclude-schema", "exclude", multiple=True, metavar="NAME", help="Leave out this schema (repeatable)."
    ),
)

_EXECUTE = _option(
    "--execute",
    _COLLECT.execute,
    type=click.Choice([e.value for e in Execute]),
    help_="What may run under EXPLAIN ANALYZE.",
)

_MAX_EXPLAINS = _option(
    "--max-explains",
    _COLLECT.max_explains,
    type=click.IntRange(0),
    metavar="N",
    help_="At most this many EXPLAINs.",
)

_TIMES = (
    _option(
        "--max-server-time",
        _COLLECT.max_server_time_s,
        type=click.FloatRange(0, min_open=True),
        metavar="S",
        help_="Ask no more after so many seconds of the server's time, for each database.",
    ),
    _option(
        "--statement-timeout",
        _COLLECT.statement_timeout_ms,
        type=click.IntRange(1),
        metavar="MS",
        help_="For each query of ours.",
    ),
    _option(
        "--lock-timeout",
        _COLLECT.lock_timeout_ms,
        type=click.IntRange(1),
        metavar="MS",
        help_="Waits for locks: ours, and for us.",
    ),
    _option(
        "--connect-timeout", _COLLECT.connect_timeout_s, type=click.IntRange(1), metavar="S", help_="For connecting."
    ),
)

_LIMITS = (_EXECUTE, _MAX_EXPLAINS, *_TIMES)

_SHOW_VALUES = click.option("--show-values", is_flag=True, default=None, help="Show values of rows, masked otherwise.")

_STATEMENTS = _option(
    "--statements",
    _COLLECT.statements,
    type=click.IntRange(0, 5000),
    metavar="N",
    help_="How many statements to look into.",
)

_COLLECTION = (
    click.option(
        "--all-databases", is_flag=True, default=None, help="Every database of the server that the role may connect to."
    ),
    _STATEMENTS,
    *_SCHEMAS,
    *_LIMITS,
)

_JUDGEMENT = (
    _option(
        "--fail-on",
        _GATE.fail_on,
        type=click.Choice([f.value for f in FailOn]),
        help_="Exit 1 from this severity on.",
    ),
    _SHOW_VALUES,
    click.option("--set", "assignments", multiple=True, metavar="RULE.OPTION=VALUE", help="Set an option of a rule."),
    click.option("--disable", multiple=True, metavar="RULE", help="Do not run this rule (repeatable)."),
)

_PLANNER = (
    _option(
        "--planner",
        _INDEXES.planner,
        type=click.Choice([each.value for each in AdvicePlanner]),
        help_="Which planner says what indexes would be worth.",
    ),
    _option(
        "--twin-server",
        _INDEXES.twin_server,
        metavar="PATH|auto|docker",
        help_="Where the twin's server programs are.",
    ),
)

_ADVICE = (
    click.option(
        "--budget", type=Size(), metavar="SIZE", help="New indexes take at most this much disk, such as 500MB or 2GB."
    ),
    _option(
        "--goal",
        _INDEXES.goal,
        type=click.Choice([each.value for each in Goal]),
        help_="What is made less: the time measured, or the planner's costs of all calls.",
    ),
    _option(
        "--max-indexes", _INDEXES.max_indexes, type=click.IntRange(0), metavar="N", help_="At most this many new ones."
    ),
    _option(
        "--max-columns",
        _INDEXES.max_columns,
        type=click.IntRange(1, 32),
        metavar="N",
        help_="Keys of an index at most.",
    ),
    _option(
        "--min-rows",
        _INDEXES.min_rows,
        type=click.IntRange(0),
        metavar="N",
        help_="None on smaller tables, but for a foreign key.",
    ),
    _option(
        "--max-regression",
        _INDEXES.max_regression,
        type=click.FloatRange(0),
        metavar="SHARE",
        help_="No statement may cost more by more than this share.",
    ),
    click.option("--drops/--no-drops", "drop", default=None, help="Whether existing indexes may go.  [--drops]"),
    click.option(
        "--max-explains",
        "index_explains",
        type=click.IntRange(1),
        metavar="N",
        help=f"At most this many questions to the planner.  [{_INDEXES.max_explains}]",
    ),
    click.option(
        "--max-seconds",
        type=click.FloatRange(0, min_open=True),
        metavar="S",
        help="End the search after so long; the same input then need not give the same answer.",
    ),
)

_WORKLOAD = click.option(
    "--workload",
    "workload",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="More statements from a file: SQL, an export of pg_stat_statements, or a log; - for standard input "
    "(repeatable).",
)

_REPORTS = (
    click.option("--html", type=FILE, metavar="FILE", help="Write the report as one HTML page."),
    click.option("--json", "json_", type=FILE, metavar="FILE", help="Write the report as JSON; - for standard output."),
)

_CONFIG = click.option(
    "--config", "config_file", type=FILE, metavar="FILE", help="Read this file, not ./pgadvisor.toml."
)

_EVERYWHERE = (
    click.option("--quiet", "-q", is_flag=True, help="Nothing in the terminal but errors."),
    _CONFIG,
)


def of_collection(command: F) -> F:
    """What is collected, and within which limits."""
    return _with(command, _COLLECTION)


def of_explanation(command: F) -> F:
    """What of a collection and of a judgement one statement has."""
    return _with(command, (*_SCHEMAS, *_LIMITS, _SHOW_VALUES))


def of_indexes(command: F) -> F:
    """Which indexes are advised, and what says what they are worth."""
    return _with(command, (*_ADVICE, *_PLANNER))


def of_planner(command: F) -> F:
    """What says what indexes would be worth."""
    return _with(command, _PLANNER)


def of_look(command: F) -> F:
    """What is collected of one database for advice on indexes, and what is shown."""
    return _with(command, (_STATEMENTS, *_SCHEMAS, _EXECUTE, *_TIMES, _SHOW_VALUES))


def of_workload(command: F) -> F:
    """Files and logs that statements come from."""
    return _with(command, (_WORKLOAD,))


def of_survey(command: F) -> F:
    """What is looked at where nothing is kept, and the configuration."""
    return _with(command, (*_SCHEMAS, _CONFIG))


def of_judgement(command: F) -> F:
    """Which rules run and how, what is shown, and what fails the run."""
    return _with(command, _JUDGEMENT)


def of_reports(command: F) -> F:
    """Where reports go."""
    return _with(command, _REPORTS)


def of_every_run(command: F) -> F:
    """What every run has."""
    return _with(command, _EVERYWHERE)


def _with(command: F, options: tuple[Callable[[F], F], ...]) -> F:
    for option in reversed(options):
        command = option(command)
    return command


def configuration(
    *,
    config_file: Path | None,
    assignments: tuple[str, ...] = (),
    disable: tuple[str, ...] = (),
    schemas: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    **options: Any,  # noqa: ANN401
) -> Config:
    """The configuration of a run: the file's, with what the command line gave in its place.

    Options that the command does not have count as not given. Raises ConfigError.
    """
    config = override(
        load(config_file),
        {
            "collect": {
                "all_databases": options.get("all_databases"),
                "statements": options.get("statements"),
                "schemas": schemas or None,
                "exclude_schemas": exclude or None,
                "execute": options.get("execute"),
                "max_explains": options.get("max_explains"),
                "max_server_time_s": options.get("max_server_time"),
                "statement_timeout_ms": options.get("statement_timeout"),
                "lock_timeout_ms": options.get("lock_timeout"),
                "connect_timeout_s": options.get("connect_timeout"),
            },
            "indexes": {
                "planner": options.get("planner"),
                "twin_server": options.get("twin_server"),
                "max_bytes": options.get("budget"),
                "goal": options.get("goal"),
                "max_indexes": options.get("max_indexes"),
                "max_columns": options.get("max_columns"),
                "min_rows": options.get("min_rows"),
                "max_regression": options.get("max_regression"),
                "drop": options.get("drop"),
                "max_explains": options.get("index_explains"),
                "max_seconds": options.get("max_seconds"),
            },
            "report": {"show_values": options.get("show_values")},
            "gate": {"fail_on": options.get("fail_on")},
        },
        disable,
    )
    return set_rule_options(config, assignments)
