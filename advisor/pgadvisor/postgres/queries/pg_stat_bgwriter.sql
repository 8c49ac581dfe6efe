-- view: pg_stat_bgwriter
-- needs: pg_stat_bgwriter.stats_reset
-- Up to 16 it holds what checkpoints did as well.
SELECT * FROM pg_catalog.pg_stat_bgwriter
