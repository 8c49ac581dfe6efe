"""Time that no statement's text explains: what ran inside functions, CALL, DO, FETCH and EXECUTE.

A statement that calls a function of users may spend all of its time in there, so none of it counts as understood. Where
nested statements are counted on their own (track = all), those that are understood account for a part of it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Catalog
from pgadvisor.model.coverage import Fact, Gap, GapKind
from pgadvisor.model.objects import Function
from pgadvisor.model.shape import StatementKind, StatementShape
from pgadvisor.statement_facts import Statement
from pgadvisor.workload.lexer import first_keyword
from pgadvisor.workload.role_settings import search_paths

# What takes less of the statements' time than this is not worth a sentence.
NEGLIGIBLE_SHARE = 0.01
# So many names are in one.
_NAMED = 3
_FUNCTIONS = "functions"
_SYSTEM_SCHEMAS = frozenset(("pg_catalog", "information_schema"))
_READS = re.compile(r"\bfrom\b", re.IGNORECASE)
# Foreign keys are checked by statements of the system's own, nested in the writes: SELECT 1 FROM ONLY "s"."t" x ...
_OF_FOREIGN_KEYS = re.compile(r'\bONLY "')
_WHAT = {
    "call": "in CALL, whose procedures are not looked into",
    "do": "in DO, whose code is not looked into",
    "fetch": "in FETCH and MOVE, which run the query of a cursor",
    "execute": "in EXECUTE, which runs a prepared statement",
}
_INSIDE = (
    "To see the statements inside: SET pg_stat_statements.track = 'all' (ALTER SYSTEM, or for the role), or "
    "auto_explain.log_nested_statements = on with auto_explain.log_min_duration."
)
_PROFILE = (
    "Nested statements are counted already; of the rest a profiler tells: track_functions = 'pl', plprofiler or "
    "plpgsql_check."
)
_CURSOR = "Look at the query of the cursor: the statement DECLARE with the same name, whose text EXPLAIN takes."
_PREPARED = "Look at the entry of the prepared statement itself: PREPARE with the same name."


class Opaque:
    """Which statements of a snapshot are opaque, and how much of their time nested statements account for."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Opaque statements by query id: call, do, fetch, execute or functions."""
        found = {query_id: self._kind(statement) for query_id, statement in self._facts.statements.items()}
        return {query_id: kind for query_id, kind in found.items() if kind}

    @cached_property
    def total_ms(self) -> float:
        """Time of opaque statements, that of nested ones within their callers."""
        return sum(self._facts.statements[query_id].own_ms for query_id in self.kinds)

    def accounted_ms(self, query_ids: frozenset[str]) -> float:
        """Time of opaque statements that nested ones among those given account for; at most, since a trigger's are too.

        A nested statement that is opaque itself has its time in others that are nested.
        """
        nested = (
            self._facts.statements[query_id].nested_ms
            for query_id in self._facts.statements
            if query_id in query_ids and query_id not in self.kinds and not self._is_of_foreign_key(query_id)
        )
        return min(sum(nested), self.total_ms)

    def gaps(self) -> list[Gap]:
        """A gap for each kind of opaque statements that takes time worth speaking of, the most of it first.

        What nested statements account for is taken off; of which kind it is nobody says, so of each the same part.
        """
        by_kind: dict[str, list[Statement]] = defaultdict(list)
        for query_id, kind in self.kinds.items():
            by_kind[kind].append(self._facts.statements[query_id])
        times = {kind: sum(each.own_ms for each in statements) for kind, statements in by_kind.items()}
        accounted_ms = self.accounted_ms(frozenset(self._facts.shapes))
        left = 1.0 - accounted_ms / self.total_ms if self.total_ms else 1.0
        times = {kind: time_ms * left for kind, time_ms in times.items()}
        return [
            self._gap(kind, by_kind[kind], time_ms, beyond_nested=accounted_ms > 0)
            for kind, time_ms in sorted(times.items(), key=lambda item: (-item[1], item[0]))
            if self._facts.share_of_time(time_ms) >= NEGLIGIBLE_SHARE
        ]

    def _gap(self, kind: str, statements: list[Statement], time_ms: float, *, beyond_nested: bool) -> Gap:
        share = self._facts.share_of_time(time_ms)
        what = (
            _WHAT.get(kind) or f"in statements that call functions whose inside is not seen: {self._names(statements)}"
        )
        inside = _PROFILE if beyond_nested or self._counts_nested else _INSIDE
        remedy = {"fetch": _CURSOR, "execute": _PREPARED}.get(kind, inside)
        count = len(statements)
        besides = ", besides what nested statements account for" if beyond_nested else ""
        return Gap(
            fact=Fact.SHAPES,
            scope=f"statement {statements[0].query_id}" if count == 1 else f"{count} statements",
            reason=f"{time_ms / 1000:.3g} s, {share:.0%} of the statements' time, are {what}{besides}",
            remedy=remedy,
            kind=GapKind.OTHER,
        )

    @property
    def _counts_nested(self) -> bool:
        return any(s.name == "pg_stat_statements.track" and s.value == "all" for s in self._facts.server.settings)

    def _names(self, statements: list[Statement]) -> str:
        names = dict.fromkeys(
            name
            for statement in statements
            for name in self._facts.shapes[statement.query_id].functions
            if self._hides(name, statement.query_id)
        )
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return ", ".join(list(names)[:_NAMED]) + more

    def _kind(self, statement: Statement) -> str:
        if statement.text is None:
            return ""
        shape = self._facts.shapes.get(statement.query_id)
        if shape is None or shape.kind is StatementKind.UTILITY:
            keyword = first_keyword(statement.text)
            return keyword if keyword in _WHAT else "fetch" if keyword == "move" else ""
        return _FUNCTIONS if self._calls_opaque(shape) else ""

    def _calls_opaque(self, shape: StatementShape) -> bool:
        return any(self._hides(name, shape.query_id) for name in shape.functions)

    def _is_of_foreign_key(self, query_id: str) -> bool:
        return _OF_FOREIGN_KEYS.search(self._facts.statements[query_id].text or "") is not None

    def _hides(self, name: str, query_id: str) -> bool:
        """Whether a function may spend time that its caller's text does not tell of; one that is unknown may."""
        schema, dot, bare = name.rpartition(".")
        if dot and schema in _SYSTEM_SCHEMAS | self._extension_schemas:
            return any(not _is_transparent(each) for each in self._functions.get((schema, bare), ()))
        if dot:
            known = self._functions.get((schema, bare))
            # Of a column's name that is called like a function nothing is known either; it is rare.
            return known is None or any(not _is_transparent(each) for each in known)
        path = self._paths.get(query_id, self._facts.server.search_path)
        found = [each for schema in path for each in self._functions.get((schema, bare), ())]
        return any(not _is_transparent(each) for each in found)

    @cached_property
    def _paths(self) -> dict[str, tuple[str, ...]]:
        return dict(search_paths(self._facts.snapshot))

    @cached_property
    def _extension_schemas(self) -> frozenset[str]:
        return frozenset(extension.schema for extension in self._facts.server.extensions)

    @cached_property
    def _functions(self) -> dict[tuple[str, str], tuple[Function, ...]]:
        return _by_name(self._facts.snapshot.catalog)


def _by_name(catalog: Catalog) -> dict[tuple[str, str], tuple[Function, ...]]:
    found: dict[tuple[str, str], list[Function]] = defaultdict(list)
    for function in catalog.functions:
        found[function.schema, function.name].append(function)
    return {name: tuple(functions) for name, functions in found.items()}


def _is_transparent(function: Function) -> bool:
    """Whether a function runs nothing that has a plan of its own: in C, or in SQL that the planner inlines.

    https://wiki.postgresql.org/wiki/Inlining_of_SQL_functions
    """
    if function.language in ("c", "internal"):
        return True
    if function.language != "sql" or function.kind != "f" or function.security_definer or function.configuration:
        return False
    if function.returns_set:
        return function.volatility != "v" and not function.strict
    body = (function.definition or "").partition("$function$")[2]
    return bool(body) and _READS.search(body) is None
