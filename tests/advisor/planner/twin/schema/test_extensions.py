"""An extension that the twin has not is named, with the tables that need it and the statements that name it."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.advise.whatif_shortcomings import Shortcomings
from pgadvisor.facts import Facts
from pgadvisor.model.server import Extension
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

UNKNOWN = ("SELECT st_area('x')", "SELECT 'x'::geometry", "SELECT 1 FROM geometry_columns")


def test_what_needs_a_missing_extension_is_marked(database: Database) -> None:
    database.execute("""
        CREATE TYPE mood AS ENUM ('a');
        CREATE TABLE places (id int, shape text, moods mood[]);
        CREATE TABLE plain (id int, moods mood);
    """)
    snapshot = snapshot_of(database.dsn)
    catalog = snapshot.catalog
    columns = tuple(
        msgspec.structs.replace(column, type="public.geometry(Point,4326)[]") if column.name == "shape" else column
        for column in catalog.columns
    )
    extensions = tuple(Extension(name=name, version="3.4", schema="public") for name in ("postgis", "dblink"))
    spoiled = msgspec.structs.replace(
        snapshot,
        catalog=msgspec.structs.replace(catalog, columns=columns),
        server=msgspec.structs.replace(snapshot.server, extensions=(*snapshot.server.extensions, *extensions)),
    )
    texts = (*UNKNOWN, "SELECT id FROM places", "SELECT id FROM plain", "SELECT nothing FROM plain")
    shapes = {text: shape for text in texts if (shape := question(text, spoiled).shape) is not None}
    with Twin(Facts(spoiled, shapes)) as twin:
        refusals = {text: twin.plan(question(text, spoiled)).refusal for text in texts}
        (missing,) = (each for each in twin.shortfalls if each.what.startswith("extension "))
    assert missing.what == "extension postgis"
    oids = {relation.name: relation.oid for relation in catalog.relations}
    assert missing.relation_oids == (oids["places"],) and missing.query_ids == tuple(sorted(UNKNOWN))
    for text in UNKNOWN:
        assert refusals[text].endswith("; extension postgis is not on the twin."), refusals[text]
    assert refusals["SELECT nothing FROM plain"] and "postgis" not in refusals["SELECT nothing FROM plain"]
    marks = Shortcomings((missing,), Facts(spoiled, shapes))
    assert [bool(marks.touching(text, text)) for text in texts] == [True, True, True, True, False, False]
