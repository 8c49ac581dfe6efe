-- This function locks: only for relations that nobody holds or wants ACCESS EXCLUSIVE, few at a time.
SELECT p.partrelid AS oid, pg_catalog.pg_get_partkeydef(p.partrelid) AS definition
FROM pg_catalog.pg_partitioned_table AS p
WHERE p.partrelid = ANY (%(oids)s::pg_catalog.oid[])
