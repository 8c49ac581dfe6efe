-- How pg_stat_statements counts our own commands, and whether we may keep it from doing so; no row where it is not loaded.
SELECT s.setting AS track,
       u.setting = 'on' AS track_utility,
       COALESCE(
           (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user), false
       ) AS may_silence
FROM pg_catalog.pg_settings AS s
JOIN pg_catalog.pg_settings AS u ON u.name = 'pg_stat_statements.track_utility'
WHERE s.name = 'pg_stat_statements.track'
