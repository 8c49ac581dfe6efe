-- view: pg_stat_wal
-- needs: pg_stat_wal.stats_reset
SELECT * FROM pg_catalog.pg_stat_wal
