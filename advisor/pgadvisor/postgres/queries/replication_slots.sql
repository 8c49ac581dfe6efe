-- type: ReplicationSlot
WITH wal_position AS (
{wal_position}
)
SELECT
  s.slot_name::pg_catalog.text AS name,
  s.slot_type AS kind,
  s.plugin::pg_catalog.text AS plugin,
  s.database::pg_catalog.text AS database,
  s.active,
  s.temporary,
  s.wal_status,
  CASE
    WHEN s.restart_lsn IS NOT NULL THEN greatest(pg_catalog.pg_wal_lsn_diff(w.lsn, s.restart_lsn), 0)
  END::pg_catalog.int8 AS retained_bytes,
  pg_catalog.age(s.xmin) AS horizon_age,
  pg_catalog.age(s.catalog_xmin) AS catalog_horizon_age,
  {conflicting} AS conflicting
FROM pg_catalog.pg_replication_slots AS s, wal_position AS w
ORDER BY s.slot_name
