-- Entries of earlier runs of ours, known by the comment at their end; with it nobody else can hide a statement.
SELECT DISTINCT s.queryid::pg_catalog.text AS query_id
FROM {statements_schema}.pg_stat_statements(true) AS s
JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
WHERE d.datname = pg_catalog.current_database()
  AND s.queryid IS NOT NULL
  AND s.userid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = session_user)
  AND pg_catalog.right(s.query, pg_catalog.length(%(marker)s::pg_catalog.text)) = %(marker)s::pg_catalog.text
