-- type: Tablespace
SELECT t.oid, t.spcname::pg_catalog.text AS name, coalesce(t.spcoptions, '{{}}') AS options
FROM pg_catalog.pg_tablespace AS t
WHERE t.spcname <> 'pg_global'
ORDER BY t.oid
