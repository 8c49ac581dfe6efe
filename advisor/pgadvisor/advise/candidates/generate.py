"""All indexes that might be worth having for a workload, each once, none that exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.btrees import b_trees
from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.columns import Columns
from pgadvisor.advise.candidates.existing import Existing
from pgadvisor.advise.candidates.foreign_keys import foreign_keys
from pgadvisor.advise.candidates.special import special
from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.indexes.algebra import likeness
from pgadvisor.indexes.identity import is_hidden
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.planner.protocol import Planner

if TYPE_CHECKING:
    from pgadvisor.config import IndexesConfig

HIDDEN = "A constant in it may be a secret and was hidden when it was read: no SQL can be made of it."

Generator = Callable[[Facts, Sequence[Load], "IndexesConfig"], Iterable[Candidate | LeftIndex]]

# Each kind of candidate; what two of them find alike is one candidate, wanted by all who want either.
GENERATORS: tuple[Generator, ...] = (b_trees, foreign_keys)


@dataclass(frozen=True)
class Generated:
    """Candidates worth a question to the planner, and those that are not, with the reason."""

    candidates: tuple[Candidate, ...]
    left: tuple[LeftIndex, ...]


def generate(
    facts: Facts,
    loads: Sequence[Load],
    wished: Sequence[Candidate],
    options: IndexesConfig,
    planner: Planner | None = None,
) -> Generated:
    """Candidates from statements and those that rules wish for, the same index once with all who want it.

    loads come the costliest first; candidates are in the order in which they were found, the same for the same input.
    A planner's plans say what else than B-trees on columns might serve. Raises PlannerError where it is gone.
    """
    found: dict[object, Candidate] = {}
    left: list[LeftIndex] = []

    def add(each: Candidate | LeftIndex) -> None:
        if isinstance(each, LeftIndex):
            left.append(each)
            return
        same = likeness(each.definition)
        found[same] = found[same].with_wishes_of(each) if same in found else each

    for each in (*wished, *(each for generator in GENERATORS for each in generator(facts, loads, options))):
        add(each)
    for other in () if planner is None else special(facts, planner, loads, tuple(found.values()), options):
        add(other)
    existing, columns = Existing(facts), Columns(facts)
    kept: list[Candidate] = []
    for candidate in found.values():
        reason = _reason(candidate, facts, existing, columns, options)
        left.append(reason) if reason else kept.append(candidate)
    return Generated(tuple(kept), tuple(left))


def _reason(
    candidate: Candidate, facts: Facts, existing: Existing, columns: Columns, options: IndexesConfig
) -> LeftIndex | None:
    """Why a candidate is not worth a question; None where it is."""
    definition = candidate.definition
    table = facts.relation_named(definition.schema, definition.table)
    if table is None:
        return _left(candidate, WhyNot.IMPOSSIBLE, "Its table is not in the snapshot.")
    if is_hidden(definition):
        return _left(candidate, WhyNot.NOT_EXAMINED, HIDDEN)
    serving = existing.serving(candidate)
    if serving:
        return _left(candidate, WhyNot.SERVED, f"{serving} does its work already.", serving)
    rows = facts.row_count(table.oid)
    if rows is None or (rows < options.min_rows and not candidate.foreign_keys):
        known = "an unknown number of" if rows is None else f"{rows:,.0f}"
        wanted = "" if rows is None else f", fewer than {options.min_rows:,}"
        return _left(candidate, WhyNot.SMALL_TABLE, f"The table has {known} rows{wanted}.")
    if definition.access_method == "btree":
        of_table = columns.of(table)
        bare = [name for name in definition.key_columns if name is not None]
        impossible = next(filter(None, map(of_table.impossible, bare)), "")
        made = [key.expression for key in definition.keys if key.expression is not None]
        if not impossible and of_table.too_wide((*bare, *definition.include), made):
            impossible = "Its entries may be wider than a third of a page, and writing such rows would then fail."
        if impossible:
            return _left(candidate, WhyNot.WOULD_FAIL, impossible)
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
