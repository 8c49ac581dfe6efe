"""What of a snapshot's statistics a twin does without: one shortfall for each cause, however many columns it has."""

from __future__ import annotations

from collections import defaultdict

from pgadvisor.facts import Facts
from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.whatif import Shortfall

# So many are named in a shortfall; all count in relation_oids.
_NAMED = 10


class Losses:
    """Columns (and other subjects of statistics) by what was lost of them and why."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._found: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)

    def add(self, what: str, reason: str, relation_oid: int, column: str = "", *, named: str = "") -> None:
        """One more. what and reason are those of the shortfall; relation_oid is of the snapshot, also of an index.

        named is what it is called, if not after the relation and its column.
        """
        facts = self._facts
        relation = facts.relations.get(relation_oid) or facts.indexes.get(relation_oid)
        if relation is None:
            return
        index = facts.indexes.get(relation_oid)
        name = named or qualified(relation.schema, relation.name) + (f", column {column}" if column else "")
        self._found[what, reason][name] = relation_oid if index is None else index.table_oid

    def shortfalls(self) -> list[Shortfall]:
        """What was lost, each cause once, in the order in which they were met."""
        made = []
        for (what, reason), subjects in self._found.items():
            names = list(subjects)
            more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
            made.append(
                Shortfall(
                    what=f"{what} of {'; '.join(names[:_NAMED])}{more}",
                    reason=f"{reason[:1].upper()}{reason[1:].removesuffix('.')}.",
                    relation_oids=tuple(sorted(set(subjects.values()))),
                )
            )
        return made
