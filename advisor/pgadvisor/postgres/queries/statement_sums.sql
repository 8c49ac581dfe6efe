-- All entries by database, also those that this role may not see (their query id is NULL then).
SELECT
  s.dbid AS database_oid,
  pg_catalog.sum({statement_total}) AS total_ms,
  pg_catalog.sum(s.calls)::pg_catalog.int8 AS calls,
  pg_catalog.count(*) FILTER (WHERE s.queryid IS NULL) AS hidden_entries,
  coalesce(pg_catalog.sum({statement_total}) FILTER (WHERE s.queryid IS NULL), 0)::pg_catalog.float8 AS hidden_ms
FROM {statements_schema}.pg_stat_statements(false) AS s
GROUP BY s.dbid
