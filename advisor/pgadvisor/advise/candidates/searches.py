"""What each statement of a workload searches tables by, as the planner's own plans spell it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from msgspec import structs

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey, Relation, RelationKind
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.planner.protocol import Planner, Question
from pgadvisor.workload.lexer import has_literal
from pgadvisor.workload.plan_searches import Search, Sort, Subject, TableSearches, searches_of

# Plans asked for in all, and of one statement for values.
MAX_PLANS = 3_000
_MAX_SETS = 3
# Different values that a column has at most for an index of the rows of one of them.
MOST_VALUES = 12
EQUALITIES = frozenset({"=", "= any"})
RANGES = frozenset({"<", "<=", ">", ">="})
# Rows of one value that are looked through at once.
_FEW_ROWS = 20
_INDEXED = (RelationKind.TABLE, RelationKind.PARTITIONED)


@dataclass(frozen=True)
class Searched:
    """What one statement searches one table by.

    relation is the table that the statement names: of a partition the partitioned one. searches must hold, all of them;
    choices are those of which one of several must, for each OR. of_values are those that are known by values of
    parameters alone, is_seen says that some are of a real call. unknown are expressions with a constant that nobody has
    seen. rows are the table's.
    """

    load: Load
    relation: Relation
    searches: tuple[Search, ...]
    choices: tuple[tuple[Search, ...], ...]
    sorts: tuple[Sort, ...]
    of_values: frozenset[Search]
    is_seen: bool
    unknown: tuple[str, ...]
    rows: float

    @property
    def query_ids(self) -> frozenset[str]:
        """The statement, as candidates have it."""
        return frozenset({self.load.query_id})

    @property
    def each(self) -> tuple[Search, ...]:
        """All of them, those that must hold first."""
        return (*self.searches, *(search for some in self.choices for search in some))

    @property
    def equal_columns(self) -> tuple[str, ...]:
        """Columns searched for equality."""
        found = (search.subject.column for search in self.searches if search.operator in EQUALITIES)
        return tuple(dict.fromkeys(column for column in found if column is not None))

    def definition(self, keys: Sequence[IndexKey], method: str = "btree") -> IndexDefinition:
        """An index on the table."""
        return IndexDefinition(
            schema=self.relation.schema, table=self.relation.name, access_method=method, keys=tuple(keys)
        )

    def candidate(self, definition: IndexDefinition, reason: str, *, holds_values: bool = False) -> Candidate:
        """A candidate for the statement, that says itself whether it holds values, if it is not said to."""
        return Candidate(
            definition=definition,
            query_ids=self.query_ids,
            reasons=frozenset({reason}),
            partitioned=self.relation.kind is RelationKind.PARTITIONED,
            holds_values=holds_values or self._holds_values(definition),
        )

    def _holds_values(self, definition: IndexDefinition) -> bool:
        """Whether constants of a predicate are in an index, or some of an expression that none but calls have shown."""
        if definition.predicate is not None and has_literal(definition.predicate):
            return True
        return any(key.expression in self._of_calls for key in definition.keys)

    @cached_property
    def _of_calls(self) -> frozenset[str]:
        """Expressions with constants that are known by values alone."""
        by_values = {search.subject for search in self.each if search in self.of_values}
        by_text = {search.subject.expression for search in self.each if search not in self.of_values}
        by_text |= {sort.subject.expression for sort in self.sorts}
        return frozenset(
            subject.expression
            for subject in by_values
            if subject.expression is not None and subject.expression not in by_text and has_literal(subject.text)
        )

    def found_otherwise(self, facts: Facts) -> bool:
        """Whether what is searched for equality leaves so few rows that nothing else need find them."""
        oid, equal = self.relation.oid, self.equal_columns
        if any((facts.distinct_values(oid, column) or 0) * _FEW_ROWS >= self.rows for column in equal):
            return True
        return any(
            index.definition.unique and index.valid and index.definition.predicate is None
            for index in facts.indexes_of(oid)
            if set(index.definition.key_columns) <= set(equal)
        )

    def left(self, definition: IndexDefinition, sentence: str, why: WhyNot = WhyNot.IMPOSSIBLE) -> LeftIndex:
        """An index that the statement cannot have, and why."""
        return LeftIndex(definition=definition, why=why, sentence=sentence, query_ids=(self.load.query_id,))


class SearchReader:
    """Asks a planner for plans of statements, and reads what they search by. asked counts the plans."""

    def __init__(self, facts: Facts, planner: Planner, min_rows: int) -> None:
        self.asked = 0
        self._facts = facts
        self._planner = planner
        self._min_rows = min_rows
        self._real: dict[str, set[tuple[str | None, ...]]] = defaultdict(set)
        statements = facts.snapshot.statements
        for sample in () if statements is None else statements.samples:
            self._real[sample.query_id].add(sample.values)

    def read(self, loads: Sequence[Load]) -> tuple[Searched, ...]:
        """What statements search tables by that are large enough, the costliest statement first.

        Raises PlannerError where the planner is gone.
        """
        costliest = sorted(loads, key=lambda load: (-load.total_ms, load.query_id))
        return tuple(found for load in costliest for found in self._of(load))

    def _of(self, load: Load) -> Iterator[Searched]:
        if load.shape is not None and not any(self._is_large(used.relation_oid) for used in load.shape.relations):
            return
        merged: dict[int, TableSearches] = {}
        of_values: set[Search] = set()
        of_text: set[str] = set()
        real = self._real.get(load.query_id, ())
        valued, is_seen = 0, False
        for question in load.questions:
            if question.values is None:
                found = self._asked(question)
                of_text |= {search.condition for table in found.values() for search in table.searches}
                self._merge(found, merged)
            elif valued < _MAX_SETS and self._hangs_on_values(merged):
                valued += 1
                is_seen = is_seen or question.values in real
                of_values |= self._merge(
                    self._asked(question), merged, values=True, guessed=question.values not in real
                )
        # Real calls are asked about first.
        by_values_alone = frozenset(search for search in of_values if search.condition not in of_text)
        for oid, table in merged.items():
            rows = self._facts.row_count(oid)
            if rows is not None and self._is_large(oid):
                yield _searched(load, table, by_values_alone, is_seen, rows)

    @staticmethod
    def _merge(
        found: dict[int, TableSearches], into: dict[int, TableSearches], *, values: bool = False, guessed: bool = False
    ) -> set[Search]:
        """Adds what one plan has; those that are new.

        What is computed with values of one call is no order for others, and with values that nobody has seen nothing to
        be searched by.
        """
        added: set[Search] = set()
        for oid, table in found.items():
            known = into.setdefault(oid, TableSearches(table.relation))
            known.unknown.update(table.unknown)
            known.sorts.update({sort: None for sort in table.sorts if not (values and has_literal(sort.subject.text))})
            conditions = {search.condition for search in known.searches}
            texts = {search.subject.text for search in known.searches}
            for search in table.searches:
                is_made_up = guessed and search.subject.text not in texts and has_literal(search.subject.text)
                if search.condition not in conditions and not is_made_up:
                    known.searches[search] = None
                    added.add(search)
        return added

    def _asked(self, question: Question) -> dict[int, TableSearches]:
        if self.asked >= MAX_PLANS:
            return {}
        self.asked += 1
        plan = self._planner.plan(question).plan
        if plan is None:
            return {}
        try:
            return searches_of(parse_plan(plan), self._facts)
        except (KeyError, TypeError, RecursionError):
            # A planner's answer that is kept in a snapshot may be anything.
            return {}

    def _is_large(self, oid: int) -> bool:
        root = self._facts.root(oid)
        rows = None if root is None or root.kind not in _INDEXED else self._facts.row_count(root.oid)
        return rows is not None and rows >= self._min_rows

    def _hangs_on_values(self, tables: dict[int, TableSearches]) -> bool:
        """Whether what would serve a statement is known better with values: patterns, rare ones, keys in documents."""
        if not tables:
            return True
        return any(
            table.unknown or any(search.unknown and search.operator not in RANGES for search in table.searches)
            for table in tables.values()
        )


def _searched(load: Load, table: TableSearches, of_values: frozenset[Search], is_seen: bool, rows: float) -> Searched:
    searches: dict[tuple[str, str], Search] = {}
    choices: dict[int, dict[str, Search]] = defaultdict(dict)
    for search in table.searches:
        if search.choice:
            choices[search.choice].setdefault(search.condition, search)
        else:
            searches.setdefault((search.condition, search.subject.text), search)
    different = dict.fromkeys(tuple(some.values()) for some in choices.values())
    return Searched(
        load=load,
        relation=table.relation,
        searches=tuple(searches.values()),
        choices=tuple(different),
        sorts=tuple(table.sorts),
        of_values=of_values,
        is_seen=is_seen,
        unknown=() if is_seen else tuple(table.unknown),
        rows=rows,
    )


def key_of(subject: Subject, operator_class: str = "") -> IndexKey:
    """A key on what is searched by, with its type's operator class unless another is named."""
    return IndexKey(
        column=subject.column,
        expression=subject.expression,
        operator_class=operator_class,
        default_operator_class=not operator_class,
    )


def plain(column: str) -> IndexKey:
    """A key on a column."""
    return IndexKey(column=column)


def with_predicate(definition: IndexDefinition, predicate: str) -> IndexDefinition:
    """The index of the rows that satisfy a condition alone."""
    return structs.replace(definition, predicate=predicate)
