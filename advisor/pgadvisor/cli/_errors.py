"""Errors for people: one clear sentence on standard error, and the documented exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from pgadvisor.gate import ExitCode


def plain(text: str) -> str:
    """The text with nothing in it that steers a terminal: sentences quote names of other people's databases.

    >>> plain("a\\x1b[31mb")
    'a�[31mb'
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


class Failure(click.ClickException):
    """Ends the run with a sentence and an exit code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(plain(message))
        self.exit_code = code  # type: ignore[misc]  # click reads it off the instance


@contextmanager
def explained(interrupted: str = "no report was made") -> Iterator[None]:
    """Turns the errors a person can meet into failures; interrupted: what Ctrl-C has cost."""
    from pgadvisor.config import ConfigError
    from pgadvisor.registry import RegistryError

    try:
        yield
    except (ConfigError, RegistryError) as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    except KeyboardInterrupt:
        raise Failure(f"Interrupted; {interrupted}.", ExitCode.INTERRUPTED) from None
