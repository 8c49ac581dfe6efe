-- type: DatabaseCounters
SELECT
  s.xact_commit AS commits,
  s.xact_rollback AS rollbacks,
  s.blks_read AS blocks_read,
  s.blks_hit AS blocks_hit,
  s.tup_returned AS rows_returned,
  s.tup_fetched AS rows_fetched,
  s.tup_inserted AS rows_inserted,
  s.tup_updated AS rows_updated,
  s.tup_deleted AS rows_deleted,
  s.conflicts,
  s.temp_files,
  s.temp_bytes,
  s.deadlocks,
  s.checksum_failures,
  s.blk_read_time AS read_ms,
  s.blk_write_time AS write_ms,
{session_times},
{parallel_workers},
  pg_catalog.age(d.datfrozenxid) AS frozen_xid_age,
  pg_catalog.mxid_age(d.datminmxid) AS multixact_age,
  -- A time of zero (2000-01-01) says that nobody noted one.
  nullif(s.stats_reset, '2000-01-01 00:00:00+00'::pg_catalog.timestamptz) AS reset_at
FROM pg_catalog.pg_database AS d
JOIN pg_catalog.pg_stat_database AS s ON s.datid = d.oid
WHERE d.datname = pg_catalog.current_database()
