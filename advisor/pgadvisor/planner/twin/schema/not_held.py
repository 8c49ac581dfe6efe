"""Relations that no snapshot holds, and that every server has: the system's catalogs."""

from __future__ import annotations

import re

from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building

_WORD = re.compile(r"\w+")
_INFORMATION_SCHEMA = "information_schema"
# The schema's name alone would mark every statement that qualifies a function of the system's.
_CATALOGS = """
SELECT relname::text FROM pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') ORDER BY relname
"""


def note_not_held(building: Building) -> None:
    """Says that a twin has catalogs of its own, so that statements on them are marked, and those on views of them.

    What else a snapshot does not hold the twin does not have, so that a statement on it is refused.
    Raises psycopg.OperationalError where the server is gone.
    """
    names = (_INFORMATION_SCHEMA, *(name for (name,) in building.admin.execute(_CATALOGS.encode())))
    known = frozenset(names)
    views = tuple(
        relation.oid
        for relation in building.facts.relations.values()
        if relation.definition and not known.isdisjoint(_WORD.findall(relation.definition))
    )
    building.shortfalls.append(
        Shortfall(
            what="catalogs of the system",
            reason="A snapshot does not hold them; the twin has its own, which are small, so that costs on them say "
            "nothing of the audited server.",
            names=names,
            relation_oids=views,
        )
    )
