"""``pgadvisor explain``: everything known about one statement."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgadvisor.cli._connection import not_connected, refuse_options_of_a_server, snapshot_file
from pgadvisor.cli._errors import Failure, explained, plain
from pgadvisor.cli._options import configuration, of_every_run, of_explanation, of_reports
from pgadvisor.cli._output import STDOUT, coloured, tell, write_bytes
from pgadvisor.cli._progress import shown
from pgadvisor.cli._steps import Files, read_file, rules_of
from pgadvisor.gate import ExitCode
from pgadvisor.registry import load_explanation, load_explanation_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgadvisor.config import Config
    from pgadvisor.model.explanation import Explanation
    from pgadvisor.progress import Progress
    from pgadvisor.rules_api import AnyRule

MAX_SQL_BYTES = 16_000_000
# No statement begins like that.
_CONNECTION_STRING = re.compile(r"\s*(?:[a-z]\w*\s*=|postgres\w*:|[\w.+-]+:\S+@)", re.IGNORECASE)


class _Explain(click.Command):
    """Hints at -- where a query id or a comment is taken for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = "Put -- before a query id, or a statement, that begins with a dash."
            raise click.UsageError(f"{error.format_message()} {hint}", ctx) from error


@click.command(
    cls=_Explain,
    short_help="Explain one statement: what it asks for, its plans, what limits it, what helps.",
    epilog="""
    \b
    Exit codes:
      0  explained
      2  bad usage or configuration, no such statement, or a file that cannot be used
      3  no plan of it could be had; the rest is shown
      4  cannot connect
      5  a file cannot be written
      130  interrupted

    \b
    Examples:
      pgadvisor explain "SELECT * FROM orders WHERE status = 'open'" postgresql://monitor@db/shop
      pgadvisor explain "SELECT * FROM orders WHERE status = $1" service=shop --html plan.html
      pgadvisor explain -- -4810837286530721331 service=shop     (a query id of pg_stat_statements)
      pgadvisor explain "SELECT ..." shop.json.gz                (a snapshot; asks no server)
      pgadvisor explain - service=shop < query.sql
    """,
)
@click.argument("sql")
@click.argument("target", required=False, metavar="[DSN|SNAPSHOT]")
@click.option("--run", is_flag=True, help="Execute it although the server has not run it often; read-only, bounded.")
@click.option("--as", "as_role", metavar="ROLE", default="", help="Plan it as this role, under its search_path.")
@of_reports
@of_explanation
@of_every_run
def explain(
    sql: str,
    target: str | None,
    run: bool,
    as_role: str,
    html: Path | None,
    json_: Path | None,
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Explain the statement SQL: its text, a query id of pg_stat_statements, or - for standard input.

    It is planned on the database that DSN names, for unknown values, for those given, and for common and rare ones, or
    looked up in a SNAPSHOT that pgadvisor collect has written. The database is only read, with 30 EXPLAINs at most.
    """
    with explained(), shown(quiet) as progress:
        config = configuration(**options)
        files = Files(html, json_, quiet=quiet)
        files.check(target, options["config_file"])
        path = snapshot_file(target)
        if path is not None:
            refuse_options_of_a_server(path, {**options, "run": run, "as_role": as_role})
        rules = rules_of(config)
        explanation = _explained(_text(sql), target, path, config, rules, progress, run=run, as_role=as_role)
    _tell(explanation, files)
    if not explanation.plans:
        click.echo("Exit code 3: no plan of it could be had.", err=True)
    raise SystemExit(ExitCode.CLEAN if explanation.plans else ExitCode.INCOMPLETE)


def _text(sql: str) -> str:
    text = sys.stdin.buffer.read(MAX_SQL_BYTES + 1).decode(errors="replace") if sql == "-" else _readable(sql)
    if not text.strip():
        raise Failure("There is no statement to explain: SQL is empty.", ExitCode.USAGE)
    if _CONNECTION_STRING.match(text):
        # It would be shown as the statement, with its password.
        raise Failure(
            "In the place of the statement stands a connection string. Give the statement first, then the database.",
            ExitCode.USAGE,
        )
    if len(text) > MAX_SQL_BYTES:
        raise Failure(f"The statement is longer than {MAX_SQL_BYTES:,} bytes.", ExitCode.USAGE)
    return text


def _readable(argument: str) -> str:
    """An argument as text: bytes that are no UTF-8 come as surrogates, which no server takes."""
    return argument.encode(errors="surrogateescape").decode(errors="replace")


def _explained(
    text: str,
    target: str | None,
    path: Path | None,
    config: Config,
    rules: Sequence[AnyRule],
    progress: Progress,
    *,
    run: bool,
    as_role: str,
) -> Explanation:
    from pgadvisor.collecting.one import NoSuchRole
    from pgadvisor.explain import NotFound, explain_collected, explain_live
    from pgadvisor.postgres.connect import ConnectError

    try:
        if path is not None:
            progress(f"Reading {path}")
            return explain_collected(text, read_file(path), config, rules, progress)
        return explain_live(text, target, config, rules, progress, run=run, as_role=as_role)
    except (NotFound, NoSuchRole) as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    except ConnectError as error:
        raise not_connected(error) from error


def _tell(explanation: Explanation, files: Files) -> None:
    if not files.quiet and files.leaves_stdout:
        width = min(shutil.get_terminal_size((80, 24)).columns, 120)
        tell(load_explanation_terminal()(explanation, width, coloured()))
    for renderer, path in (("html", files.html), ("json", files.json)):
        if path is not None:
            write_bytes(load_explanation(renderer)(explanation), path)
            if not files.quiet and path != STDOUT:
                click.echo(plain(f"Written: {path}"), err=True)
