-- What is not listed: other databases, and what this role may not see (its query id is then NULL).
SELECT
  coalesce(pg_catalog.sum({statement_total}) FILTER (WHERE d.oid IS NULL), 0)::pg_catalog.float8 AS other_databases_ms,
  coalesce(pg_catalog.sum(s.calls) FILTER (WHERE d.oid IS NULL), 0)::pg_catalog.int8 AS other_databases_calls,
  pg_catalog.count(*) FILTER (WHERE d.oid IS NOT NULL AND s.queryid IS NULL) AS hidden_entries,
  coalesce(pg_catalog.sum({statement_total}) FILTER (WHERE d.oid IS NOT NULL AND s.queryid IS NULL), 0)::pg_catalog.float8
    AS hidden_ms
FROM {statements_schema}.pg_stat_statements(false) AS s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid AND d.datname = pg_catalog.current_database()
