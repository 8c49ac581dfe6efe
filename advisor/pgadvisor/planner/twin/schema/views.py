"""Views, each after those that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import psycopg

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Relation, RelationKind
from pgadvisor.model.objects import Function, Trigger
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.planner.twin.schema.functions import create_functions_on_relations, finish_functions, missing_functions
from pgadvisor.planner.twin.schema.making import Way, Wish, make_all, refusal

# Options of a view, each with the first version that has it.
_OPTIONS = {"security_barrier": 13, "check_option": 13, "security_invoker": 15}
_VALUES = frozenset(("true", "false", "on", "off", "1", "0", "yes", "no", "local", "cascaded"))
_EVENTS = ("insert", "update", "delete")


def create_views(building: Building) -> None:
    """Makes them; it comes after constraints, which a GROUP BY by primary key needs.

    In the order of their oids a view mostly comes after what it reads; one that was replaced may not, nor one that
    waits for a function, which may itself wait for a view. So what is refused is tried again as long as that helps.
    """
    pending = [relation for relation in building.facts.relations.values() if relation.kind is RelationKind.VIEW]
    pending.sort(key=lambda relation: relation.oid)
    left = -1
    while left != len(pending) + len(missing := missing_functions(building)):
        left = len(pending) + len(missing)
        pending = _create(building, pending, {})
        create_functions_on_relations(building)
    reasons: dict[int, str] = {}
    for relation in _create(building, pending, reasons):
        building.failed.add(relation.oid)
        reason = reasons.get(relation.oid, "Its definition is not in the snapshot")
        building.shortfalls.append(
            Shortfall(
                what=f"view {relation.schema}.{relation.name}",
                reason=f"{reason}; it is missing.",
                relation_oids=(relation.oid,),
                prevents=True,
            )
        )
    finish_functions(building)
    _create_triggers(building)


def _create(building: Building, views: Sequence[Relation], reasons: dict[int, str]) -> list[Relation]:
    """Makes views as far as the server takes them; the others, and why not by their oids."""
    tried, refused = [], []
    for view in views:
        text = _text(view, building.major)
        if text is None:
            refused.append(view)
        else:
            tried.append((view, Command(text, missing=partial(_note, reasons, view.oid))))
    done = building.run(command for _, command in tried)
    return refused + [view for (view, _), made in zip(tried, done, strict=True) if not made]


def _note(reasons: dict[int, str], oid: int, error: psycopg.Error) -> None:
    reasons[oid] = refusal(error)


def _text(view: Relation, major: int) -> str | None:
    """The CREATE VIEW; None where its query is not known or its name cannot be one.

    What follows AS can only be one query, whoever wrote it: CREATE VIEW takes no other command.
    """
    if view.definition is None:
        return None
    try:
        name = qualified(view.schema, view.name)
    except ValueError:
        return None
    options = ", ".join(_options(view, major))
    return f"CREATE VIEW {name}{f' WITH ({options})' if options else ''} AS {view.definition}"


def _options(view: Relation, major: int) -> Iterator[str]:
    for option in view.options:
        name, _, value = option.partition("=")
        if _OPTIONS.get(name, major + 1) <= major and value in _VALUES:
            yield f"{name}={value}"


def _create_triggers(building: Building) -> None:
    """INSTEAD OF triggers make a view one that can be written to; whatever they do, plans show none of it."""
    relations = building.facts.relations
    functions = {function.oid: function for function in building.facts.snapshot.catalog.functions}
    make_all(
        building,
        (
            Wish(
                f"trigger {trigger.name} of {relation.schema}.{relation.name}",
                partial(_ways_to_trigger, trigger, relation, functions.get(trigger.function_oid)),
                "a write to the view cannot be planned",
                relation_oids=(relation.oid,),
            )
            for trigger in building.facts.snapshot.catalog.triggers
            if trigger.timing == "instead of"
            and (relation := relations.get(trigger.relation_oid)) is not None
            and relation.oid not in building.failed
        ),
    )


def _ways_to_trigger(trigger: Trigger, relation: Relation, function: Function | None) -> Sequence[Way]:
    if function is None:
        raise ValueError("its function is not in the snapshot")
    events = " OR ".join(event for event in trigger.events if event in _EVENTS)
    return (
        Way(
            f"CREATE TRIGGER {quote_identifier(trigger.name)} INSTEAD OF {events} "
            f"ON {qualified(relation.schema, relation.name)} FOR EACH ROW "
            f"EXECUTE FUNCTION {qualified(function.schema, function.name)}()"
        ),
    )
