-- One text per statement, whoever ran it.
SELECT DISTINCT ON (s.queryid)
  s.queryid::pg_catalog.text AS query_id,
  CASE WHEN pg_catalog.octet_length(s.query) <= %(max_bytes)s::pg_catalog.int4 THEN s.query END AS text,
  pg_catalog.octet_length(s.query) AS source_bytes
FROM {statements_schema}.pg_stat_statements(true) AS s
JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
WHERE d.datname = pg_catalog.current_database()
  AND s.queryid = ANY (%(query_ids)s::pg_catalog.int8[])
ORDER BY s.queryid, s.query IS NULL, s.query = '<insufficient privilege>', s.userid
