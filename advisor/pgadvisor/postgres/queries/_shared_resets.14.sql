-- needs: pg_stat_wal.stats_reset
  SELECT stats_reset FROM pg_catalog.pg_stat_bgwriter
  UNION ALL SELECT stats_reset FROM pg_catalog.pg_stat_archiver
  UNION ALL SELECT stats_reset FROM pg_catalog.pg_stat_slru
  UNION ALL SELECT stats_reset FROM pg_catalog.pg_stat_wal
