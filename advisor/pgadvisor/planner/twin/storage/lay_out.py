"""Gives relations their size: in pg_class, and as files."""

from __future__ import annotations

from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.storage.catalogs import files_of, set_standings, set_valid
from pgadvisor.planner.twin.storage.files import HollowFiles
from pgadvisor.planner.twin.storage.filling import Filling
from pgadvisor.planner.twin.storage.lengths import Lengths

_STEP = "Laying out files"
# Of a cluster that insists on checksums, pages written here have none.
_CHECKSUMS = {"ignore_checksum_failure": "on"}


def lay_out(building: Building) -> None:
    """Sizes of all relations and indexes; the server is restarted for it, with the building's connections made anew.

    Raises psycopg.OperationalError where the server is gone, OSError where the file system does not do.
    """
    facts = building.facts
    known = {oid: twin for oid, twin in building.oids.items() if oid in facts.relations or oid in facts.indexes}
    building.progress(_STEP, 0, len(known))
    lengths = Lengths(facts)
    set_standings(building.admin, {twin: lengths.standing(oid) for oid, twin in known.items()})
    indexes = {twin: facts.indexes[oid] for oid, twin in known.items() if oid in facts.indexes}
    set_valid(building.admin, {twin: index.valid and index.ready for twin, index in indexes.items()})
    files = files_of(building.admin, list(known.values()))
    has_checksums = building.admin.execute("SHOW data_checksums").fetchone() == ("on",)
    hollow = hollow_files(building)
    building.close()
    # Orderly, so that all of the indexes' pages are in their files and none is left in the server's buffers.
    building.server.restart(_CHECKSUMS if has_checksums else None)
    fill = Filling(facts, hollow)
    for done, (oid, twin) in enumerate(known.items()):
        if twin in files:
            fill.relation(oid, files[twin])
        if done % 1000 == 0:
            building.progress(_STEP, done, len(known))
    building.connect()
    building.shortfalls += fill.shortfalls()


def hollow_files(building: Building) -> HollowFiles:
    """The twin's files, as long as its server has pages of its own size."""
    ((block_size, segment_pages),) = building.admin.execute(
        "SELECT current_setting('block_size')::int4, setting::int4 FROM pg_settings WHERE name = 'segment_size'"
    )
    return HollowFiles(building.server.folder.data, block_size, segment_pages)
