"""What of a table's columns an index could hold, and how wide and how telling they are."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from pgadvisor.advise.candidates.widths import widest
from pgadvisor.facts import Facts
from pgadvisor.indexes.sizes.attributes import of_column
from pgadvisor.indexes.sizes.elements import parsed
from pgadvisor.model.catalog import Column, IndexKey, Relation
from pgadvisor.model.objects import TypeKind

# Types of PostgreSQL's own without a B-tree operator class (a test asks pg_opclass), and domains and arrays of them.
NO_BTREE_TYPES = frozenset(
    {
        *("json", "jsonpath", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle", "xid", "cid"),
        *("aclitem", "txid_snapshot", "pg_snapshot", "refcursor", "gtsvector"),
    }
)
# Types of values that are searched for what is in them, beside arrays: a B-tree compares them as a whole.
_CONTAINERS = frozenset({"jsonb", "hstore", "tsvector", "tsquery", "record"})
# An entry of a B-tree may take a third of a page of 8 kB: BTMaxItemSize of nbtree.h.
MOST_ENTRY_BYTES = 2_704
_ENTRY_HEADER_BYTES = 16
# ANALYZE leaves values wider than this out of the common ones and of the histogram (analyze.c, WIDTH_THRESHOLD), so
# that the widest known says little; the widest is taken to be this much wider than the average.
_WIDER_THAN_AVERAGE = 6
# Disk that a table has besides its rows and indexes, more than which is its TOAST table: maps of free and visible pages
# are smaller.
_MAPS_BYTES, _MAPS_SHARE = 131_072, 0.02
# A key for what is NULL has to leave out a quarter of the rows, as the predicate of a partial index does.
_COMMON_NULL = 0.75
# What is taken of a value of unknown length of which there are no statistics (get_typavgwidth, lsyscache.c).
_WIDTH_UNKNOWN = 32


class TableColumns:
    """The columns of one table, as keys and included columns of a B-tree."""

    def __init__(self, facts: Facts, table: Relation, unsortable: frozenset[str]) -> None:
        self._facts = facts
        self._table = table
        self._columns = {column.name: column for column in facts.columns(table.oid)}
        self._not_sortable = unsortable
        self._averages: dict[str, float] = {}
        self._widths: dict[str, float] = {}
        self._reasons: dict[str, str] = {}
        self.rows = facts.row_count(table.oid)
        self._unique = tuple(
            frozenset(index.definition.key_columns)
            for index in facts.indexes_of(table.oid)
            if index.definition.unique and index.valid and index.live and index.definition.predicate is None
        )

    def impossible(self, name: str) -> str:
        """Why a column cannot be a B-tree's key, in a sentence; "" where it can."""
        if name not in self._reasons:
            self._reasons[name] = self._impossible(name)
        return self._reasons[name]

    def _impossible(self, name: str) -> str:
        column = self._columns.get(name)
        if column is None or column.number < 0:
            return f"{name} is no column of the table's own, so no index can hold it."
        if column.generated == "v":
            return f"{name} is a virtual generated column, which no index can hold."
        if self._unsortable(column):
            return f"{name} is of type {column.type}, which no B-tree can sort."
        if self.too_wide((name,)):
            return f"Values of {name} may be wider than a third of a page, and writing such rows would then fail."
        return ""

    def usable(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of some columns that can be keys, each once, in their order."""
        return tuple(name for name in dict.fromkeys(names) if not self.impossible(name))

    def can_include(self, name: str) -> bool:
        """Whether an index can hold a column that it does not search by."""
        column = self._columns.get(name)
        return column is not None and column.number > 0 and column.generated != "v"

    def holds_many(self, name: str) -> bool:
        """Whether values of a column are documents or arrays: wide ones, in which a B-tree finds nothing."""
        column = self._columns.get(name)
        if column is None:
            return False
        return column.type_category == "A" or column.type_name.startswith("_") or column.type_name in _CONTAINERS

    def too_wide(self, names: Iterable[str], expressions: Iterable[str] = ()) -> bool:
        """Whether an entry of these columns and expressions is at risk of not fitting a third of a page, so that writes
        would fail."""
        width = sum(map(self._widest, names)) + sum(map(self._widest_of, expressions))
        return _ENTRY_HEADER_BYTES + width > MOST_ENTRY_BYTES

    def width(self, names: Iterable[str]) -> float:
        """Bytes of some columns in an average row."""
        return sum(map(self._average, names))

    def row_width(self) -> float:
        """Bytes of an average row, its header left out."""
        return self.width(self._columns)

    def distinct(self, name: str) -> float | None:
        """How many different values a column has, None where nobody knows."""
        return self._facts.distinct_values(self._table.oid, name)

    def constant(self, name: str) -> bool:
        """Whether a column is known to have but one value, so that nothing is found by it."""
        statistics = self._facts.statistics(self._table.oid, name)
        return statistics is not None and statistics.n_distinct == 1 and statistics.null_fraction == 0

    def mostly_null(self, name: str) -> bool:
        """Whether few rows have a value, so that IS NOT NULL finds them."""
        statistics = self._facts.statistics(self._table.oid, name)
        return statistics is not None and statistics.null_fraction >= 0.9

    def null_is_common(self, name: str) -> bool:
        """Whether so many rows have no value that nothing is found by IS NULL."""
        statistics = self._facts.statistics(self._table.oid, name)
        return statistics is not None and statistics.null_fraction > _COMMON_NULL

    def telling(self, names: Sequence[str], nulls: Collection[str] = ()) -> tuple[str, ...]:
        """Columns by how few rows a value of each leaves, the fewest first; those of which nobody knows last.

        nulls are those of which NULL is the value that is looked for.
        """
        return tuple(sorted(names, key=lambda name: -self._parts(name, name in nulls)))

    def _parts(self, name: str, null: bool) -> float:
        """Into how many parts rows fall by a column, if all were as large as the one that is looked for."""
        statistics = self._facts.statistics(self._table.oid, name)
        if null and statistics is not None:
            return 1 / max(statistics.null_fraction, 1e-9)
        return 0.0 if null else self.distinct(name) or 0.0

    def finds_one(self, name: str) -> bool:
        """Whether a value of a column is shared by so few rows that more columns would narrow nothing."""
        distinct = self.distinct(name)
        return distinct is not None and self.rows is not None and distinct >= 0.5 * self.rows

    def identified(self, names: Iterable[str]) -> bool:
        """Whether values of these columns are those of one row at most, found by what makes that so."""
        held = frozenset(names)
        return any(each <= held for each in self._unique)

    def shares_entries(self, names: Sequence[str]) -> bool:
        """Whether a B-tree on these columns would keep many rows in one entry, and so be small."""
        keys = 1.0
        for name in names:
            column, distinct = self._columns[name], self.distinct(name)
            if distinct is None or not of_column(column, None).shares_entries:
                return False
            keys *= max(distinct, 1.0)
        return self.rows is not None and keys <= self.rows / 4

    def visible_share(self) -> float:
        """Which share of the table's pages an index-only scan need not visit."""
        leaves = self._facts.leaves(self._table.oid)
        pages = sum(leaf.pages for leaf in leaves)
        return sum(leaf.all_visible_pages for leaf in leaves) / pages if pages else 0.0

    def _unsortable(self, column: Column) -> bool:
        name = column.type_name.removeprefix("_")
        return name in NO_BTREE_TYPES or name in self._not_sortable

    def _average(self, name: str) -> float:
        known = self._averages.get(name)
        if known is None:
            column = self._columns[name]
            statistics = None if column.length_bytes >= 0 else self._facts.statistics(self._table.oid, name)
            known = float(column.length_bytes) if column.length_bytes >= 0 else float(_WIDTH_UNKNOWN)
            if statistics is not None:
                known = float(max(statistics.average_width_bytes, 1))
            self._averages[name] = known
        return known

    def _widest(self, name: str) -> float:
        if name not in self._widths:
            self._widths[name] = self._at_most(name)
        return self._widths[name]

    def _at_most(self, name: str) -> float:
        column = self._columns[name]
        if column.length_bytes >= 0:
            return float(column.length_bytes)
        declared = column.type.partition("(")[2].partition(")")[0]
        seen = math.inf if self._out_of_line(column) else _WIDER_THAN_AVERAGE * self._average(name)
        if declared.isdecimal() and column.type_name in ("varchar", "bpchar", "bit", "varbit"):
            return min(float(declared) * (0.125 if "bit" in column.type_name else 1.0) + 4, seen)
        return seen

    def _out_of_line(self, column: Column) -> bool:
        """Whether values may lie in the TOAST table, for which ANALYZE counts the 18 bytes of a pointer each.

        It is so where each that it saw was too wide for it, so that it has none to show (analyze.c, toowide_cnt).
        """
        statistics = self._facts.statistics(self._table.oid, column.name)
        return (
            statistics is not None
            and column.storage != "p"
            # Of ranges it keeps bounds of their own.
            and column.type_category != "R"
            and statistics.n_distinct < 0
            and statistics.null_fraction < 1
            and not statistics.most_common_values
            and not statistics.histogram_bounds
            and self._has_toast
        )

    @cached_property
    def _has_toast(self) -> bool:
        """Whether values are known to lie out of line: by the TOAST table, or by the disk that nothing else takes."""
        facts = self._facts
        if any(leaf.toast_pages or leaf.toast_row_count for leaf in facts.leaves(self._table.oid)):
            return True
        main, total = facts.size_bytes(self._table.oid), facts.total_bytes(self._table.oid)
        if main is None or total is None:
            return False
        indexes = [
            facts.total_bytes(index.oid)
            for leaf in facts.leaves(self._table.oid)
            for index in facts.indexes_of(leaf.oid)
        ]
        return total - main - sum(each or 0 for each in indexes) > _MAPS_BYTES + _MAPS_SHARE * main

    def _widest_of(self, expression: str) -> float:
        return widest(expression, lambda name: self._widest(name) if name in self._columns else None, self._field)

    def _field(self, column: str, name: str) -> float:
        """Bytes that a field of a document may have, by the documents that the statistics show."""
        statistics = self._facts.statistics(self._table.oid, column)
        seen = () if statistics is None else (statistics.most_common_values or ()) + (statistics.histogram_bounds or ())
        documents = [document for document in map(parsed, seen) if isinstance(document, dict)] if name else []
        values = [document[name] for document in documents if document.get(name) is not None]
        widths = [len(str(value).encode(errors="surrogatepass")) for value in values]
        average = sum(widths) / len(widths) if widths else float(_WIDTH_UNKNOWN)
        return _WIDER_THAN_AVERAGE * average


def key(column: str, *, descending: bool = False, nulls_first: bool | None = None) -> IndexKey:
    """A key on a bare column; NULLs stand where the manual's default for the direction has them."""
    return IndexKey(
        column=column, descending=descending, nulls_first=descending if nulls_first is None else nulls_first
    )


class Columns:
    """The columns of all tables of a database."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: dict[int, TableColumns] = {}
        # A domain over a domain is listed after it, since it has a later oid.
        unsortable: set[str] = set()
        for made in sorted(facts.snapshot.catalog.types, key=lambda each: each.oid):
            base = (made.base_type or "").partition("(")[0].removesuffix("[]").rpartition(".")[2].strip('"')
            if made.kind is TypeKind.DOMAIN and (base in NO_BTREE_TYPES or base in unsortable):
                unsortable.add(made.name)
        self._unsortable = frozenset(unsortable)

    def of(self, table: Relation) -> TableColumns:
        """The columns of a table."""
        found = self._known.get(table.oid)
        if found is None:
            found = self._known[table.oid] = TableColumns(self._facts, table, self._unsortable)
        return found
