"""Reads column statistics, and tells those that are hidden from those that do not exist."""

from __future__ import annotations

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Relation, RelationKind
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.statistics import PgStats
from pgadvisor.postgres.gaps import gaps_on
from pgadvisor.postgres.reader import Reader, convert


def read_statistics(reader: Reader) -> None:
    """The rows of pg_stats. The view leaves out, without a word, what the role may not read."""
    fact = Fact.COLUMN_STATISTICS
    reader.present(fact, Presence.ABSENT)
    reader.progress("Reading column statistics")
    rows = reader.rows(fact, "column_statistics", "column statistics", remedy=_remedy(reader))
    if rows is None:
        return
    statistics = convert(rows, PgStats)
    reader.into.column_statistics = tuple(
        sorted(statistics, key=lambda row: (row.relation_oid, row.column, row.inherited))
    )
    subjects = [relation for relation in reader.into.catalog.relations if relation.kind is not RelationKind.VIEW]
    hidden = [relation for relation in subjects if not relation.statistics_visible]
    _note_hidden(reader, hidden)
    if not hidden and reader.into.presence[Fact.CATALOG] is not Presence.ABSENT:
        reader.present(fact)
    elif len(hidden) < len(subjects) or rows:
        reader.present(fact, Presence.PARTIAL)


def _note_hidden(reader: Reader, hidden: list[Relation]) -> None:
    guarded = [relation for relation in hidden if relation.row_security]
    refused = [relation for relation in hidden if not relation.row_security]
    reader.into.gaps += gaps_on(
        Fact.COLUMN_STATISTICS,
        (qualified(relation.schema, relation.name) for relation in refused),
        "The role may not read the table, so the server hides the statistics of its columns",
        _remedy(reader),
    )
    reader.into.gaps += gaps_on(
        Fact.COLUMN_STATISTICS,
        (qualified(relation.schema, relation.name) for relation in guarded),
        "Row security applies to the role, so the server hides the statistics of its columns",
        "Audit as a role that may read the table and has BYPASSRLS, or as the table's owner.",
    )


def _remedy(reader: Reader) -> str:
    server = reader.into.server
    if server is None or server.major >= 14:
        role = "the role" if server is None else quote_identifier(server.role)
        return f"GRANT pg_read_all_data TO {role}, or GRANT SELECT on these tables."
    return f"GRANT SELECT on these tables TO {quote_identifier(server.role)}."
