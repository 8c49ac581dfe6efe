"""What the rules on existing indexes ask alike: which can be judged, what holds one in place, what stands in for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from pgadvisor.indexes.algebra import covers, likeness, serves_equality_on
from pgadvisor.indexes.standing import Standing, first_columns
from pgadvisor.rules_api import (
    Constraint,
    ConstraintKind,
    DropIndex,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Index,
    Relation,
    RelationKind,
    Severity,
    Subject,
    SubjectKind,
    Unit,
)
from pgadvisor_rules._remember import per_facts

INDEXED = (RelationKind.TABLE, RelationKind.PARTITIONED, RelationKind.MATERIALIZED_VIEW)


def name_of(index: Index) -> str:
    """The name of an index in a report."""
    return f"{index.schema}.{index.name}"


def listed(names: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    found = sorted(names)
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def keys_of(index: Index) -> str:
    """Its keys, in words."""
    return ", ".join(key.column if key.column is not None else key.expression or "" for key in index.definition.keys)


def cause_of(index: Index) -> str:
    """The root cause that findings on the same keys share."""
    return f"{index.definition.schema}.{index.definition.table}({keys_of(index)})"


def subject_of(index: Index) -> Subject:
    """An index as the subject of a finding."""
    return Subject(
        kind=SubjectKind.INDEX, schema=index.definition.schema, relation=index.definition.table, name=index.name
    )


def drop(facts: Facts, index: Index, stand_in: Index | None = None, *, replaced: bool = False) -> DropIndex:
    """The proposal to drop an index; replaced where a new one is to take over first."""
    return DropIndex(
        schema=index.schema,
        name=index.name,
        definition=index.definition,
        because_of=None if stand_in is None else name_of(stand_in),
        partitioned=is_partitioned(facts, index),
        replaced=replaced,
    )


def is_partitioned(facts: Facts, index: Index) -> bool:
    """Whether it is the index of a partitioned table."""
    table = facts.relations.get(index.table_oid)
    return table is not None and table.kind is RelationKind.PARTITIONED


def indexed_tables(facts: Facts) -> Iterator[Relation]:
    """Relations that can have indexes, partitions among them."""
    for relation in facts.relations.values():
        if relation.kind in INDEXED and facts.indexes_of(relation.oid):
            yield relation


def usable(index: Index) -> bool:
    """Whether it serves queries and was read whole; the rule on invalid indexes looks after those that do not."""
    return index.valid and index.ready and index.live and index.complete and not index.being_built


def unread(facts: Facts) -> Iterator[Gap]:
    """One gap for indexes whose expressions or predicate a lock kept from being read, or hold a secret."""
    names = sorted(name_of(index) for index in facts.indexes.values() if not index.complete)
    if names:
        rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield Gap(
            fact=Fact.CATALOG,
            scope=", ".join(names[:3]) + rest,
            reason="The whole definition could not be read, or holds a secret, so these indexes were not judged",
            remedy="Run again when no lock is held on their tables. What holds a secret stays hidden.",
        )


def held_by(facts: Facts, index: Index) -> str | None:
    """What the index, or one of its partitions, enforces or identifies besides serving queries; None for nothing.

    A unique index that is no constraint is left to the caller: another can enforce the same.
    """
    for each in (index, *facts.child_indexes(index.oid)):
        constraint = facts.constraint_of_index(each)
        if each.primary:
            return "is the primary key"
        if constraint is not None or each.constraint_oid is not None:
            kind = ConstraintKind.UNIQUE if constraint is None else constraint.kind
            return f"enforces a {kind.value} constraint"
        if each.exclusion:
            return "enforces an exclusion constraint"
        if each.replica_identity:
            return "is the replica identity"
        if facts.referencing(each):
            return "is what foreign keys refer to"
        if each.clustered:
            return "is what CLUSTER goes by"
    return None


def belongs_to_parent(index: Index) -> bool:
    """Whether it is part of a partitioned table's index, which is where it is judged."""
    return index.parent_oid is not None


@dataclass(frozen=True)
class Duplicates:
    """Indexes of one table that are alike: the one that stays, and those that need not be there."""

    kept: Index
    spare: tuple[Index, ...]


@per_facts
def duplicates(facts: Facts, table: Relation) -> tuple[Duplicates, ...]:
    """All usable indexes of a table in groups of equals, most of them alone.

    What enforces or identifies something stays, then what is unique, most scanned, and oldest.
    """
    indexes = sorted((i for i in facts.indexes_of(table.oid) if usable(i)), key=lambda index: _rank(facts, index))
    groups: list[tuple[Index, list[Index]]] = []
    # Of those alike, one group for each way to enforce: the others of that way can repeat no more than the first.
    alike: dict[Hashable, dict[Hashable, tuple[Index, list[Index]]]] = defaultdict(dict)
    for index in indexes:
        firsts = alike[likeness(index.definition)]
        group = next((group for group in firsts.values() if stands_in(group[0], index)), None)
        if group is None or belongs_to_parent(index) or held_by(facts, index) is not None:
            groups.append((index, []))
            firsts.setdefault(_enforced(index), groups[-1])
        else:
            group[1].append(index)
    return tuple(Duplicates(kept, tuple(spare)) for kept, spare in groups)


def _enforced(index: Index) -> Hashable:
    definition = index.definition
    return definition.unique, definition.nulls_not_distinct, index.immediate, len(definition.keys)


def _rank(facts: Facts, index: Index) -> tuple[bool, bool, bool, int, int]:
    held = belongs_to_parent(index) or held_by(facts, index) is not None
    return (not held, not index.immediate, not index.definition.unique, -(scans(facts, index) or 0), index.oid)


def stands_in(wide: Index, narrow: Index) -> bool:
    """Whether one index can do all of the other's work; what is checked only at commit does not enforce the same."""
    return covers(wide.definition, narrow.definition) and (wide.immediate or not narrow.definition.unique)


def stand_ins(standing: Standing[Index], narrow: Index) -> Iterator[Index]:
    """The others among the standing indexes that can do all of an index's work."""
    for wide in standing.covering(narrow.definition):
        if wide.oid != narrow.oid and stands_in(wide, narrow):
            yield wide


@per_facts
def usable_indexes(facts: Facts, table_oid: int) -> Standing[Index]:
    """The usable indexes of a table, arranged by what they can do."""
    return Standing((index, index.definition) for index in facts.indexes_of(table_oid) if usable(index))


def only_server_of_foreign_key(facts: Facts, index: Index) -> bool:
    """Whether a foreign key's check would have no index, or a less used one, if this went with all its parts."""
    return any(_only_server(facts, each, part=each.oid != index.oid) for each in _tree(facts, index))


def _tree(facts: Facts, index: Index) -> Iterator[Index]:
    """An index and its parts on partitions, those of every level."""
    found = {index.oid: index}
    for leaf in facts.child_indexes(index.oid):
        each: Index | None = leaf
        while each is not None and each.oid not in found:
            found[each.oid] = each
            each = facts.indexes.get(each.parent_oid or 0)
    yield from found.values()


def _only_server(facts: Facts, index: Index, *, part: bool) -> bool:
    # What is declared further up is judged there.
    declared = _declared_here(facts, index.table_oid) if part else None
    servers = _first_servers(facts, index.table_oid)
    return any(
        servers[columns] in (None, index.oid) and serves_equality_on(index.definition, columns)
        for columns in first_columns(index.definition)
        if columns in servers and (declared is None or columns in declared)
    )


@per_facts
def _first_servers(facts: Facts, table_oid: int) -> dict[frozenset[str], int | None]:
    """By columns of a table's foreign keys: of the indexes that serve their check the one that goes last, if any."""
    usable_ones = usable_indexes(facts, table_oid)
    servers: dict[frozenset[str], int | None] = {}
    for columns in {frozenset(key.columns) for key in _foreign_keys(facts, table_oid)}:
        first = min(usable_ones.serving_equality(columns), key=lambda index: _rank(facts, index), default=None)
        servers[columns] = None if first is None else first.oid
    return servers


@per_facts
def _declared_here(facts: Facts, table_oid: int) -> frozenset[frozenset[str]]:
    """The columns of a table's foreign keys that are not derived from those of the table it is a partition of."""
    return frozenset(
        frozenset(key.columns) for key in _foreign_keys(facts, table_oid) if key.parent_oid not in facts.constraints
    )


def _foreign_keys(facts: Facts, table_oid: int) -> Iterator[Constraint]:
    return (key for key in facts.constraints_of(table_oid) if key.kind is ConstraintKind.FOREIGN_KEY)


def scans(facts: Facts, index: Index) -> int | None:
    """Scans over the counters' window, all partitions together; None where unknown."""
    counters = facts.index_counters(index)
    return sum(row.scans for row in counters) if counters else None


def rows_per_scan(facts: Facts, index: Index) -> float | None:
    """Index entries read by a scan on average; None without scans."""
    counters = facts.index_counters(index)
    count = sum(row.scans for row in counters)
    return sum(row.rows_read for row in counters) / count if count else None


def usage_evidence(facts: Facts, index: Index) -> tuple[Evidence, ...]:
    """Size and scans of one index, by name."""
    name = name_of(index)
    return (
        Evidence(label=f"size of {name}", value=facts.size_bytes(index.oid), unit=Unit.BYTES),
        Evidence(label=f"scans of {name}", value=scans(facts, index)),
    )


def weight(bytes_saved: int | None, writes_saved: int | None, warning_bytes: int, warning_writes: int) -> Severity:
    """A warning where disk or writes are worth the trouble."""
    if (bytes_saved or 0) >= warning_bytes or (writes_saved or 0) >= warning_writes:
        return Severity.WARNING
    return Severity.INFO


def total_bytes(facts: Facts, indexes: Iterable[Index]) -> int | None:
    """Their sizes together, as far as known."""
    known = [size for index in indexes if (size := facts.size_bytes(index.oid)) is not None]
    return sum(known) if known else None


def largest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by the disk they would free."""
    return sorted(findings, key=lambda finding: (-(finding.impact.bytes or 0), finding.identity))
