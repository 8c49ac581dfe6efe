"""Redaction: a snapshot in which made-up values stand for those of rows, and made-up names for names if wanted.

Kept are the order among values and their equality, wherever they stand: in statistics, statements, plans, predicates,
bounds and defaults. So the analysis finds the same. What is lost is how far apart values lie within a power of ten or a
month, which moves an estimate by less than one bin of a histogram, what JSON and types unknown here hold, comments, and
bodies of functions that are not in SQL. Numbers below 100, texts without a character, times of midnight, months, the
positions of sequences, and labels of enums (until names are replaced as well) are as they were.
"""

from __future__ import annotations

import msgspec

from pgadvisor.model.snapshot import Contents, Snapshot
from pgadvisor.snapshots.contents import contents_of
from pgadvisor.snapshots.redaction.walk import Walk

__all__ = ["redacted"]


def redacted(snapshot: Snapshot, *, names: bool = False) -> Snapshot:
    """The snapshot without values of rows, and with names=True without names that users gave.

    Made-up values depend on ranks among the values of the snapshot alone: the same snapshot gives the same result, and
    nothing can be computed back.
    """
    made = Walk(snapshot, names=names).redacted()
    contents = Contents(redacted=True, names_redacted=names or snapshot.contents.names_redacted)
    made = msgspec.structs.replace(made, contents=contents)
    return msgspec.structs.replace(made, contents=contents_of(made))
