"""Scans put together by the index that would serve them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.rules_api import Facts, IndexKey, PlanMethod, Relation
from pgadvisor_rules._scans import Scan
from pgadvisor_rules._wanted_index import Conditions, Wanted, conditions_on, could_serve, wanted


@dataclass
class Group:
    """Scans of one table that one index would serve; keys are empty where no index can."""

    table: Relation
    keys: tuple[IndexKey, ...]
    conditions: frozenset[str]
    bound: bool
    kept_fraction: float
    scans: list[Scan] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    @property
    def time_ms(self) -> float:
        """Time that goes into the scans."""
        return sum(scan.time_ms for scan in self.scans)


def add(facts: Facts, groups: list[Group], scan: Scan, max_fraction: float) -> None:
    """Puts a scan to those that want the same index; a partial index must hold for every statement it is to serve."""
    shape = facts.shapes[scan.statement.query_id]
    given = conditions_on(facts, shape, scan)
    index = wanted(facts, shape, scan, given, max_fraction)
    hidden = [f"{p.column} ({p.hidden_by or p.operator})" for p in given.hidden]
    if index is None:
        # What no index serves as written is worth telling where it was measured and nothing else would do.
        if not hidden or scan.method is not PlanMethod.EXECUTED or _has_own_index(facts, scan, given):
            return
        index = Wanted((), frozenset(), True, scan.kept_fraction)
    elif could_serve(facts, scan, given, index):
        return
    for group in groups:
        if _alike(group, scan.table, index, hidden):
            group.conditions &= index.conditions
            break
    else:
        group = Group(scan.table, index.keys, index.conditions, index.bound, index.kept_fraction)
        groups.append(group)
    group.scans.append(scan)
    group.hidden += [text for text in hidden if text not in group.hidden]


def _has_own_index(facts: Facts, scan: Scan, given: Conditions) -> bool:
    """Whether an index made for such a condition is there, of another access method or over an expression."""
    indexes = [*facts.indexes_of(scan.table.oid), *(i for leaf in scan.leaves for i in facts.indexes_of(leaf))]
    columns = [quote_identifier(predicate.column) for predicate in given.hidden]
    return any(
        key.column is not None and quote_identifier(key.column) in columns
        if index.definition.access_method not in ("btree", "hash")
        else any(column in (key.expression or "") for column in columns)
        for index in indexes
        for key in index.definition.keys
    )


def _alike(group: Group, table: Relation, index: Wanted, hidden: list[str]) -> bool:
    if group.table.oid != table.oid or group.keys != index.keys or group.bound != index.bound:
        return False
    return not index.bound or (group.conditions == index.conditions and (bool(index.keys) or group.hidden == hidden))


def merged(groups: list[Group], matters: Callable[[float], bool]) -> list[Group]:
    """Groups whose keys begin another's join it, unless that one alone would not be worth an index."""
    kept: list[Group] = []
    for group in sorted(groups, key=lambda g: -len(g.keys)):
        heavy = matters(group.time_ms)
        wider = next(
            (other for other in kept if _begins(group, other) and (matters(other.time_ms) or not heavy)),
            None,
        )
        if wider is None:
            kept.append(group)
        else:
            wider.scans += group.scans
            wider.conditions &= group.conditions
            wider.hidden += [text for text in group.hidden if text not in wider.hidden]
    return sorted(kept, key=lambda g: -g.time_ms)


def _begins(narrow: Group, wide: Group) -> bool:
    return (
        narrow.table.oid == wide.table.oid
        and not (narrow.bound or wide.bound)
        and wide.keys[: len(narrow.keys)] == narrow.keys
    )
