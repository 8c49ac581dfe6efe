"""Candidates that are no plain B-trees: of expressions, parts of a table, patterns, documents, and other methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.block_ranges import block_ranges
from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.expressions import expressions
from pgadvisor.advise.candidates.extended import extended
from pgadvisor.advise.candidates.hashed import hashed
from pgadvisor.advise.candidates.inverted import inverted
from pgadvisor.advise.candidates.partial import by_table, partial
from pgadvisor.advise.candidates.patterns import patterns
from pgadvisor.advise.candidates.searches import Searched, SearchReader
from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.indexes.algebra import alike, likeness
from pgadvisor.indexes.predicates import without_brackets
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.protocol import Planner

if TYPE_CHECKING:
    from pgadvisor.config import IndexesConfig

# Of one statement for one table.
_MOST_OF_STATEMENT = 24
# A hash index has to be smaller than the B-tree by this share, for all that it cannot do.
_HASH_SHARE = 0.8


def special(
    facts: Facts,
    planner: Planner,
    loads: Sequence[Load],
    known: Sequence[Candidate],
    options: IndexesConfig,
) -> Iterator[Candidate | LeftIndex]:
    """Candidates by what the planner's plans search by, with B-trees already known to be made partial; each once.

    What the planner refuses to make is left, with its reason. Raises PlannerError where the planner is gone.
    """
    all_searched = SearchReader(facts, planner, options.min_rows).read(loads)
    found: dict[object, Candidate | LeftIndex] = {}
    for each in _all(facts, planner, all_searched, known, options):
        same = (likeness(each.definition), isinstance(each, LeftIndex))
        before = found.get(same)
        found[same] = before.with_wishes_of(each) if _both(before, each) else each  # type: ignore[union-attr, arg-type]
    candidates = [each for each in found.values() if isinstance(each, Candidate)]
    had = {likeness(each.definition) for each in candidates}
    for each in found.values():
        # What one statement cannot use is no less there for others.
        if isinstance(each, LeftIndex) and likeness(each.definition) not in had and not _exists(each.definition, facts):
            yield each
    yield from _possible(_worth_hashing(candidates, planner), planner)


def _exists(definition: IndexDefinition, facts: Facts) -> bool:
    table = facts.relation_named(definition.schema, definition.table)
    return table is not None and any(alike(each.definition, definition) for each in facts.indexes_of(table.oid))


def _both(one: object, other: object) -> bool:
    return isinstance(one, Candidate) and isinstance(other, Candidate)


def _all(
    facts: Facts,
    planner: Planner,
    all_searched: Sequence[Searched],
    known: Sequence[Candidate],
    options: IndexesConfig,
) -> Iterator[Candidate | LeftIndex]:
    thought_of = by_table(known)
    for searched in all_searched:
        own = list(expressions(searched, options.max_columns))
        of_table = thought_of.get((searched.relation.schema, searched.relation.name), ())
        found = (
            own,
            patterns(searched, facts),
            inverted(searched, facts),
            block_ranges(searched, facts),
            extended(searched, of_table, facts, planner, options.max_columns),
            partial(searched, [*of_table, *own], facts),
        )
        yield from islice(chain.from_iterable(found), _MOST_OF_STATEMENT)
        if searched.unknown and not searched.found_otherwise(facts):
            yield from _unknown(searched)
    yield from hashed(all_searched, facts)


def _unknown(searched: Searched) -> Iterator[LeftIndex]:
    for text in searched.unknown[:1]:
        definition = searched.definition([IndexKey(expression=without_brackets(text))])
        sentence = (
            "What it is searched by has a constant that is not in the statement's text: with a log of its calls "
            "(--workload), an index on it could be looked at."
        )
        yield searched.left(definition, sentence, WhyNot.NOT_EXAMINED)


def _worth_hashing(candidates: Sequence[Candidate], planner: Planner) -> Iterator[Candidate]:
    """All but the hash indexes that are not much smaller than the B-tree on the same."""
    hashes = [each.definition for each in candidates if each.definition.access_method == "hash"]
    pairs = [(each, IndexDefinition(schema=each.schema, table=each.table, keys=each.keys)) for each in hashes]
    sizes = {size.definition: size.size_bytes for size in planner.sizes([each for pair in pairs for each in pair])}
    smaller = {
        own for own, tree in pairs if (sizes.get(own) or 0) < (sizes.get(tree) or 0) * _HASH_SHARE and sizes.get(own)
    }
    for candidate in candidates:
        if candidate.definition.access_method != "hash" or candidate.definition in smaller:
            yield candidate


def _possible(candidates: Iterable[Candidate], planner: Planner) -> Iterator[Candidate | LeftIndex]:
    all_of_them = list(candidates)
    # All at once: one by one each takes some time.
    planner.sizes([each.definition for each in all_of_them])
    for candidate in all_of_them:
        refusal = planner.unable(Configuration(create=(candidate.definition,)))
        if not refusal:
            yield candidate
            continue
        yield LeftIndex(
            definition=candidate.definition,
            why=WhyNot.IMPOSSIBLE,
            # What a server says of it may quote the values in it.
            sentence="The planner cannot have it." if candidate.holds_values else refusal,
            query_ids=tuple(sorted(candidate.query_ids)),
        )
