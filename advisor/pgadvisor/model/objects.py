"""Objects beside relations that plans, DDL and a copy of the schema hang on: types, functions, triggers ..."""

from __future__ import annotations

import enum

from pgadvisor.model.base import Model


class Schema(Model, frozen=True, kw_only=True):
    """A row of pg_namespace; the audited ones."""

    oid: int
    name: str
    owner: str


class TypeKind(enum.StrEnum):
    """pg_type.typtype, in words."""

    ENUM = "enum"
    DOMAIN = "domain"
    COMPOSITE = "composite"
    RANGE = "range"
    BASE = "base"


class TypeAttribute(Model, frozen=True, kw_only=True):
    """A column of a composite type."""

    name: str
    type: str
    collation: str | None = None


class UserType(Model, frozen=True, kw_only=True):
    """A type that users made; row types of tables and array types are left out.

    labels are an enum's, in their order. base_type, not_null, default and checks (the server's text) are a domain's,
    attributes a composite's, subtype a range's.
    """

    oid: int
    schema: str
    name: str
    kind: TypeKind
    owner: str
    labels: tuple[str, ...] = ()
    base_type: str | None = None
    not_null: bool = False
    default: str | None = None
    checks: tuple[str, ...] = ()
    attributes: tuple[TypeAttribute, ...] = ()
    subtype: str | None = None
    collation: str | None = None


class Function(Model, frozen=True, kw_only=True):
    """A function, procedure or aggregate of users that something in the database or a statement uses.

    kind is prokind: f function, p procedure, a aggregate, w window. volatility: i immutable, s stable, v volatile.
    parallel: s safe, r restricted, u unsafe. cost is in units of cpu_operator_cost, of an aggregate that of its
    transition function, rows is the estimate for a set. argument_defaults is how many of the last arguments have one.
    definition is the CREATE FUNCTION of the server; None where it was not collected. configuration is proconfig.
    """

    oid: int
    schema: str
    name: str
    kind: str = "f"
    arguments: str = ""
    result: str | None = None
    language: str
    owner: str
    volatility: str
    parallel: str = "u"
    strict: bool = False
    leakproof: bool = False
    security_definer: bool = False
    returns_set: bool = False
    cost: float
    rows: float = 0.0
    argument_defaults: int = 0
    configuration: tuple[str, ...] = ()
    definition: str | None = None


class Operator(Model, frozen=True, kw_only=True):
    """An operator of users; left_type is None for a prefix operator, right_type for a postfix one (before 14).

    commutator_oid and negator_oid are operators, which may be others than users' own. The estimators are functions of
    the system by their bare names, "" any other, None if there is none. hashes and merges: joins may use it so.
    """

    oid: int
    schema: str
    name: str
    left_type: str | None = None
    right_type: str | None = None
    function_oid: int
    commutator_oid: int | None = None
    negator_oid: int | None = None
    restrict_estimator: str | None = None
    join_estimator: str | None = None
    hashes: bool = False
    merges: bool = False


class RewriteRule(Model, frozen=True, kw_only=True):
    """A row of pg_rewrite but those that make views. event is insert, update or delete; is_instead: it replaces that.

    enabled: O origin, D disabled, R replica, A always. What the rule does is not read.
    """

    oid: int
    relation_oid: int
    name: str
    event: str
    is_instead: bool = False
    enabled: str = "O"

    @property
    def fires(self) -> bool:
        """Whether it holds for a session that is no replica's."""
        return self.enabled in ("O", "A")


class Trigger(Model, frozen=True, kw_only=True):
    """A row of pg_trigger that no constraint made.

    parent_oid is the trigger of the partitioned parent of which this one is a copy: it comes and goes with that one.
    enabled: O origin, D disabled, R replica, A always. timing is before, after or instead of; events among insert,
    update, delete and truncate. definition is the server's CREATE TRIGGER; None where it could not be read.
    """

    oid: int
    relation_oid: int
    name: str
    enabled: str
    timing: str
    events: tuple[str, ...]
    for_each_row: bool
    columns: tuple[str, ...] = ()
    function_oid: int
    parent_oid: int | None = None
    definition: str | None = None


class Sequence(Model, frozen=True, kw_only=True):
    """A sequence and its position; last_value is None where it was never used or is hidden from the role.

    owner_relation_oid and owner_column are the column it serves (serial or identity).
    """

    oid: int
    schema: str
    name: str
    type: str
    start: int
    minimum: int
    maximum: int
    increment: int
    cycles: bool
    cache: int
    last_value: int | None = None
    owner_relation_oid: int | None = None
    owner_column: str | None = None


class Policy(Model, frozen=True, kw_only=True):
    """A row of pg_policy. command is all, select, insert, update or delete; roles is () for PUBLIC.

    using and check are the server's text; None where there is none or it could not be read.
    """

    oid: int
    relation_oid: int
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...] = ()
    using: str | None = None
    check: str | None = None


class ExtendedStatistics(Model, frozen=True, kw_only=True):
    """A row of pg_statistic_ext, with what pg_stats_ext shows of its data.

    kinds among ndistinct, dependencies, mcv and expressions. The data is the server's text output (n_distinct and
    dependencies as JSON-like text, arrays as array literals); None where it is not built or hidden from the role.
    expression_statistics holds one row of pg_stats_ext_exprs for each expression, as text by column name.
    """

    oid: int
    relation_oid: int
    schema: str
    name: str
    kinds: tuple[str, ...]
    columns: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()
    statistics_target: int | None = None
    inherited: bool = False
    n_distinct: str | None = None
    dependencies: str | None = None
    most_common_values: str | None = None
    most_common_value_nulls: str | None = None
    most_common_frequencies: str | None = None
    most_common_base_frequencies: str | None = None
    expression_statistics: tuple[dict[str, str | None], ...] = ()


class Collation(Model, frozen=True, kw_only=True):
    """A collation that columns, types or indexes use, other than the database's default.

    provider: c libc, i ICU, b builtin.
    """

    oid: int
    schema: str
    name: str
    provider: str
    deterministic: bool
    collate: str | None = None
    ctype: str | None = None
    locale: str | None = None


class Tablespace(Model, frozen=True, kw_only=True):
    """A tablespace; options may override seq_page_cost, random_page_cost and the I/O concurrencies."""

    oid: int
    name: str
    options: tuple[str, ...] = ()


class Publication(Model, frozen=True, kw_only=True):
    """A publication of logical replication: DDL is not replicated. relation_oids are the tables named one by one."""

    oid: int
    name: str
    all_tables: bool = False
    schemas: tuple[str, ...] = ()
    relation_oids: tuple[int, ...] = ()
