"""``pgadvisor indexes``: the best set of indexes for a workload, priced and proved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgadvisor.cli._connection import refuse_database, refuse_options_of_a_server, snapshot_file
from pgadvisor.cli._errors import Failure, explained, plain
from pgadvisor.cli._options import FILE, configuration, of_every_run, of_indexes, of_look, of_reports, of_workload
from pgadvisor.cli._output import STDOUT, coloured, tell, write
from pgadvisor.cli._progress import shown
from pgadvisor.cli._steps import Files, collected, incomplete, judged, read_file, rules_of, saved, width
from pgadvisor.gate import ExitCode, unseen
from pgadvisor.model.coverage import Fact
from pgadvisor.registry import load_index_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgadvisor.config import Config
    from pgadvisor.model.report import Report
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.progress import Progress


@click.command(
    short_help="Find the best set of indexes for the workload: what to create and drop, gain, price, proof.",
    epilog="""
    \b
    Exit codes:
      0  answered: what to create and drop, or that nothing is
      2  bad usage or configuration, or a file that cannot be used
      3  no planner could be asked, or something essential could not be seen; the report says what
      4  cannot connect
      5  a report or the snapshot cannot be written
      130  interrupted; what had been collected is reported

    \b
    Examples:
      pgadvisor indexes shop.json.gz --budget 500MB
      pgadvisor indexes shop.json.gz --goal cost --max-indexes 5 --no-drops --html indexes.html
      pgadvisor indexes service=shop --save shop.json.gz      (collects first, as pgadvisor collect does)
      pgadvisor indexes service=shop --planner hypopg         (asks the audited server, by its HypoPG)
      pgadvisor indexes monday.json.gz friday.json.gz --all   (the workload of what lies between)
    """,
)
@click.argument("targets", nargs=-1, metavar="[DSN|SNAPSHOT...]")
@of_indexes
@of_reports
@click.option("--save", type=FILE, metavar="FILE", help="Keep what was collected; all commands read it.")
@click.option("--all", "everything", is_flag=True, help="Show every index, check and reason in the terminal.")
@click.option("--database", default="", metavar="NAME", help="This database only, of snapshots on several.")
@of_workload
@of_look
@of_every_run
def indexes(
    targets: tuple[str, ...],
    html: Path | None,
    json_: Path | None,
    save: Path | None,
    everything: bool,
    database: str,
    workload: tuple[Path, ...],
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Find the best set of indexes for the workload of SNAPSHOTs, or of the database that DSN names.

    A private server with the schema, the statistics and the sizes of the snapshot, but none of its rows, plans every
    statement under thousands of sets of indexes: your own server is asked nothing, and nothing is changed on it.
    pgadvisor audit recommends the same, beside all else that it finds.
    """
    from pgadvisor.advise.index_report import about_indexes
    from pgadvisor.advise.planners import AuditedServer

    not_saved: Failure | None = None
    with explained(), shown(quiet) as progress:
        config = configuration(**options)
        files = Files(html, json_, save, quiet)
        files.check(*targets, *workload, options["config_file"])
        rules = rules_of(config)
        paths = _snapshot_files(targets)
        if paths:
            # Of statements from files as many count as --statements says.
            but = ("statements",) if workload else ()
            refuse_options_of_a_server(paths[0], {**options, "save": save}, but)
            snapshots = _of_database([each for path in paths for each in _read(path, progress)], database)
            report = judged(snapshots, config, rules, progress, workload)
        else:
            refuse_database(database)
            dsn = next(iter(targets), None)
            snapshots = collected(dsn, config, progress, workload=workload)
            not_saved = _not_saved(save, snapshots)
            report = judged(snapshots, config, rules, progress, server=AuditedServer(dsn))
        report = about_indexes(report)
    _tell(report, files, everything)
    if not_saved is not None:
        raise not_saved
    raise SystemExit(_exit_code(report, config))


def _snapshot_files(targets: Sequence[str]) -> list[Path]:
    """The snapshots named; none where a database is, or nothing. Raises Failure."""
    paths = [STDOUT if target == "-" else snapshot_file(target) for target in targets]
    found = [path for path in paths if path is not None]
    if len(targets) > 1 and len(found) < len(targets):
        # By its place: a connection string with a password may be among them, and misspelt.
        other = paths.index(None) + 1
        raise Failure(f"Give one database, or files of snapshots: argument {other} is no file.", ExitCode.USAGE)
    return found


def _not_saved(save: Path | None, snapshots: Sequence[Snapshot]) -> Failure | None:
    """Saves what was collected; where that fails, what to say of it once the report is told."""
    if save is None:
        return None
    try:
        saved(save, snapshots)
    except Failure as failure:
        return failure
    return None


def _read(path: Path, progress: Progress) -> tuple[Snapshot, ...]:
    progress(f"Reading {path}")
    return read_file(path)


def _of_database(snapshots: Sequence[Snapshot], database: str) -> Sequence[Snapshot]:
    """Those of the database named, all where none is. Raises Failure."""
    found = [each for each in snapshots if database in ("", each.server.database)]
    if not found:
        names = ", ".join(sorted({each.server.database for each in snapshots}))
        raise Failure(f"There is no snapshot of a database {database}; there are: {names}.", ExitCode.USAGE)
    return found


def _tell(report: Report, files: Files, everything: bool) -> None:
    if not files.quiet and files.leaves_stdout:
        tell(load_index_terminal()(report, width(), coloured(), everything))
    for renderer, path in (("html_indexes", files.html), ("json", files.json)):
        if path is not None:
            write(report, renderer, path)
            if not files.quiet and path != STDOUT:
                click.echo(plain(f"Written: {path}"), err=True)


def _exit_code(report: Report, config: Config) -> ExitCode:
    """Says why it is what it is, where it is not 0."""
    if report.trust.interrupted:
        click.echo("Exit code 130: interrupted; the report holds what had been collected.", err=True)
        return ExitCode.INTERRUPTED
    missing = unseen(report.trust.coverage, config.gate)
    if missing:
        click.echo(plain(incomplete(report.trust.gaps, missing)), err=True)
        return ExitCode.INCOMPLETE
    if report.index_advice is None and not report.index_advice_by_database:
        gap = next((gap for gap in report.trust.gaps if gap.fact is Fact.INDEX_ADVICE), None)
        why = " --planner none asks none." if gap is None else f" {gap.reason.rstrip('.')}. {gap.remedy}"
        click.echo(plain(f"Exit code 3: nothing is proved.{why}".rstrip()), err=True)
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN
