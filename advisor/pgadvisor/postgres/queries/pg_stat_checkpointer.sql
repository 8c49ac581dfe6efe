-- view: pg_stat_checkpointer
-- needs: pg_stat_checkpointer.stats_reset
SELECT * FROM pg_catalog.pg_stat_checkpointer
