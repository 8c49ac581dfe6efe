"""What was decided about indexes, with all who asked for it, ready to be proved and told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.indexes.algebra import covers
from pgadvisor.indexes.ddl import index_name
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.index_advice import AdvisedIndex, IndexPrice
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.whatif import Configuration, IndexName
from pgadvisor.planner.index_names import names_taken_by_schema

if TYPE_CHECKING:
    from pgadvisor.advise.exchanges import Exchange, Exchanges
    from pgadvisor.advise.proof import Proof
    from pgadvisor.advise.selection.search import Chosen, Selection
    from pgadvisor.config import IndexesConfig
    from pgadvisor.facts import Facts


# Of an index that goes: a plan for unknown values would cost more without it.
FOR_KNOWN_VALUES = "for known values"


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
        without = Configuration(
            create=tuple(each for each in whole.create if each != candidate.definition),
            drop=tuple(each for each in whole.drop if each not in self.replaced),
        )
        together, effects = proof.against(without)
        return AdvisedIndex(
            proposal=CreateIndex(
                definition=candidate.definition,
                partitioned=candidate.partitioned,
                holds_values=candidate.holds_values,
                any_order=candidate.any_order,
            ),
            name=self.name,
            price=self.price,
            alone=proof.alone(Configuration(create=(candidate.definition,), drop=self.replaced)),
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
        place = whole.drop.index(name)
        with_it = Configuration(create=whole.create, drop=(*whole.drop[:place], *whole.drop[place + 1 :]))
        together, effects = proof.against(with_it)
        return AdvisedIndex(
            proposal=drop,
            name=drop.name,
            price=self.exchange.price,
            alone=proof.alone(Configuration(drop=(name,))),
            together=together,
            effects=effects,
            findings=tuple(sorted(self.exchange.findings)),
            reasons=(FOR_KNOWN_VALUES,) if self.exchange.for_known_values else (),
        )


@dataclass(frozen=True)
class Handed:
    """All that is decided, and the names of the new ones by definition."""

    created: tuple[NewIndex, ...]
    dropped: tuple[OldIndex, ...]
    names: dict[IndexDefinition, str]


def handed_over(
    facts: Facts,
    selection: Selection,
    exchanged: Exchanges,
    options: IndexesConfig,
) -> Handed:
    """The new indexes under their names, and those that go."""
    replaced: dict[IndexDefinition, list[IndexName]] = defaultdict(list)
    chosen = list(selection.create)
    for made in exchanged.made:
        if made.created is not None:
            definition = made.created.candidate.definition
            replaced[definition].append(IndexName(schema=made.drop.schema, name=made.drop.name))
            if all(definition != known.candidate.definition for known in chosen):
                chosen.append(made.created)
    for made in exchanged.made:
        successor = _successor(made.drop, chosen) if made.created is None and made.drop.replaced else None
        if successor is not None:
            replaced[successor].append(IndexName(schema=made.drop.schema, name=made.drop.name))
    taken = names_taken_by_schema(facts)
    names: dict[IndexDefinition, str] = {}
    for each in chosen:
        definition = each.candidate.definition
        names[definition] = index_name(definition, taken[definition.schema], options.name)
        taken[definition.schema].add(names[definition])
    created = tuple(
        NewIndex(
            each.candidate,
            each.price,
            names[each.candidate.definition],
            tuple(replaced[each.candidate.definition]),
        )
        for each in chosen
    )
    return Handed(created, tuple(map(OldIndex, exchanged.made)), names)


def _successor(drop: DropIndex, chosen: Sequence[Chosen]) -> IndexDefinition | None:
    """The new index on its table that does the work of one that goes, best one that covers it."""
    old = drop.definition
    new = [each.candidate.definition for each in chosen]
    same_table = [each for each in new if (each.schema, each.table) == (old.schema, old.table)]
    same_start = [each for each in same_table if each.key_columns[:1] == old.key_columns[:1]]
    covering = [each for each in same_start if covers(each, old)]
    return next(iter((*covering, *same_start, *same_table)), None)
