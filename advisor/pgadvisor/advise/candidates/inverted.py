"""GIN for documents, arrays and full text, GiST for ranges, shapes and the nearest of points.

https://www.postgresql.org/docs/current/gin.html, https://www.postgresql.org/docs/current/datatype-json.html#JSON-INDEXING
"""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.searches import Searched, key_of
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Column, IndexKey
from pgadvisor.model.index_advice import LeftIndex
from pgadvisor.workload.plan_searches import Search, Subject
from pgadvisor.workload.plan_types import base_type

_PATHS = frozenset({"@>", "@?", "@@"})
_KEYS = frozenset({"?", "?|", "?&"})
_OF_ARRAYS = frozenset({"@>", "<@", "&&"})
_OF_HSTORE = _KEYS | {"@>"}
_OF_RANGES = frozenset({"&&", "@>", "<@", "-|-", "<<", ">>", "&<", "&>"})
_OF_SHAPES = frozenset({"&&", "@>", "<@", "~=", "<<", ">>", "<<|", "|>>"})
_OF_ADDRESSES = frozenset({"&&", "<<", "<<=", ">>", ">>="})
_SHAPES = frozenset({"point", "box", "polygon", "circle"})
_MANY_PLACES = 3


def inverted(searched: Searched, facts: Facts) -> Iterator[Candidate | LeftIndex]:
    """Candidates for what one table is searched by and no B-tree can find."""
    of_subject: dict[Subject, list[Search]] = {}
    for search in searched.each:
        of_subject.setdefault(search.subject, []).append(search)
    for subject, searches in of_subject.items():
        column = None if subject.column is None else facts.column(searched.relation.oid, subject.column)
        yield from _of_subject(searched, subject, searches, _kind(subject, searches, column, facts), facts)
    for some in searched.choices:
        yield from _of_choice(searched, some, facts)
    yield from _nearest(searched, facts)


def _of_subject(
    searched: Searched, subject: Subject, searches: list[Search], kind: str, facts: Facts
) -> Iterator[Candidate | LeftIndex]:
    operators = {search.operator for search in searches}
    if kind == "jsonb" and operators & (_PATHS | _KEYS):
        asked = operators & (_PATHS | _KEYS)
        if asked <= _PATHS:
            yield _gin(searched, [key_of(subject, "jsonb_path_ops")], "contents of documents")
        else:
            yield _gin(searched, [key_of(subject)], "keys of documents")
    elif kind == "array":
        if operators & _OF_ARRAYS:
            yield _gin(searched, [key_of(subject)], "elements of arrays")
        elif "any =" in operators and not searched.found_otherwise(facts):
            sentence = (
                f"A value = ANY ({subject.text}) is looked for in every row: no index is searched so. Written "
                f"{subject.text} @> ARRAY[value] it could be found by GIN."
            )
            yield searched.left(searched.definition([key_of(subject)], "gin"), sentence)
    elif kind == "tsvector" and "@@" in operators:
        yield _gin(searched, [key_of(subject)], "full text")
    elif kind == "hstore" and operators & _OF_HSTORE:
        yield _gin(searched, [key_of(subject)], "keys of documents")
    elif (
        (kind == "range" and operators & _OF_RANGES)
        or (kind in _SHAPES and operators & _OF_SHAPES)
        or (kind == "inet" and operators & _OF_ADDRESSES)
    ):
        # The default of addresses is for B-trees alone.
        operator_class = "inet_ops" if kind == "inet" else ""
        key = key_of(subject, operator_class)
        yield searched.candidate(searched.definition([key], "gist"), "overlaps and containment")


def _of_choice(searched: Searched, some: tuple[Search, ...], facts: Facts) -> Iterator[Candidate]:
    """Where one of several columns must hold something: one index by each of whose columns it can be searched."""
    keys: list[IndexKey] = []
    for search in some:
        subject = search.subject
        column = None if subject.column is None else facts.column(searched.relation.oid, subject.column)
        kind = _kind(subject, [search], column, facts)
        served = (kind == "tsvector" and search.operator == "@@") or (kind == "array" and search.operator in _OF_ARRAYS)
        if not served:
            return
        keys.append(key_of(subject))
    different = list(dict.fromkeys(keys))
    if 1 < len(different) <= _MANY_PLACES:
        yield _gin(searched, different, "one of several conditions")


def _nearest(searched: Searched, facts: Facts) -> Iterator[Candidate]:
    """`ORDER BY place <-> point LIMIT n` reads the nearest first from a GiST."""
    shape = searched.load.shape
    for sort in searched.sorts:
        expression = sort.subject.expression
        if expression is None or "<->" not in expression or shape is None or not shape.has_limit:
            continue
        if len(sort.subject.columns) == 1 and not sort.descending:
            (name,) = sort.subject.columns
            column = facts.column(searched.relation.oid, name)
            if column is not None and column.type_name in _SHAPES:
                definition = searched.definition([IndexKey(column=name)], "gist")
                yield searched.candidate(definition, "nearest first")


def _gin(searched: Searched, keys: list[IndexKey], reason: str) -> Candidate:
    return searched.candidate(searched.definition(keys, "gin"), reason)


def _kind(subject: Subject, searches: list[Search], column: Column | None, facts: Facts) -> str:
    """What is searched: jsonb, array, tsvector, hstore, range, inet or a shape; "" for all else."""
    if column is not None:
        if column.type_category == "A":
            return "array"
        if column.type_category == "R":
            return "range"
        name = base_type(column, facts)
        return {"cidr": "inet"}.get(name, name)
    text = subject.expression or ""
    if any(search.operator == "@@" and _is_query(search, text) for search in searches):
        return "tsvector"
    called = text.partition("(")[0]
    if called.endswith("range") and called.isalnum():
        return "range"
    comparands = {search.comparand.rpartition("::")[2] for search in searches}
    if comparands & {"jsonb", "jsonpath"}:
        return "jsonb"
    # `data -> 'tags'` is searched for a key.
    if " -> " in text and " ->> " not in text and {search.operator for search in searches} & _KEYS:
        return "jsonb"
    return "array" if any(comparand.endswith("[]") for comparand in comparands) else ""


def _is_query(search: Search, text: str) -> bool:
    """Whether words are looked for: what is made of words, or is compared to a query on such."""
    return "to_tsvector(" in text or search.comparand.endswith("::tsquery") or "to_tsquery(" in search.comparand
