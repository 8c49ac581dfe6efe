"""Reads relations, columns, indexes, constraints, triggers and policies in one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec
import psycopg

from pgadvisor.indexes.quoting import qualified
from pgadvisor.memory import without_collector
from pgadvisor.model.catalog import (
    Catalog,
    Column,
    Constraint,
    Index,
    IndexDefinition,
    IndexKey,
    Relation,
)
from pgadvisor.model.coverage import Fact, Gap, Presence
from pgadvisor.model.objects import Policy, Trigger
from pgadvisor.postgres.batches import Batches, Target
from pgadvisor.postgres.definitions import read_definitions
from pgadvisor.postgres.reader import Reader, convert
from pgadvisor.postgres.session import Answer

# Enough to sort the columns and keys of tens of thousands of relations without temporary files.
_WORK_MEM = "64MB"

_QUESTIONS = ("relations", "columns", "indexes", "index_keys", "constraints", "triggers", "policies")

Rows = list[dict[str, Any]]


def read_catalog(reader: Reader) -> None:
    """Reads the catalog, whole or not at all: half of it would make what is missing look absent.

    Then the texts that lock: those of indexes belong to the catalog, all others are a fact of their own.
    """
    fact = Fact.CATALOG
    reader.present(fact, Presence.ABSENT)
    reader.present(Fact.DEFINITIONS, Presence.ABSENT)
    reader.progress("Reading the catalog")
    gaps_before = len(reader.into.gaps)
    _check_schemas(reader)
    answers = _answers(reader)
    if answers is None:
        return
    with without_collector():
        reader.into.catalog = _catalog(answers)
    # From here on a cut costs texts only.
    reader.present(fact, Presence.PARTIAL)
    expressions = Batches(reader, fact, "index_expressions", "index expressions and predicates")
    try:
        expressions.ask(_with_expressions(answers["indexes"]))
    finally:
        reader.into.catalog = _completed(reader.into.catalog, expressions.rows, answers["indexes"])
    if len(reader.into.gaps) == gaps_before:
        reader.present(fact)
    read_definitions(reader, answers)


def _check_schemas(reader: Reader) -> None:
    wanted = reader.scope.schemas
    if not wanted:
        return
    rows = reader.rows(Fact.CATALOG, "schemas", "the list of schemas")
    if rows is None:
        return
    found = {row["name"] for row in rows}
    reader.into.gaps += [
        Gap(fact=Fact.CATALOG, scope=schema, reason="There is no schema of this name", remedy="Check --schema.")
        for schema in wanted
        if schema not in found
    ]


def _answers(reader: Reader) -> dict[str, Rows] | None:
    """The answers to all questions, as of one moment; None where one failed, which is a gap."""
    answers: dict[str, Answer] = {}
    rows: dict[str, Rows] = {}
    question = _QUESTIONS[0]
    try:
        with reader.session.transaction(snapshot=True) as transaction:
            transaction.set_local(work_mem=_WORK_MEM)
            for done, question in enumerate(_QUESTIONS):
                reader.progress("Reading the catalog", done, len(_QUESTIONS))
                answers[question] = transaction.ask(reader.queries[question], reader.parameters)
            reader.locks_held(transaction.row(reader.queries["own_locks"])["locks"])
        # CREATE INDEX CONCURRENTLY of others waits until this snapshot is given up, but not while its rows are read.
        with without_collector():
            for question in _QUESTIONS:
                rows[question] = answers.pop(question).rows()
    except psycopg.Error as error:
        reader.failed(error, Fact.CATALOG, f"the catalog ({question.replace('_', ' ')})")
        return None
    return rows


def _catalog(answers: dict[str, Rows]) -> Catalog:
    keys = {oid: list(rows) for oid, rows in groupby(answers["index_keys"], key=lambda row: row["index_oid"])}
    return Catalog(
        relations=convert(answers["relations"], Relation),
        columns=convert(answers["columns"], Column),
        indexes=tuple(_index(row, keys.get(row["oid"], [])) for row in answers["indexes"]),
        constraints=convert(answers["constraints"], Constraint),
        triggers=convert(answers["triggers"], Trigger),
        policies=convert(answers["policies"], Policy),
    )


def _index(row: dict[str, Any], keys: Rows) -> Index:
    row["definition"] = {
        **row,
        "keys": convert([key for key in keys if not key["included"]], IndexKey),
        "include": [key["column"] for key in keys if key["included"]],
    }
    row["complete"] = not (row["has_expressions"] or row["has_predicate"])
    return msgspec.convert(row, Index)


def _with_expressions(rows: Rows) -> list[Target]:
    return [
        Target(
            oid=row["oid"],
            name=qualified(row["schema"], row["name"]),
            locks=frozenset((row["oid"], row["table_oid"])),
        )
        for row in rows
        if row["has_expressions"] or row["has_predicate"]
    ]


def _completed(catalog: Catalog, expressions: Rows, indexes: Sequence[dict[str, Any]]) -> Catalog:
    """The catalog with the expressions and predicates that could be read."""
    has_predicate = {row["oid"] for row in indexes if row["has_predicate"]}
    texts = {row["oid"]: row for row in expressions}
    return msgspec.structs.replace(
        catalog,
        indexes=tuple(
            _with_texts(index, texts[index.oid], index.oid in has_predicate) if index.oid in texts else index
            for index in catalog.indexes
        ),
    )


def _with_texts(index: Index, texts: dict[str, Any], has_predicate: bool) -> Index:
    definition: IndexDefinition = msgspec.structs.replace(
        index.definition,
        keys=tuple(
            msgspec.structs.replace(key, expression=expression)
            for key, expression in zip(index.definition.keys, texts["expressions"], strict=True)
        ),
        predicate=texts["predicate"],
    )
    known = all(key.column is not None or key.expression is not None for key in definition.keys)
    complete = known and (definition.predicate is not None) == has_predicate
    return msgspec.structs.replace(index, definition=definition, complete=complete)
