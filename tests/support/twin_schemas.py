"""The schema of a twin alone, and what its catalogs say of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from pgadvisor.facts import Facts
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.database import create_database
from pgadvisor.planner.twin.schema.build import build_schema, finish_schema
from pgadvisor.planner.twin.server import start_server
from pgadvisor.progress import silent

_OF_USERS = "n.nspname !~ '^pg_|^information_schema$'"
# What catalogs say, as text. Left out: what a twin has otherwise by design (that a column or a constraint is a child's
# own, that a table is not logged), views, and foreign keys
# of partitions, which versions derive otherwise. Names of NOT NULL constraints are there from 18 on.
CATALOGS = {
    "columns": f"""
        SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
          a.attgenerated, l.collname, pg_get_expr(d.adbin, d.adrelid), a.attoptions::text,
          nullif(a.attstattarget::int, -1), row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum)
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
        WHERE {_OF_USERS} AND c.relkind IN ('r', 'p', 'f', 'm', 'c')""",
    "relations": f"""
        SELECT c.oid::regclass::text, translate(c.relkind, 'mf', 'rr'), c.reloptions::text,
          pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
          ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits AS i
            WHERE i.inhrelid = c.oid ORDER BY i.inhseqno)::text
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE {_OF_USERS} AND c.relkind IN ('r', 'p', 'f', 'm', 'i', 'I')""",
    "indexes": f"""
        SELECT c.oid::regclass::text, pg_get_indexdef(c.oid), x.indisvalid, x.indisunique, x.indisprimary,
          x.indisexclusion, x.indimmediate,
          rank() OVER (PARTITION BY x.indrelid ORDER BY x.indexrelid)
        FROM pg_index AS x
        JOIN pg_class AS c ON c.oid = x.indexrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE {_OF_USERS}""",
    "constraints": f"""
        SELECT c.oid::regclass::text, con.conname, pg_get_constraintdef(con.oid), con.convalidated, con.condeferrable,
          con.condeferred, con.connoinherit AND con.contype = 'c', con.conindid::regclass::text, con.coninhcount
        FROM pg_constraint AS con
        JOIN pg_class AS c ON c.oid = con.conrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE {_OF_USERS} AND (con.contype <> 'f' OR con.conparentid = 0)""",
    "domains": f"""
        SELECT t.oid::regtype::text, format_type(t.typbasetype, t.typtypmod), t.typnotnull, l.collname,
          pg_get_expr(t.typdefaultbin, 0),
          ARRAY(SELECT con.conname || replace(pg_get_constraintdef(con.oid), ' NOT VALID', '') FROM pg_constraint AS con
            WHERE con.contypid = t.oid AND con.contype = 'c' ORDER BY 1)::text
        FROM pg_type AS t
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        LEFT JOIN pg_collation AS l ON l.oid = t.typcollation
        WHERE {_OF_USERS} AND t.typtype = 'd'""",
    "ranges": f"""
        SELECT t.oid::regtype::text, r.rngsubtype::regtype::text, l.collname
        FROM pg_range AS r
        JOIN pg_type AS t ON t.oid = r.rngtypid
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        LEFT JOIN pg_collation AS l ON l.oid = r.rngcollation
        WHERE {_OF_USERS}""",
    "enums": """
        SELECT e.enumtypid::regtype::text, array_agg(e.enumlabel ORDER BY e.enumsortorder)::text
        FROM pg_enum AS e GROUP BY 1""",
    "sequences": f"""
        SELECT c.oid::regclass::text, s.seqtypid::regtype::text, s.seqstart, s.seqincrement, s.seqmax, s.seqmin,
          s.seqcache, s.seqcycle
        FROM pg_sequence AS s
        JOIN pg_class AS c ON c.oid = s.seqrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE {_OF_USERS}""",
    "statistics": "SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext",
    "tablespaces": """
        SELECT c.oid::regclass::text, t.spcname, t.spcoptions::text
        FROM pg_class AS c JOIN pg_tablespace AS t ON t.oid = c.reltablespace
        WHERE t.spcoptions IS NOT NULL AND c.relkind <> 'p'""",
}


@contextmanager
def schema_of(snapshot: Snapshot, *, server: str = "auto") -> Iterator[Building]:
    """A twin as far as its schema, without statistics and sizes."""
    facts = Facts(snapshot, {})
    running = start_server(facts, server)
    try:
        with closing(create_database(running, facts, silent)) as building:
            build_schema(building)
            finish_schema(building)
            yield building
    finally:
        running.stop()


def catalogs(connection: psycopg.Connection[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """What the catalogs of a database say, sorted, with every name qualified."""
    connection.execute("SET search_path = pg_catalog")
    return {what: sorted(connection.execute(query.encode()), key=repr) for what, query in CATALOGS.items()}
