"""``pgadvisor analyze``: the report on what was collected, with no server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgadvisor.cli._errors import explained
from pgadvisor.cli._options import configuration, of_every_run, of_judgement, of_planner, of_reports, of_workload
from pgadvisor.cli._progress import shown
from pgadvisor.cli._steps import Files, judged, read_file, rules_of, told

if TYPE_CHECKING:
    from pgadvisor.model.snapshot import Snapshot


@click.command(
    short_help="Make the report from files that collect has made; needs no server.",
    epilog="""
    \b
    Exit codes:
      0  nothing at or above --fail-on, and everything essential was seen
      1  findings at or above --fail-on
      2  bad usage or configuration, or a file that cannot be used
      3  no such findings, but something essential could not be checked
      5  a report cannot be written
      130  interrupted, now or when the snapshot was collected

    \b
    Examples:
      pgadvisor analyze shop.json.gz --html report.html
      pgadvisor analyze monday.json.gz friday.json.gz      (rates over what lies between)
      pgadvisor analyze primary.json.gz standby.json.gz    (unused means unused on both)
      ssh db.example.com pgadvisor collect dbname=shop -o - | pgadvisor analyze -
    """,
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@of_workload
@of_reports
@of_judgement
@of_planner
@of_every_run
def analyze(
    files: tuple[Path, ...],
    html: Path | None,
    json_: Path | None,
    workload: tuple[Path, ...],
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Make the report on snapshots; - is standard input.

    From the same snapshot it is the report that pgadvisor audit makes, byte for byte. Two looks at one server give
    rates over the time between them, a primary and its standbys are added up, other databases come into one report.
    Statements of --workload are counted and understood, with the plans that a log holds; others are not planned.
    """
    with explained(), shown(quiet) as progress:
        config = configuration(**options)
        outputs = Files(html, json_, quiet=quiet)
        outputs.check(*files, *workload, options["config_file"])
        rules = rules_of(config)
        snapshots: list[Snapshot] = []
        for path in files:
            progress(f"Reading {path}")
            snapshots += read_file(path)
        report = judged(snapshots, config, rules, progress, workload)
    raise SystemExit(told(report, config, outputs))
