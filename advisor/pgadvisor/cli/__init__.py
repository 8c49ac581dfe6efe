"""The command line: one module per command, imported when it is called for."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

import click

from pgadvisor import __version__


class _Commands(click.Group):
    """Every public module of this package is a command; its function has the module's name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(import_module(f"{__name__}.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # whatever a command returns
        """Click quotes arguments that it cannot place, and one may be a connection string with a password."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            from pgadvisor.cli._errors import plain

            error.message = plain(error.message)  # type: ignore[misc]  # the only way that every kind of it has
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pgadvisor")
def cli() -> None:
    """A query performance advisor for PostgreSQL 13 to 18.

    It looks at a database for seconds, changes nothing, and says what to change, what that gains, what it costs, how to
    undo it, and what could not be seen.

    \b
    Examples:
      pgadvisor audit postgresql://monitor@db.example.com/shop
      PGHOST=/var/run/postgresql pgadvisor audit dbname=shop --html report.html
      pgadvisor rules explain unindexed_foreign_key
      pgadvisor demo
    """
