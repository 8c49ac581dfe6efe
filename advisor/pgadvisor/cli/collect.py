"""``pgadvisor collect``: what the analysis needs of a server, in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgadvisor.cli._durations import Duration
from pgadvisor.cli._errors import explained, plain
from pgadvisor.cli._options import FILE, configuration, of_collection, of_every_run, of_workload
from pgadvisor.cli._progress import shown
from pgadvisor.cli._steps import Files, collected, incomplete, saved
from pgadvisor.gate import ExitCode, unseen

if TYPE_CHECKING:
    from pgadvisor.config import GateConfig
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.progress import Progress


@click.command(
    short_help="Collect what the analysis needs into a file.",
    epilog="""
    \b
    Exit codes:
      0  everything essential was collected
      2  bad usage or configuration
      3  the file was written, but something essential could not be collected
      4  cannot connect
      5  the file cannot be written
      130  interrupted; what had been collected is in the file

    \b
    Examples:
      pgadvisor collect postgresql://monitor@db/shop -o shop.json.gz
      pgadvisor collect service=shop --all-databases -o server.json.gz
      pgadvisor collect service=shop --watch 10m -o busy-hour.json.gz
      pgadvisor collect service=shop --redact-names -o for-others.json.gz
      ssh db.example.com pgadvisor collect dbname=shop -o - | pgadvisor analyze -
      zcat shop.json.gz | jq .snapshots[0].server
    """,
)
@click.argument("dsn", required=False)
@click.option(
    "--output", "-o", type=FILE, required=True, metavar="FILE", help="The file to write; - for standard output."
)
@click.option("--redact", is_flag=True, help="Put made-up values of the same order in place of values of rows.")
@click.option("--redact-names", is_flag=True, help="And made-up names in place of those of tables, columns, roles ...")
@click.option(
    "--watch", type=Duration(), metavar="TIME", help="Look twice, so far apart (30s, 10m, 2h); keep what lies between."
)
@of_workload
@of_collection
@of_every_run
def collect(
    dsn: str | None,
    output: Path,
    watch: float | None,
    redact: bool,
    redact_names: bool,
    workload: tuple[Path, ...],
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Collect a snapshot of the database that DSN names: a URI, key=value pairs, or nothing for libpq's environment.

    The file (gzip, JSON) has all that pgadvisor analyze needs, and can be taken elsewhere: names, definitions and
    statistics, texts of statements, plans. Only you may read it, for it holds values of rows, unless --redact replaces
    them. The database is only read, as by pgadvisor audit.

    With --watch it holds what was counted between two looks, not since some reset: rates that are true. Ctrl-C while it
    waits takes the second look at once.
    """
    with explained("nothing was collected"):
        config = configuration(**options)
        files = Files(snapshot=output, quiet=quiet)
        files.check(*workload, options["config_file"])
        with shown(quiet) as progress:
            snapshots = collected(dsn, config, progress, watch, workload)
            if redact or redact_names:
                snapshots = _redacted(snapshots, redact_names, progress)
        size_bytes = saved(output, snapshots)
    if not quiet:
        for line in _summary(output, size_bytes, snapshots):
            click.echo(plain(line), err=True)
    code, why = _outcome(snapshots, config.gate)
    if why:
        click.echo(plain(why), err=True)
    raise SystemExit(code)


def _redacted(snapshots: Sequence[Snapshot], names: bool, progress: Progress) -> tuple[Snapshot, ...]:
    from pgadvisor.snapshots.redaction import redacted

    progress("Redacting")
    return tuple(redacted(snapshot, names=names) for snapshot in snapshots)


def _summary(output: Path, size_bytes: int, snapshots: Sequence[Snapshot]) -> list[str]:
    """A line for each database, and what of other people's is in the file."""
    place = "standard output" if output == Path("-") else str(output)
    lines = [f"Written: {place}, {_size(size_bytes)}"]
    for snapshot in snapshots:
        statements = () if snapshot.statements is None else snapshot.statements.rows
        counts = [
            _count(len(snapshot.catalog.relations), "relation"),
            _count(len({row.query_id for row in statements}), "statement"),
            _count(len(snapshot.plans), "plan"),
            _gaps(snapshot),
        ]
        lines.append(f"{snapshot.server.database}: {', '.join(counts)}")
    holds = dict.fromkeys(phrase for snapshot in snapshots for phrase in snapshot.contents.holds)
    if holds:
        lines.append(f"It holds: {'; '.join(holds)}")
    return lines


def _gaps(snapshot: Snapshot) -> str:
    """How many, and in which facts."""
    gaps = Counter(gap.fact.value for gap in snapshot.coverage.gaps)
    if not gaps:
        return "no gaps"
    facts = ", ".join(f"{fact} {count}" for fact, count in gaps.most_common())
    return f"{_count(gaps.total(), 'gap')} ({facts})"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:.1f} kB"


def _outcome(snapshots: Sequence[Snapshot], gate: GateConfig) -> tuple[ExitCode, str]:
    """As the gate of an audit would have it, as far as findings have no part in it."""
    if any(snapshot.coverage.interrupted for snapshot in snapshots):
        return ExitCode.INTERRUPTED, "Exit code 130: interrupted; the file holds what had been collected."
    for snapshot in snapshots:
        missing = unseen(snapshot.coverage.facts, gate)
        if missing:
            return ExitCode.INCOMPLETE, incomplete(snapshot.coverage.gaps, missing)
    return ExitCode.CLEAN, ""
