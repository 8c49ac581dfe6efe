"""An index in words that are nearly SQL, the same in a report's titles, on its page and in a terminal."""

from __future__ import annotations

from pgadvisor.model.catalog import IndexDefinition, IndexKey


def index_text(definition: IndexDefinition) -> str:
    """What an index is on and by: all that tells it from others but for its name and that it is unique.

    >>> keys = (IndexKey(column="a", descending=True), IndexKey(column="b", operator_class="text_pattern_ops",
    ...     default_operator_class=False))
    >>> index_text(IndexDefinition(schema="s", table="t", keys=keys, include=("c",), predicate="(d IS NULL)"))
    's.t (a desc nulls last, b text_pattern_ops) include (c) where (d IS NULL)'
    >>> index_text(IndexDefinition(schema="s", table="t", access_method="gin", keys=(IndexKey(column="tags"),)))
    's.t using gin (tags)'
    >>> ranges = IndexDefinition(schema="s", table="t", access_method="brin", keys=(IndexKey(column="at"),),
    ...     options=("pages_per_range=32",))
    >>> index_text(ranges)
    's.t using brin (at) with (pages_per_range=32)'
    """
    method = "" if definition.access_method == "btree" else f" using {definition.access_method}"
    include = f" include ({', '.join(definition.include)})" if definition.include else ""
    options = f" with ({', '.join(definition.options)})" if definition.options else ""
    where = f" where {definition.predicate}" if definition.predicate else ""
    keys = ", ".join(map(_key, definition.keys))
    return f"{definition.schema}.{definition.table}{method} ({keys}){include}{options}{where}"


def _key(key: IndexKey) -> str:
    words = [key.column if key.column is not None else key.expression or ""]
    if key.collation and not key.default_collation:
        words.append(f"collate {key.collation}")
    if key.operator_class and not key.default_operator_class:
        words.append(key.operator_class)
    if key.descending:
        words.append("desc")
    # As in SQL, where DESC puts them first unless told otherwise.
    if key.nulls_first != key.descending:
        words.append("nulls first" if key.nulls_first else "nulls last")
    return " ".join(words)
