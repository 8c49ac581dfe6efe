"""The compact texts of tests: names, columns, indexes, constraints, shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pgadvisor.model.catalog import Column, ConstraintKind, IndexDefinition, IndexKey
from pgadvisor.model.shape import (
    ColumnRef,
    Comparand,
    Join,
    Predicate,
    ShapeRelation,
    SortKey,
    StatementKind,
    StatementShape,
)

IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'

# Bare type name: (name in pg_type, oid, category, default B-tree operator class)
TYPES = {
    "bigint": ("int8", 20, "N", "int8_ops"),
    "integer": ("int4", 23, "N", "int4_ops"),
    "int": ("int4", 23, "N", "int4_ops"),
    "smallint": ("int2", 21, "N", "int2_ops"),
    "numeric": ("numeric", 1700, "N", "numeric_ops"),
    "double precision": ("float8", 701, "N", "float8_ops"),
    "text": ("text", 25, "S", "text_ops"),
    "varchar": ("varchar", 1043, "S", "text_ops"),
    "char": ("bpchar", 1042, "S", "bpchar_ops"),
    "boolean": ("bool", 16, "B", "bool_ops"),
    "date": ("date", 1082, "D", "date_ops"),
    "timestamp": ("timestamp", 1114, "D", "timestamp_ops"),
    "timestamptz": ("timestamptz", 1184, "D", "timestamptz_ops"),
    "uuid": ("uuid", 2950, "U", "uuid_ops"),
    "jsonb": ("jsonb", 3802, "U", "jsonb_ops"),
    "json": ("json", 114, "U", ""),
    "point": ("point", 600, "G", ""),
    "text[]": ("_text", 1009, "A", "array_ops"),
}


def unquoted(name: str) -> str:
    """The identifier that a text in SQL's spelling names."""
    name = name.strip()
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def quoted(name: str) -> str:
    """An identifier in the spelling that `unquoted` reads."""
    return name if re.fullmatch(r"[^\W\d][\w$]*", name) else '"' + name.replace('"', '""') + '"'


def is_identifier(text: str) -> bool:
    """Whether a text is one identifier and nothing else."""
    return re.fullmatch(IDENTIFIER, text.strip()) is not None


def split_name(name: str) -> tuple[str, str]:
    """Schema and name of `schema.name`; the schema is public where it is left out."""
    parts = re.fullmatch(rf"(?:({IDENTIFIER})\.)?({IDENTIFIER})", name.strip())
    if parts is None:
        raise ValueError(f"not a relation's name: {name!r}")
    return unquoted(parts[1]) if parts[1] else "public", unquoted(parts[2])


def qualified(schema: str, name: str) -> str:
    """A key for a relation, however its name was spelt."""
    return f"{schema}.{name}"


def split_commas(text: str) -> list[str]:
    """The parts of a text between commas that stand outside parentheses and quotes."""
    parts, depth, inside, current = [], 0, "", ""
    for character in text:
        if inside:
            inside = "" if character == inside else inside
        elif character in "'\"":
            inside = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        if character == "," and not depth and not inside:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()] if current.strip() or parts else []


def column(relation_oid: int, number: int, text: str) -> Column:
    """A column from `name type [not null] [default] [identity] [generated]`."""
    match = re.fullmatch(
        rf"({IDENTIFIER}) (.+?)( not null)?( default)?( identity)?( generated)?",
        text.strip(),
    )
    if match is None:
        raise ValueError(f"not a column: {text!r}")
    type_text = match[2]
    bare = re.sub(r"\(.*?\)", "", type_text)
    name, oid, category, _ = TYPES.get(bare, (bare, 90_000, "U", ""))
    return Column(
        relation_oid=relation_oid,
        number=number,
        name=unquoted(match[1]),
        type=type_text,
        type_oid=oid,
        type_name=name,
        type_category=category,
        not_null=match[3] is not None,
        has_default=match[4] is not None,
        is_identity=match[5] is not None,
        is_generated=match[6] is not None,
    )


FLAGS: dict[str, dict[str, Any]] = {
    "primary": {"primary": True},
    "exclusion": {"exclusion": True},
    "deferrable": {"immediate": False},
    "clustered": {"clustered": True},
    "invalid": {"valid": False},
    "unready": {"ready": False},
    "dead": {"live": False},
    "replica": {"replica_identity": True},
    "building": {"being_built": True},
    "incomplete": {"complete": False},
}


@dataclass(frozen=True)
class ParsedIndex:
    """An index text taken apart."""

    definition: IndexDefinition
    flags: dict[str, Any]
    partition_of: str


def index(text: str, schema: str, table: str, types: Mapping[str, str]) -> ParsedIndex:
    """An index from `[unique] [flags] method (keys) [include (...)] [nulls not distinct] [with (...)] [partition of i]
    [where predicate]`.

    Flags are those of FLAGS. A key is `column|expression [collate c] [opclass] [desc] [nulls first|last]`.
    """
    head, _, predicate = text.partition(" where ")
    match = re.match(r"^((?:[a-z]+ )*)([a-z]+) ?\(", head)
    if match is None:
        raise ValueError(f"not an index: {text!r}")
    words = match[1].split()
    keys, rest = _parenthesised(head, match.end())
    include: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    if found := re.search(r" include \((.*?)\)", rest):
        include = tuple(unquoted(part) for part in split_commas(found[1]))
    if found := re.search(r" with \((.*?)\)", rest):
        options = tuple(split_commas(found[1]))
    partition_of = re.search(r" partition of (\S+)", rest)
    flags: dict[str, Any] = {}
    for word in words:
        if word != "unique":
            if word not in FLAGS:
                raise ValueError(f"{word!r} in {text!r} is none of: unique, {', '.join(FLAGS)}")
            flags |= FLAGS[word]
    definition = IndexDefinition(
        schema=schema,
        table=table,
        access_method=match[2],
        keys=tuple(_key(part, types) for part in split_commas(keys)),
        include=include,
        predicate=predicate or None,
        unique="unique" in words,
        nulls_not_distinct=" nulls not distinct" in rest,
        options=options,
    )
    return ParsedIndex(definition, flags, partition_of[1] if partition_of else "")


def _parenthesised(text: str, start: int) -> tuple[str, str]:
    """What stands between a parenthesis opened just before `start` and its end, and what follows."""
    depth = 1
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if not depth:
            return text[start:position], text[position + 1 :]
    raise ValueError(f"unbalanced parentheses: {text!r}")


def _key(text: str, types: Mapping[str, str]) -> IndexKey:
    match = re.fullmatch(
        rf"(?P<key>{IDENTIFIER}|.*\))(?: collate (?P<collation>{IDENTIFIER}))?(?: (?P<class>[a-z_0-9]+_ops))?"
        r"(?P<desc> desc)?(?: nulls (?P<nulls>first|last))?",
        text,
    )
    if match is None:
        raise ValueError(f"not an index key: {text!r}")
    bare = is_identifier(match["key"])
    name = unquoted(match["key"])
    defaults = {known[0]: known[3] for known in TYPES.values()}
    descending = match["desc"] is not None
    return IndexKey(
        column=name if bare else None,
        expression=None if bare else match["key"],
        operator_class=match["class"] or defaults.get(types.get(name, "text") if bare else "text", ""),
        default_operator_class=match["class"] is None,
        collation=unquoted(match["collation"]) if match["collation"] else None,
        default_collation=match["collation"] is None,
        descending=descending,
        nulls_first=descending if match["nulls"] is None else match["nulls"] == "first",
    )


@dataclass(frozen=True)
class ParsedConstraint:
    """A constraint text taken apart; fields are those of `Constraint` that need no oid."""

    references: str
    derived_from: str
    fields: dict[str, Any] = field(default_factory=dict)


ACTIONS = {"no action": "a", "restrict": "r", "cascade": "c", "set null": "n", "set default": "d"}


def constraint(text: str) -> ParsedConstraint:
    """A constraint from `primary key|unique|foreign key|check (columns) [references t (columns)] [on delete action]
    [on update action] [not valid] [not enforced] [deferrable] [derived from constraint]`.
    """
    match = re.match(r"(primary key|unique|foreign key|check|exclusion|not null) \((.*?)\)", text)
    if match is None:
        raise ValueError(f"not a constraint: {text!r}")
    rest = text[match.end() :]
    fields: dict[str, Any] = {
        "kind": ConstraintKind(match[1]),
        "columns": tuple(unquoted(part) for part in split_commas(match[2])),
        "validated": " not valid" not in rest and " not enforced" not in rest,
        "enforced": " not enforced" not in rest,
        "deferrable": " deferrable" in rest,
    }
    references = re.search(rf" references ((?:{IDENTIFIER}\.)?{IDENTIFIER}) \((.*?)\)", rest)
    if references:
        fields["referenced_columns"] = tuple(unquoted(part) for part in split_commas(references[2]))
    for event in ("delete", "update"):
        if action := re.search(rf" on {event} ({'|'.join(ACTIONS)})", rest):
            fields[f"on_{event}"] = ACTIONS[action[1]]
    derived = re.search(r" derived from (\S+)", rest)
    return ParsedConstraint(references[1] if references else "", derived[1] if derived else "", fields)


class ShapeData(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A shape in texts: relations `schema.table alias [written]`; predicates `[or] alias.column operator [what]` or
    `[or] function(alias.column) operator what`; joins `a.x = b.y`; sort `a.x [desc] [nulls first|last]`;
    written, read, group and conflict columns `a.x`.
    """

    kind: StatementKind = StatementKind.SELECT
    relations: list[str]
    predicates: list[str] = []
    joins: list[str] = []
    sort: list[str] = []
    group: list[str] = []
    limit: bool = False
    read: list[str] = []
    written: list[str] = []
    conflict: list[str] = []


def shape(query_id: str, data: ShapeData, oids: Mapping[str, int]) -> StatementShape:
    """The shape that the texts describe; `oids` are those of relations by qualified name."""
    relations = tuple(_shape_relation(text, oids) for text in data.relations)
    aliases = {relation.alias: relation.relation_oid for relation in relations}

    def ref(text: str) -> ColumnRef:
        alias, name = _alias_column(text)
        return ColumnRef(relation_oid=aliases[alias], column=name)

    def joined(text: str) -> Join:
        left, _, right = text.partition(" = ")
        return Join(left=ref(left), right=ref(right))

    return StatementShape(
        query_id=query_id,
        kind=data.kind,
        relations=relations,
        predicates=tuple(_predicate(text, aliases) for text in data.predicates),
        joins=tuple(joined(text) for text in data.joins),
        sort=tuple(_sort_key(text, aliases) for text in data.sort),
        group=tuple(ref(text) for text in data.group),
        has_limit=data.limit,
        columns_read=tuple(ref(text) for text in data.read),
        columns_written=tuple(ref(text) for text in data.written),
        conflict_columns=tuple(ref(text) for text in data.conflict),
    )


def _alias_column(text: str) -> tuple[str, str]:
    match = re.fullmatch(rf"({IDENTIFIER})\.({IDENTIFIER})", text.strip())
    if match is None:
        raise ValueError(f"not alias.column: {text!r}")
    return unquoted(match[1]), unquoted(match[2])


def _shape_relation(text: str, oids: Mapping[str, int]) -> ShapeRelation:
    match = re.fullmatch(rf"((?:{IDENTIFIER}\.)?{IDENTIFIER}) ({IDENTIFIER})( written)?", text)
    if match is None:
        raise ValueError(f"not a relation of a shape: {text!r}")
    oid = oids[qualified(*split_name(match[1]))]
    return ShapeRelation(relation_oid=oid, alias=unquoted(match[2]), written=match[3] is not None)


def _sort_key(text: str, aliases: Mapping[str, int]) -> SortKey:
    reference, *words = text.split()
    alias, name = _alias_column(reference)
    descending = "desc" in words
    nulls_first = "first" in words if "nulls" in words else descending
    return SortKey(relation_oid=aliases[alias], column=name, descending=descending, nulls_first=nulls_first)


SERVED = ("=", "<", "<=", ">", ">=", "between", "in", "is null", "is not null", "is true", "is false")
OPERATORS = (*SERVED, "<>", "not in", "not like", "like", "ilike", "~", "@>", "&&", "?")


def _predicate(text: str, aliases: Mapping[str, int]) -> Predicate:
    operators = "|".join(re.escape(operator) for operator in sorted(OPERATORS, key=len, reverse=True))
    match = re.fullmatch(
        rf"(or )?(?:(\w+)\()?({IDENTIFIER}\.{IDENTIFIER})(?(2)\)) ({operators})(?: (.+))?",
        text,
    )
    if match is None:
        raise ValueError(f"not a predicate: {text!r}")
    alias, name = _alias_column(match[3])
    operator, other = match[4], match[5]
    comparand = _comparand(other)
    prefix = operator == "like" and comparand is Comparand.CONSTANT and not other.startswith(("'%", "'_"))
    return Predicate(
        relation_oid=aliases[alias],
        alias=alias,
        column=name,
        operator=operator,
        comparand=comparand,
        constant=other if comparand is Comparand.CONSTANT else None,
        indexable=match[2] is None and (operator in SERVED or prefix),
        hidden_by=f"function {match[2]}" if match[2] else "",
        in_or=match[1] is not None,
        parameters=tuple(int(number) for number in re.findall(r"\$(\d+)", other or "")),
    )


def _comparand(text: str | None) -> Comparand:
    if text is None:
        return Comparand.NOTHING
    if re.match(r"\(?\$\d", text):
        return Comparand.PARAMETER
    if re.match(r"\(?('|-?\d|true|false|null)", text):
        return Comparand.CONSTANT
    return Comparand.COLUMN if re.fullmatch(rf"{IDENTIFIER}\.{IDENTIFIER}", text) else Comparand.EXPRESSION
