"""The steps that commands are made of: collect, keep the snapshots, judge them, tell."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from pgadvisor.cli._connection import not_connected, refuse_file
from pgadvisor.cli._errors import Failure, plain
from pgadvisor.cli._output import STDOUT, cannot_write, check_writable, coloured, refuse_overwriting, tell, write
from pgadvisor.gate import ExitCode, gate, unseen
from pgadvisor.registry import load_rules, load_terminal

if TYPE_CHECKING:
    from pgadvisor.advise.planners import AuditedServer
    from pgadvisor.config import Config
    from pgadvisor.model.coverage import Fact, Gap
    from pgadvisor.model.report import Report
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.progress import Progress
    from pgadvisor.rules_api import AnyRule


class Files(NamedTuple):
    """Where a run writes to; None: it does not. quiet: nothing else is said but errors."""

    html: Path | None = None
    json: Path | None = None
    snapshot: Path | None = None
    quiet: bool = False

    def check(self, *inputs: Path | str | None) -> None:
        """Fails now rather than after the work where something cannot be written. Raises Failure.

        inputs are what is read, as far as it is files, which nothing may be written to.
        """
        paths = [path for path in (self.html, self.json, self.snapshot) if path is not None]
        if paths.count(STDOUT) > 1:
            raise Failure("Only one thing can go to standard output. Name a file for the others.", ExitCode.USAGE)
        refuse_overwriting(paths, [Path(each) for each in inputs if each and "\0" not in str(each)])
        for path in paths:
            check_writable(path)

    @property
    def leaves_stdout(self) -> bool:
        """Whether standard output is free for the terminal's report."""
        return STDOUT not in (self.html, self.json, self.snapshot)


def rules_of(config: Config) -> tuple[AnyRule, ...]:
    """The installed rules; that their options fit is known before anything is done. Raises ConfigError."""
    from pgadvisor.config import rule_options

    rules = load_rules()
    rule_options(config, rules)
    return rules


def collected(
    dsn: str | None,
    config: Config,
    progress: Progress,
    watch_s: float | None = None,
    workload: Sequence[Path] = (),
) -> tuple[Snapshot, ...]:
    """What the server showed, one snapshot for each database; of the time between two looks if watch_s says how long.

    workload are files of more statements. Raises Failure where it cannot be connected to, or a file cannot be used.
    """
    from pgadvisor.collect import collect_all, collect_watched
    from pgadvisor.postgres.connect import ConnectError
    from pgadvisor.workload.sources.source import SourceError

    refuse_file(dsn)
    _check_workload(workload, config)
    try:
        if watch_s is not None:
            return collect_watched(dsn, config.collect, watch_s, progress, workload)
        return collect_all(dsn, config.collect, progress, workload)
    except ConnectError as error:
        raise not_connected(error) from error
    except SourceError as error:
        raise Failure(str(error), ExitCode.USAGE) from error


def _check_workload(files: Sequence[Path], config: Config) -> None:
    """Fails before the server is asked anything where a file cannot be opened. Raises Failure."""
    if STDOUT in files and (config.collect.all_databases or files.count(STDOUT) > 1):
        raise Failure("Standard input can be read once, for one database. Give --workload a file.", ExitCode.USAGE)
    for path in files:
        if path == STDOUT:
            continue
        try:
            path.open("rb").close()
        except OSError as error:
            raise Failure(f"Cannot read {path}: {error.strerror}.", ExitCode.USAGE) from error


def read_file(path: Path) -> tuple[Snapshot, ...]:
    """The snapshots of a file. Raises Failure where it cannot be used."""
    from pgadvisor.snapshots.file import SnapshotError, read_snapshots

    try:
        return read_snapshots(path)
    except SnapshotError as error:
        raise Failure(str(error), ExitCode.USAGE) from error


def saved(path: Path, snapshots: Sequence[Snapshot]) -> int:
    """Writes a snapshot file; its size in bytes.

    Where that fails, what was collected is kept among the temporary files if it can be: the server need not be asked
    again. Raises Failure, which says where it is.
    """
    from pgadvisor.snapshots.file import write_snapshots

    try:
        return write_snapshots(path, snapshots)
    except OSError as error:
        kept = _kept_elsewhere(snapshots)
        what = "What was collected is lost" if kept is None else f"What was collected is in {kept} instead"
        raise Failure(f"{cannot_write(path, error).message} {what}.", ExitCode.CANNOT_WRITE) from error


def _kept_elsewhere(snapshots: Sequence[Snapshot]) -> Path | None:
    import tempfile

    from pgadvisor.snapshots.file import write_snapshots

    try:
        path = Path(tempfile.mkdtemp(prefix="pgadvisor-")) / "snapshot.json.gz"
    except OSError:
        return None
    try:
        write_snapshots(path, snapshots)
    except OSError:
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        return None
    return path


def judged(
    snapshots: Sequence[Snapshot],
    config: Config,
    rules: Sequence[AnyRule],
    progress: Progress,
    workload: Sequence[Path] = (),
    *,
    server: AuditedServer | None = None,
) -> Report:
    """The report on snapshots, and on the statements of files; server is the one that they were collected from.

    Raises Failure where they cannot be put together, or a file cannot be used.
    """
    from pgadvisor.advise.planners import planners_of
    from pgadvisor.analyze import analyze_all
    from pgadvisor.snapshots.combine import CombineError
    from pgadvisor.workload.sources.source import SourceError

    _check_workload(workload, config)
    try:
        return analyze_all(snapshots, config, rules, progress, workload, planners_of(config, server))
    except (CombineError, SourceError) as error:
        raise Failure(str(error), ExitCode.USAGE) from error


def told(report: Report, config: Config, files: Files) -> ExitCode:
    """Shows the report, writes it where it was asked for, and says why the exit code is what it is."""
    shown_and_written(report, files)
    code = ExitCode.INTERRUPTED if report.trust.interrupted else gate(report, config.gate)
    if code is not ExitCode.CLEAN:
        click.echo(plain(_why(code, report, config)), err=True)
    return code


def shown_and_written(report: Report, files: Files) -> None:
    """Shows the report, and writes it where it was asked for."""
    if not files.quiet and files.leaves_stdout:
        tell(load_terminal()(report, width(), coloured()))
    for renderer, path in (("html", files.html), ("json", files.json)):
        if path is not None:
            write(report, renderer, path)
            if not files.quiet and path != STDOUT:
                click.echo(plain(f"Written: {path}"), err=True)


def _why(code: ExitCode, report: Report, config: Config) -> str:
    """One line for the log of whoever sees nothing but the exit code."""
    if code is ExitCode.FINDINGS:
        found = ", ".join(f"{count} {severity.value}" for severity, count in report.severity_counts.items() if count)
        return f"Exit code 1: findings ({found}), and --fail-on is {config.gate.fail_on.value}."
    if code is ExitCode.INTERRUPTED:
        return "Exit code 130: interrupted; the report holds what had been collected."
    return incomplete(report.trust.gaps, unseen(report.trust.coverage, config.gate))


def incomplete(gaps: Sequence[Gap], missing: Sequence[Fact]) -> str:
    """Why a run is incomplete: the first gap in an essential fact; a rule's crash where there is none."""
    gap = next((gap for gap in gaps if gap.fact in missing), None)
    if gap is not None:
        return (
            f"Exit code 3: not all of {gap.fact.value} could be seen. {gap.reason.rstrip('.')}. {gap.remedy}".rstrip()
        )
    if missing:
        return f"Exit code 3: not all of {missing[0].value} could be seen."
    return "Exit code 3: a rule crashed; the report says which."


def width() -> int:
    """Columns of the terminal, 120 at most."""
    import shutil

    return min(shutil.get_terminal_size((80, 24)).columns, 120)
