-- Run before our own search_path is set, so it must not need one: no operator, nothing unqualified.
SELECT pg_catalog.current_schemas(false)::pg_catalog.text[] AS search_path
