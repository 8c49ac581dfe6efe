ARRAY[]::pg_catalog.text[]
