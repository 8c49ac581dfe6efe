"""Which collations sort texts by their bytes, so that a plain B-tree finds beginnings.

https://www.postgresql.org/docs/current/locale.html#LOCALE-PROVIDERS, `lc_collate_is_c` and `pg_locale_t.collate_is_c`.
"""

from __future__ import annotations

from pgadvisor.facts import Facts
from pgadvisor.indexes.quoting import quote_identifier

_C = frozenset({"C", "POSIX"})
# PostgreSQL's own collations, which all databases have.
_BY_BYTES = _C | {"ucs_basic", "pg_c_utf8", "pg_unicode_fast"}


def sorts_by_bytes(facts: Facts, collation: str | None) -> bool:
    """Whether a collation, named as in Column.collation, sorts by bytes; None for the database's own.

    Those of the builtin provider do, those of ICU never, those of libc by their locale.
    """
    if collation is None or collation == "default":
        server = facts.server
        return _by_bytes(server.locale_provider or "c", server.collation)
    if collation.strip('"') in _BY_BYTES:
        return True
    known = next(
        (each for each in facts.snapshot.catalog.collations if _spelt(each.schema, each.name) == collation), None
    )
    return known is not None and _by_bytes(known.provider, known.collate)


def _spelt(schema: str, name: str) -> str:
    quoted = quote_identifier(name)
    return quoted if schema == "pg_catalog" else f"{quote_identifier(schema)}.{quoted}"


def _by_bytes(provider: str, locale: str | None) -> bool:
    return provider == "b" or (provider == "c" and locale in _C)
