"""What is written to the twin's catalogs as it stands: parameters of relations, and which indexes are not valid.

By a superuser, and no text of it is evaluated: the server ignores what it does not know of the parameters in
its catalogs, so that those of another version do no harm.
"""

from __future__ import annotations

from pgadvisor.model.catalog import RelationKind
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.indexes import PARAMETERS_NOT_BUILT_IN

# MAX_STATISTICS_TARGET (src/include/statistics/statistics.h).
_MOST_TARGET = 10_000


def write_catalogs(building: Building) -> None:
    """Writes parameters of tables and of indexes, options of columns, and which indexes are valid.

    Raises psycopg.OperationalError where the server is gone.
    """
    facts, oids = building.facts, building.oids
    options = [
        (oids[relation.oid], relation.options)
        for relation in facts.relations.values()
        if relation.options and relation.kind is not RelationKind.VIEW and relation.oid in oids
    ]
    options += [
        (oids[index.oid], index.definition.options)
        for index in facts.indexes.values()
        if index.definition.options and index.definition.access_method in PARAMETERS_NOT_BUILT_IN and index.oid in oids
    ]
    with building.admin.transaction():
        building.admin.execute(
            "UPDATE pg_class AS c SET reloptions = string_to_array(o.options, chr(1)) "
            "FROM unnest(%s::oid[], %s::text[]) AS o (oid, options) WHERE c.oid = o.oid",
            ([oid for oid, _ in options], ["\1".join(map(_clean, each)) for _, each in options]),
        )
        _write_columns(building)
        for valid in (True, False):
            chosen = [oids[oid] for oid, index in facts.indexes.items() if index.valid is valid and oid in oids]
            building.admin.execute(
                "UPDATE pg_index SET indisvalid = %s WHERE indexrelid = ANY (%s::oid[]) AND indisvalid <> %s",
                (valid, chosen, valid),
            )


def _write_columns(building: Building) -> None:
    """What ANALYZE would go by, so that a look at the twin shows what is in production."""
    columns = [
        (building.oids[column.relation_oid], column)
        for column in building.facts.snapshot.catalog.columns
        if (column.statistics_target is not None or column.options) and column.relation_oid in building.oids
    ]
    building.admin.execute(
        "UPDATE pg_attribute AS a SET attstattarget = coalesce(o.target, a.attstattarget), "
        "attoptions = coalesce(string_to_array(nullif(o.options, ''), chr(1)), a.attoptions) "
        "FROM unnest(%s::oid[], %s::text[], %s::int2[], %s::text[]) AS o (oid, name, target, options) "
        "WHERE a.attrelid = o.oid AND a.attname = o.name",
        (
            [oid for oid, _ in columns],
            [_clean(column.name) for _, column in columns],
            [None if (target := column.statistics_target) is None else _of_server(target) for _, column in columns],
            ["\1".join(map(_clean, column.options)) for _, column in columns],
        ),
    )


def _of_server(target: int) -> int:
    """A statistics target that a server takes, whatever a snapshot says."""
    return min(max(target, -1), _MOST_TARGET)


def _clean(text: str) -> str:
    """Without what no text of a server holds, or what is between the parts of a list here."""
    return text.replace("\0", "").replace("\1", "")
