"""The index advisor within an analysis: a planner opened, asked for the proposals of rules, and closed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.advise.needed_relations import only_needed
from pgadvisor.advise.planners import no_planner
from pgadvisor.advise.wishes import Wishes, wishes_of
from pgadvisor.config import AdvicePlanner
from pgadvisor.planner.protocol import PlannerError

if TYPE_CHECKING:
    from pgadvisor.advise.keys import KeyedFinding
    from pgadvisor.advise.planners import Planners
    from pgadvisor.config import Config
    from pgadvisor.facts import Facts
    from pgadvisor.model.coverage import Gap
    from pgadvisor.model.index_advice import IndexDecisions
    from pgadvisor.progress import Progress


def advice_on(
    facts: Facts,
    findings: Sequence[KeyedFinding],
    config: Config,
    planners: Planners | None,
    progress: Progress,
    *,
    only_wished: bool = False,
) -> IndexDecisions | Gap:
    """What the index advisor decides with the proposals of findings; the reason where no planner says anything.

    only_wished leaves out what no finding proposes.
    """
    if planners is None:
        return no_planner()
    wishes = wishes_of(findings)
    try:
        with planners(_asked_about(facts, wishes, config), progress) as planner:
            return advise_indexes(
                facts,
                planner,
                config.indexes,
                wishes.candidates,
                progress,
                going=wishes.going,
                show_values=config.report.show_values,
                only_wished=only_wished,
            )
    except PlannerError as error:
        return no_planner(error)


def _asked_about(facts: Facts, wishes: Wishes, config: Config) -> Facts:
    """The part of a database that a twin is to be made of; a server has all of it anyway."""
    if config.indexes.planner is not AdvicePlanner.TWIN:
        return facts
    definitions = [each.definition for each in wishes.candidates] + [each.drop.definition for each in wishes.going]
    tables = (facts.relation_named(each.schema, each.table) for each in definitions)
    asked = [table.oid for table in tables if table is not None]
    return only_needed(facts, asked, min_rows=config.indexes.min_rows)
