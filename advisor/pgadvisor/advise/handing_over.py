"""What was decided about indexes, with all who asked for it, ready to be proved and told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.indexes.algebra import likeness
from pgadvisor.indexes.ddl import index_name
from pgadvisor.indexes.standing import Standing
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.index_advice import AdvisedIndex, IndexPrice, LeftIndex, WhyNot
from pgadvisor.model.proposals import CreateIndex
from pgadvisor.model.whatif import Configuration, IndexName
from pgadvisor.planner.index_names import names_taken_by_schema

if TYPE_CHECKING:
    from pgadvisor.advise.exchanges import Exchange, Exchanges
    from pgadvisor.advise.proof import Proof
    from pgadvisor.advise.selection.search import Chosen, Selection
    from pgadvisor.config import IndexesConfig
    from pgadvisor.facts import Facts


@dataclass(frozen=True)
class NewIndex:
    """An index that is to be created, under its name; replaced are those that go because of it."""

    candidate: Candidate
    price: IndexPrice
    name: str
    replaced: tuple[IndexName, ...] = ()

    def proved(self, proof: Proof) -> AdvisedIndex:
        """It with what it does: beside the others, and alone."""
        candidate, whole = self.candidate, proof.whole
        table = (candidate.definition.schema, candidate.definition.table)
        without = Configuration(
            create=tuple(each for each in whole.create if each != candidate.definition),
            drop=tuple(each for each in whole.drop if each not in self.replaced),
        )
        together, effects = proof.against(without, table)
        return AdvisedIndex(
            proposal=CreateIndex(
                definition=candidate.definition,
                partitioned=candidate.partitioned,
                holds_values=candidate.holds_values,
                any_order=candidate.any_order,
            ),
            name=self.name,
            price=self.price,
            alone=proof.alone(Configuration(create=(candidate.definition,), drop=self.replaced), table),
            together=together,
            effects=effects,
            replaces=tuple(f"{each.schema}.{each.name}" for each in self.replaced),
            foreign_keys=tuple(sorted(candidate.foreign_keys)),
            findings=tuple(sorted(candidate.findings)),
            reasons=tuple(sorted(candidate.reasons)),
            query_ids=tuple(sorted(candidate.query_ids)),
        )


@dataclass(frozen=True)
class OldIndex:
    """An index that is to go."""

    exchange: Exchange

    def proved(self, proof: Proof) -> AdvisedIndex:
        """It with what becomes of statements without it: beside the others, and alone."""
        drop, whole = self.exchange.drop, proof.whole
        name = IndexName(schema=drop.schema, name=drop.name)
        table = (drop.definition.schema, drop.definition.table)
        with_it = Configuration(create=whole.create, drop=tuple(each for each in whole.drop if each != name))
        together, effects = proof.against(with_it, table)
        return AdvisedIndex(
            proposal=drop,
            name=drop.name,
            price=self.exchange.price,
            alone=proof.alone(Configuration(drop=(name,)), table),
            together=together,
            effects=effects,
            findings=tuple(sorted(self.exchange.findings)),
        )


@dataclass(frozen=True)
class Handed:
    """All that is decided, names of the new ones by definition, and wishes that others of them serve."""

    created: tuple[NewIndex, ...]
    dropped: tuple[OldIndex, ...]
    names: dict[IndexDefinition, str]
    left: tuple[LeftIndex, ...]


def handed_over(
    facts: Facts,
    selection: Selection,
    exchanged: Exchanges,
    wished: Sequence[Candidate],
    options: IndexesConfig,
) -> Handed:
    """The new indexes with the findings of all wishes that they serve, and those that go."""
    replaced: dict[IndexDefinition, list[IndexName]] = defaultdict(list)
    chosen = list(selection.create)
    for made in exchanged.made:
        if made.created is not None:
            definition = made.created.candidate.definition
            replaced[definition].append(IndexName(schema=made.drop.schema, name=made.drop.name))
            if all(definition != known.candidate.definition for known in chosen):
                chosen.append(made.created)
    served, left = _served(chosen, selection, wished)
    taken = names_taken_by_schema(facts)
    names: dict[IndexDefinition, str] = {}
    for each in chosen:
        definition = each.candidate.definition
        names[definition] = index_name(definition, taken[definition.schema], options.name)
        taken[definition.schema].add(names[definition])
    created = tuple(
        NewIndex(
            served.get(each.candidate.definition, each.candidate),
            each.price,
            names[each.candidate.definition],
            tuple(replaced[each.candidate.definition]),
        )
        for each in chosen
    )
    return Handed(created, tuple(map(OldIndex, exchanged.made)), names, (*left, *exchanged.left))


def _served(
    chosen: Sequence[Chosen], selection: Selection, wished: Sequence[Candidate]
) -> tuple[dict[IndexDefinition, Candidate], list[LeftIndex]]:
    """The chosen with the wishes that they serve, and all others that were left."""
    standing: dict[tuple[str, str], Standing[Candidate]] = defaultdict(Standing)
    for each in chosen:
        definition = each.candidate.definition
        standing[definition.schema, definition.table].add(each.candidate, definition)
    alike = {likeness(each.candidate.definition) for each in chosen}
    served: dict[IndexDefinition, Candidate] = {}
    instead: dict[object, IndexDefinition] = {}
    for wish in wished:
        if likeness(wish.definition) in alike:
            continue
        serving = _serving(standing[wish.definition.schema, wish.definition.table], wish)
        if serving is not None:
            known = served.get(serving.definition, serving)
            served[serving.definition] = _asked_by_both(known, wish)
            instead[likeness(wish.definition)] = serving.definition
    left = []
    for item in selection.left:
        by = instead.get(likeness(item.definition)) if not item.name else None
        left.append(item if by is None else _better(item, by))
    return served, left


def _serving(standing: Standing[Candidate], wish: Candidate) -> Candidate | None:
    covering = next(standing.covering(wish.definition), None)
    if covering is not None or not wish.any_order:
        return covering
    columns = [column for column in wish.definition.key_columns if column is not None]
    return next(standing.serving_equality(columns), None)


def _asked_by_both(candidate: Candidate, wish: Candidate) -> Candidate:
    both = candidate.with_wishes_of(wish)
    # It is itself that is built, and not the other.
    return Candidate(
        definition=candidate.definition,
        query_ids=both.query_ids,
        foreign_keys=both.foreign_keys,
        findings=both.findings,
        reasons=both.reasons,
        partitioned=candidate.partitioned,
        holds_values=candidate.holds_values,
        any_order=candidate.any_order,
    )


def _better(left: LeftIndex, by: IndexDefinition) -> LeftIndex:
    columns = ", ".join(column or "an expression" for column in by.key_columns)
    return LeftIndex(
        definition=left.definition,
        why=WhyNot.BETTER_ONE,
        sentence=f"The index on ({columns}) that is advised serves in its place.",
        served_by=f"{by.schema}.{by.table} ({columns})",
        size_bytes=left.size_bytes,
        gain_ms=left.gain_ms,
        write_ms=left.write_ms,
        query_ids=left.query_ids,
        findings=left.findings,
    )
