"""Operators of users, without which a statement that compares by one could not even be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.objects import Function, Operator
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.planner.twin.schema.function_texts import plain_value, with_own_body
from pgadvisor.planner.twin.schema.making import NotWrittenByServerError, Way, Wish, make_all, type_sql

# https://www.postgresql.org/docs/current/sql-createoperator.html
_NAME = re.compile(r"(?!.*(?:--|/\*))[-+*/<>=~!@#%^&|`?]{1,63}")
_ESTIMATOR = re.compile(r"[a-z0-9_]{1,63}")
# They give the same whatever the values are; all others may run the operator's function on common values.
_NEVER_RUNNING = frozenset(("contsel", "contjoinsel", "areasel", "areajoinsel", "positionsel", "positionjoinsel"))
# Objects below this number are the same in every cluster (FirstGenbkiObjectId, access/transam.h).
_FIRST_UNSTABLE_OID = 10_000


class Operators:
    """Makes the operators of a snapshot, as soon as there are the functions that they call.

    The estimators are known by name only where they are the system's; an operator of any other has the defaults.
    """

    def __init__(self, building: Building) -> None:
        self._building = building
        catalog = building.facts.snapshot.catalog
        self._pending = list(catalog.operators)
        self._known = {operator.oid: operator for operator in catalog.operators}
        self._functions = {function.oid: function for function in catalog.functions}
        self._of_system = dict(
            building.admin.execute(
                "SELECT oid::int8, proname::text FROM pg_proc WHERE oid = ANY (%s::oid[]) AND oid < %s",
                ([operator.function_oid for operator in self._pending], _FIRST_UNSTABLE_OID),
            )
        )

    def create(self) -> None:
        """Makes those that the server takes now."""
        possible = [(operator, ways[0].text) for operator in self._pending if (ways := self._ways_or_none(operator))]
        done = self._building.run([Command(text) for _, text in possible])
        made = {operator.oid for (operator, _), stands in zip(possible, done, strict=True) if stands}
        self._pending = [operator for operator in self._pending if operator.oid not in made]

    def finish(self) -> None:
        """Makes the rest in any way that there is, and says what is missing, and what may be refused.

        Raises psycopg.OperationalError where the server is gone.
        """
        if not self._known:
            return
        of_system = self._names_of_system()
        make_all(self._building, (self._wish(operator, of_system) for operator in self._pending))
        self._building.shortfalls += self._running(of_system)

    def _names_of_system(self) -> set[str]:
        rows = self._building.admin.execute(
            "SELECT DISTINCT oprname::text FROM pg_operator WHERE oid < %s", (_FIRST_UNSTABLE_OID,)
        )
        return {name for (name,) in rows}

    def _wish(self, operator: Operator, of_system: set[str]) -> Wish:
        return Wish(
            what=f"operator {operator.schema}.{operator.name}",
            ways=partial(self._ways, operator),
            without="it is missing, and a statement with it cannot be planned",
            names=_names(operator, of_system),
            relation_oids=self._relations(operator, of_system),
            prevents=operator.name not in of_system,
        )

    def _ways_or_none(self, operator: Operator) -> Sequence[Way]:
        try:
            return self._ways(operator)
        except ValueError:
            return ()

    def _ways(self, operator: Operator) -> Sequence[Way]:
        """Raises ValueError where there is none."""
        if _NAME.fullmatch(operator.name) is None:
            raise NotWrittenByServerError
        head = f"CREATE OPERATOR {quote_identifier(operator.schema)}.{operator.name}"
        needed = [f"FUNCTION = {self._function(operator)}"]
        for side, type_name in (("LEFTARG", operator.left_type), ("RIGHTARG", operator.right_type)):
            needed += [] if type_name is None else [f"{side} = {type_sql(type_name)}"]
        whole = ", ".join((*needed, *self._others(operator), *_estimators(operator)))
        bare = Way(
            f"{head} ({', '.join(needed)})", "it has neither its commutator and negator nor its estimators there"
        )
        return Way(f"{head} ({whole})"), bare

    def _function(self, operator: Operator) -> str:
        function = self._functions.get(operator.function_oid)
        if function is not None:
            return qualified(function.schema, function.name)
        if operator.function_oid in self._of_system:
            return qualified("pg_catalog", self._of_system[operator.function_oid])
        raise ValueError("its function is not in the snapshot")

    def _others(self, operator: Operator) -> Iterator[str]:
        """Its commutator and its negator, as far as they are users' own, and what joins may use it for."""
        pairs = (("COMMUTATOR", operator.commutator_oid), ("NEGATOR", operator.negator_oid))
        for word, other in ((word, self._known.get(oid or 0)) for word, oid in pairs):
            if other is not None and _NAME.fullmatch(other.name):
                yield f"{word} = OPERATOR({quote_identifier(other.schema)}.{other.name})"
        yield from (word for word, holds in (("HASHES", operator.hashes), ("MERGES", operator.merges)) if holds)

    def _running(self, of_system: set[str]) -> Iterator[Shortfall]:
        """What is said of those whose estimates would run a body that is not there."""
        pending = {operator.oid for operator in self._pending}
        for operator in self._known.values():
            function = self._functions.get(operator.function_oid)
            estimators = {operator.restrict_estimator, operator.join_estimator} - {None}
            if "" in estimators and operator.oid not in pending:
                yield self._said(
                    operator, of_system, "Its estimator is not the system's; the planner's defaults stand in for it."
                )
            elif function is None or estimators <= _NEVER_RUNNING or operator.oid in pending:
                continue
            elif plain_value(function) is None and not _has_body(function):
                yield self._said(
                    operator,
                    of_system,
                    "An estimate of it runs its function, whose body is not carried over; where it is compared with a "
                    "value or joined by, a statement may not be planned.",
                )

    def _said(self, operator: Operator, of_system: set[str], reason: str) -> Shortfall:
        return Shortfall(
            what=f"operator {operator.schema}.{operator.name}",
            reason=reason,
            names=_names(operator, of_system),
            relation_oids=self._relations(operator, of_system),
        )

    def _relations(self, operator: Operator, of_system: Iterable[str]) -> tuple[int, ...]:
        """Relations with columns of its types, where its name says nothing since the system has one of that, too."""
        if operator.name not in of_system:
            return ()
        types = {operator.left_type, operator.right_type}
        columns = self._building.facts.snapshot.catalog.columns
        return tuple(dict.fromkeys(column.relation_oid for column in columns if column.type in types))


def _names(operator: Operator, of_system: set[str]) -> tuple[str, ...]:
    return () if operator.name in of_system else (operator.name,)


def _estimators(operator: Operator) -> Iterator[str]:
    """Its estimators, as far as they are the system's. Raises ValueError for a name that is none."""
    pairs = (("RESTRICT", operator.restrict_estimator), ("JOIN", operator.join_estimator))
    for word, estimator in pairs:
        if estimator:
            if _ESTIMATOR.fullmatch(estimator) is None:
                raise NotWrittenByServerError
            yield f"{word} = pg_catalog.{quote_identifier(estimator)}"


def _has_body(function: Function) -> bool:
    try:
        return with_own_body(function) is not None
    except ValueError:
        return False
