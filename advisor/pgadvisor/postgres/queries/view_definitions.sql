-- This function keeps a lock on the view and on all that it mentions: only where nobody holds or wants ACCESS EXCLUSIVE.
SELECT c.oid, pg_catalog.pg_get_viewdef(c.oid) AS definition
FROM pg_catalog.pg_class AS c
WHERE c.oid = ANY (%(oids)s::pg_catalog.oid[]) AND c.relkind IN ('v', 'm')
