"""Reads which roles ran the statements that are looked into."""

from __future__ import annotations

import msgspec

from pgadvisor.model.coverage import Fact
from pgadvisor.model.statements import StatementRole, Statements
from pgadvisor.postgres.reader import Reader, convert


def with_roles(reader: Reader, statements: Statements) -> Statements:
    """The statements with the roles that ran those of them which have a text."""
    looked_into = {query_id for text in statements.texts for query_id in (text.query_id, *text.also)}
    oids = sorted({row.user_oid for row in statements.rows if row.query_id in looked_into})
    if not oids:
        return statements
    rows = reader.rows(Fact.STATEMENTS, "statement_roles", "which roles run the statements", parameters={"oids": oids})
    return msgspec.structs.replace(statements, roles=convert(rows or (), StatementRole))
