"""Types of columns as conditions of plans show them: what domains are made of, and casts that change nothing."""

from __future__ import annotations

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Column
from pgadvisor.model.objects import TypeKind

# As format_type shows them, and as pg_type has them.
_NAMES = {"character varying": "varchar", "character": "bpchar", "bit varying": "varbit"}
_DEEPEST = 32


def base_type(column: Column, facts: Facts) -> str:
    """The bare name of a column's type in pg_type; of a domain that of the type below it, "x[]" of an array."""
    domains = {each.name: each for each in facts.snapshot.catalog.types if each.kind is TypeKind.DOMAIN}
    own = next((each for each in domains.values() if each.oid == column.type_oid), None)
    name = column.type_name
    for _ in range(_DEEPEST):
        if own is None or not own.base_type:
            break
        name = _bare(own.base_type)
        own = domains.get(name)
    return name


def is_relabelled(column: Column, cast_to: str, facts: Facts) -> bool:
    """Whether a cast leaves values of a column as they are: to text of what is kept like it, of a domain to its type.

    A character(n) loses its blanks as text, and a name is kept otherwise.
    """
    base = base_type(column, facts)
    if cast_to == "text":
        return base in ("text", "varchar") or (column.type_category == "S" and base not in ("bpchar", "name", "char"))
    return base != column.type_name and _bare(cast_to) == base


def _bare(type_text: str) -> str:
    """The type without its schema and its length."""
    array = "[]" if type_text.endswith("[]") else ""
    bare = type_text.removesuffix("[]").partition("(")[0].strip()
    bare = bare if bare in _NAMES else bare.rpartition(".")[2].strip('"')
    return _NAMES.get(bare, bare) + array
