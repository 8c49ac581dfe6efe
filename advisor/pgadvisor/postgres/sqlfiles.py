"""The collector's questions: one .sql file each, chosen by what the server has.

`queries/<name>[.<variant>].sql`; comment lines at the top may say ``-- needs: relation.column, ...``. Of the files of
one name the server gets the one with the most needs among those it fulfils. A name with an underscore in front is a
fragment: it takes the place of ``{name}`` in other files. What else is in braces is an identifier.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from psycopg import sql


class NotOfferedError(Exception):
    """No variant of a question fits this server."""


@dataclass(frozen=True)
class SqlFile:
    """One file: headers holds the ``key: value`` lines of its first comment."""

    name: str
    variant: str
    headers: Mapping[str, str]
    text: str

    @property
    def needs(self) -> frozenset[str]:
        """The columns, as relation.column, without which it cannot run."""
        return frozenset(self.listed("needs"))

    @property
    def placeholders(self) -> frozenset[str]:
        """The names in braces."""
        return frozenset(name for _, name, _, _ in string.Formatter().parse(self.text) if name)

    def listed(self, header: str) -> tuple[str, ...]:
        """The values of a header that holds a list."""
        return tuple(value.strip() for value in self.headers.get(header, "").split(",") if value.strip())


@cache
def sql_files() -> tuple[SqlFile, ...]:
    """All files, by name and variant."""
    folder = resources.files("pgadvisor.postgres") / "queries"
    files = [
        parse(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    ]
    return tuple(sorted(files, key=lambda file: (file.name, file.variant)))


def parse(stem: str, content: str) -> SqlFile:
    """A file from its name without the suffix and its content."""
    name, _, variant = stem.partition(".")
    lines = content.splitlines()
    headers: dict[str, str] = {}
    start = 0
    while start < len(lines) and lines[start].startswith("--"):
        key, colon, value = lines[start].removeprefix("--").partition(":")
        if colon and key.strip().isidentifier():
            headers[key.strip()] = value.strip()
        start += 1
    return SqlFile(name=name, variant=variant, headers=headers, text="\n".join(lines[start:]).rstrip())


def needed_relations() -> list[str]:
    """The relations that any file asks about."""
    return sorted({need.partition(".")[0] for file in sql_files() for need in file.needs})


class Queries:
    """The questions as this server can be asked them.

    available are the columns it has of those that files need, as relation.column; identifiers are names that files
    take in braces, such as the schema of an extension.
    """

    def __init__(self, available: Iterable[str], identifiers: Mapping[str, str]) -> None:
        self.available = frozenset(available)
        # Questions are asked with parameters, and a percent sign in them is doubled.
        self._identifiers = {
            name: sql.SQL(sql.Identifier(value).as_string().replace("%", "%%")) for name, value in identifiers.items()
        }

    def choose(self, name: str) -> SqlFile:
        """The variant of a file for this server. Raises NotOfferedError where none fits."""
        fitting = [file for file in sql_files() if file.name == name and file.needs <= self.available]
        if not fitting:
            raise NotOfferedError(name)
        return max(fitting, key=lambda file: len(file.needs))

    def __getitem__(self, name: str) -> sql.Composed:
        """A question, put together. Raises NotOfferedError where the server lacks what it is about."""
        file = self.choose(name)
        parts: dict[str, sql.Composable] = {
            each: self._identifiers[each] if each in self._identifiers else self[f"_{each}"]
            for each in file.placeholders
        }
        return sql.SQL(file.text).format(**parts)
