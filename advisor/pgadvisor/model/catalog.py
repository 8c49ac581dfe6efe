"""Relations, columns, indexes and constraints as the system catalogs describe them."""

from __future__ import annotations

import enum

from pgadvisor.model.base import Model


class RelationKind(enum.StrEnum):
    """pg_class.relkind, in words; indexes and sequences have types of their own."""

    TABLE = "table"
    PARTITIONED = "partitioned table"
    MATERIALIZED_VIEW = "materialized view"
    VIEW = "view"
    FOREIGN = "foreign table"


class Relation(Model, frozen=True, kw_only=True):
    """A row of pg_class that holds or shows rows.

    row_count is reltuples, None where the server does not know it (-1, or 0 with 0 pages before 14).
    parent_oid is the partitioned (or inherited) table this one is a child of. partition_columns is the
    partition key by column name; an expression in the key stands as None. partition_strategy is list, range or hash.
    statistics_visible is False where the role may not see the statistics of all its columns, so that their absence
    does not say that there are none.
    """

    oid: int
    schema: str
    name: str
    kind: RelationKind
    owner: str
    persistence: str = "p"
    row_count: float | None = None
    pages: int = 0
    all_visible_pages: int = 0
    parent_oid: int | None = None
    is_partition: bool = False
    partition_strategy: str | None = None
    partition_columns: tuple[str | None, ...] = ()
    options: tuple[str, ...] = ()
    replica_identity: str = "d"
    row_security: bool = False
    tablespace: str | None = None
    statistics_visible: bool = True


class Column(Model, frozen=True, kw_only=True):
    """A row of pg_attribute. type is format_type's text, type_name the bare name in pg_type."""

    relation_oid: int
    number: int
    name: str
    type: str
    type_oid: int
    type_name: str
    type_category: str
    not_null: bool
    collation: str | None = None
    has_default: bool = False
    is_identity: bool = False
    is_generated: bool = False
    statistics_target: int | None = None
    options: tuple[str, ...] = ()


class IndexKey(Model, frozen=True, kw_only=True):
    """One key column of an index: either `column` or `expression` is set.

    operator_class and collation are schema-qualified where they are not in pg_catalog;
    default_operator_class and default_collation say that DDL need not spell them.
    operator_class_options are pg_attribute.attoptions of the index column, such as "siglen=64".
    nulls_first is as stored (DESC implies NULLS FIRST unless told otherwise).
    """

    column: str | None = None
    expression: str | None = None
    operator_class: str = ""
    default_operator_class: bool = True
    operator_class_options: tuple[str, ...] = ()
    collation: str | None = None
    default_collation: bool = True
    descending: bool = False
    nulls_first: bool = False


class IndexDefinition(Model, frozen=True, kw_only=True):
    """What an index is, apart from its name: enough to build it again and to compare it.

    Expressions and predicate are the server's own text, with the parentheses that it puts around.
    """

    schema: str
    table: str
    access_method: str = "btree"
    keys: tuple[IndexKey, ...]
    include: tuple[str, ...] = ()
    predicate: str | None = None
    unique: bool = False
    nulls_not_distinct: bool = False
    options: tuple[str, ...] = ()
    tablespace: str | None = None

    @property
    def key_columns(self) -> tuple[str | None, ...]:
        """Key columns in order; an expression stands as None."""
        return tuple(key.column for key in self.keys)


class Index(Model, frozen=True, kw_only=True):
    """An index as it stands. constraint_oid is the constraint it enforces (primary key, unique, exclusion).

    complete is False where a lock kept expressions or predicate from being read.
    """

    oid: int
    table_oid: int
    schema: str
    name: str
    definition: IndexDefinition
    primary: bool = False
    exclusion: bool = False
    immediate: bool = True
    clustered: bool = False
    valid: bool = True
    ready: bool = True
    live: bool = True
    replica_identity: bool = False
    constraint_oid: int | None = None
    parent_oid: int | None = None
    being_built: bool = False
    pages: int = 0
    row_count: float | None = None
    complete: bool = True


class ConstraintKind(enum.StrEnum):
    """pg_constraint.contype, in words."""

    PRIMARY_KEY = "primary key"
    UNIQUE = "unique"
    FOREIGN_KEY = "foreign key"
    CHECK = "check"
    EXCLUSION = "exclusion"
    NOT_NULL = "not null"
    TRIGGER = "trigger"


class Constraint(Model, frozen=True, kw_only=True):
    """A row of pg_constraint; columns by name.

    index_oid is the index it rests on, for a foreign key the referenced one.

    parent_oid is the constraint on the partitioned parent from which this one was derived.
    on_delete and on_update are one letter each: a no action, r restrict, c cascade, n set null, d set default.
    """

    oid: int
    table_oid: int
    name: str
    kind: ConstraintKind
    columns: tuple[str, ...] = ()
    referenced_oid: int | None = None
    referenced_columns: tuple[str, ...] = ()
    index_oid: int | None = None
    parent_oid: int | None = None
    validated: bool = True
    enforced: bool = True
    deferrable: bool = False
    on_delete: str = "a"
    on_update: str = "a"
    match_type: str = "s"


class Catalog(Model, frozen=True, kw_only=True):
    """The objects of one database, sorted by oid (columns by relation and number)."""

    relations: tuple[Relation, ...] = ()
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    constraints: tuple[Constraint, ...] = ()
