-- A bound mentions no columns, so it is told without its relation, which would be locked.
SELECT c.oid, pg_catalog.pg_get_expr(c.relpartbound, 0) AS definition
FROM pg_catalog.pg_class AS c
WHERE c.oid = ANY (%(oids)s::pg_catalog.oid[])
