-- type: RunningCommand
-- also: hidden
-- What is done and in all: blocks, bytes of COPY and of base backups. Oids of other databases mean nothing in this one.
SELECT
  running.command,
  running.pid,
  running.database::pg_catalog.text AS database,
  CASE WHEN running.database = pg_catalog.current_database() THEN nullif(running.relid, 0) END AS relation_oid,
  CASE WHEN running.database = pg_catalog.current_database() THEN nullif(running.index_relid, 0) END AS index_oid,
  running.phase,
  running.done::pg_catalog.float8 AS done,
  nullif(running.total, 0)::pg_catalog.float8 AS total,
  running.done IS NULL AS hidden
FROM (
  SELECT
    'vacuum' AS command, v.pid, v.datname AS database, v.relid, NULL::pg_catalog.oid AS index_relid, v.phase,
    v.heap_blks_scanned AS done, v.heap_blks_total AS total
  FROM pg_catalog.pg_stat_progress_vacuum AS v
  UNION ALL
  SELECT 'analyze', n.pid, n.datname, n.relid, NULL, n.phase, n.sample_blks_scanned, n.sample_blks_total
  FROM pg_catalog.pg_stat_progress_analyze AS n
  UNION ALL
  SELECT 'create index', i.pid, i.datname, i.relid, i.index_relid, i.phase, i.blocks_done, i.blocks_total
  FROM pg_catalog.pg_stat_progress_create_index AS i
  UNION ALL
  SELECT 'cluster', c.pid, c.datname, c.relid, c.cluster_index_relid, c.phase, c.heap_blks_scanned, c.heap_blks_total
  FROM pg_catalog.pg_stat_progress_cluster AS c
  UNION ALL
  -- Its total is NULL where no size was estimated.
  SELECT 'basebackup', b.pid, NULL, NULL, NULL, b.phase, b.backup_streamed, b.backup_total
  FROM pg_catalog.pg_stat_progress_basebackup AS b
{progress_copy}
) AS running
ORDER BY running.command, running.pid
