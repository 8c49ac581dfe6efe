"""Pages that are not in memory, and page images in the WAL: what writing to a large index takes more."""

from __future__ import annotations

import math
from functools import cached_property

from pgadvisor.advise.selection.write_costs import EntryCost
from pgadvisor.facts import Facts

# A page that is not in shared_buffers, with the one that is written out for it, and its image after a checkpoint:
# measured by benchmarks/indexes/write_costs.py. Reading from a disk: not measured, an SSD on a network takes so long.
_READ_US = 9.0
_IMAGE_BYTES = 6_500.0
_COMPRESSED = 0.4
_DISK_READ_US = 100.0
# What track_io_timing measured is believed within these.
_LEAST_READ_US, _MOST_READ_US = 2.0, 5_000.0
# Of a cache, so much holds what is often written to, whatever else there is.
_KEPT_SHARE = 0.25
_UNITS = {"B": 1, "kB": 1024, "8kB": 8192, "MB": 1024**2, "GB": 1024**3, "min": 60, "s": 1, "ms": 0.001}


class Caches:
    """How likely pages of one database are in memory, and how often checkpoints come."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._settings = {each.name: each for each in facts.server.settings}
        self.shared_bytes = self._amount("shared_buffers", 128 * 1024**2)
        self.system_bytes = max(self._amount("effective_cache_size", 4 * 1024**3), self.shared_bytes)

    def beyond_memory(self, cost: EntryCost, size_bytes: float, entries: float) -> tuple[float, float]:
        """Microseconds for each entry that its page is not in memory, and bytes of page images for all of them."""
        touched = size_bytes * cost.spread
        read_us = self._measured_read_us
        if read_us is None:
            from_disk = self._missing(touched, self.system_bytes)
            read_us = _READ_US + _DISK_READ_US * from_disk
        return self._missing(touched, self.shared_bytes) * read_us, self._images(touched, entries)

    def _missing(self, touched_bytes: float, cache_bytes: float) -> float:
        """The share of pages touched that are not in a cache, which all the database shares."""
        if touched_bytes <= _KEPT_SHARE * cache_bytes:
            return 0.0
        return min(max(1.0 - cache_bytes / max(self._database_bytes, touched_bytes), 0.0), 1.0)

    def _images(self, touched_bytes: float, entries: float) -> float:
        """Bytes of page images over the window: each page that is written to, once for each checkpoint."""
        checkpoints = self._checkpoints
        if not entries or not checkpoints or self._text("full_page_writes") == "off":
            return 0.0
        pages = max(touched_bytes / self._facts.server.block_size_bytes, 1.0)
        between = entries / checkpoints
        images = min(checkpoints * pages * -math.expm1(-between / pages), entries)
        compressed = self._text("wal_compression") not in ("off", "")
        return images * _IMAGE_BYTES * (_COMPRESSED if compressed else 1.0)

    @cached_property
    def _database_bytes(self) -> float:
        counters = self._facts.snapshot.counters
        return 0.0 if counters is None else float(counters.database_size_bytes or 0)

    @cached_property
    def _measured_read_us(self) -> float | None:
        """What reading a block took this database, where it was measured (track_io_timing)."""
        counters = self._facts.snapshot.counters
        if counters is None or counters.database is None:
            return None
        read_ms, blocks = counters.database.read_ms, counters.database.blocks_read
        if not read_ms or not blocks:
            return None
        return min(max(read_ms * 1000 / blocks, _LEAST_READ_US), _MOST_READ_US)

    @cached_property
    def _checkpoints(self) -> float:
        """How many fall into the statements' window, at least one; by the settings where they were not counted."""
        window = self._facts.snapshot.calls_window
        seconds = None if window is None else window.seconds
        if not seconds:
            return 0.0
        return max(seconds / (self._counted_interval_s or self._amount("checkpoint_timeout", 300)), 1.0)

    @property
    def _counted_interval_s(self) -> float | None:
        counters = self._facts.snapshot.counters
        for row in () if counters is None else counters.server_views:
            names = {"pg_stat_checkpointer": ("num_timed", "num_requested")}
            names["pg_stat_bgwriter"] = ("checkpoints_timed", "checkpoints_req")
            found = [row.values.get(name) for name in names.get(row.view, ())]
            count = sum(value or 0.0 for value in found)
            if count and row.reset_at is not None:
                return max((self._facts.server.collected_at - row.reset_at).total_seconds(), 1.0) / count
        return None

    def _amount(self, name: str, default: float) -> float:
        setting = self._settings.get(name)
        if setting is None:
            return default
        try:
            return float(setting.value) * _UNITS.get(setting.unit or "B", 1)
        except ValueError:
            return default

    def _text(self, name: str) -> str:
        setting = self._settings.get(name)
        return "" if setting is None else setting.value
