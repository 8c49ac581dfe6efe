"""The part of a database that a workload needs: what its statements reach, so that a twin is made of no more.

Building a relation costs a twin the same whether anything asks for it or not, and a workload mostly uses few of many.
Types, functions, operators, collations and settings stay: there are few of them, and no text says for sure which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from msgspec.structs import replace

from pgadvisor.advise.candidates.foreign_keys import referencing_keys
from pgadvisor.advise.whatif_reach import Reach, words_of
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Catalog, ConstraintKind
from pgadvisor.model.objects import Function, Sequence

# Fewer would save less time than finding them takes.
_LEAST_RELATIONS = 100


def only_needed(facts: Facts, also: Iterable[int] = (), *, min_rows: int | None) -> Facts:
    """The facts with the relations alone that statements reach, for a twin that is asked about these.

    also are oids of other tables that are asked about, such as those that rules wish an index on. From min_rows on an
    index for a foreign key is asked about, too, as IndexesConfig has it; None: no key is asked about. The plans of the
    statements are the same on both.
    """
    if len(facts.relations) < _LEAST_RELATIONS:
        return facts
    needed = _Needed(facts, min_rows)
    kept = needed.closure(also)
    if len(kept) == len(facts.relations):
        return facts
    catalog = _part(facts.snapshot.catalog, kept, needed.functions)
    owned = kept | {index.oid for index in catalog.indexes}
    statistics = tuple(row for row in facts.snapshot.column_statistics if row.relation_oid in owned)
    return Facts(replace(facts.snapshot, catalog=catalog, column_statistics=statistics), facts.shapes)


class _Needed:
    """Finds relations that belong to what statements reach, and functions that can be made without the others."""

    def __init__(self, facts: Facts, min_rows: int | None) -> None:
        self._facts = facts
        self._min_rows = min_rows
        self._reach = Reach(facts)
        self._words: set[str] = set()
        self._named: dict[str, list[int]] = defaultdict(list)
        self._row_types: dict[int, int] = {}
        self._texts: dict[int, list[str]] = defaultdict(list)
        for relation in facts.relations.values():
            self._named[relation.name].append(relation.oid)
            if relation.row_type_oid is not None:
                self._row_types[relation.row_type_oid] = relation.oid
        for column in facts.snapshot.catalog.columns:
            if column.default is not None:
                self._texts[column.relation_oid].append(column.default)
        for constraint in facts.constraints.values():
            if constraint.definition is not None:
                self._texts[constraint.table_oid].append(constraint.definition)
        self.functions: tuple[Function, ...] = ()

    def closure(self, also: Iterable[int]) -> frozenset[int]:
        """All relations that are needed."""
        kept = {oid for oid in also if oid in self._facts.relations}
        for statement in self._facts.statements.values():
            if statement.text is not None:
                reached = self._reach.of(self._facts.shapes.get(statement.query_id), statement.text)
                kept |= reached.relation_oids
                self._words |= reached.words
        for attribute in (text for each in self._facts.snapshot.catalog.types for text in each.attributes):
            kept |= self._relations_named(words_of(attribute.type))
        kept |= set(self._beside_foreign_keys(kept)) & self._facts.relations.keys()
        pending = sorted(kept)
        while pending:
            new = set(self._next_to(pending)) & self._facts.relations.keys() - kept
            kept |= new
            pending = sorted(new)
        self.functions = tuple(self._functions(kept))
        return frozenset(kept)

    def _beside_foreign_keys(self, kept: set[int]) -> Iterator[int]:
        """Tables referred to, whose rows bound those of a key, and those that are searched, or would be slowly."""
        for constraint in self._facts.constraints.values():
            if constraint.kind is ConstraintKind.FOREIGN_KEY and constraint.table_oid in kept:
                yield constraint.referenced_oid or 0
        if self._min_rows is None:
            return
        for each in referencing_keys(self._facts):
            rows = self._facts.row_count(each.table.oid)
            if each.checks >= 1 or (not each.served and (rows is None or rows >= self._min_rows)):
                yield from (each.table.oid, each.key.referenced_oid or 0)

    def _next_to(self, oids: Iterable[int]) -> Iterator[int]:
        """What goes with some relations: the rest of their trees, and what defaults, checks, indexes and rows name."""
        texts: list[str] = []
        for oid in oids:
            relation = self._facts.relations[oid]
            yield from relation.parents or filter(None, (relation.parent_oid,))
            yield from self._below.get(oid, ())
            for column in self._facts.columns(oid):
                if column.type_oid in self._row_types:
                    yield self._row_types[column.type_oid]
                elif column.type_category == "A":
                    yield from self._relations_named(words_of(column.type.removesuffix("[]")))
            texts += self._texts.get(oid, ())
            texts += filter(None, (relation.partition_key,))
            for index in self._facts.indexes_of(oid):
                texts += filter(None, (index.definition.predicate, *(key.expression for key in index.definition.keys)))
        for text in texts:
            self._words |= words_of(text)
        for function in self._facts.snapshot.catalog.functions:
            if function.name in self._words:
                yield from self._relations_named(_words_of_signature(function))
        if texts:
            yield from self._reach.of(None, "\n".join(texts)).relation_oids

    @cached_property
    def _below(self) -> dict[int, list[int]]:
        """Partitions and tables that inherit, by what they are below of."""
        found: dict[int, list[int]] = defaultdict(list)
        for relation in self._facts.relations.values():
            for parent in relation.parents or filter(None, (relation.parent_oid,)):
                found[parent].append(relation.oid)
        return found

    def _functions(self, kept: set[int]) -> Iterator[Function]:
        """Functions but those that nothing calls and that take or give rows of relations which are left out."""
        for function in self._facts.snapshot.catalog.functions:
            missing = self._relations_named(_words_of_signature(function)) - kept
            if function.name in self._words or not missing:
                yield function

    def _relations_named(self, names: Iterable[str]) -> set[int]:
        return {oid for name in names for oid in self._named.get(name, ())}


def _words_of_signature(function: Function) -> frozenset[str]:
    return words_of(f"{function.arguments} {function.result or ''}")


def _part(catalog: Catalog, kept: frozenset[int], functions: tuple[Function, ...]) -> Catalog:
    """A catalog of some of its relations."""
    columns = tuple(each for each in catalog.columns if each.relation_oid in kept)
    defaults = "\n".join(column.default for column in columns if column.default is not None)

    def is_used(sequence: Sequence) -> bool:
        owner = sequence.owner_relation_oid
        return owner is None or owner in kept or sequence.name in defaults

    return replace(
        catalog,
        relations=tuple(each for each in catalog.relations if each.oid in kept),
        columns=columns,
        indexes=tuple(each for each in catalog.indexes if each.table_oid in kept),
        constraints=tuple(
            each
            for each in catalog.constraints
            if each.table_oid in kept and (each.referenced_oid is None or each.referenced_oid in kept)
        ),
        functions=functions,
        triggers=tuple(each for each in catalog.triggers if each.relation_oid in kept),
        rules=tuple(each for each in catalog.rules if each.relation_oid in kept),
        sequences=tuple(each for each in catalog.sequences if is_used(each)),
        policies=tuple(each for each in catalog.policies if each.relation_oid in kept),
        extended_statistics=tuple(each for each in catalog.extended_statistics if each.relation_oid in kept),
    )
