"""Reads extended statistics with their data, and tells data that is hidden from data that is not built.

Expressions and their statistics wait behind a lock on the table; the rest of the view pg_stats_ext does not, which is
held by tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.model.objects import ExtendedStatistics
from pgadvisor.postgres.batches import Batches, Misses, Target
from pgadvisor.postgres.reader import Reader, convert

Rows = list[dict[str, Any]]


def read_extended_statistics(reader: Reader) -> None:
    """The objects of CREATE STATISTICS; one with data for a table alone and with its children becomes two.

    Without data are those that ANALYZE has not built; where the data is hidden from the role a gap says so.
    """
    fact = Fact.EXTENDED_STATISTICS
    reader.present(fact, Presence.ABSENT)
    reader.progress("Reading extended statistics")
    rows = reader.rows(fact, "extended_statistics", "extended statistics")
    if rows is None:
        return
    reader.present(fact, Presence.PARTIAL)
    gaps_before = len(reader.into.gaps)
    misses = Misses()
    found: dict[str, Rows] = {}
    try:
        for question, targets in _questions(rows).items():
            batches = Batches(reader, fact, question, "extended statistics", misses=misses)
            found[question] = batches.rows
            batches.collect(targets)
    finally:
        _note_hidden(reader, rows, misses)
        reader.into.gaps += misses.gaps(fact)
        reader.into.catalog = msgspec.structs.replace(reader.into.catalog, extended_statistics=_combined(rows, found))
    if len(reader.into.gaps) == gaps_before:
        reader.present(fact)


def _questions(rows: Rows) -> dict[str, list[Target]]:
    """Whom to ask what. The data locks nothing, expressions the table that they are of."""
    visible = [row for row in rows if row["visible"]]
    return {
        "extended_statistics_data": [_target(row, locks=False) for row in visible],
        "extended_statistics_expressions": [_target(row) for row in rows if row["has_expressions"]],
        "expression_statistics": [_target(row) for row in visible if row["has_expressions"]],
    }


def _target(row: Mapping[str, Any], *, locks: bool = True) -> Target:
    relations = frozenset((row["relation_oid"],)) if locks else frozenset[int]()
    return Target(oid=row["oid"], name=qualified(row["schema"], row["name"]), locks=relations)


def _combined(rows: Rows, found: Mapping[str, Rows]) -> tuple[ExtendedStatistics, ...]:
    data = _by_oid(found.get("extended_statistics_data", ()))
    texts = {row["oid"]: row["expressions"] for row in found.get("extended_statistics_expressions", ())}
    of_expressions = _by_oid(found.get("expression_statistics", ()))
    return tuple(
        _one(row, part, texts.get(row["oid"]) or (), of_expressions.get(row["oid"], []))
        for row in rows
        for part in data.get(row["oid"], [{"inherited": False}])
    )


def _one(
    row: Mapping[str, Any], data: Mapping[str, Any], expressions: Iterable[str], of_expressions: Rows
) -> ExtendedStatistics:
    statistics = [
        {name: value for name, value in each.items() if name not in ("oid", "inherited")}
        for each in of_expressions
        if each["inherited"] == data["inherited"]
    ]
    whole = {**row, **data, "expressions": list(expressions), "expression_statistics": statistics}
    return convert([whole], ExtendedStatistics)[0]


def _by_oid(rows: Iterable[dict[str, Any]]) -> dict[int, Rows]:
    grouped: dict[int, Rows] = {}
    for row in rows:
        grouped.setdefault(row["oid"], []).append(row)
    return grouped


def _note_hidden(reader: Reader, rows: Rows, misses: Misses) -> None:
    server = reader.into.server
    role = "the role" if server is None else quote_identifier(server.role)
    for row in rows:
        if row["visible"]:
            continue
        owner = quote_identifier(row["owner"])
        if row["row_security"]:
            reason = "Row security applies to the role, so the server hides the data of the statistics"
            remedy = "Audit as a role with BYPASSRLS that may see them otherwise, or as the table's owner."
        elif row["owners_only"]:
            reason = "The server shows the data of extended statistics to the owner of the table only"
            remedy = f"GRANT {owner} TO {role}, or audit as {owner}."
        else:
            reason = "The role may not read all columns of the statistics, so the server hides their data"
            remedy = f"GRANT SELECT on these tables TO {role}."
        misses.add([qualified(row["schema"], row["name"])], reason, remedy, GapKind.HIDDEN)
