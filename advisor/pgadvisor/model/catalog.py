"""Relations, columns, indexes and constraints as the system catalogs describe them."""

from __future__ import annotations

import enum

from pgadvisor.model.base import Model
from pgadvisor.model.objects import (
    Collation,
    ExtendedStatistics,
    Function,
    Operator,
    Policy,
    Publication,
    RewriteRule,
    Schema,
    Sequence,
    Tablespace,
    Trigger,
    UserType,
)


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
    statistics_visible is False where the role may not see the statistics of all its columns, or where they could not be
    read, so that their absence does not say that there are none.
    parents are all relations it inherits from, in order (pg_inherits.inhseqno); parent_oid is the first.
    definition is the query of a view or materialized view, partition_key and partition_bound are the server's own
    text ("RANGE (day)", "FOR VALUES FROM ..."); None where there is none or it could not be read.
    frozen_xid_age and multixact_age are age(relfrozenxid) and mxid_age(relminmxid), in transactions.
    row_type_oid is its row type in pg_type; toast_pages and toast_row_count are of its TOAST table.
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
    parents: tuple[int, ...] = ()
    definition: str | None = None
    partition_key: str | None = None
    partition_bound: str | None = None
    access_method: str | None = None
    force_row_security: bool = False
    is_populated: bool = True
    row_type_oid: int | None = None
    foreign_server: str | None = None
    frozen_xid_age: int | None = None
    multixact_age: int | None = None
    all_frozen_pages: int | None = None
    toast_options: tuple[str, ...] = ()
    toast_pages: int | None = None
    toast_row_count: float | None = None


class Column(Model, frozen=True, kw_only=True):
    """A row of pg_attribute. type is format_type's text, type_name the bare name in pg_type.

    default is the server's text of the default, or of the expression of a generated column; None where there is none
    or it could not be read. identity: a always, d by default; generated: s stored, v virtual.
    length_bytes is pg_type.typlen (-1 variable), alignment and storage are attalign and attstorage.
    """

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
    default: str | None = None
    identity: str = ""
    generated: str = ""
    length_bytes: int = -1
    alignment: str = "i"
    storage: str = "p"
    compression: str = ""
    is_local: bool = True


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

    complete is False where a lock kept expressions or predicate from being read, or where they hold a secret, which is
    hidden in them.
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
    definition is the server's text of a CHECK or EXCLUDE constraint; None for others or where it could not be read.
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
    definition: str | None = None
    no_inherit: bool = False
    is_local: bool = True
    deferred: bool = False


class Catalog(Model, frozen=True, kw_only=True):
    """The objects of one database, sorted by oid (columns by relation and number)."""

    relations: tuple[Relation, ...] = ()
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    schemas: tuple[Schema, ...] = ()
    types: tuple[UserType, ...] = ()
    functions: tuple[Function, ...] = ()
    operators: tuple[Operator, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rules: tuple[RewriteRule, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    policies: tuple[Policy, ...] = ()
    extended_statistics: tuple[ExtendedStatistics, ...] = ()
    collations: tuple[Collation, ...] = ()
    tablespaces: tuple[Tablespace, ...] = ()
    publications: tuple[Publication, ...] = ()
