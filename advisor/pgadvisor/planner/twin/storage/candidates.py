"""Indexes that do not exist, added to a twin that runs.

An index is made on tables that seem empty for that moment, marked as not valid, which the planner passes by, and given
the size that it would have, and the statistics of its expressions as far as they can be told (storage/statistics.py). A
configuration then only says of it that it is valid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.storage.buffers import forget_pages
from pgadvisor.planner.twin.storage.catalogs import (
    files_of,
    leaves_of,
    read_standings,
    set_standings,
    set_valid,
)
from pgadvisor.planner.twin.storage.lay_out import hollow_files
from pgadvisor.planner.twin.storage.lengths import Lengths, Standing
from pgadvisor.planner.twin.storage.metapages import fewest_pages, write_brin, write_btree, write_gin
from pgadvisor.planner.twin.storage.new_indexes import IndexMaker, IndexRefusedError, Part
from pgadvisor.planner.twin.storage.prediction import Predictions
from pgadvisor.planner.twin.storage.questions import TableQuestions
from pgadvisor.planner.twin.storage.statistics import ExpressionStatistics

# Access methods that leave the pages which the planner reads in the server's buffers when they have built an index.
_BUFFERED = frozenset({"gin", "brin"})
# Files of a gigabyte each that they have at most, beside those of what the snapshot has (filling.py).
_MOST_SEGMENTS = 50_000


@dataclass(frozen=True)
class Made:
    """What became of a definition.

    oids are the twin's, of the index and of those of partitions that came with it, which are to be set valid together.
    name is the index's in plans, part_names are also those of its parts. size_bytes is None where nobody can say how
    large it would be. shortfalls are what ANALYZE would know of it otherwise. refusal says in one sentence why there is
    none; "" where there is one.
    """

    oids: tuple[int, ...] = ()
    name: str = ""
    size_bytes: int | None = None
    shortfalls: tuple[Shortfall, ...] = ()
    refusal: str = ""
    part_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Content:
    """What a definition would hold of one table: the share of its rows, and of what types expressions are."""

    selectivity: float | None
    expressions: Mapping[str, KeyStatistics]


@dataclass(frozen=True)
class _Sized:
    """A part of an index, with what is estimated of it."""

    definition: IndexDefinition
    part: Part
    estimate: IndexEstimate
    is_known: bool


class Candidates:
    """The indexes added so far.

    generation grows whenever the server was restarted: connections to it must then be made anew, as the building's own
    have been.
    """

    def __init__(self, building: Building, predictions: Predictions) -> None:
        self.made: dict[IndexDefinition, Made] = {}
        self.generation = 0
        self._building = building
        self._hollow = hollow_files(building)
        self._lengths = Lengths(building.facts)
        self._predictions = predictions
        self._maker = IndexMaker(building)
        self._statistics = ExpressionStatistics(building)
        self._segments = 0
        self._snapshot_oids = {twin: oid for oid, twin in building.oids.items()}

    def ensure(self, definitions: Sequence[IndexDefinition]) -> None:
        """Adds those that are not there yet; `made` then has all of them.

        Raises psycopg.OperationalError where the server is gone, OSError where its files cannot be changed.
        """
        tables: dict[IndexDefinition, int] = {}
        for definition in dict.fromkeys(definitions):
            if definition in self.made:
                continue
            table = self._building.facts.relation_named(definition.schema, definition.table)
            if table is None or table.oid not in self._building.oids:
                name = f"{definition.schema}.{definition.table}"
                self.made[definition] = Made(refusal=f"the twin has no table {name}")
            else:
                tables[definition] = self._building.oids[table.oid]
        if tables:
            self._add(tables)

    def _add(self, tables: Mapping[IndexDefinition, int]) -> None:
        """Adds indexes to tables of the twin's, all at once."""
        admin = self._building.admin
        leaves = leaves_of(admin, list(set(tables.values())))
        contents = self._contents(tables, leaves)
        standings = read_standings(admin, [oid for some in leaves.values() for oid in some])
        parts = self._make(tables, list(standings))
        set_valid(admin, {part.oid: False for some in parts.values() for part in some})
        sized = [
            _Sized(definition, part, *self._estimate(definition, part, contents))
            for definition, some in parts.items()
            for part in some
            if part.has_file
        ]
        # CREATE INDEX has counted the rows of empty tables.
        standings |= {each.part.oid: Standing(each.estimate.pages, each.estimate.entries) for each in sized}
        set_standings(admin, standings)
        told = self._statistics.add(parts)
        self._fill(self._affordable(sized))
        for definition in parts:
            own = [each for each in sized if each.definition == definition]
            pages = sum(each.estimate.pages for each in own)
            size_bytes = pages * self._building.facts.server.block_size_bytes
            is_known = all(each.is_known for each in own)
            self.made[definition] = replace(
                self.made[definition],
                size_bytes=size_bytes if is_known else None,
                shortfalls=told.get(definition, ()),
            )

    def _contents(
        self, tables: Mapping[IndexDefinition, int], leaves: Mapping[int, Sequence[int]]
    ) -> dict[tuple[IndexDefinition, int], _Content]:
        """What each definition would hold of each table; asked while those have their length."""
        texts = {
            definition: [key.expression for key in definition.keys if key.expression is not None]
            for definition in tables
        }
        asked = [definition for definition in tables if texts[definition] or definition.predicate is not None]
        found: dict[tuple[IndexDefinition, int], _Content] = {}
        if not asked:
            return found
        with TableQuestions(self._building) as questions:
            for definition in asked:
                for leaf in leaves[tables[definition]]:
                    share = None if definition.predicate is None else questions.selectivity(leaf, definition.predicate)
                    kinds = {text: questions.expression(leaf, text) for text in texts[definition]}
                    known = {text: kind for text, kind in kinds.items() if kind is not None}
                    found[definition, leaf] = _Content(share, known)
        return found

    def _make(self, tables: Mapping[IndexDefinition, int], leaves: Sequence[int]) -> dict[IndexDefinition, list[Part]]:
        """Makes indexes while the tables seem empty; what the server refuses is noted."""
        parts = {}
        files = files_of(self._building.admin, leaves)
        with ExitStack() as stack, self._maker.making() as make:
            for file in files.values():
                stack.callback(self._hollow.refill, file.path, self._hollow.empty(file.path))
            for definition, table in tables.items():
                try:
                    name, found = make(definition, table)
                except IndexRefusedError as error:
                    self.made[definition] = Made(refusal=str(error))
                else:
                    parts[definition] = list(found)
                    self.made[definition] = Made(
                        tuple(part.oid for part in found), name, part_names=tuple(part.name for part in found)
                    )
        return parts

    def _estimate(
        self, definition: IndexDefinition, part: Part, contents: Mapping[tuple[IndexDefinition, int], _Content]
    ) -> tuple[IndexEstimate, bool]:
        """How large a part would be, and whether that is more than a guess."""
        table = self._snapshot_oids[part.table_oid]
        content = contents.get((definition, part.table_oid), _Content(None, {}))
        found = self._predictions.of(
            table, definition, selectivity=content.selectivity, expressions=content.expressions
        )
        return (self._predictions.rough(table, content.selectivity), False) if found is None else (found, True)

    def _affordable(self, sized: Sequence[_Sized]) -> list[_Sized]:
        """The parts of indexes for whose files there is room; the other indexes are refused."""
        segments: dict[IndexDefinition, int] = defaultdict(int)
        for each in sized:
            segments[each.definition] += each.estimate.pages // self._hollow.segment_pages
        for definition, more in segments.items():
            if self._segments + more > _MOST_SEGMENTS:
                reason = f"it would have {more} GB, and the twin has room for {_MOST_SEGMENTS} GB of new indexes"
                self.made[definition] = replace(self.made[definition], oids=(), refusal=reason)
            else:
                self._segments += more
        return [each for each in sized if not self.made[each.definition].refusal]

    def _fill(self, sized: Sequence[_Sized]) -> None:
        """Gives the files of indexes their length and the pages that the planner reads."""
        files = files_of(self._building.admin, [each.part.oid for each in sized])
        buffered = [oid for oid, file in files.items() if file.access_method in _BUFFERED]
        if buffered and forget_pages(self._building, buffered):
            self.generation += 1
        for each in sized:
            file, estimate = files[each.part.oid], each.estimate
            pages = max(estimate.pages, fewest_pages(estimate.height))
            with self._hollow.opened(file.path) as hollow:
                hollow.set_pages(pages)
                if file.access_method == "btree":
                    write_btree(hollow, estimate.height)
                elif file.access_method == "gin":
                    write_gin(hollow, pages, estimate)
                elif file.access_method == "brin":
                    write_brin(hollow, self._lengths.of(self._snapshot_oids[each.part.table_oid]))
