-- A body in SQL locks what it mentions: only for functions whose relations are without a strong lock, few at a time.
SELECT p.oid, pg_catalog.pg_get_functiondef(p.oid) AS definition
FROM pg_catalog.pg_proc AS p
WHERE p.oid = ANY (%(oids)s::pg_catalog.oid[])
