"""What a statement asks for, resolved against the catalog. Derived from its text, never stored."""

from __future__ import annotations

import enum

from pgadvisor.model.base import Model


class StatementKind(enum.StrEnum):
    """What a statement does, by its main command."""

    SELECT = "select"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    UTILITY = "utility"


class ReadBy(enum.StrEnum):
    """What a shape was read by: the text's parser, or the server, whose verbose plan shows relations and conditions."""

    PARSER = "parser"
    PLAN = "plan"


class Comparand(enum.StrEnum):
    """What a column is compared with."""

    PARAMETER = "parameter"
    CONSTANT = "constant"
    COLUMN = "column"
    EXPRESSION = "expression"
    NOTHING = "nothing"


class ColumnRef(Model, frozen=True, kw_only=True):
    """A column of a base relation."""

    relation_oid: int
    column: str


class ShapeRelation(Model, frozen=True, kw_only=True):
    """A base relation as used in the statement. written: it is the target of the statement.

    through names the views through which it is reached ("schema.view"), the outermost first.
    """

    relation_oid: int
    alias: str
    written: bool = False
    through: tuple[str, ...] = ()


class Predicate(Model, frozen=True, kw_only=True):
    """One condition on one column that must hold (AND-ed at the level where the relation is filtered).

    operator is PostgreSQL's spelling, lower case: =, <>, <, <=, >, >=, between, in, like, ilike, ~, @>, ?,
    is null, is not null, is true, is false, ... A bare boolean column is "is true". Below a NOT it is the opposite
    operator where there is one, as for the planner; else negated says that NOT stands before it.
    comparand says what stands on the other side; constant is its text as SQL spells it where it is a constant of
    moderate length (the members of an IN list with commas between).
    indexable: a B-tree on the bare column could serve it as written (equality, range, IN, IS NULL, prefix LIKE
    on a constant). hidden_by says what hides the column where it is not bare: "function lower", "cast to text",
    "collation C", "expression"; or "leading wildcard" for a pattern that begins with one; "" where nothing does.
    in_or: it stands below an OR, after WHEN of a CASE, below IS TRUE or a NOT without an opposite, in a HAVING that
    cannot be checked before grouping, or in the ON of an outer join about the side that is kept: it limits nothing.
    parameters are the positions n of the $n compared with, of a function that decides those it is called with.
    Of a column of a view, a CTE or a subquery the predicate is on the base column, once per arm of a UNION.
    """

    relation_oid: int
    alias: str
    column: str
    operator: str
    comparand: Comparand
    constant: str | None = None
    indexable: bool = True
    hidden_by: str = ""
    in_or: bool = False
    parameters: tuple[int, ...] = ()
    negated: bool = False


class Join(Model, frozen=True, kw_only=True):
    """An equality between columns of two relations."""

    left: ColumnRef
    right: ColumnRef


class SortKey(Model, frozen=True, kw_only=True):
    """One key of an ORDER BY on a base column."""

    relation_oid: int
    column: str
    descending: bool = False
    nulls_first: bool = False


class StatementShape(Model, frozen=True, kw_only=True):
    """What everyone but the parser sees of a statement.

    sort and group are those of the outermost level that has any; sort ends before the first key that is no base column.
    columns_written are those that updates assign; what an INSERT fills is the whole row. limit_parameters and
    offset_parameters are positions of $n in LIMIT and OFFSET at any level; limit and offset are the outermost level's
    where these are constants. distinct: base columns of DISTINCT or DISTINCT ON, is_distinct whether there is any.
    locking is the locking clause ("for update", ...). functions are the functions called, by their names as written,
    qualified where they are. views are the views looked through ("schema.name"). unresolved names what is not in the
    catalog, and views that could not be looked into ("view schema.name").
    """

    query_id: str
    kind: StatementKind
    relations: tuple[ShapeRelation, ...] = ()
    predicates: tuple[Predicate, ...] = ()
    joins: tuple[Join, ...] = ()
    sort: tuple[SortKey, ...] = ()
    group: tuple[ColumnRef, ...] = ()
    has_limit: bool = False
    limit_parameters: tuple[int, ...] = ()
    offset_parameters: tuple[int, ...] = ()
    columns_read: tuple[ColumnRef, ...] = ()
    columns_written: tuple[ColumnRef, ...] = ()
    conflict_columns: tuple[ColumnRef, ...] = ()
    unresolved: tuple[str, ...] = ()
    limit: int | None = None
    offset: int | None = None
    is_distinct: bool = False
    distinct: tuple[ColumnRef, ...] = ()
    locking: str = ""
    functions: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    read_by: ReadBy = ReadBy.PARSER


class NotUnderstood(Model, frozen=True, kw_only=True):
    """A statement the parser could not read, and why, in one short phrase."""

    query_id: str
    reason: str
