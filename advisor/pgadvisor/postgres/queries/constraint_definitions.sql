-- This function locks: only for relations that nobody holds or wants ACCESS EXCLUSIVE, few at a time.
SELECT con.oid, pg_catalog.pg_get_constraintdef(con.oid) AS definition
FROM pg_catalog.pg_constraint AS con
WHERE con.oid = ANY (%(oids)s::pg_catalog.oid[])
