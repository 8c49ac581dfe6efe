NULL::pg_catalog.int4
