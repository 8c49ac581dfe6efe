-- view: pg_stat_io
-- key: backend_type, object, context
-- needs: pg_stat_io.stats_reset
SELECT * FROM pg_catalog.pg_stat_io
