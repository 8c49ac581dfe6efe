"""The functions that a statement reaches: planning runs them, and executing it runs more.

From everything that the names in a text may mean, the catalogs' dependencies lead to all code that it can run, and from
there the names in the bodies of functions, of which no dependency tells, to more. That finds too much at times, and
never too little.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgadvisor.planner.mentions import Mentions, Together
from pgadvisor.planner.questions import ask

if TYPE_CHECKING:
    from pgadvisor.postgres.session import Transaction

# Functions that run SQL given as text, or read a relation, and any view, given by name. Some call themselves STABLE,
# so that planning runs them: the system's *_to_xml, crosstab and connectby of tablefunc, xpath_table of xml2. And those
# that read a value of a type given by oid or name, whose CHECK is anybody's code.
_RUNS_SQL = (
    r"(table|schema|database|query|cursor)_to_xml.*|crosstab\d*|connectby|xpath_table|ts_stat|dblink.*"
    r"|(array|record|domain|range|multirange)_in|pg_input_(is_valid|error_info)"
)
# The only ones of the system that change something and yet are not volatile: they take up a transaction id.
_TAKES_XID = r"txid_current|pg_current_xact_id"
# Those that lock a relation given by oid until the transaction ends: of all rows of pg_class that is every relation.
_LOCKS = r"pg_get_\w*(def|expr|constraintdef)|satisfies_hash_partition"
_ACTS_PLANNED = rf"^({_RUNS_SQL}|{_TAKES_XID})$"
_ACTS_EXECUTED = rf"^({_RUNS_SQL}|{_TAKES_XID}|{_LOCKS})$"
_WHY = (
    (re.compile(rf"^({_RUNS_SQL})$"), "runs SQL of its own"),
    (re.compile(rf"^({_TAKES_XID})$"), "takes up a transaction id"),
    (re.compile(rf"^({_LOCKS})$"), "locks relations"),
)
# Bodies call functions that have bodies; deeper than this they are not looked into.
_MAX_DEPTH = 8


@dataclass(frozen=True)
class Obstacle:
    """What of a statement must not run, in words.

    owner: whose it is, None where no owner's trust would help. strange: it would run with rights that are not its
    owner's, or that whoever wrote the statement does not have.
    """

    what: str
    owner: str | None = None
    strange: bool = True


class Lookup:
    """Looks functions up, with what does not change from one statement to the next read once.

    trust: names of owners, beside those that are trusted anyway, whose functions may run with our rights. Every method
    wants a transaction in which pg_catalog alone is searched.
    """

    def __init__(self, transaction: Transaction, trust: Sequence[str] = ()) -> None:
        self._trusted = [row["oid"] for row in ask(transaction, "trusted_owners", named=list(trust))]
        self._volatile_names = {row["name"] for row in ask(transaction, "volatile_system_functions")}
        self._relations = ask(transaction, "relations_with_code")
        self._asking = ask(transaction, "asking_relations")

    def unsafe_to_plan(self, transaction: Transaction, mentions: Mentions, schemas: Collection[str]) -> Obstacle | None:
        """What of a text must not be planned with our rights; None where all may be."""
        for name in sorted(mentions.called):
            if re.match(_ACTS_PLANNED, name):
                return _acting(name, name)
        for row in self._functions_of_relations(transaction, mentions, schemas, _ACTS_PLANNED):
            if row["acts"]:
                return _acting(row["name"], f"{row['name']} through a view or a policy")
        (exists,) = ask(transaction, "untrusted_code", trusted=self._trusted)
        return self._reached(transaction, mentions, schemas, untrusted=True)[0] if exists["any_code"] else None

    def asks_elsewhere(self, mentions: Mentions) -> str | None:
        """A relation of a text that planning may ask another server about; None where there is none."""
        for row in self._asking:
            if mentions.mention(row["name"]):
                return f"{row['schema']}.{row['name']}"
        return None

    def volatile(self, transaction: Transaction, mentions: Mentions, schemas: Collection[str]) -> str | None:
        """What of a text is volatile or acts otherwise, in words; None where nothing does.

        A function that calls itself STABLE is believed only as far as no name in its body tells otherwise.
        """
        named = self._acts_by_name(mentions)
        if named is not None:
            return named
        obstacle, everything = self._reached(transaction, mentions, schemas, untrusted=False)
        if obstacle is not None:
            return obstacle.what
        for row in self._functions_of_relations(transaction, everything, schemas, _ACTS_EXECUTED):
            return f"the function {row['name']} through a view or a policy"
        return None

    def _acts_by_name(self, mentions: Mentions) -> str | None:
        for name in sorted(mentions.called):
            if name in self._volatile_names or _acts(name) is not None:
                return f"the function {name}"
        return None

    def _reached(
        self, transaction: Transaction, mentions: Mentions, schemas: Collection[str], *, untrusted: bool
    ) -> tuple[Obstacle | None, Mentions]:
        """The first object reached that must not run; else None, and all that text and bodies may mean."""
        texts, bodies = [mentions], set[str]()
        for _ in range(_MAX_DEPTH):
            everything = Together(texts)
            rows = self._ask_reached(transaction, everything, schemas, untrusted=untrusted)
            for row in rows:
                if row["kind"] != "body":
                    owned = f" of {row['owner']}" if row["kind"] == "function" else ""
                    return Obstacle(f"the {row['kind']} {row['schema']}.{row['name']}{owned}", row["owner"]), mentions
            new = [row for row in rows if row["body"] not in bodies]
            if not new:
                return None, everything
            for row in new:
                body = Mentions(row["body"])
                acts = body.obscure or (None if untrusted else self._of_body(body, row["language"]))
                if acts is not None:
                    return Obstacle(f"the function {row['schema']}.{row['name']}, in whose body is {acts}"), mentions
                texts.append(body)
                bodies.add(row["body"])
        return Obstacle(f"functions that call functions more than {_MAX_DEPTH} deep"), mentions

    def _of_body(self, body: Mentions, language: str) -> str | None:
        """What in a body acts, in words."""
        if language == "plpgsql" and body.mention("execute"):
            return "a command put together as it runs"
        return self._acts_by_name(body)

    def _ask_reached(
        self, transaction: Transaction, mentions: Mentions, schemas: Collection[str], *, untrusted: bool
    ) -> list[dict[str, Any]]:
        return ask(
            transaction,
            "reached",
            untrusted=untrusted,
            trusted=self._trusted,
            schemas=sorted(schemas),
            names=sorted(mentions.names),
            called=sorted(mentions.called),
            operators=sorted(mentions.operators),
            acting=_ACTS_PLANNED if untrusted else _ACTS_EXECUTED,
        )

    def _functions_of_relations(
        self, transaction: Transaction, mentions: Mentions, schemas: Collection[str], acting: str
    ) -> list[dict[str, Any]]:
        relations = [
            row["oid"]
            for row in self._relations
            if mentions.mention(row["name"]) and (row["schema"] in schemas or mentions.mention(row["schema"]))
        ]
        if not relations:
            return []
        return ask(transaction, "functions_of_relations", relations=relations, acting=acting)


def _acting(name: str, words: str) -> Obstacle:
    return Obstacle(f"the function {words}, which {_acts(name)}", strange=re.match(rf"^({_TAKES_XID})$", name) is None)


def _acts(name: str) -> str | None:
    """What a function does though it need not call itself volatile; None where that is not known of it."""
    return next((why for pattern, why in _WHY if pattern.match(name)), None)
