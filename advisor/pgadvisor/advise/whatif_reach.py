"""What a statement reaches, also where its own text does not show it: by views, policies and inlined functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pgadvisor.model.catalog import RelationKind
from pgadvisor.workload.index_names import name_at
from pgadvisor.workload.lexer import Kind, Lexed, lex

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.shape import StatementShape

_UNRESOLVED_VIEW = "view "
# Bodies in bodies: deeper ones are not looked into.
_MAX_DEPTH = 2


@dataclass(frozen=True)
class Reached:
    """relation_oids are relations and views; written those among them that it may write to, a view included.

    words are the names and operators in its text, and in the texts that it reaches; own_words are those in its own.
    """

    relation_oids: frozenset[int]
    written: frozenset[int]
    words: frozenset[str]
    own_words: frozenset[str]


class Reach:
    """Finds what statements reach. It finds too much at times: a word may mean any object of its name."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._relations_named: dict[str, list[int]] = defaultdict(list)
        self._texts_of_relations: dict[int, list[str]] = defaultdict(list)
        self._texts_of_functions: dict[str, list[str]] = defaultdict(list)
        self._views: dict[str, int] = {}
        for relation in facts.relations.values():
            self._relations_named[relation.name].append(relation.oid)
            if relation.kind is RelationKind.VIEW:
                self._views[f"{relation.schema}.{relation.name}"] = relation.oid
                self._texts_of_relations[relation.oid] += filter(None, (relation.definition,))
        for policy in facts.snapshot.catalog.policies:
            if (guarded := facts.relations.get(policy.relation_oid)) is not None and guarded.row_security:
                self._texts_of_relations[policy.relation_oid] += filter(None, (policy.using, policy.check))
        for function in facts.snapshot.catalog.functions:
            # The planner looks into these alone.
            if function.language == "sql" and function.definition is not None:
                self._texts_of_functions[function.name].append(function.definition)

    def of(self, shape: StatementShape | None, text: str) -> Reached:
        """What a statement reaches; shape is None where it is not understood, and then any word may be a relation."""
        own = words_of(text)
        relations, written = (self._named(own),) * 2 if shape is None else self._of_shape(shape)
        words = set(own)
        called = own
        pending = sorted(relations)
        while pending or called:
            texts = [text for oid in pending for text in self._texts_of_relations.get(oid, ())]
            texts += [text for name in called for text in self._texts_of_functions.get(name, ())]
            new = frozenset().union(*map(words_of, texts)) - words
            words |= new
            more = self._named(new) - relations
            relations, pending, called = relations | more, sorted(more), new
        return Reached(relations, written, frozenset(words), own)

    def _of_shape(self, shape: StatementShape) -> tuple[frozenset[int], frozenset[int]]:
        """The relations and views of a shape, and which of them it may write to."""
        views = {*shape.views, *(name for each in shape.relations for name in each.through)}
        views |= {name.removeprefix(_UNRESOLVED_VIEW) for name in shape.unresolved}
        oids = {self._views[name] for name in views if name in self._views}
        written = {each.relation_oid for each in shape.relations if each.written}
        return frozenset(oids | {each.relation_oid for each in shape.relations}), frozenset(oids | written)

    def _named(self, words: Iterable[str]) -> frozenset[int]:
        return frozenset(oid for word in words for oid in self._relations_named.get(word, ()))


@lru_cache(maxsize=10_000)
def words_of(text: str, depth: int = _MAX_DEPTH) -> frozenset[str]:
    """The names in a text, as the server keeps them, and its operators. The body of a function is a string."""
    lexed = lex(text)
    found: set[str] = set()
    for place, token in enumerate(lexed.tokens):
        if token.kind is Kind.OPERATOR:
            found.add(lexed.of(token))
        elif depth and token.kind is Kind.STRING and _is_dollar_quoted(lexed, place):
            body = lexed.of(token)
            found |= words_of(body[body.index("$", 1) + 1 : body.rindex("$", 0, -1)], depth - 1)
        elif (name := name_at(lexed, place)) is not None:
            found.add(name)
    return frozenset(found)


def _is_dollar_quoted(lexed: Lexed, place: int) -> bool:
    text = lexed.of(lexed.tokens[place])
    return text.startswith("$") and text.endswith("$") and text.count("$") > 3
