-- Names of the system's own functions that are volatile.
SELECT DISTINCT p.proname::pg_catalog.text AS name
FROM pg_catalog.pg_proc AS p
WHERE p.oid < 16384 AND p.provolatile = 'v'
ORDER BY 1
