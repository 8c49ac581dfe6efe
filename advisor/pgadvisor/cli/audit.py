"""``pgadvisor audit``: the whole pipeline on one screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pgadvisor.cli._errors import Failure, explained
from pgadvisor.cli._options import (
    FILE,
    configuration,
    of_collection,
    of_every_run,
    of_judgement,
    of_planner,
    of_reports,
    of_workload,
)
from pgadvisor.cli._progress import shown
from pgadvisor.cli._steps import Files, collected, judged, rules_of, saved, told


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
      5  a report or the snapshot cannot be written
      130  interrupted; what had been collected is reported

    \b
    Examples:
      pgadvisor audit                      (connects as psql would: PG*, password file)
      pgadvisor audit postgresql://monitor@db/shop --html report.html
      pgadvisor audit "service=shop" --json - --quiet | jq .findings
      pgadvisor audit dbname=shop --fail-on critical --execute off
      pgadvisor audit dbname=shop --snapshot shop.json.gz
      pgadvisor audit dbname=shop --workload app.sql --workload postgresql.log.gz
    """,
)
@click.argument("dsn", required=False)
@of_reports
@click.option("--snapshot", type=FILE, metavar="FILE", help="Keep what was collected; pgadvisor analyze reads it.")
@of_workload
@of_collection
@of_judgement
@of_planner
@of_every_run
def audit(
    dsn: str | None,
    html: Path | None,
    json_: Path | None,
    snapshot: Path | None,
    workload: tuple[Path, ...],
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Audit the database that DSN names: a URI, key=value pairs, or nothing for libpq's environment.

    The database is only read: short read-only transactions, nobody kept waiting, nothing changed. Under --execute safe,
    the default, SELECTs that the server itself runs often and fast may be run once under EXPLAIN ANALYZE.
    """
    from pgadvisor.advise.planners import AuditedServer

    not_saved: Failure | None = None
    with explained(), shown(quiet) as progress:
        config = configuration(**options)
        files = Files(html, json_, snapshot, quiet)
        files.check(*workload, options["config_file"])
        rules = rules_of(config)
        snapshots = collected(dsn, config, progress, workload=workload)
        if snapshot is not None:
            try:
                saved(snapshot, snapshots)
            except Failure as failure:
                not_saved = failure
        report = judged(snapshots, config, rules, progress, server=AuditedServer(dsn))
    code = told(report, config, files)
    if not_saved is not None:
        raise not_saved
    raise SystemExit(code)
