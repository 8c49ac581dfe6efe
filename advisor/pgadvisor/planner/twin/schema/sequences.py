"""Sequences, which defaults and statements name."""

from __future__ import annotations

from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.objects import Sequence
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.making import Way, Wish, make_all, type_sql


def create_sequences(building: Building) -> None:
    """Makes all sequences but those of identity columns, which come with their columns.

    That one of them goes with a serial column is left out: only dropping one of the two would show it.
    """
    catalog = building.facts.snapshot.catalog
    identities = {(column.relation_oid, column.name) for column in catalog.columns if column.identity}
    make_all(
        building,
        (
            _wish(sequence)
            for sequence in catalog.sequences
            if (sequence.owner_relation_oid, sequence.owner_column) not in identities
        ),
    )


def sequence_options(sequence: Sequence) -> str:
    """What CREATE SEQUENCE and an identity column say of a sequence."""
    return (
        f"START WITH {sequence.start} INCREMENT BY {sequence.increment} MINVALUE {sequence.minimum} "
        f"MAXVALUE {sequence.maximum} CACHE {sequence.cache}{' CYCLE' if sequence.cycles else ''}"
    )


def _wish(sequence: Sequence) -> Wish:
    def ways() -> tuple[Way]:
        name = qualified(sequence.schema, sequence.name)
        return (Way(f"CREATE SEQUENCE {name} AS {type_sql(sequence.type)} {sequence_options(sequence)}"),)

    return Wish(
        what=f"sequence {sequence.schema}.{sequence.name}",
        ways=ways,
        without="what calls for it is left out",
        names=(sequence.name,),
        oid=sequence.oid,
    )
