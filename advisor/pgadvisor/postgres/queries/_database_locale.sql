NULL::pg_catalog.text
