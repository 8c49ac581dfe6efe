"""Hash indexes, where long keys are searched for equality and nothing else: they keep four bytes of each.

https://www.postgresql.org/docs/current/hash-index.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.searches import EQUALITIES, Searched, plain
from pgadvisor.facts import Facts

# Average bytes of a key from which a hash index can be the smaller one.
MIN_WIDTH_BYTES = 24
# Rows of one value from which its bucket grows into a chain of pages, through which each new row goes.
_MAX_ROWS_PER_VALUE = 20


def hashed(all_searched: Sequence[Searched], facts: Facts) -> Iterator[Candidate]:
    """Candidates for columns of long values that no statement searches, joins or sorts by but for equality.

    Whether the hash index is smaller than the B-tree has still to be asked (see special).
    """
    otherwise: set[tuple[int, str]] = set()
    wanted: dict[tuple[int, str], list[Searched]] = {}
    for searched in all_searched:
        oid = searched.relation.oid
        for search in searched.each:
            if search.subject.column is None:
                otherwise |= {(oid, column) for column in search.subject.columns}
            elif search.operator not in EQUALITIES:
                otherwise.add((oid, search.subject.column))
            elif not search.choice:
                wanted.setdefault((oid, search.subject.column), []).append(searched)
        otherwise |= {(oid, column) for sort in searched.sorts for column in sort.subject.columns}
    for (oid, name), some in wanted.items():
        statistics = facts.statistics(oid, name)
        values = facts.distinct_values(oid, name)
        if (oid, name) in otherwise or statistics is None or not values:
            continue
        rows = some[0].rows * (1 - statistics.null_fraction)
        # However few rows most values have: of one that many have, each new row goes through all the chain.
        of_one = max(statistics.most_common_frequencies or (), default=0.0) * some[0].rows
        few = max(rows / values, of_one) <= _MAX_ROWS_PER_VALUE
        if few and statistics.average_width_bytes >= MIN_WIDTH_BYTES:
            for searched in some:
                yield searched.candidate(searched.definition([plain(name)], "hash"), "equality on long values")
