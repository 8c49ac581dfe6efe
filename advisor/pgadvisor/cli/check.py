"""``pgadvisor check``: what an audit would see, and what to do about the rest, before any audit."""

from __future__ import annotations

import shutil
from typing import Any

import click

from pgadvisor.cli._connection import not_connected, refuse_file
from pgadvisor.cli._errors import explained
from pgadvisor.cli._options import configuration, of_survey
from pgadvisor.cli._output import coloured, tell
from pgadvisor.cli._progress import shown
from pgadvisor.gate import ExitCode


@click.command(
    short_help="Show what an audit would see with this role, and which GRANT or setting shows the rest.",
    epilog="""
    \b
    Exit codes:
      0  everything essential can be seen
      2  bad usage or configuration
      3  something essential cannot be seen
      4  cannot connect
      130  interrupted

    \b
    Examples:
      pgadvisor check postgresql://monitor@db/shop
      PGSERVICE=shop pgadvisor check
    """,
)
@click.argument("dsn", required=False)
@of_survey
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def check(dsn: str | None, quiet: bool, **options: Any) -> None:  # noqa: ANN401
    """Look at the database that DSN names as an audit would, but for texts and plans of statements, and list each fact.

    The database is only read: short read-only transactions, nobody kept waiting, nothing changed, nothing planned.
    """
    from pgadvisor.advise.hints import hints
    from pgadvisor.collect import survey
    from pgadvisor.model.coverage import Presence
    from pgadvisor.postgres.connect import ConnectError
    from pgadvisor.registry import load_coverage

    with explained():
        config = configuration(**options)
        refuse_file(dsn)
        with shown(quiet) as progress:
            try:
                snapshot = survey(dsn, config.collect, progress)
            except ConnectError as error:
                raise not_connected(error) from error
        width = min(shutil.get_terminal_size((80, 24)).columns, 120)
        tell(load_coverage()(snapshot, hints(snapshot), width, coloured()))
    unseen = [fact for fact in config.gate.essential if snapshot.coverage.presence(fact) is not Presence.PRESENT]
    if unseen:
        click.echo(f"Exit code 3: an audit would not see all of {', '.join(unseen)}.", err=True)
    raise SystemExit(ExitCode.INCOMPLETE if unseen else ExitCode.CLEAN)
