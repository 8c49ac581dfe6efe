"""Types that users made: enums, domains, composite types and ranges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pgadvisor.indexes.quoting import qualified, quote_identifier, quote_literal
from pgadvisor.model.objects import TypeAttribute, TypeKind, UserType
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.collations import collation_of_twin
from pgadvisor.planner.twin.schema.dependencies import element_type, in_levels
from pgadvisor.planner.twin.schema.making import Way, Wish, clause, expression, make_all, type_sql

_NO_DEFAULT = "it has no default there"


def create_types(building: Building) -> None:
    """Makes the types, each after those that it is made of; a type that is written in C is left out.

    Domains have no checks yet: whoever reads a value of theirs would run them (`add_domain_checks`). Their columns say
    which types are missing (schema/columns.py).
    """
    types = [each for each in building.facts.snapshot.catalog.types if each.kind is not TypeKind.BASE]
    columns = _columns_by_type(building)
    for level in in_levels(types, lambda each: qualified_or_bare(each.schema, each.name), _needs):
        make_all(building, (_wish(building, each, columns) for each in level))


def add_domain_checks(building: Building) -> None:
    """The checks of domains, to be called when no value of the snapshot is read any more by a superuser.

    They are not validated, since no row is there to be.
    """
    wishes = []
    for each in building.facts.snapshot.catalog.types:
        if each.kind is TypeKind.DOMAIN and each.oid not in building.failed:
            wishes += [_check_wish(each, check) for check in each.checks]
    make_all(building, wishes)


def qualified_or_bare(schema: str, name: str) -> str:
    """What format_type writes for a type of a schema; "" for a name that no type can have."""
    return "" if not schema or not name or "\0" in schema + name else qualified(schema, name)


def _columns_by_type(building: Building) -> dict[str, tuple[int, ...]]:
    """Relations that have columns of a type, or of arrays of it, by the type as format_type writes it."""
    found: dict[str, set[int]] = defaultdict(set)
    for column in building.facts.snapshot.catalog.columns:
        found[element_type(column.type)].add(column.relation_oid)
    return {text: tuple(sorted(oids)) for text, oids in found.items()}


def _needs(each: UserType) -> Iterator[str]:
    for text in (each.base_type, each.subtype, *(attribute.type for attribute in each.attributes)):
        if text is not None:
            yield element_type(text).partition("(")[0]


def _wish(building: Building, each: UserType, columns: dict[str, tuple[int, ...]]) -> Wish:
    return Wish(
        what=f"type {each.schema}.{each.name}",
        ways=lambda: _ways(building, each),
        without="what is of it is text there, or is missing",
        relation_oids=columns.get(qualified_or_bare(each.schema, each.name), ()),
        names=(each.name,),
        oid=each.oid,
    )


def _ways(building: Building, each: UserType) -> Sequence[Way]:
    name = qualified(each.schema, each.name)
    match each.kind:
        case TypeKind.ENUM:
            return (Way(f"CREATE TYPE {name} AS ENUM ({', '.join(map(quote_literal, each.labels))})"),)
        case TypeKind.COMPOSITE:
            attributes = ", ".join(_attribute(building, attribute) for attribute in each.attributes)
            return (Way(f"CREATE TYPE {name} AS ({attributes})"),)
        case TypeKind.RANGE:
            collation = collate(building, each.collation)
            by = f", COLLATION = {collation}" if collation else ""
            return (Way(f"CREATE TYPE {name} AS RANGE (SUBTYPE = {type_sql(each.subtype or '')}{by})"),)
        case _:
            return _domain(building, each, name)


def _domain(building: Building, each: UserType, name: str) -> Sequence[Way]:
    collation = collate(building, each.collation)
    words = [f"CREATE DOMAIN {name} AS {type_sql(each.base_type or '')}"]
    words += [f"COLLATE {collation}"] if collation else []
    words += ["NOT NULL"] if each.not_null else []
    bare = " ".join(words)
    if each.default is None:
        return (Way(bare),)
    try:
        return (Way(f"{bare} DEFAULT {expression(each.default)}"), Way(bare, _NO_DEFAULT))
    except ValueError:
        return (Way(bare, _NO_DEFAULT),)


def _attribute(building: Building, attribute: TypeAttribute) -> str:
    collation = collate(building, attribute.collation)
    by = f" COLLATE {collation}" if collation else ""
    return f"{quote_identifier(attribute.name)} {type_sql(attribute.type)}{by}"


def collate(building: Building, collation: str | None) -> str:
    """What stands for a collation on the twin, as SQL; "" where none need be spelled."""
    return collation_of_twin(building, collation) if collation else ""


def _check_wish(each: UserType, check: str) -> Wish:
    def ways() -> Sequence[Way]:
        definition = clause(check, "check").removesuffix(" NOT VALID")
        return (Way(f"ALTER DOMAIN {qualified(each.schema, each.name)} ADD {definition} NOT VALID"),)

    return Wish(
        what=f"a check of domain {each.schema}.{each.name}",
        ways=ways,
        without="the domain is there without it",
        names=(each.name,),
    )
