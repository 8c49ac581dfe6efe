-- view: pg_stat_archiver
-- needs: pg_stat_archiver.stats_reset
-- Without the names of files and the times of the last ones.
SELECT s.archived_count, s.failed_count, s.stats_reset FROM pg_catalog.pg_stat_archiver AS s
