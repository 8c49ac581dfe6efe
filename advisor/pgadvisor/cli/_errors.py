"""Errors for people: one clear sentence on standard error, and the documented exit code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import click

from pgadvisor.gate import ExitCode

# Where passwords stand in what may be meant for a connection string: between a user's name and the host, in a URI or
# without its scheme, and behind a key, which may be misspelt. The last @ of a line ends a password, for some have one
# unencoded; but for URIs it has a host behind it, as no operator has. A colon before a blank belongs to a sentence.
_BEFORE_HOST = re.compile(r"@(?=[\w.:?\[/'\"-]|$)")
_BEHIND_USER = re.compile(r":(?!//|\s)")
_BEHIND_KEY = re.compile(
    r"""((?:pass?(?:w\w*)?|pwd)\s*=\s*)(?:\\?(["'])(?:\\+.|(?!\2).)*(?:\2|$)|(?:\\+.|\S)+)""",
    re.IGNORECASE | re.DOTALL,
)


def plain(text: str) -> str:
    """The text with nothing in it that steers a terminal, for sentences quote names of other people's databases; and
    without passwords, for they quote arguments, which may be connection strings where none was looked for.

    >>> plain("a\\x1b[31mb")
    'a�[31mb'
    >>> plain("no file postgresql://u:secret@h/db, password=secret")
    'no file postgresql://u:***@h/db, password=***'
    """
    text = "\n".join(map(_without_password, text.split("\n")))
    text = _BEHIND_KEY.sub(r"\1***", text)
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _without_password(line: str) -> str:
    """A line with all masked that may stand between a user's name and a host; it takes time by its length alone."""
    hosts = [found.start() for found in _BEFORE_HOST.finditer(line)]
    end = line.rfind("@") if ":/" in line else max(hosts, default=-1)
    begins = _BEHIND_USER.search(line, 0, max(end, 0))
    return line if begins is None else f"{line[: begins.end()]}***{line[end:]}"


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
