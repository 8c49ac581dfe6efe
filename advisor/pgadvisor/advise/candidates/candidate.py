"""An index that might be worth having, and who wants it."""

from __future__ import annotations

from dataclasses import dataclass

from pgadvisor.model.catalog import IndexDefinition


@dataclass(frozen=True)
class Candidate:
    """An index that does not exist.

    query_ids are statements that it is thought of for, foreign_keys names of those that it would serve, findings the
    keys of findings that propose it. reasons say in a few words each what it is for ("equality", "order with LIMIT").
    partitioned, holds_values and any_order are as in CreateIndex.
    """

    definition: IndexDefinition
    query_ids: frozenset[str] = frozenset()
    foreign_keys: frozenset[str] = frozenset()
    findings: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    partitioned: bool = False
    holds_values: bool = False
    any_order: bool = False

    def with_wishes_of(self, other: Candidate) -> Candidate:
        """The same index, wanted by all who want either."""
        return Candidate(
            definition=self.definition,
            query_ids=self.query_ids | other.query_ids,
            foreign_keys=self.foreign_keys | other.foreign_keys,
            findings=self.findings | other.findings,
            reasons=self.reasons | other.reasons,
            partitioned=self.partitioned,
            holds_values=self.holds_values or other.holds_values,
            any_order=self.any_order and other.any_order,
        )
