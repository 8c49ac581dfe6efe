-- How far back the oldest snapshot reaches that vacuum of this database's tables has to respect. Sessions and prepared
-- transactions of other databases do not count on a primary; a standby may pass on those of all. Standbys without a
-- slot show theirs as sessions without a database. Vacuums do not hold back each other.
WITH own_sessions AS (
{own_sessions}
)
SELECT coalesce(pg_catalog.max(greatest(held.age, 0)), 0) AS oldest_horizon_age
FROM (
  SELECT greatest(pg_catalog.age(a.backend_xid), pg_catalog.age(a.backend_xmin)) AS age
  FROM pg_catalog.pg_stat_activity AS a
  WHERE a.pid NOT IN (SELECT own_sessions.pid FROM own_sessions)
    AND a.pid NOT IN (SELECT v.pid FROM pg_catalog.pg_stat_progress_vacuum AS v)
    AND (a.datid IS NULL OR a.datname = pg_catalog.current_database() OR pg_catalog.pg_is_in_recovery())
  UNION ALL
  SELECT pg_catalog.age(p.transaction)
  FROM pg_catalog.pg_prepared_xacts AS p
  WHERE p.database = pg_catalog.current_database()
  UNION ALL
  SELECT pg_catalog.age(s.xmin) FROM pg_catalog.pg_replication_slots AS s
) AS held
