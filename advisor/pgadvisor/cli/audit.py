"""``pgadvisor audit``: the whole pipeline on one screen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgadvisor.cli._errors import Failure, explained
from pgadvisor.cli._output import STDOUT, check_writable, write
from pgadvisor.cli._progress import shown
from pgadvisor.config import Execute, FailOn, load, override, set_rule_options
from pgadvisor.gate import ExitCode, gate
from pgadvisor.model.coverage import Presence
from pgadvisor.registry import load_rules, load_terminal

if TYPE_CHECKING:
    from pgadvisor.config import Config
    from pgadvisor.model.report import Report

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    short_help="Audit a database: findings in the terminal, and as HTML and JSON.",
    epilog="""
    \b
    Exit codes:
      0  nothing at or above --fail-on, and everything essential was seen
      1  findings at or above --fail-on
      2  bad usage or configuration
      3  no such findings, but something essential could not be checked
      4  cannot connect
      5  a report cannot be written
      130  interrupted; what had been collected is reported

    \b
    Examples:
      pgadvisor audit                      (connects as psql would: PG*, password file)
      pgadvisor audit postgresql://monitor@db/shop --html report.html
      pgadvisor audit "service=shop" --json - --quiet | jq .findings
      pgadvisor audit dbname=shop --fail-on critical --execute off
    """,
)
@click.argument("dsn", required=False)
@click.option("--html", type=FILE, metavar="FILE", help="Write the report as one HTML page.")
@click.option("--json", "json_", type=FILE, metavar="FILE", help="Write the report as JSON; - for standard output.")
@click.option("--quiet", "-q", is_flag=True, help="Nothing in the terminal but errors.")
@click.option(
    "--statements", type=click.IntRange(0, 5000), metavar="N", help="How many statements to look into.  [100]"
)
@click.option("--schema", "schemas", multiple=True, metavar="NAME", help="Look at this schema only (repeatable).")
@click.option("--exclude-schema", "exclude", multiple=True, metavar="NAME", help="Leave out this schema (repeatable).")
@click.option(
    "--execute", type=click.Choice([e.value for e in Execute]), help="What may run under EXPLAIN ANALYZE.  [safe]"
)
@click.option("--max-explains", type=click.IntRange(0), metavar="N", help="At most this many EXPLAINs.  [150]")
@click.option("--statement-timeout", type=click.IntRange(1), metavar="MS", help="For each query of ours.  [10000]")
@click.option("--lock-timeout", type=click.IntRange(1), metavar="MS", help="Waits for locks: ours, and for us.  [1000]")
@click.option("--connect-timeout", type=click.IntRange(1), metavar="S", help="For connecting.  [10]")
@click.option(
    "--fail-on", type=click.Choice([f.value for f in FailOn]), help="Exit 1 from this severity on.  [warning]"
)
@click.option("--show-values", is_flag=True, default=None, help="Show values of rows, masked otherwise.")
@click.option("--set", "assignments", multiple=True, metavar="RULE.OPTION=VALUE", help="Set an option of a rule.")
@click.option("--disable", multiple=True, metavar="RULE", help="Do not run this rule (repeatable).")
@click.option("--config", "config_file", type=FILE, metavar="FILE", help="Read this file, not ./pgadvisor.toml.")
def audit(dsn: str | None, html: Path | None, json_: Path | None, quiet: bool, **options: Any) -> None:  # noqa: ANN401
    """Audit the database that DSN names: a URI, key=value pairs, or nothing for libpq's environment.

    The database is only read: short read-only transactions, nobody kept waiting, nothing changed. Under --execute safe,
    the default, SELECTs that the server itself runs often and fast may be run once under EXPLAIN ANALYZE.
    """
    with explained():
        config = _configuration(**options)
        for path in (html, json_):
            if path is not None:
                check_writable(path)
        report = _report(dsn, config, quiet)
    if not quiet and json_ != STDOUT:
        click.echo(load_terminal()(report, _width(), sys.stdout.isatty()), nl=False)
    for renderer, path in (("html", html), ("json", json_)):
        if path is not None:
            write(report, renderer, path)
            if not quiet and path != STDOUT:
                click.echo(f"Written: {path}", err=True)
    code = ExitCode.INTERRUPTED if report.trust.interrupted else gate(report, config.gate)
    if code is not ExitCode.CLEAN:
        click.echo(_why(code, report, config), err=True)
    raise SystemExit(code)


def _why(code: ExitCode, report: Report, config: Config) -> str:
    """One line for the log of whoever sees nothing but the exit code."""
    if code is ExitCode.FINDINGS:
        found = ", ".join(f"{count} {severity.value}" for severity, count in report.severity_counts.items() if count)
        return f"Exit code 1: findings ({found}), and --fail-on is {config.gate.fail_on.value}."
    if code is ExitCode.INTERRUPTED:
        return "Exit code 130: interrupted; the report holds what had been collected."
    unseen = {entry.fact for entry in report.trust.coverage if entry.presence is not Presence.PRESENT}
    missing = [fact for fact in config.gate.essential if fact in unseen]
    gap = next((gap for gap in report.trust.gaps if gap.fact in missing), None)
    if gap is None:
        return "Exit code 3: a rule crashed; the report says which."
    return f"Exit code 3: not all of {gap.fact.value} could be seen. {gap.reason.rstrip('.')}. {gap.remedy}".rstrip()


def _report(dsn: str | None, config: Config, quiet: bool) -> Report:
    from pgadvisor.analyze import analyze
    from pgadvisor.collect import collect
    from pgadvisor.config import rule_options
    from pgadvisor.postgres.connect import ConnectError

    rules = load_rules()
    rule_options(config, rules)
    with shown(quiet) as progress:
        try:
            snapshot = collect(dsn, config.collect, progress)
        except ConnectError as error:
            raise Failure(str(error), ExitCode.CANNOT_CONNECT) from error
        return analyze(snapshot, config, rules, progress)


def _configuration(
    *,
    config_file: Path | None,
    assignments: tuple[str, ...],
    disable: tuple[str, ...],
    schemas: tuple[str, ...],
    exclude: tuple[str, ...],
    **options: Any,  # noqa: ANN401
) -> Config:
    config = override(
        load(config_file),
        {
            "collect": {
                "statements": options["statements"],
                "schemas": schemas or None,
                "exclude_schemas": exclude or None,
                "execute": options["execute"],
                "max_explains": options["max_explains"],
                "statement_timeout_ms": options["statement_timeout"],
                "lock_timeout_ms": options["lock_timeout"],
                "connect_timeout_s": options["connect_timeout"],
            },
            "report": {"show_values": options["show_values"]},
            "gate": {"fail_on": options["fail_on"]},
        },
        disable,
    )
    return set_rule_options(config, assignments)


def _width() -> int:
    import shutil

    return min(shutil.get_terminal_size((80, 24)).columns, 120)
