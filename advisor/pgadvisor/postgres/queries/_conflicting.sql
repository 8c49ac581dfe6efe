NULL::pg_catalog.bool
