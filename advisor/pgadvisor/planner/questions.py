"""The planner's questions to the catalogs: one file each, asked where no stranger's object can answer."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgadvisor.postgres.session import Transaction


def ask(transaction: Transaction, question: str, **values: object) -> list[dict[str, Any]]:
    """Rows of queries/<question>.sql, in whose text %(name)s stands for a value that is bound."""
    return transaction.rows(sql.SQL(text_of(question)), values or None)


@contextmanager
def catalogs_only(transaction: Transaction, own_search_path: str) -> Iterator[None]:
    """Within it nothing but pg_catalog is searched; afterwards the role's own path is again.

    An operator of a stranger that lies on the role's path would else be taken for the system's where it fits better.
    After an error the transaction is over, and there is nothing to put back.
    """
    transaction.set_local(search_path="pg_catalog")
    yield
    transaction.set_local(search_path=own_search_path)


@cache
def text_of(question: str) -> str:
    """The text of queries/<question>.sql."""
    return resources.files("pgadvisor.planner").joinpath("queries", f"{question}.sql").read_text(encoding="utf-8")
