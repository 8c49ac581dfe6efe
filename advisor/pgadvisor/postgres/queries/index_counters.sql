-- type: IndexCounters
WITH user_relations AS (
{user_relations}
)
SELECT
  s.indexrelid AS index_oid,
  s.idx_scan AS scans,
  {last_index_scan} AS last_scan,
  s.idx_tup_read AS rows_read,
  s.idx_tup_fetch AS rows_fetched,
  pg_catalog.pg_stat_get_blocks_fetched(s.indexrelid) - pg_catalog.pg_stat_get_blocks_hit(s.indexrelid) AS blocks_read,
  pg_catalog.pg_stat_get_blocks_hit(s.indexrelid) AS blocks_hit
FROM user_relations AS r
JOIN pg_catalog.pg_stat_all_indexes AS s ON s.relid = r.oid
ORDER BY s.indexrelid
