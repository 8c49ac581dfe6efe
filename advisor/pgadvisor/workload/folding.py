"""Entries of pg_stat_statements that are one statement: their texts have one fingerprint.

Before version 18 each length of an IN list makes an entry of its own; comments of another form never count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from pgadvisor.model.statements import StatementRow, StatementText
from pgadvisor.workload.fingerprint import fingerprint


def folded(texts: Sequence[StatementText], rows: Iterable[StatementRow]) -> tuple[StatementText, ...]:
    """One text for each statement: the costliest entry's, which names the others; in the order of the first of each.

    A text says nothing of the search_path: only entries that some role ran both of are taken for one, since every
    tenant may have a role and tables of its own. Entries without a text stay alone, unless another look knew them.
    """
    total: dict[str, float] = defaultdict(float)
    roles: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        total[row.query_id] += row.total_ms
        roles[row.query_id].add(row.user_oid)
    groups = _Groups()
    by_print: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        for other in text.also:
            groups.join(text.query_id, other)
        if text.text is not None:
            by_print[fingerprint(text.text)].append(text.query_id)
    for query_ids in by_print.values():
        ran: dict[int, str] = {}
        for query_id in query_ids:
            for role in roles[query_id]:
                groups.join(ran.setdefault(role, query_id), query_id)
    members: dict[str, dict[str, StatementText]] = defaultdict(dict)
    for text in texts:
        known = members[groups.of(text.query_id)]
        if text.query_id not in known or known[text.query_id].text is None:
            known[text.query_id] = text
    return tuple(_one(list(known.values()), total) for known in members.values())


def entries_of(text: StatementText) -> tuple[str, ...]:
    """The query ids of all entries of a statement."""
    return (text.query_id, *text.also)


def _one(texts: list[StatementText], total: dict[str, float]) -> StatementText:
    best = min(texts, key=lambda text: (text.text is None, -total[text.query_id], text.query_id))
    others = {query_id for text in texts for query_id in entries_of(text)} - {best.query_id}
    also = tuple(sorted(others))
    return best if also == best.also else msgspec.structs.replace(best, also=also)


class _Groups:
    """Which ids belong together, directly or through others."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def of(self, query_id: str) -> str:
        """What stands for the group of an id."""
        path = []
        while (above := self._above.get(query_id, query_id)) != query_id:
            path.append(query_id)
            query_id = above
        for each in path:
            self._above[each] = query_id
        return query_id

    def join(self, one: str, other: str) -> None:
        """Makes one group of those of two ids."""
        one, other = self.of(one), self.of(other)
        if one != other:
            self._above[max(one, other)] = min(one, other)
