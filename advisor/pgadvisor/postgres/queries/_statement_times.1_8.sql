-- needs: pg_stat_statements.total_exec_time, pg_stat_statements.wal_bytes
  s.total_exec_time AS total_ms,
  s.min_exec_time AS min_ms,
  s.max_exec_time AS max_ms,
  s.mean_exec_time AS mean_ms,
  s.stddev_exec_time AS stddev_ms,
  s.plans,
  s.total_plan_time AS plan_ms,
  s.wal_records,
  s.wal_fpi AS wal_full_page_images,
  s.wal_bytes::pg_catalog.int8 AS wal_bytes
