-- needs: pg_stat_statements_info.stats_reset
SELECT
  nullif(i.stats_reset, '2000-01-01 00:00:00+00'::pg_catalog.timestamptz) AS since,
  i.dealloc AS evicted
FROM {statements_schema}.pg_stat_statements_info() AS i
