"""Fills the files of a twin, one after the other."""

from __future__ import annotations

from pgadvisor.facts import Facts
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import Index
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.storage.catalogs import File
from pgadvisor.planner.twin.storage.files import HollowFile, HollowFiles
from pgadvisor.planner.twin.storage.heights import estimated_height, observed_heights
from pgadvisor.planner.twin.storage.lengths import Lengths
from pgadvisor.planner.twin.storage.metapages import fewest_pages, write_brin, write_btree, write_gin
from pgadvisor.planner.twin.storage.prediction import Predictions

# Files of a gigabyte each that a twin has at most: of a database of hundreds of terabytes.
_MOST_SEGMENTS = 250_000
# So many are named in a shortfall; all count in relation_oids.
_NAMED = 10


class Filling:
    """Gives files their length and the pages that the planner reads, and notes of which indexes it could only guess."""

    def __init__(self, facts: Facts, hollow: HollowFiles) -> None:
        self._facts = facts
        self._hollow = hollow
        self._lengths = Lengths(facts)
        self._heights = observed_heights(facts)
        self._predictions = Predictions(facts)
        self._unsure: list[Index] = []
        self._gin: list[Index] = []
        self._segments = 0
        self._shortened: set[int] = set()

    def relation(self, oid: int, file: File) -> None:
        """Fills the file of a table or an index. Raises OSError."""
        pages = self._affordable(oid, self._lengths.of(oid))
        index = self._facts.indexes.get(oid)
        with self._hollow.opened(file.path) as hollow:
            if index is None:
                hollow.set_pages(pages)
            elif file.access_method == "btree":
                height = self._height(index, pages)
                # What is read must be there, whatever the server said of the length.
                hollow.set_pages(max(pages, fewest_pages(height)))
                write_btree(hollow, height)
            else:
                hollow.set_pages(max(pages, 1))
                self._other(index, file, hollow, pages)

    def _other(self, index: Index, file: File, hollow: HollowFile, pages: int) -> None:
        if file.access_method == "brin":
            write_brin(hollow, self._lengths.of(index.table_oid))
        elif file.access_method == "gin":
            self._gin.append(index)
            write_gin(hollow, pages, self._content(index))

    def shortfalls(self) -> list[Shortfall]:
        """What of the files is a guess that plans hang on."""
        found = []
        block_size = self._facts.server.block_size_bytes
        if block_size != self._hollow.block_size_bytes:
            reason = (
                f"The server's pages have {block_size} bytes, the twin's {self._hollow.block_size_bytes}; "
                "tables and indexes have as many pages, but memory is counted in the twin's."
            )
            found.append(Shortfall(what="the size of pages", reason=reason, everywhere=True))
        if self._shortened:
            reason = f"The twin has room for files of {_MOST_SEGMENTS} GB, so that those of some tables are shorter."
            found.append(
                Shortfall(what="lengths of files", reason=reason, relation_oids=tuple(sorted(self._shortened)))
            )
        if self._unsure:
            reason = (
                "No plan shows them, which the start of a scan costs; by size each may be one more or less than what "
                "stands in for it."
            )
            found.append(_of_indexes("heights of B-trees", reason, self._unsure))
        if self._gin:
            reason = (
                "What they say of their entries and of those pending cannot be read; an estimate without pending ones "
                "stands in for it."
            )
            found.append(_of_indexes("entries of GIN indexes", reason, self._gin))
        return found

    def _affordable(self, oid: int, pages: int) -> int:
        """A length in pages, shortened where all files together would be too many."""
        segments = pages // self._hollow.segment_pages
        if self._segments + segments > _MOST_SEGMENTS:
            index = self._facts.indexes.get(oid)
            self._shortened.add(oid if index is None else index.table_oid)
            segments = _MOST_SEGMENTS - self._segments
            pages = segments * self._hollow.segment_pages
        self._segments += segments
        return pages

    def _height(self, index: Index, pages: int) -> int:
        height = self._heights.get(index.oid)
        if height is None:
            height, is_sure = estimated_height(self._facts, index, pages)
            if not is_sure:
                self._unsure.append(index)
        return height

    def _content(self, index: Index) -> IndexEstimate | None:
        rows = self._predictions.rows(index.table_oid)
        selectivity = None
        if index.definition.predicate is not None:
            selectivity = min(index.row_count / rows, 1.0) if index.row_count is not None and rows else 1.0
        return self._predictions.of(index.table_oid, index.definition, selectivity=selectivity)


def _of_indexes(what: str, reason: str, indexes: list[Index]) -> Shortfall:
    """One shortfall for all of them, which names the first."""
    names = [f"{index.schema}.{index.name}" for index in indexes[:_NAMED]]
    more = f" and {len(indexes) - _NAMED:,} more" if len(indexes) > _NAMED else ""
    return Shortfall(
        what=f"{what}: {', '.join(names)}{more}",
        reason=reason,
        relation_oids=tuple(sorted({index.table_oid for index in indexes})),
    )
