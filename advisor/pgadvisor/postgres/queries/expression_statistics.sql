-- There are none before 14.
SELECT s.oid
FROM pg_catalog.pg_statistic_ext AS s
WHERE false
