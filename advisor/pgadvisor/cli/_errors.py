"""Errors for people: one clear sentence on standard error, and the documented exit code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import click

from pgadvisor.gate import ExitCode

# Where passwords stand in what may be meant for a connection string: in a URI, also one without its scheme or with one
# slash, as a path has it, and behind a key, which may be misspelt. The last @ ends it: passwords have some unencoded.
# Lengths are bounded, so that long texts take no time.
_IN_URI = re.compile(r"(:/+[^\s:/]{0,200}:).*@")
_WITHOUT_SCHEME = re.compile(r"(?<!:):(?![:/])\S{1,200}@(?=[\w.\[/-])")
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
    text = _WITHOUT_SCHEME.sub(":***@", _IN_URI.sub(r"\1***@", text))
    text = _BEHIND_KEY.sub(r"\1***", text)
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
