-- type: StatementRow
-- also: database_oid
-- Numbers alone: texts are in a file that the server would have to read.
SELECT
  s.dbid AS database_oid,
  s.queryid::pg_catalog.text AS query_id,
  s.userid AS user_oid,
  {statement_toplevel} AS toplevel,
  s.calls,
{statement_times},
  s.rows,
  s.shared_blks_hit AS shared_blocks_hit,
  s.shared_blks_read AS shared_blocks_read,
  s.shared_blks_dirtied AS shared_blocks_dirtied,
  s.shared_blks_written AS shared_blocks_written,
  s.local_blks_hit AS local_blocks_hit,
  s.local_blks_read AS local_blocks_read,
  s.local_blks_dirtied AS local_blocks_dirtied,
  s.local_blks_written AS local_blocks_written,
  s.temp_blks_read AS temp_blocks_read,
  s.temp_blks_written AS temp_blocks_written,
{statement_io},
{statement_temp_io},
{statement_jit},
{statement_workers},
  {statement_since} AS since
FROM {statements_schema}.pg_stat_statements(false) AS s
WHERE s.dbid = ANY (%(databases)s::pg_catalog.oid[]) AND s.queryid IS NOT NULL
