-- needs: pg_stat_progress_copy.bytes_processed
  UNION ALL
  SELECT 'copy', y.pid, y.datname, y.relid, NULL, NULL, y.bytes_processed, y.bytes_total
  FROM pg_catalog.pg_stat_progress_copy AS y
