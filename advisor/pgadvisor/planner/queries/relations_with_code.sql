-- Relations whose use runs expressions that are not in the statement: views, and tables with row-level security.
SELECT c.oid AS oid, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'v' OR c.relrowsecurity
ORDER BY c.oid
