"""The parts of a configuration as they are told: indexes with their size and price, settings with their values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pgadvisor.advise.price import price_of_creation
from pgadvisor.advise.whatif_judging import UNITS_OF_COST
from pgadvisor.advise.whatif_next import is_partitioned, next_of_created, next_of_dropped, next_of_setting
from pgadvisor.indexes.ddl import create_index, index_name
from pgadvisor.indexes.quoting import qualified
from pgadvisor.masking import mask_literals
from pgadvisor.model.catalog import Index, IndexDefinition
from pgadvisor.model.findings import Evidence, Unit
from pgadvisor.model.whatif import PlannerKind
from pgadvisor.model.whatif_result import ChangedSetting, CreatedIndex, DroppedIndex
from pgadvisor.planner.index_names import names_taken
from pgadvisor.planner.protocol import Answer, Planner, Question
from pgadvisor.workload.setting_values import shown_value

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.workload.index_text import GivenIndex

_MAX_NAMED = 3


def created_indexes(created: Sequence[GivenIndex], planner: Planner, facts: Facts) -> tuple[CreatedIndex, ...]:
    """Indexes that are imagined, with their size as the planner takes it, and their price.

    Constants in them are what the user gave, no secret of the database's, so they are shown.
    """
    names = names_of(created, facts)
    sizes = {size.definition: size.size_bytes for size in planner.sizes([given.definition for given in created])}
    return tuple(
        CreatedIndex(
            name=name,
            table=f"{given.definition.schema}.{given.definition.table}",
            sql=create_index(given.definition, name, concurrently=not is_partitioned(given.definition, facts)),
            size_bytes=sizes.get(given.definition),
            size_guessed=bool(lacking := _without_statistics(given.definition, facts)),
            caveats=_guessed(lacking) if sizes.get(given.definition) is not None else (),
            price=tuple(_price(given.definition, facts, planner, sizes.get(given.definition))),
            next=next_of_created(given.definition, name, facts),
        )
        for given, (_, name) in zip(created, names, strict=True)
    )


def _without_statistics(definition: IndexDefinition, facts: Facts) -> tuple[str, ...]:
    """Columns whose values decide how large an index is, and of which there are no statistics on any part of its table.

    A BRIN is as large as its table.
    """
    table = facts.relation_named(definition.schema, definition.table)
    if table is None or definition.access_method == "brin":
        return ()
    oids = [table.oid, *(leaf.oid for leaf in facts.leaves(table.oid))]
    names = (*filter(None, definition.key_columns), *definition.include)
    return tuple(name for name in names if all(facts.stored_statistics(oid, name) is None for oid in oids))


def _guessed(columns: Sequence[str]) -> tuple[str, ...]:
    if not columns:
        return ()
    return (f"Its size is a guess, by types alone: there are no statistics of {', '.join(columns)} to be seen",)


def names_of(created: Sequence[GivenIndex], facts: Facts) -> tuple[tuple[str, str], ...]:
    """Of each index the name that it gets of itself, which planners give it, and the one that it is given."""
    found = []
    taken: dict[str, set[str]] = {}
    # One that names itself must not come by a name that another is given.
    wished: dict[str, set[str]] = {}
    for given in created:
        schema = given.definition.schema
        if schema not in taken:
            taken[schema] = names_taken(facts, schema)
            others = {each.name for each in created if each.name and each.definition.schema == schema}
            wished[schema] = taken[schema] | others
        name = index_name(given.definition, taken[schema])
        taken[schema].add(name)
        shown = given.name or index_name(given.definition, wished[schema])
        wished[schema].add(shown)
        found.append((name, shown))
    return tuple(found)


def dropped_indexes(dropped: Sequence[Index], facts: Facts, show_values: bool) -> tuple[DroppedIndex, ...]:
    """Indexes that are imagined gone, with the size that it frees, and why they cannot simply be dropped."""
    found = []
    for index in dropped:
        shown = _shown(index.definition, show_values)
        found.append(
            DroppedIndex(
                name=f"{index.schema}.{index.name}",
                table=f"{index.definition.schema}.{index.definition.table}",
                definition=create_index(shown, index.name, concurrently=not is_partitioned(shown, facts)),
                size_bytes=facts.size_bytes(index.oid),
                caveats=tuple(_caveats(index, facts)),
                next=next_of_dropped(index, facts, is_masked=shown != index.definition),
            )
        )
    return tuple(found)


def changed_settings(settings: Sequence[tuple[str, str]], facts: Facts) -> tuple[ChangedSetting, ...]:
    """Settings that are imagined otherwise, with the server's own values."""
    known = {setting.name: setting for setting in facts.server.settings}
    found = []
    for name, value in sorted(dict(settings).items()):
        setting = known.get(name)
        after = shown_value(setting, value)
        found.append(
            ChangedSetting(
                name=name,
                before=None if setting is None else shown_value(setting, setting.value),
                after=after,
                ways=next_of_setting(name, after, facts),
            )
        )
    return tuple(found)


def other_units(settings: Sequence[tuple[str, str]], facts: Facts) -> bool:
    """Whether a unit of cost is imagined to be another: not one that is as it is for everybody."""
    known = {setting.name: setting for setting in facts.server.settings}
    overridden = {override.name for override in facts.server.overrides}

    def is_as_is(name: str, value: str) -> bool:
        setting = known.get(name)
        if setting is None or name in overridden:
            return False
        return shown_value(setting, setting.value) == shown_value(setting, value)

    return any(name in UNITS_OF_COST and not is_as_is(name, value) for name, value in settings)


def _shown(definition: IndexDefinition, show_values: bool) -> IndexDefinition:
    """The definition with constants in it masked."""
    if show_values:
        return definition
    keys = tuple(
        key if key.expression is None else replace(key, expression=mask_literals(key.expression))
        for key in definition.keys
    )
    predicate = None if definition.predicate is None else mask_literals(definition.predicate)
    return replace(definition, keys=keys, predicate=predicate)


def _price(definition: IndexDefinition, facts: Facts, planner: Planner, size_bytes: int | None) -> Iterator[Evidence]:
    """What it costs but for its size, which the planner says itself."""
    priced = price_of_creation(definition, facts, _share(definition, planner), size_bytes)
    yield from (item for item in priced if item.unit is not Unit.BYTES)


def _share(definition: IndexDefinition, planner: Planner) -> float | None:
    """The share of a table's rows that a predicate admits, as a twin's planner takes it; None where nobody can say.

    A server's own planner is not asked: what it answers is kept, and this is no statement of the workload.
    """
    if definition.predicate is None or planner.identity.kind is not PlannerKind.TWIN:
        return None
    every = f"SELECT 1 FROM {qualified(definition.schema, definition.table)}"  # noqa: S608 - on a twin, never run
    some = f"{every} WHERE {definition.predicate}"
    rows = [_rows(planner.plan(Question(query_id=text, text=text))) for text in (every, some)]
    return None if rows[0] is None or rows[1] is None else min(rows[1] / max(rows[0], 1.0), 1.0)


def _rows(answer: Answer) -> float | None:
    return None if answer.plan is None else float(answer.plan["Plan"]["Plan Rows"])


def _caveats(index: Index, facts: Facts) -> Iterator[str]:
    constraint = facts.constraint_of_index(index)
    if constraint is not None:
        yield f"It enforces the constraint {constraint.name} ({constraint.kind.value}), without which it cannot go"
    elif index.constraint_oid is not None or index.primary or index.exclusion:
        yield "It enforces a constraint, without which it cannot go"
    elif index.definition.unique:
        yield "It is unique: without it nothing keeps doubles out"
    keys = facts.referencing(index)
    if keys:
        names = ", ".join(key.name for key in keys[:_MAX_NAMED])
        more = f" and {len(keys) - _MAX_NAMED} more" if len(keys) > _MAX_NAMED else ""
        yield f"Foreign keys rest on it: {names}{more}"
    if index.replica_identity:
        yield "It is the replica identity of its table: without it logical replication of updates and deletes fails"
    if index.parent_oid is not None:
        parent = facts.indexes.get(index.parent_oid)
        name = "the index of a partitioned table" if parent is None else f"{parent.schema}.{parent.name}"
        yield f"It is a part of {name}, without which it cannot go"
