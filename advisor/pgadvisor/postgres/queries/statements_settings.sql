-- NULL where the library is not loaded: its settings do not exist then.
SELECT
  d.oid AS database_oid,
  pg_catalog.current_setting('pg_stat_statements.max', true)::pg_catalog.int4 AS capacity,
  pg_catalog.current_setting('pg_stat_statements.track', true) AS track,
  pg_catalog.current_setting('compute_query_id', true) AS compute_query_id,
  pg_catalog.clock_timestamp() AS until
FROM pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database()
