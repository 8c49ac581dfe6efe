"""Reads the texts that only functions of the server tell, most of which lock: definitions of views, defaults, checks.

Which of them wait behind an ACCESS EXCLUSIVE lock, and on what, is held by tests: pg_get_viewdef on the view and all it
mentions (kept until the transaction ends), pg_get_constraintdef of CHECK and EXCLUDE, pg_get_partkeydef, and
pg_get_expr where it is given the relation; pg_get_triggerdef only for a trigger with a condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.base import Model
from pgadvisor.model.catalog import Catalog, ConstraintKind, RelationKind
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.postgres.batches import Batches, Misses, Target
from pgadvisor.postgres.reader import Reader

M = TypeVar("M", bound=Model)
Rows = list[dict[str, Any]]
Texts = Mapping[int, dict[str, str]]

GONE = "It was dropped or changed while it was being read"
GONE_REMEDY = "Run again when its definition is at rest."
UNKNOWN = "What it mentions, and so what reading it would lock, is not known, so it was left alone"

_NO_LOCKS: frozenset[int] = frozenset()


@dataclass(frozen=True)
class _Question:
    """A question, what it reads in words, whom it is asked about, and what becomes of the texts.

    columns are, by oid, those in which the answer holds its texts. keeps_locks as in Batches.
    """

    name: str
    what: str
    targets: tuple[Target, ...]
    apply: Callable[[Catalog, Texts], Catalog]
    columns: Mapping[int, tuple[str, ...]] | None = None
    keeps_locks: bool = False

    def wanted(self, oid: int) -> tuple[str, ...]:
        """The columns that the answer about this object must hold."""
        return ("definition",) if self.columns is None else self.columns[oid]


def read_definitions(reader: Reader, answers: Mapping[str, Rows]) -> None:
    """Completes the catalog that was read with its texts; answers are the rows that it was made of.

    A text that could not be read stays None, and a gap names its relation.
    """
    reader.present(Fact.DEFINITIONS, Presence.ABSENT)
    misses = Misses()
    asked = read = 0
    try:
        for question in _questions(reader, answers, misses):
            asked += len(question.targets)
            read += _read(reader, question, misses)
            if read:
                reader.present(Fact.DEFINITIONS, Presence.PARTIAL)
    finally:
        gaps = misses.gaps(Fact.DEFINITIONS)
        reader.into.gaps += gaps
    if read == asked and not gaps:
        reader.present(Fact.DEFINITIONS)


def _read(reader: Reader, question: _Question, misses: Misses) -> int:
    """Reads the texts of one question into the catalog, as many as come before a cut; how many objects are whole."""
    batches = Batches(
        reader,
        Fact.DEFINITIONS,
        question.name,
        question.what,
        misses=misses,
        keeps_locks=question.keeps_locks,
    )
    texts: dict[int, dict[str, str]] = {}
    try:
        batches.collect(question.targets)
    finally:
        for row in batches.rows:
            found = {name: row[name] for name in question.wanted(row["oid"]) if row[name] is not None}
            if len(found) == len(question.wanted(row["oid"])):
                texts[row["oid"]] = found
        if texts:
            reader.into.catalog = question.apply(reader.into.catalog, texts)
    gone = [target for target in question.targets if target.oid not in texts and target.oid not in batches.missing]
    if gone:
        misses.add((target.name for target in gone), GONE, GONE_REMEDY, GapKind.OTHER)
    return len(texts)


def _questions(reader: Reader, answers: Mapping[str, Rows], misses: Misses) -> list[_Question]:
    names = {row["oid"]: qualified(row["schema"], row["name"]) for row in answers["relations"]}
    return [
        *_of_relations(answers["relations"], names),
        _of_columns(answers["columns"], names),
        _of_constraints(answers["constraints"], names),
        _of_triggers(answers["triggers"], names),
        *_of_what_mentions(reader, answers, names, misses),
    ]


def _of_relations(rows: Rows, names: Mapping[int, str]) -> list[_Question]:
    keys = (row["oid"] for row in rows if row["partition_strategy"])
    bounds = (row["oid"] for row in rows if row["is_partition"])
    return [
        _Question(
            "partition_keys",
            "partition keys",
            tuple(Target(oid=oid, name=names[oid], locks=frozenset((oid,))) for oid in keys),
            _setting("relations", "partition_key"),
        ),
        _Question(
            "partition_bounds",
            "bounds of partitions",
            tuple(Target(oid=oid, name=names[oid], locks=_NO_LOCKS) for oid in bounds),
            _setting("relations", "partition_bound"),
        ),
    ]


def _of_columns(rows: Rows, names: Mapping[int, str]) -> _Question:
    with_text = [row for row in rows if row["default_oid"] is not None]
    columns = {row["default_oid"]: (row["relation_oid"], row["number"]) for row in with_text}

    def apply(catalog: Catalog, texts: Texts) -> Catalog:
        by_column = {columns[oid]: text["definition"] for oid, text in texts.items()}
        return msgspec.structs.replace(
            catalog,
            columns=tuple(
                msgspec.structs.replace(column, default=text)
                if (text := by_column.get((column.relation_oid, column.number))) is not None
                else column
                for column in catalog.columns
            ),
        )

    targets = (
        Target(
            oid=row["default_oid"],
            name=names[row["relation_oid"]],
            locks=frozenset((row["relation_oid"],)) if row["is_generated"] else _NO_LOCKS,
        )
        for row in with_text
    )
    return _Question("column_defaults", "defaults and generated columns", tuple(targets), apply)


def _of_constraints(rows: Rows, names: Mapping[int, str]) -> _Question:
    kinds = (ConstraintKind.CHECK, ConstraintKind.EXCLUSION)
    targets = (
        Target(
            oid=row["oid"],
            name=names[row["table_oid"]],
            locks=frozenset((row["table_oid"], *((row["index_oid"],) if row["index_oid"] else ()))),
        )
        for row in rows
        if row["kind"] in kinds
    )
    return _Question(
        "constraint_definitions", "constraints' definitions", tuple(targets), _setting("constraints", "definition")
    )


def _of_triggers(rows: Rows, names: Mapping[int, str]) -> _Question:
    targets = (
        Target(
            oid=row["oid"],
            name=names[row["relation_oid"]],
            locks=frozenset((row["relation_oid"],)) if row["has_condition"] else _NO_LOCKS,
        )
        for row in rows
    )
    return _Question("trigger_definitions", "triggers' definitions", tuple(targets), _setting("triggers", "definition"))


def _of_what_mentions(
    reader: Reader, answers: Mapping[str, Rows], names: Mapping[int, str], misses: Misses
) -> list[_Question]:
    """The questions about views and policies, which mention other relations. What these are is looked up first."""
    kinds = (RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW)
    views = [row["oid"] for row in answers["relations"] if row["kind"] in kinds]
    policies = {row["oid"]: row for row in answers["policies"] if row["has_using"] or row["has_check"]}
    if not views and not policies:
        return []
    rows = reader.rows(Fact.DEFINITIONS, "definition_relations", "what views and policies mention")
    if rows is None:
        mentioning = [*views, *(row["relation_oid"] for row in policies.values())]
        misses.add((names[oid] for oid in mentioning), UNKNOWN, "", GapKind.OTHER)
        return []
    mentioned = {(row["kind"], row["oid"]): row["relation_oids"] for row in rows}
    return [
        _Question(
            "view_definitions",
            "the queries of views",
            tuple(
                Target(oid=oid, name=names[oid], locks=frozenset((oid, *mentioned.get(("view", oid), ()))))
                for oid in views
            ),
            _setting("relations", "definition"),
            keeps_locks=True,
        ),
        _Question(
            "policy_expressions",
            "policies",
            tuple(
                Target(
                    oid=oid,
                    name=names[row["relation_oid"]],
                    locks=frozenset((row["relation_oid"], *mentioned.get(("policy", oid), ()))),
                )
                for oid, row in policies.items()
            ),
            _with_expressions,
            {
                oid: (*(("using",) if row["has_using"] else ()), *(("check",) if row["has_check"] else ()))
                for oid, row in policies.items()
            },
            keeps_locks=True,
        ),
    ]


def _setting(part: str, field: str) -> Callable[[Catalog, Texts], Catalog]:
    """Sets one field of the objects of one part of the catalog to their text."""

    def apply(catalog: Catalog, texts: Texts) -> Catalog:
        objects: Sequence[Any] = getattr(catalog, part)
        changed = _replaced(objects, {oid: {field: text["definition"]} for oid, text in texts.items()})
        return msgspec.structs.replace(catalog, **{part: changed})

    return apply


def _with_expressions(catalog: Catalog, texts: Texts) -> Catalog:
    return msgspec.structs.replace(catalog, policies=_replaced(catalog.policies, texts))


def _replaced(objects: Iterable[Any], texts: Texts) -> tuple[Any, ...]:
    return tuple(msgspec.structs.replace(each, **texts[each.oid]) if each.oid in texts else each for each in objects)
