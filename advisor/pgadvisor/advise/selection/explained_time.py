"""How much of a statement's time its plan explains: an index saves nothing of waits for locks, nor of a plan of old.

A statement that got its index an hour ago has been counted since last week; what its plan cost then is not to be saved
once more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import LoadCost
    from pgadvisor.facts import Facts

# A unit of cost may take one statement so many times what it takes the median one: that much the planner errs.
_TIMES = 10
# What a block takes that was read from a disk, at most, as a rule; reads are what makes time differ from cost most.
_BLOCK_READ_MS = 1.0
# Of fewer statements no median says what is usual.
_ENOUGH = 8


def explained_ms(planned: Sequence[LoadCost], facts: Facts) -> Mapping[str, float]:
    """Milliseconds over the window that plans explain, by query id, of statements that took longer."""
    rates = [
        each.load.total_ms / (each.load.calls * each.mean)
        for each in planned
        if each.load.calls and each.mean > 0 and each.load.total_ms > 0
    ]
    if len(rates) < _ENOUGH:
        return {}
    most_per_unit = _TIMES * median(rates)
    read = _blocks_read(facts)
    found = {}
    for each in planned:
        load = each.load
        blocks = sum(read.get(query_id, 0) for query_id in (load.query_id, *load.stands_for))
        most_ms = most_per_unit * load.calls * each.mean + _BLOCK_READ_MS * blocks
        if load.calls and load.total_ms > most_ms:
            found[load.query_id] = most_ms
    return found


def _blocks_read(facts: Facts) -> Mapping[str, int]:
    """Blocks that each statement read from outside of the server's buffers."""
    statements = facts.snapshot.statements
    found: dict[str, int] = defaultdict(int)
    if statements is not None:
        same = {other: text.query_id for text in statements.texts for other in text.also}
        for row in statements.rows:
            found[same.get(row.query_id, row.query_id)] += row.shared_blocks_read
    return found
