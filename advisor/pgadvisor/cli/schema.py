"""``pgadvisor schema``: the JSON Schema of the report."""

from __future__ import annotations

import click

from pgadvisor.cli._output import tell


@click.command(short_help="Print the JSON Schema of the JSON report.")
def schema() -> None:
    """Print the JSON Schema that every JSON report of this version validates against."""
    import msgspec

    from pgadvisor.model.report import Report

    tell(f"{msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Report)), indent=2).decode()}\n")
