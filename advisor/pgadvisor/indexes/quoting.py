"""Names and texts as SQL: whatever a name holds, it stays a name."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_QUALIFIED_SQL = re.compile(
    r"""(?P<name>(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)(?:\.(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*))?)"""
)

# Keywords of PostgreSQL 18 (and so of 13 to 17) that are not free for every use: pg_get_keywords(), catcode <> 'U'.
_RESERVED = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
    char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
    grouping having ilike in initially inner inout int integer intersect interval into is isnull join json json_array
    json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value
    lateral leading least left like limit localtime localtimestamp merge_action national natural nchar none normalize
    not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision
    primary real references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using values varchar
    variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces
    xmlparse xmlpi xmlroot xmlserialize xmltable
"""
RESERVED = frozenset(_RESERVED.split())


def quote_identifier(name: str) -> str:
    """A name as SQL, quoted where it has to be.

    Raises ValueError for names that PostgreSQL cannot hold: empty, or with a NUL.
    """
    if not name or "\0" in name:
        raise ValueError("an identifier is neither empty nor does it hold a NUL")
    if _PLAIN.fullmatch(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """A name with its schema, as SQL."""
    return f"{quote_identifier(schema)}.{quote_identifier(name)}"


def quote_literal(text: str) -> str:
    """A text as a string literal that means the same whatever standard_conforming_strings is."""
    if "\0" in text:
        raise ValueError("a string does not hold a NUL")
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def regclass(schema: str, name: str) -> str:
    """A relation as a constant of type regclass, for queries on the catalogs."""
    return f"{quote_literal(qualified(schema, name))}::pg_catalog.regclass"


def qualified_sql(text: str) -> str:
    """A possibly qualified name of an operator class or a collation as safe SQL.

    The text may be SQL already (quoted where it has to be) or bare, as the catalogs hold it (``en_US``).
    """
    if _QUALIFIED_SQL.fullmatch(text):
        return ".".join(part if part.startswith('"') else quote_identifier(part) for part in _parts(text))
    return ".".join(quote_identifier(part) for part in text.split(".", 1))


def _parts(text: str) -> list[str]:
    return re.findall(r'"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*', text)
