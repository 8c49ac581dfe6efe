"""Reads which roles ran the statements that are looked into."""

from __future__ import annotations

import msgspec

from pgadvisor.model.coverage import Fact
from pgadvisor.model.statements import StatementRole, Statements
from pgadvisor.postgres.reader import Reader, convert
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.sqlfiles import Queries


def with_roles(reader: Reader, statements: Statements) -> Statements:
    """The statements with the roles that ran those of them which have a text."""
    looked_into = {query_id for text in statements.texts for query_id in (text.query_id, *text.also)}
    oids = sorted({row.user_oid for row in statements.rows if row.query_id in looked_into})
    if not oids:
        return statements
    rows = reader.rows(Fact.STATEMENTS, "statement_roles", "which roles run the statements", parameters={"oids": oids})
    return msgspec.structs.replace(statements, roles=convert(rows or (), StatementRole))


def role_named(session: Session, name: str) -> StatementRole | None:
    """A role by its name, without whether we may become it; None where there is none. Raises psycopg.Error."""
    with session.transaction() as transaction:
        rows = transaction.rows(Queries((), {})["role_named"], {"name": name})
    return convert(rows, StatementRole)[0] if rows else None
