-- This function locks the relation of a trigger with a condition: only where nobody holds or wants ACCESS EXCLUSIVE.
SELECT t.oid, pg_catalog.pg_get_triggerdef(t.oid) AS definition
FROM pg_catalog.pg_trigger AS t
WHERE t.oid = ANY (%(oids)s::pg_catalog.oid[])
