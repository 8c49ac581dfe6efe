"""How a configuration is put on for one transaction: the catalog says of an index that it is valid, or that it is not.

The planner passes invalid indexes by, and takes those that are valid into account, whatever is in their files. A
function of the superuser's changes nothing but that mark, of indexes of users, for a role that may change nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from psycopg import sql

from pgadvisor.model.whatif import Configuration, IndexName
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.database import PLANNER

_SCHEMA = "pgadvisor_twin"
# Each mark leaves a dead row, which a rolled back transaction does not give back: some megabytes of them at most.
_VACUUM_AFTER = 20_000
# An index made on a table with broken HOT chains may not be used by older transactions, and what we have just changed
# would count as younger than ours; but no table of a twin has rows.
_FUNCTION = """
CREATE FUNCTION {function} (there oid[], gone oid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pg_catalog.pg_index AS i
  SET indisvalid = (i.indexrelid = ANY (there)), indcheckxmin = false
  WHERE i.indexrelid = ANY (there || gone)
    AND i.indexrelid >= 16384
    AND i.indisvalid <> (i.indexrelid = ANY (there));
END
$$
"""


class Configurations:
    """Puts configurations on; made once the schema is there, so that no schema of the snapshot's has its name."""

    def __init__(self, building: Building) -> None:
        admin = building.admin
        taken = {name for (name,) in admin.execute("SELECT nspname::text FROM pg_namespace")}
        schema = next(name for name in _names() if name not in taken)
        self._function = sql.Identifier(schema, "mark_indexes").as_string()
        self._building = building
        self._marked = 0
        self._children: dict[int, list[int]] = defaultdict(list)
        for index in building.facts.indexes.values():
            if index.parent_oid is not None:
                self._children[index.parent_oid].append(index.oid)
        admin.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        admin.execute(sql.SQL(_FUNCTION).format(function=sql.SQL(self._function)))
        admin.execute(sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(sql.SQL(self._function)))
        for what in (f"SCHEMA {sql.Identifier(schema).as_string()}", f"FUNCTION {self._function}"):
            right = "USAGE" if what.startswith("SCHEMA") else "EXECUTE"
            admin.execute(sql.SQL(f"GRANT {right} ON {what} TO {{}}").format(sql.Identifier(PLANNER)))

    def unable(self, configuration: Configuration) -> str:
        """Why indexes cannot be taken away, in one sentence; "" where they can."""
        for name in configuration.drop:
            index = self._building.facts.index_named(name.schema, name.name)
            if index is None:
                return f"There is no index {name.schema}.{name.name} that could be gone."
            if index.oid not in self._building.oids:
                return (
                    f"The twin has not been able to make the index {name.schema}.{name.name}, so it says nothing of it."
                )
        return ""

    def command(self, configuration: Configuration, created: Iterable[int]) -> str:
        """SQL that puts a configuration on for the rest of a transaction; "" where all is as it is.

        created are the oids, on the twin, of the indexes that it adds.
        """
        gone = sorted({oid for name in configuration.drop for oid in self._dropped(name)})
        there = sorted(set(created))
        if not there and not gone:
            return ""
        self._marked += len(there) + len(gone)
        return f"SELECT {self._function} ('{{{_listed(there)}}}'::oid[], '{{{_listed(gone)}}}'::oid[]);"

    def tidy(self) -> None:
        """Removes what marks of earlier transactions left, now and then; no transaction may be open.

        Raises psycopg.OperationalError where the server is gone.
        """
        if self._marked >= _VACUUM_AFTER:
            self._marked = 0
            self._building.admin.execute("VACUUM pg_catalog.pg_index")

    def _dropped(self, name: IndexName) -> Iterator[int]:
        """Oids on the twin of an index and of those of partitions that are part of it."""
        index = self._building.facts.index_named(name.schema, name.name)
        stack = [] if index is None else [index.oid]
        while stack:
            oid = stack.pop()
            if oid in self._building.oids:
                yield self._building.oids[oid]
            stack += self._children.get(oid, ())


def _names() -> Iterator[str]:
    yield _SCHEMA
    number = 0
    while True:
        number += 1
        yield f"{_SCHEMA}_{number}"


def _listed(oids: Iterable[int]) -> str:
    return ",".join(map(str, oids))
