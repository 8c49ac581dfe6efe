NULL::pg_catalog.float8
