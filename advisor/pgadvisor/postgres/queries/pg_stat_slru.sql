-- view: pg_stat_slru
-- key: name
-- needs: pg_stat_slru.stats_reset
SELECT * FROM pg_catalog.pg_stat_slru
