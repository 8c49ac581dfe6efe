"""Reads the objects beside relations: schemas, types, functions, operators, rules, sequences, collations and others.

What of it waits behind locks is held by tests: the CHECKs of a domain and the definition of a function, where they take
apart the rows of a table or (from 14 on) mention it in a body that is kept as a tree; the position of a sequence, which
wants ROW EXCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.coverage import Fact, Gap, GapKind, Presence
from pgadvisor.model.objects import (
    Collation,
    Function,
    Operator,
    Publication,
    RewriteRule,
    Schema,
    Tablespace,
    TypeAttribute,
    UserType,
)
from pgadvisor.model.objects import Sequence as SequenceObject
from pgadvisor.postgres.batches import Batches, Misses, Target
from pgadvisor.postgres.reader import Reader, convert

# A database with more functions has them made by a program.
MAX_FUNCTIONS = 10_000
MAX_DEFINITION_BYTES = 64 * 1024
# Of all definitions together.
MAX_DEFINITIONS_BYTES = 16 * 1024 * 1024

Rows = list[dict[str, Any]]


def read_objects(reader: Reader) -> None:
    """Reads them one kind after the other; what has been read stays, whatever comes after.

    What belongs to schemas that are not audited comes where an audited relation uses it.
    """
    fact = Fact.OBJECTS
    reader.present(fact, Presence.ABSENT)
    if reader.into.presence.get(Fact.CATALOG, Presence.ABSENT) is Presence.ABSENT:
        reader.into.gaps.append(
            Gap(fact=fact, scope="", reason="The catalog could not be read, so what belongs to it was not asked for")
        )
        return
    reader.progress("Reading types, functions and sequences")
    gaps_before = len(reader.into.gaps)
    misses = Misses()
    try:
        used = _used(reader)
        _read_plain(reader, used["operator"])
        types = _read_types(reader, used["type"], misses)
        _read_collations(reader, used["collation"], types)
        _read_functions(reader, used["function"], misses)
        _read_sequences(reader, misses)
    finally:
        reader.into.gaps += misses.gaps(fact)
    if len(reader.into.gaps) == gaps_before:
        reader.present(fact)


def _keep(reader: Reader, **sections: object) -> None:
    reader.into.catalog = msgspec.structs.replace(reader.into.catalog, **sections)
    reader.present(Fact.OBJECTS, Presence.PARTIAL)


def _used(reader: Reader) -> dict[str, dict[int, bool]]:
    """What audited relations use, by kind: oids, and whether stored data depends on it."""
    used: dict[str, dict[int, bool]] = {"type": {}, "function": {}, "operator": {}, "collation": {}}
    for row in reader.rows(Fact.OBJECTS, "used_objects", "what relations use") or ():
        used[row["kind"]][row["oid"]] = row["stored"]
    return used


def _read_plain(reader: Reader, operators_used: Iterable[int]) -> None:
    schemas = reader.rows(Fact.OBJECTS, "audited_schemas", "schemas")
    tablespaces = reader.rows(Fact.OBJECTS, "tablespaces", "tablespaces")
    publications = reader.rows(Fact.OBJECTS, "publications", "publications")
    rules = reader.rows(Fact.OBJECTS, "rules", "rules")
    operators = reader.rows(Fact.OBJECTS, "operators", "operators", parameters={"oids": list(operators_used)})
    _keep(
        reader,
        schemas=convert(schemas or (), Schema),
        tablespaces=convert(tablespaces or (), Tablespace),
        publications=convert(publications or (), Publication),
        rules=convert(rules or (), RewriteRule),
        operators=convert(operators or (), Operator),
    )


def _read_types(reader: Reader, used: Iterable[int], misses: Misses) -> tuple[UserType, ...]:
    rows = reader.rows(Fact.OBJECTS, "types", "types", parameters={"oids": list(used)})
    if not rows:
        return ()
    composites = {"oids": [row["oid"] for row in rows if row["kind"] == "composite"]}
    attributes = reader.rows(Fact.OBJECTS, "type_attributes", "columns of composite types", parameters=composites) or ()
    by_type = {
        oid: convert(list(group), TypeAttribute) for oid, group in groupby(attributes, key=lambda row: row["type_oid"])
    }
    for row in rows:
        row["attributes"] = by_type.get(row["oid"], ())
    _keep(reader, types=convert(rows, UserType))
    checks = Batches(reader, Fact.OBJECTS, "domain_checks", "checks of domains", misses=misses)
    try:
        checks.collect([_target(row) for row in rows if row["has_checks"]])
    finally:
        texts = {row["oid"]: tuple(row["checks"]) for row in checks.rows}
        types = tuple(
            msgspec.structs.replace(each, checks=texts[each.oid]) if each.oid in texts else each
            for each in reader.into.catalog.types
        )
        _keep(reader, types=types)
    return types


def _target(row: Mapping[str, Any]) -> Target:
    return Target(
        oid=row["oid"], name=qualified(row["schema"], row["name"]), locks=frozenset(row.get("relation_oids", ()))
    )


def _read_collations(reader: Reader, used: Iterable[int], types: Sequence[UserType]) -> None:
    oids = {"oids": list(used), "type_oids": [each.oid for each in types]}
    rows = reader.rows(Fact.OBJECTS, "collations", "collations", parameters=oids)
    _keep(reader, collations=convert(rows or (), Collation))


def _read_functions(reader: Reader, used: Mapping[int, bool], misses: Misses) -> None:
    asked = {"oids": list(used), "limit": MAX_FUNCTIONS + 1}
    rows = reader.rows(Fact.OBJECTS, "functions", "functions", parameters=asked)
    if not rows:
        return
    if len(rows) > MAX_FUNCTIONS:
        del rows[MAX_FUNCTIONS:]
        reader.into.gaps.append(
            Gap(
                fact=Fact.OBJECTS,
                scope="functions",
                reason=f"There are more than {MAX_FUNCTIONS:,}; those in use were read, and the oldest others",
                kind=GapKind.LIMIT,
            )
        )
    functions = sorted(convert(rows, Function), key=lambda function: function.oid)
    _keep(reader, functions=tuple(functions))
    definitions = Batches(reader, Fact.OBJECTS, "function_definitions", "definitions of functions", misses=misses)
    try:
        definitions.collect([_target(row) for row in _to_define(rows, used, misses)])
    finally:
        texts = _within_limit(functions, definitions.rows, misses)
        _keep(
            reader,
            functions=tuple(
                msgspec.structs.replace(function, definition=texts.get(function.oid)) for function in functions
            ),
        )


def _to_define(rows: Rows, used: Mapping[int, bool], misses: Misses) -> Rows:
    """Those that someone needs to build relations again or to inline, as far as they are not too much.

    Those that relations use come first, and only of them it is a loss if one is left out: a statement may call any.
    """
    wanted: Rows = []
    total_bytes = 0
    for row in rows:
        stored = used.get(row["oid"])
        if not (stored or row["language"] == "sql") or row["kind"] == "a":
            continue
        is_too_long = row["source_bytes"] > MAX_DEFINITION_BYTES
        if stored is None and (is_too_long or not row["definable"]):
            continue
        if not row["definable"]:
            reason = "Its definition sets a parameter whose value may be a secret, so it was left out"
            misses.add([_target(row).name], reason, "", GapKind.OTHER)
        elif is_too_long or total_bytes + row["source_bytes"] > MAX_DEFINITIONS_BYTES:
            _too_long(misses, _target(row).name)
        else:
            total_bytes += row["source_bytes"]
            wanted.append(row)
    return wanted


def _within_limit(functions: Iterable[Function], rows: Rows, misses: Misses) -> dict[int, str]:
    """The definitions by oid, without those that are longer than their source gave away: a tree's text is only made."""
    names = {function.oid: qualified(function.schema, function.name) for function in functions}
    texts: dict[int, str] = {}
    for row in rows:
        text = row["definition"]
        if text is not None and len(text.encode()) <= 2 * MAX_DEFINITION_BYTES:
            texts[row["oid"]] = text
        elif text is not None:
            _too_long(misses, names[row["oid"]])
    return texts


def _too_long(misses: Misses, name: str) -> None:
    limits = f"{MAX_DEFINITION_BYTES // 1024} KB, or all together than {MAX_DEFINITIONS_BYTES // 1024**2} MB"
    misses.add([name], f"Its definition is longer than {limits}, so it was left out", "", GapKind.LIMIT)


def _read_sequences(reader: Reader, misses: Misses) -> None:
    rows = reader.rows(Fact.OBJECTS, "sequences", "sequences")
    if not rows:
        return
    _keep(reader, sequences=convert(rows, SequenceObject))
    positions = Batches(reader, Fact.OBJECTS, "sequence_positions", "positions of sequences", misses=misses)
    try:
        positions.collect(_to_look_at(reader, rows, misses))
    finally:
        last_values = {row["oid"]: row["last_value"] for row in positions.rows}
        _keep(
            reader,
            sequences=tuple(
                msgspec.structs.replace(sequence, last_value=last_values.get(sequence.oid))
                for sequence in reader.into.catalog.sequences
            ),
        )


def _to_look_at(reader: Reader, rows: Rows, misses: Misses) -> list[Target]:
    """The sequences whose position can be read; of the others a miss says why it cannot."""
    locked = {row["oid"] for row in reader.rows(Fact.OBJECTS, "sequence_locks", "the list of locks") or ()}
    targets = []
    for row in rows:
        name = qualified(row["schema"], row["name"])
        if not row["may_see_position"]:
            reason = "The role may not read the sequence, so its position is hidden"
            misses.add([name], reason, _grant(reader), GapKind.HIDDEN)
        elif not row["readable"]:
            reason = "It is not logged, so a standby does not know its position"
            misses.add([name], reason, "Collect from the primary.", GapKind.OTHER)
        elif row["oid"] in locked:
            reason = "A lock that keeps its position from being read is held or waited for, so it was left alone"
            remedy = "Run again when the session that holds or wants the lock is done."
            misses.add([name], reason, remedy, GapKind.LOCKED)
        else:
            targets.append(Target(oid=row["oid"], name=name, locks=frozenset((row["oid"],))))
    return targets


def _grant(reader: Reader) -> str:
    server = reader.into.server
    role = "the role" if server is None else quote_identifier(server.role)
    if server is None or server.major >= 14:
        return f"GRANT pg_read_all_data TO {role}, or GRANT SELECT on these sequences."
    return f"GRANT SELECT on these sequences TO {role}."
