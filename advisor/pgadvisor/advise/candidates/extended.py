"""Longer forms of partial indexes that exist, for statements that imply their predicate: what one of them can replace.

What a predicate admits is not checked again by a plan that reads its index, so that conditions say nothing of it; that
the planner uses the index tells. A column that is read for the predicate alone need not be in the index either.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import structs

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.searches import Searched, with_predicate
from pgadvisor.facts import Facts
from pgadvisor.indexes.algebra import bare
from pgadvisor.indexes.predicates import conjuncts, predicate_implies
from pgadvisor.model.catalog import Index, IndexDefinition
from pgadvisor.model.whatif import AS_IS
from pgadvisor.planner.protocol import Planner

# For one statement and one index.
_MOST = 6
# A column that has one value in all rows of the index.
_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_FIXED = re.compile(rf"(?:NOT )?{_NAME}|{_NAME} IS NULL|{_NAME} = [^ ]+|{_NAME} = '(?:[^']|'')*'::[a-z ]+")
_STRING = re.compile(r"'(?:[^']|'')*'")


def extended(
    searched: Searched, known: Sequence[Candidate], facts: Facts, planner: Planner, max_columns: int
) -> Iterator[Candidate]:
    """Candidates for one table of a statement with the predicates of its partial B-trees.

    Raises PlannerError where the planner is gone.
    """
    able = [index for index in facts.indexes_of(searched.relation.oid) if _is_partial(index)]
    if not able:
        return
    thought_of = [each.definition for each in known if each.query_ids & searched.query_ids]
    bases = [each for each in thought_of if each.access_method == "btree" and each.predicate is None]
    stated = " AND ".join(f"({each.condition})" for each in searched.searches) or None
    used = _used(searched, planner)
    for index in able:
        names = {index.name, *(part.name for part in facts.child_indexes(index.oid))}
        predicate = index.definition.predicate
        if predicate is not None and (names & used or predicate_implies(stated, predicate)):
            found = dict.fromkeys(_forms(index.definition, predicate, bases, max_columns))
            for definition in list(found)[:_MOST]:
                yield searched.candidate(definition, "a partial index, extended")


def _forms(
    existing: IndexDefinition, predicate: str, bases: Iterable[IndexDefinition], max_columns: int
) -> Iterator[IndexDefinition]:
    """What is thought of with the predicate, first what begins as the index does: it can take its place."""
    admitted = _names(predicate) - set(existing.key_columns)
    fixed = admitted & {name for each in conjuncts(predicate) if _FIXED.fullmatch(each) for name in _names(each)}
    narrowed = [form for base in bases for form in (_without(base, admitted), _without(base, fixed))]
    forms = dict.fromkeys(form for form in narrowed if form is not None)

    def rank(form: IndexDefinition) -> tuple[bool, bool, int, int]:
        begins = bare(form.keys)[: len(existing.keys)] == bare(existing.keys)
        held = admitted & {*form.key_columns, *form.include}
        return not begins, bool(held), -len(form.keys), -len(form.include)

    for form in sorted(forms, key=rank):
        yield with_predicate(form, predicate)
        own = set(existing.key_columns)
        keys = (*existing.keys, *(key for key in form.keys if key.column is None or key.column not in own))
        if rank(form)[0] and len(keys) <= max_columns:
            include = tuple(name for name in form.include if name not in own)
            yield with_predicate(structs.replace(form, keys=keys, include=include), predicate)


def _without(base: IndexDefinition, columns: Collection[str]) -> IndexDefinition | None:
    """The same without columns that are read for the predicate alone; None where no key is left."""
    keys = tuple(key for key in base.keys if key.column is None or key.column not in columns)
    include = tuple(name for name in base.include if name not in columns)
    return structs.replace(base, keys=keys, include=include) if keys else None


def _used(searched: Searched, planner: Planner) -> set[str]:
    """Names of the indexes that the statement's plans use as it is, for any of its values."""
    answers = planner.uses([(question, AS_IS) for question in searched.load.questions])
    return {name for use in answers if use is not None for name in use.names}


def _is_partial(index: Index) -> bool:
    definition = index.definition
    usable = index.valid and index.ready and index.live and index.complete and not definition.unique
    return usable and definition.access_method == "btree" and definition.predicate is not None


def _names(predicate: str) -> set[str]:
    """What may be names of columns in a predicate."""
    found = re.findall(_NAME, _STRING.sub("", predicate))
    return {each[1:-1].replace('""', '"') if each.startswith('"') else each for each in found}
