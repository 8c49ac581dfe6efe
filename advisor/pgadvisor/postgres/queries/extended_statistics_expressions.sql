-- There are none before 14.
SELECT s.oid, NULL::pg_catalog.text[] AS expressions
FROM pg_catalog.pg_statistic_ext AS s
WHERE false
