"""``pgadvisor verify``: recommended indexes tried on a copy, what was promised beside what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgadvisor.cli._connection import not_connected
from pgadvisor.cli._durations import Duration
from pgadvisor.cli._errors import Failure, explained, plain
from pgadvisor.cli._options import FILE, configuration, of_every_run, of_reports
from pgadvisor.cli._output import STDOUT
from pgadvisor.cli._progress import shown
from pgadvisor.cli._steps import Files, shown_and_written
from pgadvisor.gate import ExitCode

if TYPE_CHECKING:
    from pgadvisor.config import Config
    from pgadvisor.model.report import Report
    from pgadvisor.progress import Progress
    from pgadvisor.verify import TrialOptions


@click.command(
    short_help="Try recommended indexes on a copy: promised against measured.",
    epilog="""
    \b
    Exit codes:
      0  every promise that could be held against a measurement was kept
      1  a statement was slower than promised
      2  bad usage or configuration, a report that cannot be used, or a database that is not, or may not be, a copy
      3  nothing could be measured, or the trial ended early without a broken promise
      4  cannot connect
      5  a report cannot be written
      130  interrupted; what had been measured is reported

    \b
    Examples:
      psql -d shop_copy -c "ALTER DATABASE shop_copy SET pgadvisor.copy = 'yes'"
      pgadvisor audit service=shop --json shop.json          (once the copy runs)
      pgadvisor verify shop.json "host=copy dbname=shop_copy" --html shop.html
      pgadvisor verify shop.json service=copy --max-time 2h --statement-timeout 10m
    """,
)
@click.argument("report", type=FILE)
@click.argument("clone_dsn")
@of_reports
@click.option("--database", default="", metavar="NAME", help="Which database, of a report on several.")
@click.option(
    "--statements", default=100, type=click.IntRange(1), metavar="N", help="Run this many of the costliest.  [100]"
)
@click.option(
    "--runs", default=3, type=click.IntRange(1, 20), metavar="N", help="Measure each so often in every round.  [3]"
)
@click.option(
    "--values", default=3, type=click.IntRange(1, 5), metavar="N", help="Run each with so many sets of values.  [3]"
)
@click.option("--statement-timeout", type=Duration(), default="60s", help="For one execution.  [60s]")
@click.option("--max-time", type=Duration(), default="30m", help="For all that is done on the copy.  [30m]")
@of_every_run
def verify(
    report: Path,
    clone_dsn: str,
    html: Path | None,
    json_: Path | None,
    database: str,
    statements: int,
    runs: int,
    values: int,
    statement_timeout: float,
    max_time: float,
    quiet: bool,
    config_file: Path | None,
) -> None:
    """Try the indexes that a REPORT recommends on a copy of its database.

    REPORT is what pgadvisor audit or indexes wrote with --json. CLONE_DSN leads to a copy on a server of its own, which
    a superuser has marked: ALTER DATABASE name SET pgadvisor.copy = 'yes'. The indexes are built there, the statements
    that they are for run without them and with them, and all of it is rolled back: nothing stays on the copy.
    """
    with explained(), shown(quiet) as progress:
        from pgadvisor.verify import TrialOptions

        config = configuration(config_file=config_file)
        files = Files(html, json_, quiet=quiet)
        files.check(report, config_file)
        if report == STDOUT:
            raise Failure("A report is read from a file. Name one.", ExitCode.USAGE)
        timeout_ms = min(max(int(statement_timeout * 1000), 1), 2_147_483_647)
        options = TrialOptions(
            runs=runs,
            values=values,
            statements=statements,
            statement_timeout_ms=timeout_ms,
            max_time_s=max_time,
            database=database,
        )
        verified = _verified(report, clone_dsn, config, options, progress)
    shown_and_written(verified, files)
    raise SystemExit(_exit_code(verified))


def _verified(path: Path, dsn: str, config: Config, options: TrialOptions, progress: Progress) -> Report:
    from pgadvisor.postgres.connect import ConnectError
    from pgadvisor.verify import NotACopyError, NothingToTryError, verify
    from pgadvisor.verifying.report_file import ReportError, read_report

    try:
        return verify(read_report(path), dsn, config, options, progress)
    except (ReportError, NotACopyError, NothingToTryError) as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    except ConnectError as error:
        raise not_connected(error) from error


def _exit_code(report: Report) -> ExitCode:
    """Says why it is what it is, where it is not 0."""
    verification = report.verification
    assert verification is not None  # noqa: S101  a verified report has one
    code, why = ExitCode.CLEAN, ""
    if verification.interrupted:
        code, why = ExitCode.INTERRUPTED, "interrupted; the report holds what had been measured."
    elif not report.promises_kept():
        code, why = ExitCode.FINDINGS, "a statement was slower than promised."
    elif verification.cut_short:
        code, why = ExitCode.INCOMPLETE, f"the trial ended early. {verification.cut_short}"
    elif verification.before_ms is None:
        code, why = ExitCode.INCOMPLETE, "nothing could be measured; the report says why."
    if why:
        click.echo(plain(f"Exit code {code.value}: {why}"), err=True)
    return code
