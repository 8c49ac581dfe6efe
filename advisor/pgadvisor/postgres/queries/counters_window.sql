-- The resets that are known. A crash resets all shared statistics and leaves the other two as they were; each shared
-- one can also be reset by hand, so the earliest of them is the latest that the crash can have been.
-- A time of zero (2000-01-01) says that nobody noted one.
SELECT
  nullif(d.stats_reset, '2000-01-01 00:00:00+00'::pg_catalog.timestamptz) AS database_reset,
  pg_catalog.pg_postmaster_start_time() AS started_at,
  (
    SELECT pg_catalog.min(nullif(shared.stats_reset, '2000-01-01 00:00:00+00'::pg_catalog.timestamptz))
    FROM (
{shared_resets}
    ) AS shared
  ) AS shared_reset,
  pg_catalog.clock_timestamp() AS until,
  pg_catalog.current_setting('track_counts')::pg_catalog.bool AS track_counts
FROM pg_catalog.pg_stat_database AS d
WHERE d.datname = pg_catalog.current_database()
