"""What if: a workload under other indexes and settings, on a server or from what was collected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pgadvisor.advise.needed_relations import only_needed
from pgadvisor.advise.whatif import Change, Refused, Unable, whatif_of
from pgadvisor.advise.whatif_given import GivenError, check_indexes, check_settings, meant, setting_of
from pgadvisor.advise.whatif_reach import words_of
from pgadvisor.analyze import read_facts
from pgadvisor.collect import collect
from pgadvisor.collecting.look import session_on
from pgadvisor.collecting.one import is_query_id, known_id, put_in_as_well
from pgadvisor.model.shape import StatementKind
from pgadvisor.model.whatif import AS_IS, Configuration, PlannerChoice, PlannerKind
from pgadvisor.planner.protocol import Planner, PlannerError
from pgadvisor.planner.recorded import Recorded, Recording
from pgadvisor.progress import Progress, silent
from pgadvisor.snapshots.combine import CombineError, combine
from pgadvisor.snapshots.contents import contents_of
from pgadvisor.snapshots.sealing import sealed
from pgadvisor.workload.index_names import IndexTextError, find_index, shown
from pgadvisor.workload.index_text import read_index
from pgadvisor.workload.lexer import lex

if TYPE_CHECKING:
    from pgadvisor.config import Config
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import IndexDefinition
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.model.whatif_result import WhatIfResult

_MAX_NAMED = 10
_SEARCH_PATH = "search_path"


class WishError(Exception):
    """What is asked for is not to be had of this database; the message says what, and what to do."""


@dataclass(frozen=True)
class Wish:
    """What a user wants to know.

    create are texts of CREATE INDEX, drop names of indexes, settings texts such as work_mem=64MB, queries ids or texts
    of statements whose plans are to be shown. database says which of a file on several. twin_server is where the
    programs of a twin are: a path, auto or docker.
    """

    create: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    planner: PlannerChoice = PlannerChoice.TWIN
    twin_server: str = "auto"
    database: str = ""

    def check(self) -> None:
        """Finds what can be found wrong without a database. Raises WishError."""
        try:
            check_settings(self.settings)
        except GivenError as error:
            raise WishError(str(error)) from error
        if any(not query.strip() for query in self.queries):
            raise WishError("--query is empty: an id of a statement, or its text, is wanted.")
        if self.planner is PlannerChoice.TWIN:
            from pgadvisor.planner.twin.server import check_place

            try:
                check_place(self.twin_server)
            except PlannerError as error:
                raise WishError(f"--twin-server {self.twin_server}: {error}.") from error


@dataclass(frozen=True)
class _Server:
    """The audited server; dsn None: libpq's environment names it."""

    dsn: str | None


def whatif_live(
    dsn: str | None,
    wish: Wish,
    config: Config,
    progress: Progress = silent,
    keep: Callable[[Snapshot], None] | None = None,
) -> WhatIfResult:
    """Collects from the database that the DSN names, and asks a planner.

    keep is given what was collected, with what the planner answered; also where it then cannot be had or cannot answer,
    so that nobody need collect again for that.

    Raises ConnectError, WishError, Unable, PlannerError.
    """
    wish.check()
    _check_planner(dsn, wish, config)
    snapshot = collect(dsn, config.collect, progress)
    if snapshot.coverage.interrupted:
        raise KeyboardInterrupt
    try:
        result, snapshot = _asked(snapshot, wish, config, progress, _Server(dsn), record=keep is not None)
    finally:
        if keep is not None:
            keep(snapshot)
    return result


def whatif_collected(
    snapshots: Sequence[Snapshot], wish: Wish, config: Config, progress: Progress = silent
) -> WhatIfResult:
    """Asks a planner about the workload of snapshots of one database. Raises WishError, Unable, PlannerError."""
    wish.check()
    result, _ = _asked(_of_one_database(snapshots, wish.database), wish, config, progress)
    return result


def _of_one_database(snapshots: Sequence[Snapshot], database: str) -> Snapshot:
    """The snapshot of the database named, or of the only one there is."""
    try:
        combined = combine(snapshots) if len(snapshots) > 1 else tuple(snapshots)
    except CombineError as error:
        raise WishError(str(error)) from error
    found = [each for each in combined if database in ("", each.server.database)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.server.database for each in combined[:_MAX_NAMED])
    if database:
        raise WishError(f"The file is not on a database {database}; it has {names}.")
    raise WishError(f"The file is on several databases: say which by --database. There are {names}.")


def _asked(
    collected: Snapshot,
    wish: Wish,
    config: Config,
    progress: Progress,
    server: _Server | None = None,
    *,
    record: bool = False,
) -> tuple[WhatIfResult, Snapshot]:
    """What a planner says, and the snapshot with what is kept of its answers.

    server is the one that the snapshot was collected from, where it can be asked more. record: a twin's answers are
    kept, too.
    """
    snapshot, asked, typed = _with_queries(collected, wish)
    facts, not_understood = read_facts(snapshot, progress)
    _refuse_commands(facts, asked)
    change = _change(wish, facts)
    with _opened(wish, change, facts, server, config, progress) as opened:
        planner = Recording(opened) if record and not isinstance(opened, Recording) else opened
        try:
            result = whatif_of(
                facts,
                planner,
                change,
                not_understood,
                asked=asked,
                typed=typed,
                show_values=config.report.show_values,
                max_text_bytes=config.report.max_text_bytes,
                progress=progress,
            )
        except Refused as error:
            raise WishError(f"--query cannot be planned. {error}{meant(str(error), facts)}") from error
        except Unable as error:
            told = f"{_which(wish, change, planner)}{error}"
            if _is_given_wrongly(change.configuration, planner):
                raise WishError(told) from error
            raise Unable(told) from error
    if isinstance(planner, Recording):
        # Sealed beside the texts of what was asked as well, by which it is told what of its plans is secret.
        answered = sealed(replace(snapshot, answers=planner.answers, index_sizes=planner.index_sizes))
        collected = replace(
            collected,
            answers=answered.answers,
            index_sizes=answered.index_sizes,
            shortfalls=planner.shortfalls if answered.answers else (),
        )
        collected = replace(collected, contents=contents_of(collected))
    return result, collected


def _with_queries(snapshot: Snapshot, wish: Wish) -> tuple[Snapshot, list[str], dict[str, str]]:
    """The snapshot with the statements that are asked about among its own, their ids, and the texts that were given.

    Raises WishError.
    """
    asked, typed = [], {}
    for query in wish.queries:
        if is_query_id(query):
            found = known_id(query, snapshot)
            if found is None:
                raise WishError(f"There is no text of a statement of the id {query.strip()}.")
        else:
            commands = lex(query).commands
            if commands != 1:
                raise WishError(f"--query holds {commands or 'no'} commands: one statement is wanted, or its id.")
            snapshot, found = put_in_as_well(snapshot, query)
            typed[found] = query.strip()
        asked.append(found)
    return snapshot, asked, typed


def _refuse_commands(facts: Facts, asked: Sequence[str]) -> None:
    """Raises WishError where what is asked about is a command that has no plan."""
    for query_id in asked:
        shape = facts.shapes.get(query_id)
        if shape is not None and shape.kind is StatementKind.UTILITY:
            # Its text may hold a password.
            word = lex(facts.statements[query_id].text or "").first_keyword.upper()
            raise WishError(f"--query: {word} is a utility command; it is not planned, nor is a query in it.")


def _check_planner(dsn: str | None, wish: Wish, config: Config) -> None:
    """Finds before anything is collected that the planner asked for cannot answer.

    Raises WishError, Unable, PlannerError, ConnectError.
    """
    match wish.planner:
        case PlannerChoice.RECORDED:
            raise WishError("--planner recorded repeats what a snapshot keeps: give its file in place of a DSN.")
        case PlannerChoice.LIVE if wish.create or wish.drop:
            from pgadvisor.planner.live import ONLY_ITS_OWN

            raise Unable(ONLY_ITS_OWN)
        case PlannerChoice.HYPOPG:
            from pgadvisor.planner.hypopg import NOT_INSTALLED
            from pgadvisor.planner.questions import ask

            with session_on(dsn, config.collect) as session, session.transaction() as transaction:
                if not ask(transaction, "hypopg"):
                    raise PlannerError(NOT_INSTALLED)
        case _:
            pass


def _which(wish: Wish, change: Change, planner: Planner) -> str:
    """Which of several indexes a planner cannot say anything of, as a sentence begins; "" where it is none of them."""
    for text, given in zip(wish.create, change.create, strict=True):
        if planner.unable(Configuration(create=(given.definition,))):
            return f"--create {shown(text)}: "
    return ""


def _is_given_wrongly(configuration: Configuration, planner: Planner) -> bool:
    """Whether a twin refuses what no server would take, rather than for want of something."""
    if planner.identity.kind is not PlannerKind.TWIN:
        return False
    if planner.unable(Configuration(settings=configuration.settings)):
        return True
    reason = planner.unable(Configuration(create=configuration.create))
    # An operator class or a function may be one of an extension that the twin's programs lack.
    lacks = any(each.what.startswith("extension ") for each in planner.shortfalls) and "does not exist" in reason
    return bool(reason) and not lacks and "the twin has no" not in reason.lower()


def _change(wish: Wish, facts: Facts) -> Change:
    """What is imagined, held against the catalog. Raises WishError."""
    path = facts.server.search_path
    try:
        create = tuple(read_index(text, facts.snapshot.catalog, path) for text in wish.create)
        check_indexes(create, facts)
        return Change(
            create=create,
            drop=tuple(find_index(name, facts.indexes.values(), path) for name in wish.drop),
            settings=tuple(setting_of(text, facts) for text in wish.settings),
        )
    except (GivenError, IndexTextError) as error:
        raise WishError(str(error)) from error


@contextmanager
def _opened(
    wish: Wish, change: Change, facts: Facts, server: _Server | None, config: Config, progress: Progress
) -> Iterator[Planner]:
    """The planner that is asked, closed at the end. Raises PlannerError, ConnectError."""
    with ExitStack() as stack:
        match wish.planner:
            case PlannerChoice.RECORDED:
                planner: Planner = Recorded(facts.snapshot)
            case PlannerChoice.LIVE | PlannerChoice.HYPOPG:
                planner = _of_server(wish.planner, facts, server, config, stack)
            case PlannerChoice.TWIN:
                planner = _twins(wish, change, facts, server, config, progress)
        stack.callback(planner.close)
        yield planner


def _twins(
    wish: Wish, change: Change, facts: Facts, server: _Server | None, config: Config, progress: Progress
) -> Planner:
    """One twin or two. Where none can be had the audited server is not asked instead: that is for its user to say."""
    from pgadvisor.planner.hypopg import has_hypopg
    from pgadvisor.planner.twin.several import twins

    statements = sum(1 for statement in facts.statements.values() if statement.text is not None)
    explains = statements * (1 if change.configuration == AS_IS else 2)
    part = _asked_about(change, facts, config)
    try:
        return twins(
            part, explains=explains, server=wish.twin_server, session=config.collect.session, progress=progress
        )
    except PlannerError as error:
        if server is not None and has_hypopg(facts):
            hint = "The audited server has HypoPG, which --planner hypopg asks."
            raise PlannerError(f"{str(error).removesuffix('.')}. {hint}") from error
        raise


def _asked_about(change: Change, facts: Facts, config: Config) -> Facts:
    """The part of a database that a twin is to be made of: what statements reach, and tables whose indexes change.

    All of it where names may stand for other objects than the statements were understood to reach, and where an
    imagined index calls functions of the database, which may need any part of it.
    """
    texts = [text for given in change.create for text in _texts_of(given.definition)]
    own = {function.name for function in facts.snapshot.catalog.functions}
    elsewhere = _SEARCH_PATH in config.collect.session or any(name == _SEARCH_PATH for name, _ in change.settings)
    if elsewhere or any(words_of(text) & own for text in texts):
        return facts
    definitions = [*(given.definition for given in change.create), *(each.definition for each in change.drop)]
    tables = (facts.relation_named(each.schema, each.table) for each in definitions)
    return only_needed(facts, [table.oid for table in tables if table is not None], min_rows=None)


def _texts_of(definition: IndexDefinition) -> Iterator[str]:
    """The expressions of an index, and its predicate."""
    yield from (key.expression for key in definition.keys if key.expression)
    if definition.predicate:
        yield definition.predicate


def _of_server(
    choice: PlannerChoice, facts: Facts, server: _Server | None, config: Config, stack: ExitStack
) -> Planner:
    """The audited server itself, over a connection that ends with the stack."""
    from pgadvisor.planner.hypopg import HypoPG
    from pgadvisor.planner.live import Live

    if server is None:
        raise WishError(f"--planner {choice.value} asks the server: give a DSN in place of a snapshot.")
    session = stack.enter_context(session_on(server.dsn, config.collect))
    kind = HypoPG if choice is PlannerChoice.HYPOPG else Live
    # What it says nobody can say again without it; a twin is built again from the snapshot.
    return Recording(kind(session, facts, config.collect))
