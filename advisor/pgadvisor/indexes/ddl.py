"""The only place that writes the SQL of indexes."""

from __future__ import annotations

import re
from collections.abc import Container

from pgadvisor.indexes.predicates import without_brackets
from pgadvisor.indexes.quoting import qualified, qualified_sql, quote_identifier, quote_literal
from pgadvisor.masking import mask_literals
from pgadvisor.model.catalog import IndexDefinition, IndexKey

# NAMEDATALEN - 1: what the server keeps of a name, in bytes.
MAX_NAME_BYTES = 63
NAME_PATTERN = "idx_{table}_{columns}"
_PART = re.compile(r"\{(schema|table|columns)\}")
# What an int4 holds in any case.
_NUMBER = re.compile(r"[0-9]{1,9}")


def create_index(
    definition: IndexDefinition,
    name: str,
    *,
    concurrently: bool = True,
    on_only: bool = False,
    bare_numbers: bool = False,
) -> str:
    """CREATE INDEX for a definition.

    on_only builds nothing on the partitions of a partitioned table; the server refuses it together with
    CONCURRENTLY, so concurrently is ignored then. bare_numbers leaves the quotes off parameters that are numbers.
    """
    words = ["CREATE UNIQUE INDEX" if definition.unique else "CREATE INDEX"]
    if concurrently and not on_only:
        words.append("CONCURRENTLY")
    words += [quote_identifier(name), "ON ONLY" if on_only else "ON", qualified(definition.schema, definition.table)]
    if definition.access_method != "btree":
        words.append(f"USING {quote_identifier(definition.access_method)}")
    words.append(f"({', '.join(_key(key) for key in definition.keys)})")
    if definition.include:
        words.append(f"INCLUDE ({', '.join(quote_identifier(column) for column in definition.include)})")
    if definition.unique and definition.nulls_not_distinct:
        words.append("NULLS NOT DISTINCT")
    if definition.options:
        options = (_option(option, bare_numbers=bare_numbers) for option in definition.options)
        words.append(f"WITH ({', '.join(options)})")
    if definition.tablespace:
        words.append(f"TABLESPACE {quote_identifier(definition.tablespace)}")
    if definition.predicate:
        words.append(f"WHERE {definition.predicate}")
    return " ".join(words) + ";"


def drop_index(schema: str, name: str, *, concurrently: bool = True, if_exists: bool = False) -> str:
    """DROP INDEX. The index of a partitioned table cannot be dropped concurrently, nor one that backs a constraint."""
    return (
        f"DROP INDEX {'CONCURRENTLY ' if concurrently else ''}{'IF EXISTS ' if if_exists else ''}"
        f"{qualified(schema, name)};"
    )


def reindex(schema: str, name: str, *, concurrently: bool = True) -> str:
    """REINDEX of one index. What enforces an exclusion constraint cannot be rebuilt concurrently."""
    return f"REINDEX INDEX {'CONCURRENTLY ' if concurrently else ''}{qualified(schema, name)};"


def attach(schema: str, name: str, child_schema: str, child_name: str) -> str:
    """ALTER INDEX ... ATTACH PARTITION: makes an index of a partition part of the parent's."""
    return f"ALTER INDEX {qualified(schema, name)} ATTACH PARTITION {qualified(child_schema, child_name)};"


def index_name(definition: IndexDefinition, taken: Container[str], pattern: str = NAME_PATTERN) -> str:
    """A name such as idx_orders_customer_id, of at most 63 bytes, that is not in `taken`.

    taken are the names of all relations in the table's schema: indexes share their namespace. In the pattern stand
    {schema}, {table} and {columns}.
    """
    keys = (key.column if key.column is not None else _words(key.expression or "expr") for key in definition.keys)
    parts = {"schema": definition.schema, "table": definition.table, "columns": "_".join(keys)}
    return free_name(_PART.sub(lambda part: parts[part[1]], pattern), taken)


def free_name(wish: str, taken: Container[str]) -> str:
    """The wish, with everything but letters, digits and underscores replaced, cut to 63 bytes and numbered if taken."""
    base = re.sub(r"\W+", "_", wish)
    if (name := _cut(base, MAX_NAME_BYTES)) not in taken:
        return name
    # A number that is free after one that is taken: steps grow, so that thousands of one name do not look at them all.
    used, free = 1, 2
    while (name := _numbered(base, free)) in taken:
        used, free = free, free * 2
    while free - used > 1:
        middle = (used + free) // 2
        if (nearer := _numbered(base, middle)) in taken:
            used = middle
        else:
            free, name = middle, nearer
    return name


def _numbered(base: str, number: int) -> str:
    return _cut(base, MAX_NAME_BYTES - len(f"_{number}")) + f"_{number}"


def _words(expression: str) -> str:
    """What an expression says in words: lower(email) gives lower_email. Its constants may be anybody's secrets.

    >>> _words("((name || 'x9'::text) || lower(email))")
    'name_text_lower_email'
    """
    return re.sub(r"\W+", "_", mask_literals(expression)).strip("_")


def _cut(text: str, limit_bytes: int) -> str:
    """As many whole characters as fit."""
    return text.encode()[:limit_bytes].decode(errors="ignore")


def _key(key: IndexKey) -> str:
    # The catalogs' own parentheses around an expression say no more than one pair.
    words = [quote_identifier(key.column) if key.column is not None else f"({without_brackets(key.expression or '')})"]
    if not key.default_collation and key.collation:
        words.append(f"COLLATE {qualified_sql(key.collation)}")
    if key.operator_class and (not key.default_operator_class or key.operator_class_options):
        words.append(qualified_sql(key.operator_class))
    if key.operator_class_options:
        words.append(f"({', '.join(_option(option) for option in key.operator_class_options)})")
    if key.descending:
        words.append("DESC")
    if key.nulls_first != key.descending:
        words.append("NULLS FIRST" if key.nulls_first else "NULLS LAST")
    return " ".join(words)


def _option(option: str, *, bare_numbers: bool = False) -> str:
    """A storage parameter such as fillfactor=70; the value is quoted, since it may be any text."""
    name, _, value = option.partition("=")
    bare = bare_numbers and _NUMBER.fullmatch(value)
    return f"{quote_identifier(name)} = {value if bare else quote_literal(value)}"
