-- type: StatementRow
-- without: wal_records, wal_full_page_images, local_blocks_hit, local_blocks_read, local_blocks_dirtied, local_blocks_written, temp_read_ms, temp_write_ms, jit_functions, parallel_workers_to_launch, parallel_workers_launched, since
-- Numbers alone: texts are in a file that the server would have to read.
SELECT
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
  s.temp_blks_read AS temp_blocks_read,
  s.temp_blks_written AS temp_blocks_written,
{statement_io},
  {statement_jit} AS jit_ms
FROM {statements_schema}.pg_stat_statements(false) AS s
JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
WHERE d.datname = pg_catalog.current_database() AND s.queryid IS NOT NULL
