"""Functions of an extension are called by name: that it still leads to the extension's own code is checked first.

Whoever owns the schema that an extension lives in can drop it, extension and all, and put code of their own in its
place at any moment. A check in the same transaction leaves them next to no time; a role that could do more than read is
not left to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.postgres.session import Session, Transaction
from pgadvisor.postgres.sqlfiles import Queries


class StrangersCode(psycopg.Error):
    """The functions may be somebody else's; reason is a clause, remedy a sentence."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@contextmanager
def genuine(session: Session, extension: str, schema: str, functions: Sequence[str]) -> Iterator[Transaction]:
    """A transaction in which these functions of an extension may be called. Raises StrangersCode where they may not."""
    with session.transaction() as transaction:
        row = transaction.row(
            Queries((), {})["extension_code"],
            {"extension": extension, "schema": schema, "functions": list(functions)},
        )
        if not row["is_genuine"]:
            raise StrangersCode(
                f"the functions of {extension} in schema {quote_identifier(schema)} are not the extension's own",
                "Find out who put them there.",
            )
        if row["could_harm"] and not row["is_safe_from_owner"]:
            raise StrangersCode(
                f"the owner of schema {quote_identifier(schema)}, where {extension} is, could put code of their own in "
                "its place, which would run with the rights of this role, and these reach beyond the database",
                "Audit as a role that is a member of pg_monitor, not as a superuser, or have a superuser own the "
                f"schema ({extension} can live in one of its own).",
            )
        yield transaction
