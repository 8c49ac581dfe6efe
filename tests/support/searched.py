"""A table, and what a statement searches it by, from the conditions of its plans as a server writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import structs

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.searches import Searched, SearchReader
from pgadvisor.advise.selection.loads import loads_of
from pgadvisor.facts import Facts
from pgadvisor.model.index_advice import LeftIndex
from pgadvisor.model.objects import UserType
from pgadvisor.model.statements import ParameterSample
from support.fake_planner import FakePlanner
from support.people import spelt
from support.snapshots import facts

TABLE: dict[str, Any] = {
    "rows": 10_000_000,
    "bytes": 1_638_400_000,
    "columns": ["id bigint", "made timestamptz", "status text", "token text", "name text", "off timestamptz"],
    "indexes": {"t_pkey": "unique primary btree (id)"},
    "constraints": {"t_pkey": "primary key (id)"},
    "stats": {
        "made": {"correlation": 1.0},
        "status": {"n_distinct": 3, "values": ["done", "open", "it's"], "frequencies": [0.9, 0.08, 0.02]},
        "token": {"width": 64},
        "name": {"n_distinct": -0.2, "width": 12, "correlation": 0.3},
        "off": {"n_distinct": 1000, "nulls": 0.1, "correlation": 0.95},
    },
}


def searched(
    condition: str,
    *,
    rows: int = 100,
    values: str = "",
    table: dict[str, Any] | None = None,
    text: str = "SELECT * FROM t WHERE status = $1",
    sort: str = "",
    called: bool = False,
    types: Iterable[UserType] = (),
    server: Mapping[str, Any] | None = None,
    **seen: Any,
) -> tuple[Facts, Searched]:
    """A statement whose plan has a condition, and another for values if one is given, which calls had or were guessed.

    sort is what its first rows are wanted by; server are fields of Server.
    """
    plan = {"tree": "Seq Scan on public.t cost=9 rows=9", "method": "values", "parameters": ["x"]}
    statement = {"id": "1", "text": text, "plans": [plan] if values else []}
    known = facts({"tables": {"public.t": {**TABLE, **(table or {})}}, "statements": [statement], **seen})
    made = known.snapshot
    samples = (ParameterSample(query_id="1", values=("x",), source="log"),) if called else ()
    known = Facts(
        structs.replace(
            made,
            server=structs.replace(made.server, **(server or {})),
            catalog=structs.replace(made.catalog, types=tuple(types)),
            statements=made.statements and structs.replace(made.statements, samples=samples),
        ),
        known.shapes,
    )

    def tree(question: Any, _: object) -> str:
        filtered = values if question.values is not None else condition
        scan = f"Seq Scan on public.t cost=9 rows={rows} filter: {filtered}"
        return f"Sort cost=9 rows={rows} sort: {sort}\n  {scan}" if sort else scan

    (found,) = SearchReader(known, FakePlanner(tree), 1000).read(loads_of(known))
    return known, found


def shown(found: Iterable[Candidate | LeftIndex]) -> list[str]:
    return [spelt(each.definition) for each in found]
