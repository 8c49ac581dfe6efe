"""What all have in common that exchange new indexes for another one: what sets come to, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pgadvisor.advise.selection.objective import Objective
from pgadvisor.advise.selection.reasons import Chosen, described, passed_on
from pgadvisor.indexes.algebra import covers, likeness, serves_equality_on
from pgadvisor.model.catalog import ConstraintKind
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.model.whatif import Configuration

if TYPE_CHECKING:
    from pgadvisor.advise.candidates.candidate import Candidate
    from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
    from pgadvisor.advise.selection.search import Selection
    from pgadvisor.config import IndexesConfig
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import Constraint, Index, IndexDefinition


def imaginable(candidates: Sequence[Candidate], selection: Selection) -> tuple[Candidate, ...]:
    """Candidates but for those that the search found no planner to imagine."""
    impossible = {likeness(each.definition) for each in selection.left if each.why is WhyNot.IMPOSSIBLE}
    return tuple(each for each in candidates if likeness(each.definition) not in impossible)


def served_by_other(gone: Chosen, one: Chosen, does: str) -> LeftIndex:
    """An index that another stands in the place of; does says how well, as the end of a sentence."""
    name = described(one.candidate.definition)
    return LeftIndex(
        definition=gone.candidate.definition,
        why=WhyNot.BETTER_ONE,
        sentence=f"{name}, which is proposed, {does}.",
        served_by=name,
        size_bytes=gone.price.size_bytes,
        write_ms=gone.price.write_ms,
        query_ids=tuple(sorted(gone.candidate.query_ids)),
        findings=tuple(sorted(gone.candidate.findings)),
    )


def exchanged(create: Sequence[Chosen], gone: Sequence[Chosen], one: Chosen) -> list[Chosen]:
    """A set with one in the place of several: it is worth what they were, and stands where the first of them stood."""
    at = min(create.index(each) for each in gone)
    then = [each for each in create if each not in gone]
    then.insert(at, one)
    return then


def swap(selection: Selection, gone: Sequence[Chosen], one: Chosen, does: str) -> None:
    """Puts one in the place of several, and tells of them that it does their work; does as in served_by_other."""
    served = [served_by_other(each, one, does) for each in gone]
    same = likeness(one.candidate.definition)
    rest = [each for each in selection.left if each.name or likeness(each.definition) != same]
    selection.create = exchanged(selection.create, gone, one)
    selection.left = [*served, *(passed_on(each, gone, one) for each in rest)]


def serving_keys(
    evaluator: Evaluator, selection: Selection, gone: Sequence[Chosen], form: Candidate
) -> Candidate | None:
    """The form with those foreign keys of what goes that it serves; None where one is served by nothing any more.

    Those are the keys that it is for, and those that it serves whose checks are part of the workload.
    """
    facts = evaluator.facts
    if facts is None:
        return form
    names = {name for each in gone for name in each.candidate.foreign_keys}
    every = (each.load for each in (*evaluator.base, *evaluator.others))
    checked = {load.foreign_key for load in every if load.foreign_key}
    if not names and not checked:
        return form
    going = [each.candidate.definition for each in gone]
    staying = [each.candidate.definition for each in selection.create if each not in gone]
    staying += _existing(facts, selection, form.definition)
    taken = set[str]()
    for key, name in _keys(facts, form.definition):
        if key.name not in names and not (name in checked and _serves(going, form, key)):
            continue
        if serves_equality_on(form.definition, key.columns):
            taken.add(key.name)
        elif not _serves(staying, form, key):
            return None
    return replace(form, foreign_keys=form.foreign_keys | taken)


def _keys(facts: Facts, definition: IndexDefinition) -> Iterator[tuple[Constraint, str]]:
    """The foreign keys of an index's table, each with its name as a load has it whose check it is."""
    table = facts.relation_named(definition.schema, definition.table)
    for each in () if table is None else facts.constraints_of(table.oid):
        if each.kind is ConstraintKind.FOREIGN_KEY:
            yield each, f"{definition.schema}.{definition.table}.{each.name}"


def _serves(definitions: Sequence[IndexDefinition], form: Candidate, key: Constraint) -> bool:
    """Whether one of these serves a foreign key of the table that a form is on."""
    return any(_is_beside(each, form) and serves_equality_on(each, key.columns) for each in definitions)


def _existing(facts: Facts, selection: Selection, definition: IndexDefinition) -> list[IndexDefinition]:
    table = facts.relation_named(definition.schema, definition.table)
    going = {each.oid for each in selection.drop}
    indexes = () if table is None else facts.indexes_of(table.oid)
    return [each.definition for each in indexes if _is_usable(each) and each.oid not in going]


def _is_usable(index: Index) -> bool:
    return index.valid and index.ready and index.live and index.complete


def _is_beside(definition: IndexDefinition, form: Candidate) -> bool:
    return (definition.schema, definition.table) == (form.definition.schema, form.definition.table)


class Weighing:
    """What sets of new indexes come to, beside the existing ones that go."""

    def __init__(self, selection: Selection, evaluator: Evaluator, options: IndexesConfig) -> None:
        self.selection = selection
        self.evaluator = evaluator
        self.options = options
        self.objective = Objective(evaluator.base, options.goal)

    def within_budget(self, create: Sequence[Chosen]) -> bool:
        """Whether a set takes no more disk than it may; one of unknown size may be larger."""
        sizes = [each.price.size_bytes for each in create]
        most = self.options.max_bytes
        return most is None or (None not in sizes and sum(each or 0 for each in sizes) <= most)

    def stands_in(self, create: Sequence[Chosen]) -> bool:
        """Whether a set stands in for all that goes."""
        definitions = [each.candidate.definition for each in create]
        return all(any(covers(each, index.definition) for each in definitions) for index in self.selection.drop)

    def costs(self, create: Sequence[Chosen], places: Sequence[int] | None = None) -> tuple[LoadCost, ...]:
        """What a set costs all statements, or those at some places."""
        some = None if places is None else [self.evaluator.loads[at] for at in places]
        definitions = tuple(each.candidate.definition for each in create)
        drop = self.selection.configuration.drop
        return self.evaluator.costs(Configuration(create=definitions, drop=drop), some)

    def writes(self, create: Sequence[Chosen]) -> float:
        """What writing a set counts."""
        return sum(self.objective.of_writes(each.price.write_ms) for each in create)

    def counts(self, base: LoadCost, now: LoadCost) -> float:
        """What a statement counts at its cost, beside that of it as it is."""
        return self.objective.of_load(now.load.calls, now.load.total_ms, base.mean, now.mean)

    def amount(self, costs: Sequence[LoadCost]) -> float:
        """What all statements count."""
        return sum(self.counts(base, now) for base, now in zip(self.evaluator.base, costs, strict=True))
