-- This locks: only sequences on which there is no lock that keeps it out, few at a time.
SELECT c.oid, pg_catalog.pg_sequence_last_value(c.oid) AS last_value
FROM pg_catalog.pg_class AS c
WHERE c.oid = ANY (%(oids)s::pg_catalog.oid[]) AND c.relkind = 'S'
