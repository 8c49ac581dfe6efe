"""Functions, with their bodies only where plans need these."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg import sql

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.objects import Function
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.planner.twin.database import BUILDER
from pgadvisor.planner.twin.schema.function_texts import aggregate_stub, plain_value, stub, with_own_body
from pgadvisor.planner.twin.schema.making import refusal

_WORD = re.compile(r"\w+")
_NEVER_PLANNED = ("trigger", "event_trigger")


def create_functions(building: Building) -> None:
    """Makes those that need no relation: defaults and indexes may call them."""
    _create(building, _planned(building))


def create_functions_on_relations(building: Building) -> None:
    """Makes those that had to wait for relations, whose row types they take or give or which their bodies read."""
    _create(building, missing_functions(building))


def finish_functions(building: Building) -> None:
    """Makes stubs of those whose bodies the server refuses, and says what is missing or stands for something else."""
    reasons: dict[int, str] = {}
    with _defining(building), _plpgsql(building):
        building.run(_stub_commands(missing_functions(building), reasons))
    for function in missing_functions(building):
        building.shortfalls.append(
            Shortfall(
                what=f"function {function.schema}.{function.name}",
                reason=f"{reasons.get(function.oid, 'Only a superuser can make one of its kind')}; it is missing.",
                names=(function.name,),
                relation_oids=_mentioning(building, {function.name}),
                prevents=True,
            )
        )
    _set_leakproof(building)
    _note_stubs(building)


def missing_functions(building: Building) -> list[Function]:
    """Functions of the snapshot that the twin has not, or not yet; procedures are left out, which no plan calls."""
    made = _made(building)
    return [function for function in _planned(building) if _key(function) not in made]


def _create(building: Building, functions: Sequence[Function]) -> None:
    """Makes functions as far as the server takes them now."""
    own = [(function, text) for function in functions if (text := _own(function)) is not None]
    with_body = {function.oid for function, _ in own}
    with _defining(building):
        with _plpgsql(building):
            building.run(_stub_commands((each for each in functions if each.oid not in with_body), {}))
        building.run(Command(text) for _, text in own)


@contextmanager
def _defining(building: Building) -> Iterator[None]:
    """Within, bodies are not looked into, and no setting is in force that a stranger's code may have left."""
    building.builder.execute("RESET ALL")
    building.builder.execute("SET check_function_bodies = off")
    try:
        yield
    finally:
        building.builder.execute("RESET ALL")


@contextmanager
def _plpgsql(building: Building) -> Iterator[None]:
    """Within, the builder may use plpgsql: its code can refuse to be cancelled, so that only stubs are to be of it."""
    role = sql.Identifier(BUILDER)
    building.admin.execute(sql.SQL("GRANT USAGE ON LANGUAGE plpgsql TO {}").format(role))
    try:
        yield
    finally:
        building.admin.execute(sql.SQL("REVOKE USAGE ON LANGUAGE plpgsql FROM {}").format(role))


def _own(function: Function) -> str | None:
    try:
        return with_own_body(function)
    except ValueError:
        return None


def _stub_commands(functions: Iterable[Function], reasons: dict[int, str]) -> Iterator[Command]:
    """Commands for stubs; why one is refused is noted by the function's oid."""
    for function in functions:
        missing = partial(_note, reasons, function.oid)
        try:
            texts = aggregate_stub(function) if function.kind == "a" else (stub(function),)
        except ValueError as error:
            reasons[function.oid] = str(error).capitalize()
            continue
        for text in texts:
            if text is not None:
                yield Command(text, missing=missing)


def _note(reasons: dict[int, str], oid: int, error: psycopg.Error) -> None:
    reasons[oid] = refusal(error)


def _planned(building: Building) -> list[Function]:
    functions = building.facts.snapshot.catalog.functions
    return [function for function in functions if function.kind != "p" and not _comes_with_a_range(function)]


def _comes_with_a_range(function: Function) -> bool:
    """Whether it is a constructor, which CREATE TYPE ... AS RANGE makes, called like the type (or its multirange)."""
    if function.language != "internal":
        return False
    try:
        return function.result in (qualified(function.schema, function.name), quote_identifier(function.name))
    except ValueError:
        return False


def _key(function: Function) -> tuple[str, str, str]:
    return function.schema, function.name, function.arguments


def _made(building: Building) -> set[tuple[str, str, str]]:
    """Functions that the twin has, by their keys."""
    rows = building.admin.execute(
        "SELECT n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid) "
        "FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid >= 16384"
    )
    return set(rows)


def _set_leakproof(building: Building) -> None:
    """Only a superuser may say so of a function; it lets the planner run one below a policy, and changes no rights."""
    leakproof = [function for function in _planned(building) if function.leakproof]
    if leakproof:
        building.admin.execute(
            "UPDATE pg_proc AS p SET proleakproof = true "
            "FROM unnest(%s::text[], %s::text[], %s::text[]) AS w (schema, name, arguments), pg_namespace AS n "
            "WHERE n.nspname = w.schema AND p.pronamespace = n.oid AND p.proname = w.name AND p.oid >= 16384 "
            "AND pg_get_function_identity_arguments(p.oid) = w.arguments",
            list(map(list, zip(*map(_key, leakproof), strict=True))),
        )


def _note_stubs(building: Building) -> None:
    """Says which functions planning would have run."""
    made = _made(building)
    stubs = [
        function
        for function in _planned(building)
        if function.kind == "f" and not function.returns_set and _key(function) in made and _own(function) is None
    ]
    _note_kind(
        building,
        [function for function in stubs if function.volatility == "s" and plain_value(function) is not None],
        "For an estimate the planner runs a STABLE function; their bodies are not carried over, and each gives a plain "
        "value (0, an empty text, the time), as if it were none of the most common ones.",
    )
    _note_kind(
        building,
        [
            function
            for function in stubs
            if function.volatility in "is" and plain_value(function) is None and function.result not in _NEVER_PLANNED
        ],
        "While planning, a call with constants alone is run; their bodies are not carried over, and a statement with "
        "such a call is refused, where one with a call of columns is planned.",
    )


def _note_kind(building: Building, functions: Sequence[Function], reason: str) -> None:
    if functions:
        names = {function.name for function in functions}
        building.shortfalls.append(
            Shortfall(
                what="body of function " + functions[0].name
                if len(functions) == 1
                else f"bodies of {len(functions)} functions, such as {functions[0].name}",
                reason=reason,
                names=tuple(sorted(names)),
                relation_oids=_mentioning(building, names),
            )
        )


def _mentioning(building: Building, names: Collection[str]) -> tuple[int, ...]:
    """Relations that call a function by one of these names where a statement does not show it: views and policies."""
    facts = building.facts
    texts = [(relation.oid, relation.definition) for relation in facts.relations.values() if relation.definition]
    for policy in facts.snapshot.catalog.policies:
        texts += [(policy.relation_oid, text) for text in (policy.using, policy.check) if text]
    return tuple(dict.fromkeys(oid for oid, text in texts if any(word in names for word in _WORD.findall(text))))
