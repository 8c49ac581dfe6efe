"""``pgadvisor whatif``: a workload before and after a change that is only imagined."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgadvisor.cli._connection import not_connected, refuse_database, refuse_options_of_a_server, snapshot_file
from pgadvisor.cli._errors import Failure, explained, plain
from pgadvisor.cli._options import FILE, configuration, of_every_run, of_explanation, of_reports
from pgadvisor.cli._output import STDOUT, coloured, tell, write_bytes
from pgadvisor.cli._progress import shown
from pgadvisor.cli._steps import Files, read_file, saved
from pgadvisor.gate import ExitCode
from pgadvisor.model.whatif import PlannerChoice
from pgadvisor.registry import load_whatif, load_whatif_terminal

if TYPE_CHECKING:
    from pgadvisor.config import Config
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.model.whatif_result import WhatIfResult
    from pgadvisor.progress import Progress
    from pgadvisor.whatif import Wish


@click.command(
    short_help="Imagine indexes and settings: which statements gain, which lose, plans side by side.",
    epilog="""
    \b
    Exit codes:
      0  answered
      2  bad usage or configuration, or a file, index, setting or statement that cannot be used, also where the
         planner says so: a setting's value, an index that no server makes, a --query that cannot be planned
      3  no planner could be had, it lacks what the change needs, or no statement could be planned
      4  cannot connect
      5  a file cannot be written
      130  interrupted

    \b
    Examples:
      pgadvisor whatif shop.json.gz --create "CREATE INDEX ON orders (customer_id, created_at)"
      pgadvisor whatif shop.json.gz --drop orders_status_idx --html whatif.html
      pgadvisor whatif service=shop --set work_mem=64MB --save shop.json.gz
      pgadvisor whatif shop.json.gz --create "CREATE INDEX ON orders USING gin (tags)" \\
        --query "SELECT id FROM orders WHERE tags @> ARRAY['new']"
      pgadvisor whatif shop.json.gz           (as it is: how exactly the twin gives the plans observed)
    """,
)
@click.argument("target", required=False, metavar="[SNAPSHOT|DSN]")
@click.option("--create", multiple=True, metavar="SQL", help="Imagine the index of this CREATE INDEX (repeatable).")
@click.option("--drop", multiple=True, metavar="INDEX", help="Imagine this index gone (repeatable).")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Imagine this setting, such as work_mem=64MB."
)
@click.option(
    "--query", "queries", multiple=True, metavar="ID|SQL", help="Show the plans of this statement (repeatable)."
)
@click.option(
    "--planner",
    type=click.Choice([each.value for each in PlannerChoice]),
    default=PlannerChoice.TWIN.value,
    help="Which planner is asked.  [twin]",
)
@click.option(
    "--twin-server", default="auto", metavar="PATH|auto|docker", help="Where the twin's server programs are.  [auto]"
)
@click.option("--database", default="", metavar="NAME", help="Which database, of a snapshot on several.")
@of_reports
@click.option("--save", type=FILE, metavar="FILE", help="Keep what was collected, with the planner's answers.")
@of_explanation
@of_every_run
def whatif(
    target: str | None,
    create: tuple[str, ...],
    drop: tuple[str, ...],
    settings: tuple[str, ...],
    queries: tuple[str, ...],
    planner: str,
    twin_server: str,
    database: str,
    html: Path | None,
    json_: Path | None,
    save: Path | None,
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Tell what the workload of a SNAPSHOT would cost under a change that nobody makes.

    A private server with the schema, the statistics and the sizes of the snapshot, but none of its rows, plans every
    statement before and after: your own server is asked nothing, and nothing is changed on it. Given a DSN, a snapshot
    is collected first, as by pgadvisor collect.
    """
    with explained(), shown(quiet) as progress:
        config = configuration(**options)
        files = Files(html, json_, save, quiet=quiet)
        files.check(target, options["config_file"])
        path = snapshot_file(target)
        if path is not None:
            refuse_options_of_a_server(path, {**options, "save": save})
        else:
            refuse_database(database)
        from pgadvisor.whatif import Wish

        wish = Wish(create, drop, settings, queries, PlannerChoice(planner), twin_server, database)
        result = _answered(target, path, wish, config, progress, save)
    _tell(result, files)
    raise SystemExit(_exit_code(result))


def _exit_code(result: WhatIfResult) -> ExitCode:
    """Says why it is what it is, where it is not 0."""
    from pgadvisor.model.effects import Effect

    lacking = {item.number for item in result.shortcomings if item.prevents}
    for each in result.statements:
        if each.asked and each.effect is Effect.NOT_PLANNED and not lacking & set(each.marks):
            click.echo(plain(f"Exit code 2: the statement of --query cannot be planned. {each.reason}"), err=True)
            return ExitCode.USAGE
    if result.workload.statements > result.workload.not_planned:
        return ExitCode.CLEAN
    if not result.workload.statements:
        click.echo("Exit code 3: no statements are known; ask about one by --query.", err=True)
        return ExitCode.INCOMPLETE
    when = f" after the change, of {result.workload.lost} that could before it" if result.workload.lost else ""
    click.echo(f"Exit code 3: no statement could be planned{when}.", err=True)
    return ExitCode.INCOMPLETE


def _answered(
    target: str | None, path: Path | None, wish: Wish, config: Config, progress: Progress, save: Path | None
) -> WhatIfResult:
    """What the planner says; what is collected for it is saved, also where the planner cannot say."""
    from pgadvisor.advise.whatif import Unable
    from pgadvisor.planner.protocol import PlannerError
    from pgadvisor.postgres.connect import ConnectError
    from pgadvisor.whatif import WishError, whatif_collected, whatif_live

    def keep(collected: Snapshot) -> None:
        if save is not None:
            saved(save, (collected,))

    try:
        if path is not None:
            progress(f"Reading {path}")
            return whatif_collected(read_file(path), wish, config, progress)
        return whatif_live(target, wish, config, progress, None if save is None else keep)
    except WishError as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    except Unable as error:
        raise Failure(f"The planner cannot say: {error}", ExitCode.INCOMPLETE) from error
    except PlannerError as error:
        raise Failure(f"No planner could be asked: {error}", ExitCode.INCOMPLETE) from error
    except ConnectError as error:
        raise not_connected(error) from error


def _tell(result: WhatIfResult, files: Files) -> None:
    if not files.quiet and files.leaves_stdout:
        width = min(shutil.get_terminal_size((80, 24)).columns, 120)
        tell(load_whatif_terminal()(result, width, coloured()))
    for renderer, path in (("html", files.html), ("json", files.json)):
        if path is not None:
            write_bytes(load_whatif(renderer)(result), path)
            if not files.quiet and path != STDOUT:
                click.echo(plain(f"Written: {path}"), err=True)
