"""The functions that a statement reaches: planning runs them, and executing it runs more.

From everything that the names in a text may mean, the catalogs' dependencies lead to all code that it can run. That
finds too much at times, and never too little.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from pgadvisor.planner.mentions import Mentions
from pgadvisor.planner.questions import ask

if TYPE_CHECKING:
    from pgadvisor.postgres.session import Transaction

# Functions that run SQL given as text, or read a relation, and any view, given by name. Some call themselves STABLE,
# so that planning runs them: the system's *_to_xml, crosstab and connectby of tablefunc, xpath_table of xml2. And those
# that read a value of a type given by oid or name, whose CHECK is anybody's code.
_RUNS_SQL = (
    r"^((table|schema|database|query|cursor)_to_xml.*|crosstab\d*|connectby|xpath_table|ts_stat|dblink.*"
    r"|(array|record|domain|range|multirange)_in|pg_input_(is_valid|error_info))$"
)
_RUNS_SQL_NAME = re.compile(_RUNS_SQL)


class Lookup:
    """Looks functions up, with what does not change from one statement to the next read once.

    Every method wants a transaction in which pg_catalog alone is searched.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._trusted = [row["oid"] for row in ask(transaction, "trusted_owners")]
        self._volatile_names = {row["name"] for row in ask(transaction, "volatile_system_functions")}
        self._relations = ask(transaction, "relations_with_code")
        self._asking = ask(transaction, "asking_relations")

    def unsafe_to_plan(self, transaction: Transaction, mentions: Mentions, schemas: Collection[str]) -> str | None:
        """What of a text must not be planned with our rights, in words; None where all may be."""
        for name in sorted(mentions.called):
            if _RUNS_SQL_NAME.match(name):
                return f"the function {name}, which runs SQL of its own"
        for row in self._functions_of_relations(transaction, mentions, schemas):
            if row["runs_sql"]:
                return f"the function {row['name']} through a view or a policy, which runs SQL of its own"
        (exists,) = ask(transaction, "untrusted_code", trusted=self._trusted)
        return self._reached(transaction, mentions, schemas, untrusted=True) if exists["any_code"] else None

    def asks_elsewhere(self, mentions: Mentions) -> str | None:
        """A relation of a text that planning may ask another server about; None where there is none."""
        for row in self._asking:
            if mentions.mention(row["name"]):
                return f"{row['schema']}.{row['name']}"
        return None

    def volatile(self, transaction: Transaction, mentions: Mentions, schemas: Collection[str]) -> str | None:
        """What of a text is volatile, in words; None where nothing is."""
        for name in sorted(mentions.called & self._volatile_names):
            return f"the function {name}"
        for row in self._functions_of_relations(transaction, mentions, schemas):
            return f"the function {row['name']} through a view or a policy"
        return self._reached(transaction, mentions, schemas, untrusted=False)

    def _reached(
        self, transaction: Transaction, mentions: Mentions, schemas: Collection[str], *, untrusted: bool
    ) -> str | None:
        rows = ask(
            transaction,
            "reached",
            untrusted=untrusted,
            trusted=self._trusted,
            schemas=sorted(schemas),
            names=sorted(mentions.names),
            called=sorted(mentions.called),
            operators=sorted(mentions.operators),
        )
        for row in rows:
            owned = f" of {row['owner']}" if row["kind"] == "function" else ""
            return f"the {row['kind']} {row['schema']}.{row['name']}{owned}"
        return None

    def _functions_of_relations(
        self, transaction: Transaction, mentions: Mentions, schemas: Collection[str]
    ) -> list[dict[str, object]]:
        relations = [
            row["oid"]
            for row in self._relations
            if mentions.mention(row["name"]) and (row["schema"] in schemas or mentions.mention(row["schema"]))
        ]
        if not relations:
            return []
        return ask(transaction, "functions_of_relations", relations=relations, runs_sql=_RUNS_SQL)
