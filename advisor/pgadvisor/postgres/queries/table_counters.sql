-- type: TableCounters
WITH user_relations AS (
{user_relations}
)
SELECT
  s.relid AS relation_oid,
  s.seq_scan AS seq_scans,
  s.seq_tup_read AS seq_rows_read,
  coalesce(s.idx_scan, 0) AS index_scans,
  coalesce(s.idx_tup_fetch, 0) AS index_rows_fetched,
{last_table_scans},
  s.n_tup_ins AS rows_inserted,
  s.n_tup_upd AS rows_updated,
  s.n_tup_del AS rows_deleted,
  s.n_tup_hot_upd AS rows_hot_updated,
  s.n_live_tup AS live_rows,
  s.n_dead_tup AS dead_rows,
  s.n_mod_since_analyze AS modified_since_analyze,
  s.n_ins_since_vacuum AS inserted_since_vacuum,
  s.last_vacuum,
  s.last_autovacuum,
  s.last_analyze,
  s.last_autoanalyze,
  s.vacuum_count,
  s.autovacuum_count,
  s.analyze_count,
  s.autoanalyze_count,
{table_times},
  -- As pg_statio_all_tables has them, without its sums over indexes, which cost several times as much.
  pg_catalog.pg_stat_get_blocks_fetched(s.relid) - pg_catalog.pg_stat_get_blocks_hit(s.relid) AS heap_blocks_read,
  pg_catalog.pg_stat_get_blocks_hit(s.relid) AS heap_blocks_hit,
  pg_catalog.pg_stat_get_blocks_fetched(c.reltoastrelid)
    - pg_catalog.pg_stat_get_blocks_hit(c.reltoastrelid) AS toast_blocks_read,
  pg_catalog.pg_stat_get_blocks_hit(c.reltoastrelid) AS toast_blocks_hit
FROM user_relations AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.oid
JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = r.oid
ORDER BY s.relid
