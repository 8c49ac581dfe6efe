"""The algebra of indexes: when two are the same, and when one can stand in for another. Pure, and conservative:
what is not known to hold is answered with no."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from functools import lru_cache

from msgspec.structs import replace

from pgadvisor.indexes.predicates import conditions, only_not_null, predicate_implies
from pgadvisor.model.catalog import IndexDefinition, IndexKey

__all__ = [
    "ANY_COLUMN_ALONE",
    "KNOWN",
    "alike",
    "bare",
    "covers",
    "either_direction",
    "equal",
    "likeness",
    "predicate_implies",
    "readable",
    "same_scan_direction",
    "serves_equality_on",
]

# Their "=" is that of the type, though they are not its default (manual, "Operator Classes and Operator Families").
_SAME_EQUALITY = frozenset({"text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops", "varchar_ops"})

# Each column can be searched alone, whatever its place (manual, "Multicolumn Indexes").
ANY_COLUMN_ALONE = frozenset({"gin", "brin"})
KNOWN = frozenset({"btree", "hash", "gist", "spgist", "gin", "brin"})
# Keys whose bare form is remembered, since each index is compared with many.
_REMEMBERED = 16_384


def equal(one: IndexDefinition, other: IndexDefinition) -> bool:
    """Whether two indexes are the same in all but name, storage parameters, tablespace and order of INCLUDE."""
    return (
        _same_place(one, other)
        and bare(one.keys) == bare(other.keys)
        and set(one.include) == set(other.include)
        and _same_predicate(one.predicate, other.predicate)
        and one.unique == other.unique
        and one.nulls_not_distinct == other.nulls_not_distinct
    )


def same_scan_direction(one: tuple[IndexKey, ...], other: tuple[IndexKey, ...]) -> bool:
    """Whether two B-tree keys yield the same orders: alike, or reversed in every column with its NULLs.

    A B-tree is read both ways, so (a, b DESC) and (a DESC, b) serve the same; (a) and (a DESC NULLS LAST) do not.
    """
    return bare(one) in either_direction(other)


def covers(wide: IndexDefinition, narrow: IndexDefinition) -> bool:
    """Whether `wide` can stand in for `narrow` for every scan and for what it enforces, though maybe at more cost.

    Both must hold the same rows. One exception: a narrow index that leaves out only the NULLs of its own keys, since
    "IS NOT NULL" is a condition that the wide one can search by. What a predicate selects otherwise cannot be found
    quickly in an index that lacks it, so no full index covers such a partial one.
    """
    return _same_place(wide, narrow) and _serves_scans(wide, narrow) and _enforces(wide, narrow)


def alike(one: IndexDefinition, other: IndexDefinition) -> bool:
    """Whether two indexes serve the same scans whatever they enforce: equal ones, and those that are each other's
    reverse."""
    return likeness(one) == likeness(other)


def likeness(definition: IndexDefinition) -> Hashable:
    """What two indexes share if and only if they are alike: it finds them among many without comparing each pair."""
    place = (definition.schema, definition.table, definition.access_method)
    asked = conditions(definition.predicate)
    if definition.access_method not in KNOWN:
        kept = (definition.unique, definition.nulls_not_distinct, definition.options)
        return place, asked, bare(definition.keys), frozenset(definition.include), kept
    if definition.access_method == "btree":
        more = frozenset(definition.include) - frozenset(definition.key_columns)
        return place, asked, either_direction(definition.keys), more
    of_any_order = definition.access_method in ANY_COLUMN_ALONE
    keys = frozenset(bare(definition.keys)) if of_any_order else bare(definition.keys)
    pages = _pages_per_range(definition) if definition.access_method == "brin" else ""
    return place, asked, keys, frozenset(definition.include), pages


def serves_equality_on(definition: IndexDefinition, columns: Collection[str]) -> bool:
    """Whether the index finds rows by equality on all of these columns together, as a foreign key's check does.

    The columns are the first keys of a B-tree in any order, or the single key of a hash index; a predicate may
    leave out no more than NULLs in them. Validity is the index's, not the definition's.
    """
    wanted = set(columns)
    first = definition.keys[: len(wanted)]
    fits = definition.access_method == "btree" or (definition.access_method == "hash" and len(definition.keys) == 1)
    return (
        bool(wanted)
        and fits
        and {key.column for key in first} == wanted
        and all(_default_equality(key) for key in first)
        and only_not_null(definition.predicate, tuple(wanted))
    )


def _same_place(one: IndexDefinition, other: IndexDefinition) -> bool:
    return (one.schema, one.table, one.access_method) == (other.schema, other.table, other.access_method)


def _serves_scans(wide: IndexDefinition, narrow: IndexDefinition) -> bool:
    if wide.access_method not in KNOWN:
        return equal(wide, narrow) and wide.options == narrow.options
    return (
        _keys_fit(wide, narrow)
        and set(narrow.include) <= readable(wide)
        and _same_rows(wide, narrow)
        and (wide.access_method != "brin" or _pages_per_range(wide) == _pages_per_range(narrow))
    )


def _keys_fit(wide: IndexDefinition, narrow: IndexDefinition) -> bool:
    first = wide.keys[: len(narrow.keys)]
    if wide.access_method == "btree":
        return same_scan_direction(first, narrow.keys)
    if wide.access_method in ANY_COLUMN_ALONE:
        return set(bare(narrow.keys)) <= set(bare(wide.keys))
    return bare(first) == bare(narrow.keys)


def readable(definition: IndexDefinition) -> set[str]:
    """Columns that an index-only scan can return: of access methods other than B-tree only those included are sure."""
    keys = (key.column for key in definition.keys) if definition.access_method == "btree" else ()
    return {column for column in (*keys, *definition.include) if column is not None}


def _same_rows(wide: IndexDefinition, narrow: IndexDefinition) -> bool:
    if _same_predicate(wide.predicate, narrow.predicate):
        return True
    return (
        wide.access_method == "btree"
        and predicate_implies(narrow.predicate, wide.predicate)
        and only_not_null(narrow.predicate, wide.key_columns)
    )


def _enforces(wide: IndexDefinition, narrow: IndexDefinition) -> bool:
    """Uniqueness of the wide one's rows is uniqueness of the narrow one's, which are among them."""
    if not narrow.unique:
        return True
    return (
        wide.unique
        and len(wide.keys) == len(narrow.keys)
        and predicate_implies(narrow.predicate, wide.predicate)
        and (wide.nulls_not_distinct or not narrow.nulls_not_distinct)
    )


def _same_predicate(one: str | None, other: str | None) -> bool:
    return one == other or conditions(one) == conditions(other)


@lru_cache(_REMEMBERED)
def bare(keys: tuple[IndexKey, ...]) -> tuple[tuple[object, ...], ...]:
    """Keys to compare: a default stands for itself, since a proposal need not know what the default is called."""
    return tuple(
        (
            key.column,
            key.expression,
            None if key.default_operator_class else key.operator_class,
            tuple(sorted(key.operator_class_options)),
            None if key.default_collation else key.collation,
            key.descending,
            key.nulls_first,
        )
        for key in keys
    )


@lru_cache(_REMEMBERED)
def either_direction(keys: tuple[IndexKey, ...]) -> frozenset[tuple[tuple[object, ...], ...]]:
    """The bare keys of a B-tree as it is read forwards and backwards."""
    return frozenset((bare(keys), bare(_reversed(keys))))


def _reversed(keys: tuple[IndexKey, ...]) -> tuple[IndexKey, ...]:
    return tuple(replace(key, descending=not key.descending, nulls_first=not key.nulls_first) for key in keys)


def _default_equality(key: IndexKey) -> bool:
    return key.default_collation and (key.default_operator_class or key.operator_class in _SAME_EQUALITY)


def _pages_per_range(definition: IndexDefinition) -> str:
    return next((o.partition("=")[2] for o in definition.options if o.startswith("pages_per_range=")), "")
