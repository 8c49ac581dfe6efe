"""The questions of a trial to the catalogs: one file each."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from pgadvisor.postgres.session import Transaction


def ask(transaction: Transaction, question: str, **values: object) -> list[dict[str, Any]]:
    """Rows of queries/<question>.sql, in whose text %(name)s stands for a value that is bound."""
    return transaction.rows(sql.SQL(_text_of(question)), values or None)


@cache
def _text_of(question: str) -> str:
    return resources.files("pgadvisor.verifying").joinpath("queries", f"{question}.sql").read_text(encoding="utf-8")
