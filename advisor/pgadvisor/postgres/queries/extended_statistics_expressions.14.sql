-- needs: pg_statistic_ext.stxexprs
-- This locks: only for relations that nobody holds or wants ACCESS EXCLUSIVE, few at a time.
SELECT s.oid, pg_catalog.pg_get_statisticsobjdef_expressions(s.oid) AS expressions
FROM pg_catalog.pg_statistic_ext AS s
WHERE s.oid = ANY (%(oids)s::pg_catalog.oid[])
