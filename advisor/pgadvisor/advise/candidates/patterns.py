"""Patterns: B-trees with an operator class that knows beginnings, and trigrams for what stands anywhere in a text.

https://www.postgresql.org/docs/current/indexes-opclass.html, https://www.postgresql.org/docs/current/pgtrgm.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.searches import Searched, key_of, plain
from pgadvisor.facts import Facts
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.index_advice import LeftIndex
from pgadvisor.workload.plan_searches import Search
from pgadvisor.workload.string_tokens import string_value

_LIKES = frozenset({"~~", "~~*"})
_REGEXES = frozenset({"~", "~*"})
_CLASSES = {"text": "text_pattern_ops", "varchar": "varchar_pattern_ops", "bpchar": "bpchar_pattern_ops"}
_C = frozenset({"C", "POSIX", "ucs_basic"})
_LITERAL = re.compile(r"[eE]?'(?:[^']|'')*'")
# What separates words in a LIKE pattern, and what does so or may in a regular expression.
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BESIDE_WORDS = re.compile(r"[\W_]+")
_TRIGRAM = 3


def patterns(searched: Searched, facts: Facts) -> Iterator[Candidate | LeftIndex]:
    """Candidates for the patterns that one table is searched by, as far as these are known."""
    sought: list[Search] = []
    for search in searched.each:
        pattern = _pattern(search)
        if pattern is None:
            continue
        if search.operator == "~~" and _beginning(pattern) and not search.choice:
            yield from _by_beginning(searched, search, facts)
        whole = search.operator != "~~" or not _is_beginning_alone(pattern)
        if whole and _has_trigram(search.operator, pattern):
            sought.append(search)
    if sought:
        yield from _by_trigrams(searched, sought, facts)


def _by_beginning(searched: Searched, search: Search, facts: Facts) -> Iterator[Candidate]:
    """In the C collation, or its like, the plain B-tree does it (and is for the others to think of)."""
    subject = search.subject
    column = None if subject.column is None else facts.column(searched.relation.oid, subject.column)
    if column is None:
        operator_class = "text_pattern_ops"
    else:
        operator_class = _CLASSES.get(column.type_name, "text_pattern_ops")
        collation = facts.server.collation if column.collation in (None, "default") else column.collation
        if collation is not None and collation.rpartition(".")[2].strip('"') in _C:
            return
    key = key_of(subject, operator_class)
    yield searched.candidate(searched.definition([key]), "beginning of a text", [search])
    before = [plain(name) for name in searched.equal_columns if name != subject.column]
    if before:
        yield searched.candidate(searched.definition([*before[:2], key]), "beginning of a text", [search])


def _by_trigrams(searched: Searched, sought: list[Search], facts: Facts) -> Iterator[Candidate | LeftIndex]:
    """One on each, and where one of several must match, one on all of these."""
    schema = next((each.schema for each in facts.server.extensions if each.name == "pg_trgm"), None)
    name = "gin_trgm_ops" if schema is None else f"{quote_identifier(schema)}.gin_trgm_ops"
    sets = [[search] for search in sought]
    choices = dict.fromkeys(search.choice for search in sought if search.choice)
    sets += [[search for search in sought if search.choice == choice] for choice in choices]
    for searches in sets:
        keys = list(dict.fromkeys(key_of(search.subject, name) for search in searches))
        definition = searched.definition(keys, "gin")
        if schema is None:
            sentence = (
                "An index on trigrams would serve the pattern, but the extension pg_trgm is not installed: after "
                "CREATE EXTENSION pg_trgm it can be looked at again."
            )
            yield searched.left(definition, sentence)
        else:
            yield searched.candidate(definition, "pattern anywhere in a text", searches)


def _pattern(search: Search) -> str | None:
    """The pattern of a search, None where there is none or it is not known."""
    if search.operator not in _LIKES | _REGEXES or not search.fixed:
        return None
    literal = _LITERAL.match(search.comparand.lstrip("("))
    return None if literal is None else string_value(literal[0])


def _beginning(pattern: str) -> str:
    """What every text that matches a LIKE pattern begins with."""
    return re.split(r"[%_]", _ESCAPED.sub("x", pattern), maxsplit=1)[0]


def _is_beginning_alone(pattern: str) -> bool:
    """Whether nothing but a beginning is asked for (or all of the text)."""
    plain_text = _ESCAPED.sub("x", pattern)
    return "_" not in plain_text and "%" not in plain_text.rstrip("%") and bool(_beginning(pattern))


def _has_trigram(operator: str, pattern: str) -> bool:
    """Whether three characters of a word in a row are sure to be in what matches."""
    if operator in _REGEXES:
        # Of a choice, a repeated character and the like, the extension finds out; short ones have nothing to find.
        pattern = re.sub(r"\\.|\[[^\]]*\]|.[*?{]", " ", pattern)
        return any(len(word) >= _TRIGRAM for word in _BESIDE_WORDS.split(pattern))
    pattern = _ESCAPED.sub(r"\1", pattern.replace("_", " "))
    return any(len(word) >= _TRIGRAM for word in _BESIDE_WORDS.split(pattern))
