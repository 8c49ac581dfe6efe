"""Names in statements, resolved against the collected catalog the way PostgreSQL resolves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING

from pgadvisor.model.catalog import Catalog, Column, Relation

if TYPE_CHECKING:
    from pgadvisor.workload.views import ParsedView

# NAMEDATALEN - 1: longer names are cut, at a character's border.
# https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
MAX_NAME_BYTES = 63

_UPPER = {ord(letter): ord(letter.lower()) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def fold(name: str, *, quoted: bool) -> str:
    """An identifier as PostgreSQL stores it: ASCII letters in lower case unless quoted, cut to 63 bytes of UTF-8."""
    if not quoted:
        name = name.translate(_UPPER)
    if len(name) * 4 > MAX_NAME_BYTES:
        name = name.encode("utf-8", "replace")[:MAX_NAME_BYTES].decode("utf-8", "ignore")
    return name


class SchemaView:
    """Relations, columns and constraints by the names that statements use. Names given are folded ones.

    parsed_views are the queries of views, by oid, as they were first asked for.
    """

    def __init__(self, catalog: Catalog, search_path: Sequence[str]) -> None:
        self._search_path = tuple(search_path)
        self._relations = {(relation.schema, relation.name): relation for relation in catalog.relations}
        self._by_oid = {relation.oid: relation for relation in catalog.relations}
        self.parsed_views: dict[int, ParsedView | None] = {}
        self._columns: dict[int, dict[str, Column]] = {}
        for column in sorted(catalog.columns, key=lambda column: (column.relation_oid, column.number)):
            self._columns.setdefault(column.relation_oid, {})[column.name] = column
        self._constraint_columns = {
            (constraint.table_oid, constraint.name): constraint.columns for constraint in catalog.constraints
        }

    def along(self, search_path: Sequence[str]) -> SchemaView:
        """The same schema to somebody with another search path."""
        other = copy(self)
        other._search_path = tuple(search_path)
        return other

    def relation(self, schema: str | None, name: str) -> Relation | None:
        """The relation of a name; one without a schema is looked for along the search path."""
        if schema is not None:
            return self._relations.get((schema, name))
        for each in self._search_path:
            found = self._relations.get((each, name))
            if found is not None:
                return found
        return None

    def by_oid(self, relation_oid: int) -> Relation | None:
        """The relation of an oid."""
        return self._by_oid.get(relation_oid)

    def columns(self, relation_oid: int) -> Mapping[str, Column]:
        """The columns of a relation by name, in their order."""
        return self._columns.get(relation_oid, {})

    def constraint_columns(self, relation_oid: int, name: str) -> tuple[str, ...]:
        """The columns of a named constraint of a table; () where there is none of that name."""
        return self._constraint_columns.get((relation_oid, name), ())
