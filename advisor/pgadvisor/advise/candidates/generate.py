"""All indexes that might be worth having for a workload, each once, none that exists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.searched import searched
from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.indexes.algebra import likeness
from pgadvisor.indexes.standing import Standing
from pgadvisor.model.index_advice import LeftIndex, WhyNot

if TYPE_CHECKING:
    from pgadvisor.config import IndexesConfig


@dataclass(frozen=True)
class Generated:
    """Candidates worth a question to the planner, and those that are not, with the reason."""

    candidates: tuple[Candidate, ...]
    left: tuple[LeftIndex, ...]


def generate(facts: Facts, loads: Sequence[Load], wished: Sequence[Candidate], options: IndexesConfig) -> Generated:
    """Candidates from statements and those that rules wish for, the same index once with all who want it."""
    found: dict[object, Candidate] = {}
    for candidate in (*wished, *_from_statements(facts, loads, options)):
        same = likeness(candidate.definition)
        found[same] = found[same].with_wishes_of(candidate) if same in found else candidate
    left: list[LeftIndex] = []
    kept: list[Candidate] = []
    standing: dict[tuple[str, str], Standing[str]] = defaultdict(Standing)
    for index in facts.indexes.values():
        if index.valid and index.ready and index.live and index.complete:
            table = (index.definition.schema, index.definition.table)
            standing[table].add(f"{index.schema}.{index.name}", index.definition)
    for candidate in found.values():
        reason = _reason(candidate, facts, standing, options)
        left.append(reason) if reason else kept.append(candidate)
    return Generated(tuple(kept), tuple(left))


def _from_statements(facts: Facts, loads: Sequence[Load], options: IndexesConfig) -> Iterator[Candidate]:
    for load in loads:
        if load.shape is not None:
            yield from searched(facts, load.shape, options.max_columns)


def _reason(
    candidate: Candidate,
    facts: Facts,
    standing: dict[tuple[str, str], Standing[str]],
    options: IndexesConfig,
) -> LeftIndex | None:
    definition = candidate.definition
    table = facts.relation_named(definition.schema, definition.table)
    serving = next(standing[definition.schema, definition.table].covering(definition), None)
    if serving is not None:
        return _left(candidate, WhyNot.SERVED, f"{serving} already serves.", serving)
    rows = None if table is None else facts.row_count(table.oid)
    if rows is None or (rows < options.min_rows and not candidate.foreign_keys):
        known = "an unknown number of" if rows is None else f"{rows:,.0f}"
        return _left(candidate, WhyNot.SMALL_TABLE, f"The table has {known} rows, fewer than {options.min_rows:,}.")
    return None


def _left(candidate: Candidate, why: WhyNot, sentence: str, served_by: str = "") -> LeftIndex:
    return LeftIndex(
        definition=candidate.definition,
        why=why,
        sentence=sentence,
        served_by=served_by,
        query_ids=tuple(sorted(candidate.query_ids)),
        findings=tuple(sorted(candidate.findings)),
    )
