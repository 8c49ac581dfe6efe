NULL::pg_catalog.timestamptz
