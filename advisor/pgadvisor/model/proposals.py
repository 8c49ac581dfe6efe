"""What a rule proposes to do: structure, never SQL text."""

from __future__ import annotations

from pgadvisor.model.base import Model
from pgadvisor.model.catalog import IndexDefinition


class CreateIndex(Model, frozen=True, kw_only=True, tag="create_index"):
    """Build this index.

    partitioned: its table is a partitioned parent. holds_values: its predicate contains row values. any_order: it is
    searched by equality on all its keys, so their order does not matter, as for a foreign key.
    """

    definition: IndexDefinition
    partitioned: bool = False
    holds_values: bool = False
    any_order: bool = False


class DropIndex(Model, frozen=True, kw_only=True, tag="drop_index"):
    """Drop this index. because_of is the qualified index that stands in for it, if one does.

    partitioned: it is the index of a partitioned parent. invalid: it serves nothing, so nothing is to be undone.
    replaced: it is in use, and goes once the index that the same finding proposes has taken over.
    """

    schema: str
    name: str
    definition: IndexDefinition
    because_of: str | None = None
    partitioned: bool = False
    invalid: bool = False
    replaced: bool = False


class RebuildIndex(Model, frozen=True, kw_only=True, tag="rebuild_index"):
    """Build an invalid index anew, in place.

    partitioned: it is the index of a partitioned parent, and what is missing is an index on some partitions.
    exclusion: it enforces an exclusion constraint, which cannot be rebuilt concurrently.
    """

    schema: str
    name: str
    definition: IndexDefinition
    partitioned: bool = False
    exclusion: bool = False


class AnalyzeTable(Model, frozen=True, kw_only=True, tag="analyze_table"):
    """Run ANALYZE on a table, all of it or some columns."""

    schema: str
    table: str
    columns: tuple[str, ...] = ()


class AddPrimaryKey(Model, frozen=True, kw_only=True, tag="add_primary_key"):
    """Make these columns the primary key; using_index is an existing unique index over just them, if any.

    missing_not_null are those of the columns that still admit NULL. definition is that of using_index.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    using_index: str | None = None
    definition: IndexDefinition | None = None
    missing_not_null: tuple[str, ...] = ()


Proposal = CreateIndex | DropIndex | RebuildIndex | AnalyzeTable | AddPrimaryKey
