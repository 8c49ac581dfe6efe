-- A foreign table among those below a table: ANALYZE of it asks their servers for rows.
WITH RECURSIVE below (oid) AS (
    SELECT %(table)s::pg_catalog.regclass::pg_catalog.oid
    UNION
    SELECT h.inhrelid FROM below AS b JOIN pg_catalog.pg_inherits AS h ON h.inhparent = b.oid
)
SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
FROM below AS b
JOIN pg_catalog.pg_class AS c ON c.oid = b.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'f'
ORDER BY 1, 2
LIMIT 1
