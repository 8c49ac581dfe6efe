-- What the role lacks to call a function of pg_stat_statements; NULL where there is no such schema or function.
SELECT
  CURRENT_USER::pg_catalog.text AS role,
  (
    SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname = %(schema)s::pg_catalog.text
  ) AS may_use_schema,
  (
    SELECT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = %(schema)s::pg_catalog.text
      AND p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' = %(function)s::pg_catalog.text
  ) AS may_execute
