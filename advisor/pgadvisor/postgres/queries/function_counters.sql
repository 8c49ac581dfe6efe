-- type: FunctionCounters
WITH user_schemas AS (
{user_schemas}
)
SELECT
  s.funcid AS function_oid,
  s.calls,
  s.total_time AS total_ms,
  s.self_time AS self_ms
FROM pg_catalog.pg_stat_user_functions AS s
JOIN pg_catalog.pg_proc AS p ON p.oid = s.funcid
JOIN user_schemas AS n ON n.oid = p.pronamespace
WHERE NOT EXISTS (
  SELECT
  FROM pg_catalog.pg_depend AS d
  WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = s.funcid AND d.deptype = 'e'
)
ORDER BY s.funcid
