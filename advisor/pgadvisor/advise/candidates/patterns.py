"""Patterns: B-trees with an operator class that knows beginnings, and trigrams for what stands anywhere in a text.

https://www.postgresql.org/docs/current/indexes-opclass.html, https://www.postgresql.org/docs/current/pgtrgm.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.collations import sorts_by_bytes
from pgadvisor.advise.candidates.searches import Searched, key_of, plain
from pgadvisor.array_text import texts
from pgadvisor.facts import Facts
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.index_advice import LeftIndex
from pgadvisor.workload.plan_searches import Search, Subject
from pgadvisor.workload.plan_types import base_type
from pgadvisor.workload.string_tokens import string_value

_LIKES = frozenset({"~~", "~~*"})
_REGEXES = frozenset({"~", "~*"})
_PATTERNS = _LIKES | _REGEXES
_STARTS_WITH = "^@"
# What is like a text, or has words that are, whatever the text.
_SIMILAR = frozenset({"%", "%>", "%>>"})
_CLASSES = {"text": "text_pattern_ops", "varchar": "varchar_pattern_ops", "bpchar": "bpchar_pattern_ops"}
_LITERAL = re.compile(r"[eE]?'(?:[^']|'')*'")
# What separates words in a LIKE pattern, and what does so or may in a regular expression.
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BESIDE_WORDS = re.compile(r"[\W_]+")
_TRIGRAM = 3
# An anchored regular expression up to the first that is no character of its own, or is one that may be missing.
_ANCHORED = re.compile(r"\^((?:[^\W_]|[ _@/:,;=<>!\"'#%&~`-]|\\[^\w\s])(?![*?{]))+")
_ALL_OF_IT = re.compile(r"(?:\.\*)?\$?")


def patterns(searched: Searched, facts: Facts) -> Iterator[Candidate | LeftIndex]:
    """Candidates for the patterns that one table is searched by, as far as these are known."""
    anywhere: list[Search] = []
    begins: set[Subject] = set()
    for search in searched.each:
        if search.operator in _SIMILAR and _may_be_text(searched, search, facts):
            anywhere.append(search)
        sought = _patterns(search)
        if len(sought) == 1 and not search.choice and _beginning(search.operator, sought[0]):
            begins.add(search.subject)
            yield from _by_beginning(searched, search, facts)
        if sought and all(_wants_trigrams(search.operator, each) for each in sought):
            anywhere.append(search)
    if anywhere:
        yield from _by_trigrams(searched, anywhere, begins, facts)


def _by_beginning(searched: Searched, search: Search, facts: Facts) -> Iterator[Candidate]:
    """Where texts are sorted by bytes the plain B-tree does it."""
    subject = search.subject
    column = None if subject.column is None else facts.column(searched.relation.oid, subject.column)
    if all(sorts_by_bytes(facts, each) for each in _collations(searched, subject, facts)):
        operator_class = ""
    else:
        operator_class = _CLASSES.get("" if column is None else base_type(column, facts), "text_pattern_ops")
    key = key_of(subject, operator_class)
    yield searched.candidate(searched.definition([key]), "beginning of a text")
    before = [plain(name) for name in searched.equal_columns if name != subject.column]
    if before:
        yield searched.candidate(searched.definition([*before[:2], key]), "beginning of a text")


def _collations(searched: Searched, subject: Subject, facts: Facts) -> set[str | None]:
    """Those of the columns, as what is computed of them has; where one has its own, the database's does not count."""
    columns = [facts.column(searched.relation.oid, name) for name in subject.columns]
    own = {each.collation for each in columns if each is not None and each.collation is not None}
    return set(own) or {None}


def _by_trigrams(
    searched: Searched, sought: list[Search], begins: Collection[Subject], facts: Facts
) -> Iterator[Candidate | LeftIndex]:
    """One on each, and where one of several must match, one on all of these."""
    schema = next((each.schema for each in facts.server.extensions if each.name == "pg_trgm"), None)
    name = "gin_trgm_ops" if schema is None else f"{quote_identifier(schema)}.gin_trgm_ops"
    if schema is None:
        # A B-tree finds them, if not all as fast.
        sought = [] if searched.found_otherwise(facts) else [each for each in sought if each.subject not in begins]
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
            yield searched.candidate(definition, "pattern anywhere in a text")


def _may_be_text(searched: Searched, search: Search, facts: Facts) -> bool:
    """Whether what is searched is a text, as far as one can see: other types may have an operator of that name."""
    column = None if search.subject.column is None else facts.column(searched.relation.oid, search.subject.column)
    return column is None or column.type_category == "S" or base_type(column, facts) in _CLASSES


def _patterns(search: Search) -> tuple[str, ...]:
    """The patterns of which one has to match; none where they are not known."""
    operator, _, quantifier = search.operator.partition(" ")
    if operator not in _PATTERNS | {_STARTS_WITH} or quantifier not in ("", "any") or not search.fixed:
        return ()
    literal = _LITERAL.match(search.comparand.lstrip("("))
    if literal is None:
        return ()
    text = string_value(literal[0])
    if not quantifier:
        return (text,)
    return texts(text) if operator != _STARTS_WITH and text.startswith("{") and text.endswith("}") else ()


def _beginning(operator: str, pattern: str) -> str:
    """What every text that matches begins with, as far as it is plain to see; "" where there is none."""
    if operator == "~~":
        return re.split(r"[%_]", _ESCAPED.sub("x", pattern), maxsplit=1)[0]
    if operator == "~" and "|" not in pattern:
        anchored = _ANCHORED.match(pattern)
        return "" if anchored is None else anchored[0][1:]
    return pattern if operator == _STARTS_WITH else ""


def _wants_trigrams(operator: str, pattern: str) -> bool:
    """Whether more is asked for than a beginning, or all of the text, and what trigrams find."""
    operator = operator.partition(" ")[0]
    beginning = _beginning(operator, pattern)
    if operator == "~~":
        plain_text = _ESCAPED.sub("x", pattern)
        is_beginning_alone = "_" not in plain_text and "%" not in plain_text.rstrip("%") and bool(beginning)
    elif operator == "~":
        is_beginning_alone = bool(beginning) and _ALL_OF_IT.fullmatch(pattern, len(beginning) + 1) is not None
    else:
        is_beginning_alone = operator == _STARTS_WITH
    return not is_beginning_alone and _has_trigram(operator, pattern)


def _has_trigram(operator: str, pattern: str) -> bool:
    """Whether three characters of a word in a row are sure to be in what matches."""
    if operator in _REGEXES:
        # Of a choice, a repeated character and the like, the extension finds out; short ones have nothing to find.
        pattern = re.sub(r"\\.|\[[^\]]*\]|.[*?{]", " ", pattern)
        return any(len(word) >= _TRIGRAM for word in _BESIDE_WORDS.split(pattern))
    pattern = _ESCAPED.sub(r"\1", pattern.replace("_", " "))
    return any(len(word) >= _TRIGRAM for word in _BESIDE_WORDS.split(pattern))
